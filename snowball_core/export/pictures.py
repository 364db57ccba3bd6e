"""The named pictures of a run: each a chart with its data, title, unit and what it thins."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from PIL import Image

from ..charts import counts_and_sizes, heatmap, motion, places
from ..charts.motion_columns import Scene
from ..charts.scrubber_measures import MEASURES, coloured, colouring, token_measure
from ..charts.step_axis import Picture, StepAxis, step_axis
from ..charts.svg import svg_bytes
from ..charts.theme import ALONE, NEAR_TO_FAR, ZERO
from ..errors import HistoryError
from ..measures.bf16 import Words, nan_rows
from ..measures.distances import distance_matrix
from ..tables.lineage import hidden_of
from ..tables.motion import token_motion, who_moved, zero_stretches
from ..tables.text import glyph
from .view import Named, View, footer, unit_words

MOST_POINTS = 5_000
_SIDE = 460


@dataclass(frozen=True)
class Plate:
    """A picture before it is drawn: a Vega-Lite description and its data, of one step or of the whole run.

    ``note`` says what is thinned, or how to read it.
    """

    title: str
    spec: Mapping[str, Any]
    datasets: Mapping[str, pd.DataFrame]
    unit: str
    of_step: bool = True
    note: str = ""


def draw(view: View, plate: Plate) -> bytes:
    """The plate as SVG, with the exhibit's footer."""
    lines = footer(view, plate.unit, plate.of_step, plate.note)
    return svg_bytes(plate.spec, plate.datasets, plate.title, lines)


def counts_plate(view: View) -> Plate:
    """U, C, P and S over the run, with a line at the step."""
    spec = counts_and_sizes.counts_spec(_axis(view), int(view.mask.sum()))
    data = {"counts": counts_and_sizes.counts_data(view.judged_summary, view.group), "cursor": _cursor(view)}
    return Plate(PICTURES["counts"].title, spec, data, "vectors or tokens", False, _cursor_note(view))


def loss_plate(view: View) -> Plate:
    """The training loss over the run."""
    metrics = view.history.metrics
    if not metrics or not len(metrics["step"]):
        raise HistoryError(f'a picture of the loss needs recorded losses; "{view.history.id}" has none.')
    loss, width = counts_and_sizes.loss_data(metrics, _axis(view))
    spec = counts_and_sizes.loss_spec(_axis(view), 250)
    data = {"loss": loss, "cursor": _cursor(view)}
    thinned = "" if width == 1 else f"Each point is the mean of up to {width:,} steps. "
    return Plate(PICTURES["loss"].title, spec, data, "nats per token", False, thinned + _cursor_note(view))


def _axis(view: View) -> StepAxis:
    return step_axis("symlog", int(view.history.steps[-1]))


def _cursor(view: View) -> pd.DataFrame:
    """A line at the step; at the last step none: there the frame is."""
    return _axis(view).cursor(view.step).head(0 if _at_end(view) else 1)


def _cursor_note(view: View) -> str:
    return "" if _at_end(view) else f"Vertical line: step {view.step:,}."


def _at_end(view: View) -> bool:
    return view.step == int(view.history.steps[-1])


def sizes_plate(view: View) -> Plate:
    """Populations of the black holes at the step."""
    slots = counts_and_sizes.slots_of(view.summary, view.group)
    spec = counts_and_sizes.sizes_spec(int(view.mask.sum()), slots)
    return Plate(PICTURES["sizes"].title, spec, {"sizes": counts_and_sizes.sizes_data(view.tokens, slots)}, "tokens")


def places_plate(view: View, colour: str = "hole", basis: str = "about", *, scene: places.Stage | None = None) -> Plate:
    """The group's vectors at the step on two principal axes, coloured by hole or by one of the measures of positions.

    Without a ``scene`` around the group's mean, in the view's unit; with the basis "whole" in the whole space.
    """
    vectors = int(view.tokens["vector"].nunique())
    if vectors > MOST_POINTS:
        raise HistoryError(
            f"a picture of places shows at most {MOST_POINTS:,} vectors; the {view.group} tokens have {vectors:,} at "
            'this step. Choose a smaller group, or take the projector files, or the table "tokens".'
        )
    scene = scene or (view.stage if basis == "about" else places.stage(view.history.words, view.mask))
    points, shades = places.places_data(scene, view.rows, view.tokens), None
    if colour in MEASURES:
        history, index = (view.history.words, view.history.steps, view.mask, view.unit, colour), view.history.index(view.step)
        points, shades = coloured(points, view.tokens, token_measure(*history)(index)), colouring(*history)
    note = f"{places.basis_note(scene)} Area: size." + " Grey line: path of the group's mean." * (not scene.path.empty)
    spec, data = places.places_spec(scene, int(view.mask.sum()), shades), {"places": points, "path": scene.path}
    return Plate(PICTURES["places"].title, spec, data, unit_words(scene.unit or "weight"), note=note)


