"""Pictures of motion: regimes, freeze map, speeds and displacements over the steps, each with the learning rate under it.

Each is made of a :class:`~snowball_core.charts.motion_columns.Scene`, the columns that are drawn of the recorded ones.
"""

from __future__ import annotations

import base64
import functools
import io
import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from ..measures.motion import REGIMES
from .motion_columns import Floats, Scene, curve, decades, under
from .step_axis import Picture, StepAxis, cursor_rule
from .theme import ALONE, DEAD, GREYS, MOVED, REGIME_LINES, SERIES, wrapped

MAP_COLUMNS, MAP_ROWS = 640, 512
REGIME_LABELS = dict(zip(REGIMES, REGIME_LINES, strict=True))
SPEEDS = {
    "bulk_speed_weight": ("bulk: the group's centroid", DEAD),
    "thermal_speed_weight": ("thermal: relative to the centroid", SERIES[1]),
}
SHARES = {"p10": "10th percentile", "p50": "median", "p90": "90th percentile", "p100": "farthest token"}
AMOUNTS = {"10 to 90 % of tokens": "#56B4E9", "median": "#0072B2", "farthest token": "#D55E00"}
UNITS = {"cells": "cells (L∞)", "weight": "weight units (Euclidean)"}
_ALIKE = "every token"
_AMOUNTS = ("between", "median", "farthest")
_HELD: dict[str, Any] = {"interpolate": "step-before", "clip": True}
_AXIS_PIXELS = 54
# The height of a picture that shows one number; with a legend twice as much.
_LOW = 56
_HEAD, _FOOT = 36, 58
_NUMBER = "datum.value == 0 ? '0' : datum.value < 1 ? format(datum.value, '.0e') : format(datum.value, ',d')"


def regime_shares(scene: Scene, step: int) -> Picture:
    """Shares of the tokens in each regime, stacked; data sets ``regimes``, ``targets``, ``rate``, ``zero``, ``cursor``.

    Low where all tokens are in one regime at every step.
    """
    tokens = max(1, int(scene.table["tokens"].max()))
    shares = {name: scene.mean(name) for name in REGIME_LABELS}
    tops = np.cumsum([part / tokens for part in shares.values()], axis=0)
    bottoms = np.concatenate([np.zeros((1, tops.shape[1])), tops[:-1]])
    x = scene.axis.place(np.append(scene.steps[:1], scene.ends()[1]))
    parts = [
        _held(x, bottom, top).assign(regime=name)
        for (name, _), bottom, top in zip(REGIME_LABELS.values(), bottoms, tops, strict=True)
    ]
    return _regimes_spec(scene.axis, scene.is_alike(tuple(REGIME_LABELS))), {
        "regimes": pd.concat(parts, ignore_index=True),
        **under(scene, step, shares),
    }


def _held(x: Floats, low: Floats, high: Floats) -> pd.DataFrame:
    """An area that holds its bounds over the stretch before each x; of equal neighbours the last is enough."""
    low, high = np.append(low[:1], low), np.append(high[:1], high)
    kept = np.append((np.diff(low) != 0) | (np.diff(high) != 0), True)
    kept[:1] = True
    return pd.DataFrame({"x": x[kept], "y0": low[kept], "y1": high[kept]})


@functools.lru_cache(maxsize=64)
def _regimes_spec(axis: StepAxis, alike: bool) -> dict[str, Any]:
    upright = _axis("tokens", values=[0, 1], format=".0%") if alike else _axis("share of tokens", format=".0%")
    y = alt.Y("y0:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=upright)
    areas = (
        _of("regimes")
        .mark_area(**_HELD)
        .encode(x=axis.x(None), y=y, y2="y1", color=_colour("regime", dict(REGIME_LABELS.values())))
    )
    tips = [(name, f"{label} (tokens)", ",.4~g") for name, (label, _) in REGIME_LABELS.items()]
    return _over_rate(alt.layer(areas, cursor_rule(), _targets(axis, tips)).properties(height=2 * _LOW if alike else 260), axis)


def speeds(scene: Scene, step: int) -> Picture:
    """Bulk and thermal speed, coherence under them; data sets ``speeds``, ``coherence`` and those of :func:`regime_shares`."""
    rows = [curve(scene, column).assign(name=name) for column, (name, _) in SPEEDS.items()]
    means = {column: scene.mean(column) for column in (*SPEEDS, "coherence")}
    data = {"speeds": pd.concat(rows, ignore_index=True), "coherence": curve(scene, "coherence")}
    return _speeds_spec(scene.axis, decades(scene.table[list(SPEEDS)])), data | under(scene, step, means)


@functools.lru_cache(maxsize=64)
def _speeds_spec(axis: StepAxis, scale: tuple[float, float]) -> dict[str, Any]:
    names = {"bulk_speed_weight": "bulk speed", "thermal_speed_weight": "thermal speed"}
    tips = [(column, f"{name} (weight units per step)", ".3g") for column, name in names.items()]
    tips.append(("coherence", "coherence", ".3f"))
    y = _symlog(scale, "weight units per step")
    fast = _lines("speeds", axis, y, _colour("name", dict(SPEEDS.values())), _targets(axis, tips)).properties(height=180)
    straight = {"scale": alt.Scale(domain=[-1.15, 1.15], nice=False), "axis": _axis("coherence", values=[-1, 0, 1])}
    along = _lines("coherence", axis, straight, alt.value("#009E73"), _targets(axis, tips, "along")).properties(height=70)
    return _over_rate(fast, axis, along)


def _lines(name: str, axis: StepAxis, y: dict[str, Any], colour: Any, felt: alt.Chart) -> Any:
    """Lines that hold a value over the stretch before each recorded step; where columns hold several, from least to largest."""
    base = _of(name).encode(x=axis.x(None), color=colour)
    band = base.mark_area(opacity=0.35, **_HELD).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=1.8, **_HELD).encode(y=alt.Y("high:Q", **y))
    return alt.layer(band, line, cursor_rule(), felt)


def displacements(scene: Scene, unit: str, step: int) -> Picture:
    """Percentiles over tokens of the displacement between recorded snapshots, in "cells" or "weight" units.

    Data sets ``between`` (10 to 90 % of the tokens), ``median``, ``farthest`` and those of :func:`regime_shares`. Where all
    tokens move alike at a step, only the median is drawn; where they do at every step, as a line named for all of them.
    """
    columns = {share: f"displacement_{unit}_{share}" for share in SHARES}
    curves = {share: curve(scene, column) for share, column in columns.items()}
    between = curves["p10"].assign(high=curves["p90"]["high"])
    apart = curves["p10"].ne(curves["p100"]).any(axis=1).to_numpy()
    # A line leads to a point from the one before it.
    shown = apart | np.append(apart[1:], [False] * (len(apart) > 0))
    between, farthest = (
        table.assign(low=table["low"].where(shown), high=table["high"].where(shown)) for table in (between, curves["p100"])
    )
    tables = zip(_AMOUNTS, AMOUNTS, (between, curves["p50"], farthest), strict=True)
    alike = curves["p10"].equals(curves["p100"])
    data = {key: table.assign(name=_ALIKE if alike else name) for key, name, table in tables}
    spans = {share: scene.span(column)[1] for share, column in columns.items()}
    scale = decades(scene.table[list(columns.values())])
    return _displacements_spec(scene.axis, unit, scale, alike), data | under(scene, step, spans)


@functools.lru_cache(maxsize=64)
def _displacements_spec(axis: StepAxis, unit: str, scale: tuple[float, float], alike: bool) -> dict[str, Any]:
    colour, y = _colour("name", {_ALIKE: AMOUNTS["median"]} if alike else AMOUNTS), _symlog(scale, UNITS[unit])
    between, median, farthest = (_of(name).encode(x=axis.x(None), color=colour) for name in _AMOUNTS)
    low, high = alt.Y("low:Q", **y), alt.Y("high:Q", **y)
    one = (median.mark_line(strokeWidth=1.8, **_HELD).encode(y=high),)
    lines = (
        one
        if alike
        else (
            between.mark_area(opacity=0.4, **_HELD).encode(y=low, y2="high:Q"),
            median.mark_area(opacity=0.4, **_HELD).encode(y=low, y2="high:Q"),
            farthest.mark_line(strokeWidth=1.6, **_HELD).encode(y=high),
            *one,
        )
    )
    tips = [(share, f"{name}, {UNITS[unit]}", ",d" if unit == "cells" else ".3g") for share, name in SHARES.items()]
    return _over_rate(alt.layer(*lines, cursor_rule(), _targets(axis, tips)).properties(height=260), axis)