def distances_plate(view: View) -> Plate:
    """The pairwise L∞ distances at the step, a square a pair, tokens ordered by black hole."""
    image, count, scale = step_heatmap(view, view.rows, view.tokens)
    everyone = len(view.tokens)
    thinned = "every token" if count == everyone else f"thinned to {count:,} of {everyone:,} tokens"
    note = f"Rows and columns: {thinned}, ordered by black hole; colours at the left: black holes."
    if nan_rows(view.rows).any():
        note += " Blank: NaN rows."
    spec, data = _heatmap(image, count, scale, view.unit)
    return Plate(PICTURES["distances"].title, spec, data, unit_words(view.unit), note=note)


def step_heatmap(view: View, rows: Words, tokens: pd.DataFrame) -> tuple[bytes, int, heatmap.Shades]:
    """The distances of the group's rows at a step in the shades of the whole run, a PNG; the tokens in it; and the shades."""
    order, scale = heatmap.picture_order(tokens), heatmap.shades_of(view.summary, view.group, view.unit)
    hues = counts_and_sizes.hue_of(tokens)[order]
    return heatmap.distance_picture(distance_matrix(rows[order], view.unit), hues, scale), len(order), scale


def _heatmap(image: bytes, count: int, scale: heatmap.Shades, unit: str) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """A palette image on axes that count tokens, with legends for zero and for the shades."""
    shape, source = _enlarged(image)
    left = count - shape[0]
    x = {"type": "quantitative", "scale": {"domain": [left, count], "nice": False}}
    y = {"type": "quantitative", "scale": {"domain": [count, 0], "nice": False}}
    axis = {"title": "token, ordered by black hole", "grid": False, "tickCount": 6, "tickMinStep": 1}
    place = {"x": {"field": "x", **x, "axis": {**axis, "values": _whole(count)}}, "y": {"field": "y", **y, "axis": axis}}
    drawn = {"type": "image", "width": _SIDE * shape[0] / count, "height": _SIDE, "align": "left", "baseline": "top"}
    zero = {"legend": {"title": None, "symbolOpacity": 1, "symbolStrokeColor": ALONE}, "type": "nominal"}
    spec = {
        "width": _SIDE * shape[0] / count,
        "height": _SIDE,
        "layer": [
            {
                "data": {"name": "picture"},
                "mark": {**drawn, "aspect": False},
                "encoding": {**place, "url": {"field": "url", "type": "nominal"}},
            },
            {
                "data": {"name": "zero"},
                "mark": {"type": "square", "opacity": 0, "size": 1},
                "encoding": {**place, "fill": {"field": "name", "scale": {"range": [ZERO]}, **zero}},
            },
            {
                "data": {"name": "shades"},
                "mark": {"type": "square", "opacity": 0, "size": 1},
                "encoding": {**place, "color": _shades(scale, unit)},
            },
        ],
        "resolve": {"legend": {"color": "independent", "fill": "independent"}},
    }
    data = {
        "picture": pd.DataFrame({"x": [left], "y": [0], "url": [source]}),
        "zero": pd.DataFrame({"x": [0], "y": [0], "name": ["0: identical"]}),
        "shades": pd.DataFrame({"x": [0, 0], "y": [0, 0], "distance": [scale.low, max(scale.high, scale.low)]}),
    }
    return spec, data


def _shades(scale: heatmap.Shades, unit: str) -> dict[str, Any]:
    """The colours of the distances, logarithmic as in the image; one flat colour where there is only one distance."""
    title = f"L∞ in {unit_words(unit)}"
    if scale.low <= 0 or scale.high <= scale.low * 1.001:
        flat = {"range": [NEAR_TO_FAR[0]]}
        return {"field": "distance", "type": "nominal", "scale": flat, "legend": {"title": title, "symbolOpacity": 1}}
    domain = {"type": "log", "domain": [scale.low, scale.high], "range": list(NEAR_TO_FAR), "interpolate": "rgb"}
    legend = {"title": title, "gradientLength": 180, "format": ",d" if unit == "cells" else ".1e", "tickCount": 5}
    return {"field": "distance", "type": "quantitative", "scale": domain, "legend": legend}