def freeze_map(scene: Scene, moved: npt.NDArray[np.bool_], tokens: pd.DataFrame, names: Sequence[str], step: int) -> Picture:
    """Every token's motion as a row, frozen first at the top; data sets ``map``, ``rows`` and those of :func:`regime_shares`.

    One row where all tokens move at the same steps. ``tokens`` are the group's rows of ``token_motion``; ``names`` are those of
    all tokens of the vocabulary.
    """
    ordered = tokens.sort_values(["last_move", "token"], kind="stable")
    alike = scene.is_alike(("moved",))
    ordered = ordered.head(1) if alike else ordered
    picture = _map_picture(scene, moved[:, ordered["token"].to_numpy(np.intp)])
    count, end = len(ordered), float(scene.axis.place([scene.steps[-1]])[0])
    image = pd.DataFrame({"x0": [0.0], "x1": [max(end, 1e-9)], "y0": [0], "y1": [count], "picture": [picture]})
    rows = pd.DataFrame({"y0": np.arange(count), "y1": np.arange(1, count + 1), "token": ordered["token"].to_numpy()})
    rows["name"] = [f"{token} {names[token]}" for token in ordered["token"]]
    rows["name"] = scene.alike if alike else rows["name"]
    rows["step"] = np.maximum(ordered["last_move"].to_numpy(), 0)
    rows["moves_text"] = ["never moved" if at < 0 else f"last moved at step {at:,}" for at in ordered["last_move"]]
    return _map_spec(count, scene.axis, alike), {"map": image, "rows": rows, **under(scene, step, {})}