def _whole(count: int) -> list[int]:
    """Where the tokens' axis is marked: not under the strip."""
    step = max(1, -(-count // 6))
    return list(range(0, count + 1, step if step < 5 else 5 * -(-step // 5)))


def _enlarged(image: bytes) -> tuple[tuple[int, int], str]:
    """The size of a palette image, and the same image with larger pixels as an address, so that no viewer smooths it."""
    picture = Image.open(io.BytesIO(image))
    factor = max(1, 2 * _SIDE // picture.height)
    larger = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    larger.save(buffer, "PNG", transparency=picture.info.get("transparency"))
    return picture.size, f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def lineage_plate(view: View) -> Plate:
    """Black holes as lanes over the steps, as on the Lineage page, nothing folded; the line at the step."""
    from ..charts.lineage import drawn_lineage, lanes_chart

    _require_two(view, "a lineage")
    history, axis = view.judged, step_axis("symlog", int(view.history.steps[-1]))
    drawn = drawn_lineage(view.lineage.tree, hidden_of(history, view.group), history.steps, axis, _names(view))
    spec, datasets = lanes_chart(drawn, axis, view.step)
    datasets["cursor"] = datasets["cursor"].head(0 if _at_end(view) else 1)
    lanes = drawn.lanes
    thinned = "" if lanes.drawn == lanes.changes else f"{lanes.drawn:,} of {lanes.changes:,} changes drawn. "
    note = f"{thinned}Rows: tokens; blocks: holes; shades: hidden classes. {_cursor_note(view)}"
    return Plate(PICTURES["lineage"].title, spec, datasets, "tokens", False, note)


def _require_two(view: View, what: str) -> None:
    """Raise if a picture over the run is made of a run with one snapshot: it would be empty."""
    if len(view.judged.steps) < 2 and view.lost:
        count = len(view.judged.steps)
        raise HistoryError(
            f'a picture of {what} needs two finite snapshots; "{view.history.id}" has {count}. {view.lost.text}. '
            "Choose another run."
        )
    if len(view.history.steps) < 2:
        raise HistoryError(
            f'a picture of {what} needs two recorded snapshots; "{view.history.id}" has one. Choose another run.'
        )


def _scene(view: View) -> Scene:
    """The group's motion over the run."""
    history, table = view.judged, view.judged_summary
    rows = table[table["group"] == view.group].reset_index(drop=True)
    _require_two(view, "motion")
    return Scene(rows, history.rates, zero_stretches(history), step_axis("symlog", int(view.history.steps[-1])))


def _motion(name: str, view: View, scene: Scene, picture: Picture, unit: str, note: str = "") -> Plate:
    return Plate(PICTURES[name].title, *picture, unit, False, f"{scene.thinned}{note or '.'} {_cursor_note(view)}".rstrip())


def regimes_plate(view: View) -> Plate:
    """Shares of the tokens in each regime of motion over the run."""
    scene = _scene(view)
    note = f"; {scene.alike}." * scene.is_alike(tuple(motion.REGIME_LABELS))
    return _motion("regimes", view, scene, motion.regime_shares(scene, view.step), "share of tokens per recorded step", note)


def freeze_map_plate(view: View) -> Plate:
    """Every token's motion over the run, a row each."""
    history, scene = view.judged, _scene(view)
    picture = motion.freeze_map(scene, who_moved(history), token_motion(history)[view.mask], _names(view), view.step)
    note = f"; {scene.alike if scene.is_alike(('moved',)) else 'rows: tokens'}; yellow: moved; grey: unchanged."
    return _motion("freeze-map", view, scene, picture, "moved per recorded step", note)


def speeds_plate(view: View) -> Plate:
    """Bulk and thermal speed and coherence over the run."""
    scene = _scene(view)
    return _motion("speeds", view, scene, motion.speeds(scene, view.step), "weight units per optimizer step; cosine")


def displacements_plate(view: View) -> Plate:
    """Percentiles of the displacement over the run."""
    scene = _scene(view)
    return _motion("displacements", view, scene, motion.displacements(scene, view.unit, view.step), motion.UNITS[view.unit])


def _names(view: View) -> list[str]:
    return [glyph(token) for token in range(view.history.words.shape[1])]


def farthest_plate(view: View) -> Plate:
    """The largest L∞ of the group over the run."""
    _require_two(view, "a distance over the run")
    unit = view.unit
    data = {"farthest": counts_and_sizes.farthest_data(view.judged_summary, view.group, unit)}
    spec = counts_and_sizes.farthest_spec(_axis(view), unit_words(unit), bool(data["farthest"]["linf"].isna().all()))
    return Plate(PICTURES["farthest"].title, spec, data, unit_words(unit), False)


PICTURES: dict[str, Named[Plate]] = {
    "counts": Named("U, C, P and S over the run", counts_plate, "Vectors and black holes over the run", "census"),
    "loss": Named("training loss over the run", loss_plate, "Training loss over the run", "loss"),
    "lineage": Named("black holes over the steps they lived", lineage_plate, "Black holes over the run", "lineage"),
    "farthest": Named("largest L∞ of the group over the run", farthest_plate, "Largest L∞ over the run", "largest_linf_weight"),
    "regimes": Named("share of tokens that move, and how far, over the run", regimes_plate, "Moved tokens", "further"),
    "freeze-map": Named("moves of each token, ordered by last move", freeze_map_plate, "Freeze map", "freeze step"),
    "speeds": Named("bulk and thermal speed over the run", speeds_plate, "Collective and relative motion", "bulk motion"),
    "displacements": Named(
        "percentiles of the displacement over the run", displacements_plate, "Displacements", "displacement of a token"
    ),
    "sizes": Named(
        "sizes of the black holes at the step", sizes_plate, "Black holes: tokens with identical vectors", "population"
    ),
    "distances": Named("pairwise L∞ distances at the step", distances_plate, "Pairwise L∞ distances", "heatmap"),
    "places": Named("vectors at the step on principal axes", places_plate, "Positions on principal axes", "principal-axes"),
}