def _map_picture(scene: Scene, moved: npt.NDArray[np.bool_]) -> str:
    """A PNG, as an address: a column for as many stretches as fall into it, the shade the share of them with motion."""
    shares = scene.axis.share(scene.steps)
    cuts = np.linspace(0, shares[-1], MAP_COLUMNS + 1)
    first = np.clip(np.searchsorted(shares, cuts[:-1], "right"), 1, len(shares) - 1)
    last = np.clip(np.searchsorted(shares, cuts[1:], "left"), first, len(shares) - 1)
    part = np.stack([moved[low : high + 1].mean(axis=0) for low, high in zip(first, last, strict=True)], axis=1)
    tops = np.arange(0, len(part), -(-len(part) // MAP_ROWS))
    pooled = np.add.reduceat(part, tops, axis=0) / np.diff(np.append(tops, len(part)))[:, None]
    still, amber = (np.array(list(bytes.fromhex(colour[1:])), np.float64) for colour in (GREYS[0], MOVED))
    pixels = np.rint(still + pooled[:, :, None] * (amber - still)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGB").save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@functools.lru_cache(maxsize=64)
def _map_spec(count: int, axis: StepAxis, alike: bool) -> dict[str, Any]:
    scale = alt.Scale(domain=[0, max(1, count)], reverse=True, nice=False)
    y = alt.Y("y0:Q", scale=scale, axis=_axis("tokens", values=[]) if alike else _axis("tokens, ordered by last move"))
    box = {"x": axis.x(None, "x0"), "x2": "x1", "y": y, "y2": "y1"}
    image = _of("map").mark_image(aspect=False, smooth=False, clip=True).encode(**box, url="picture:N")
    picked = alt.selection_point(name="picked", fields=["step", "token"], on="click", clear=False)
    tip = [alt.Tooltip("name:N", title="token"), alt.Tooltip("moves_text:N", title="moves")]
    rows = _of("rows").mark_rect(fillOpacity=0, strokeOpacity=0, cursor="pointer", aria=False, clip=True)
    felt = rows.encode(y=y, y2="y1", tooltip=tip).add_params(picked)
    return _over_rate(alt.layer(image, cursor_rule(), felt).properties(height=_LOW if alike else 260), axis)


def _symlog(scale: tuple[float, float], title: str) -> dict[str, Any]:
    low, high = scale
    values = [0.0, *[10.0**power for power in range(round(math.log10(low)), math.floor(math.log10(high)) + 1)]]
    axis = _axis(title, values=values, labelOverlap="greedy", labelExpr=_NUMBER)
    return {"scale": alt.Scale(type="symlog", constant=low, domain=[0, high], nice=False), "axis": axis}


def _targets(axis: StepAxis, fields: Sequence[tuple[str, str, str]], name: str = "picked") -> alt.Chart:
    """The columns that feel a click or the pointer, as tall as the picture."""
    picked = alt.selection_point(name=name, fields=["step"], on="click", clear=False)
    tips = [
        alt.Tooltip("time:N", title="steps"),
        *[alt.Tooltip(f"{field}:Q", title=title, format=form) for field, title, form in fields],
    ]
    unseen = _of("targets").mark_rect(fillOpacity=0, strokeOpacity=0, cursor="pointer", aria=False, clip=True)
    felt: alt.Chart = unseen.encode(x=axis.x(None, "x0"), x2="x1", y=alt.value(0), y2=alt.value("height"), tooltip=tips)
    return felt.add_params(picked)


def _over_rate(above: Any, axis: StepAxis, *more: Any) -> dict[str, Any]:
    """Pictures over one another with the learning rate under them, all on one axis."""
    y = alt.Y("rate:Q", scale=alt.Scale(zero=True), axis=_axis("rate", tickCount=2, labelExpr=_NUMBER))
    line = _of("rate").mark_line(color=ALONE, strokeWidth=1.6, interpolate="step-after", clip=True)
    zero = _of("zero").mark_rect(color="#D55E00", opacity=0.25, aria=False).encode(x=axis.x(axis.title, "x0"), x2="x1")
    rate = alt.layer(zero, line.encode(x=axis.x(axis.title), y=y), cursor_rule()).properties(height=52)
    described: dict[str, Any] = alt.vconcat(above, *more, rate, spacing=8).resolve_scale(color="independent").to_dict()
    return described


def panels(picture: Picture) -> list[Picture]:
    """The panels of a picture as one picture each, for a page that lays them out itself; each with the data it draws.

    A picture fitted into a page has its axis and legend within its height, so the first and the last are made taller.
    """
    spec, datasets = picture
    shared = {name: part for name, part in spec.items() if name in ("$schema", "config")}
    parts = []
    for number, panel in enumerate(spec["vconcat"]):
        views = {layer.get("name") for layer in panel["layer"]}
        room = (_HEAD if number == 0 else 8) + (_FOOT if number == len(spec["vconcat"]) - 1 else 0)
        own = [param for param in spec["params"] if views & set(param["views"])]
        fitted = shared | wrapped(panel) | {"height": panel["height"] + room} | ({"params": own} if own else {})
        parts.append((fitted, {name: datasets[name] for name in _drawn(panel)}))
    return parts


def _drawn(panel: dict[str, Any]) -> set[str]:
    """The data sets of a panel and its layers."""
    own = {panel["data"]["name"]} if "data" in panel else set()
    return own.union(*[_drawn(layer) for layer in panel.get("layer", [])])


def _colour(field: str, hues: dict[str, str]) -> alt.Color:
    legend = alt.Legend(orient="top", title=None, labelLimit=300, symbolOpacity=1, symbolType="square")
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(hues), range=list(hues.values())), legend=legend)


def _axis(title: str, **options: Any) -> alt.Axis:
    return alt.Axis(title=title, minExtent=_AXIS_PIXELS, maxExtent=_AXIS_PIXELS, grid=False, **options)


def _of(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name))
