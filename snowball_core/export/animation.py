"""A range of steps as an animated GIF: the distances, the places and the counts, with the step written in every frame."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..charts import heatmap, theme
from ..charts.places import places_data
from ..measures.census import census
from ..memory import Tell, untold
from .pictures import step_heatmap
from .view import View, identity_line, named, unit_words

MOST_FRAMES = 120
SIZE = (820, 500)
_MILLISECONDS, _LAST_MILLISECONDS = 120, 2_000
_FINE = 2
_BOX = 340
_LEFT, _RIGHT, _TOP = 24, 456, 74
_SHADES = 128
# The radius of a vector of all tokens, with its edge.
_LARGEST = 18
_INK, _QUIET, _LINE = "#1B1F23", "#57606A", "#C3CAD1"
_TINTS = (1.0, 0.75, 0.5, 0.25)


def frame_steps(view: View) -> npt.NDArray[np.int64]:
    """The steps that are drawn: all recorded ones of the range, or :data:`MOST_FRAMES` of them, its ends kept.

    Where they are more, at most three frames in four are of steps at which the group's black holes changed, evenly thinned;
    the others follow each other in steps that grow with the distance from the range's first step.
    """
    steps = view.history.steps
    inside = steps[(steps >= view.first) & (steps <= view.last)]
    if len(inside) <= MOST_FRAMES:
        return inside
    events = np.unique([view.history.steps[event.snapshot] for event in view.lineage.tree.events])
    changed = _evenly(np.intersect1d(inside[1:-1], events), MOST_FRAMES * 3 // 4 - 1)
    ends = inside[[0, -1]]
    rest = np.setdiff1d(inside, np.union1d(changed, ends))
    return np.unique(np.concatenate([ends, changed, _by_logarithm(rest, MOST_FRAMES - len(ends) - len(changed), view.first)]))


def _evenly(steps: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most so many of some steps, every so many of them."""
    at = np.linspace(0, len(steps) - 1, max(0, min(len(steps), most)))
    return steps[np.rint(at).astype(np.intp)]


def _by_logarithm(steps: npt.NDArray[np.int64], count: int, first: int) -> npt.NDArray[np.int64]:
    """So many of some steps before their last, at distances from the first that are as even in their logarithm as they allow.

    Examples
    --------
    >>> _by_logarithm(np.arange(1, 101), 5, 0).tolist()
    [1, 3, 7, 16, 40]
    """
    if count < 1:
        return steps[:0]
    place = np.log(steps - first)
    picked = np.searchsorted(place, np.linspace(place[0], place[-1], count, endpoint=False) - 1e-9)
    # Where steps are farther apart than their places, the next ones are taken: none is drawn twice.
    number = np.arange(count)
    at = np.maximum.accumulate(picked - number) + number
    return steps[np.minimum(at, len(steps) - count + number)]


def gif_bytes(view: View, tell: Tell = untold) -> bytes:
    """The animation of the exhibit's range: at most :data:`MOST_FRAMES` frames of one palette; loops endlessly."""
    pictures = _frames(view, tell)
    first = next(pictures)
    buffer = io.BytesIO()
    count = len(frame_steps(view))
    duration = [_MILLISECONDS] * (count - 1) + [_LAST_MILLISECONDS]
    # One frame is a still: a list of durations is for several.
    first.save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures,
        duration=duration if count > 1 else duration[0],
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def _frames(view: View, tell: Tell) -> Iterator[Image.Image]:
    steps = frame_steps(view)
    palette = _palette()
    for number, step in enumerate(steps.tolist()):
        tell(number / len(steps), f"frame {number + 1} of {len(steps)}")
        yield _frame(view, step, palette, len(steps))


def _palette() -> Image.Image:
    """Every colour a frame has: greys, holes and their tints, one shade each for the distances."""
    ramp = heatmap.ramp()
    picked = np.linspace(0, len(ramp) - 1, _SHADES).astype(np.intp)
    hues = [theme.DEAD, theme.LIVE, *theme.HOLES, *theme.GREYS, theme.ALONE]
    tints = [_mixed(hue, part) for hue in hues for part in _TINTS]
    greys = [_mixed(_INK, part / 15) for part in range(16)]
    colours = list(dict.fromkeys([theme.ZERO, "#FFFFFF", _QUIET, _LINE, *[ramp[i] for i in picked], *tints, *greys]))
    image = Image.new("P", (1, 1))
    image.putpalette(bytes.fromhex("".join(colour[1:] for colour in (colours * 256)[:256])))
    return image


def _mixed(colour: str, part: float) -> str:
    """A colour on white paper, of which ``part`` is left."""
    channels = np.array(list(bytes.fromhex(colour[1:])), np.float64)
    return "#" + bytes(np.rint(255 + part * (channels - 255)).astype(np.uint8)).hex().upper()


def _frame(view: View, step: int, palette: Image.Image, frames: int) -> Image.Image:
    rows, tokens = view.history.rows(step, view.group), view.tokens_at(step)
    page = Image.new("RGB", (SIZE[0] * _FINE, SIZE[1] * _FINE), "white")
    pen = ImageDraw.Draw(page)
    _words(pen, view, step, rows, frames)
    _places(pen, view, rows, tokens)
    page = page.reduce(_FINE)
    page.paste(_distances(view, rows, tokens), (_LEFT, _TOP))
    return page.quantize(palette=palette, dither=Image.Dither.NONE)


def _distances(view: View, rows: Any, tokens: Any) -> Image.Image:
    """The heatmap of the step, fitted into its box."""
    picture = Image.open(io.BytesIO(step_heatmap(view, rows, tokens)[0])).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    size = (round(_BOX * picture.width / picture.height), _BOX)
    return Image.alpha_composite(paper, picture).convert("RGB").resize(size, Image.Resampling.NEAREST)


def _places(pen: ImageDraw.ImageDraw, view: View, rows: Any, tokens: Any) -> None:
    """The vectors on the run's principal axes, area by population, in a frame that never moves."""
    scene, most = view.stage, int(view.mask.sum())
    pen.rectangle(_fine(_RIGHT, _TOP, _RIGHT + _BOX, _TOP + _BOX), outline=_LINE, width=_FINE)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - scene.x[0]) / (scene.x[1] - scene.x[0])
        up = (y - scene.y[0]) / (scene.y[1] - scene.y[0])
        inner = _BOX - 2 * _LARGEST  # no circle is cut
        return (_RIGHT + _LARGEST + across * inner) * _FINE, (_TOP + _LARGEST + (1 - up) * inner) * _FINE

    points = places_data(scene, rows, tokens)
    for point in points.itertuples(index=False):
        x, y = at(point.x, point.y)
        radius = _FINE * (3 + (_LARGEST - 4) * (point.population / max(1, most)) ** 0.5)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=point.colour, outline="white", width=1)


def _words(pen: ImageDraw.ImageDraw, view: View, step: int, rows: Any, frames: int) -> None:
    """The step, its counts, what the pictures show, and the footer."""
    history, counts = view.history, census(rows)
    inside = int(((history.steps >= view.first) & (history.steps <= view.last)).sum())
    thinned = (
        "every recorded step"
        if frames == inside
        else f"thinned to {frames:,} frames: changes of holes first, the rest log-spaced"
    )
    text = f"U {counts.unique:,}   C {counts.black_holes:,}   P {counts.population:,}   S {counts.singletons:,}"
    shares = ", ".join(f"PC{i + 1} {share:.0%}" for i, share in enumerate(view.stage.axes.explained[:2]))
    lines = [
        (_LEFT, 14, f"step {step:,}", 22, _INK),
        (_RIGHT, 18, text, 18, _INK),
        (_LEFT, 50, _shades_told(view), 13, _QUIET),
        (_RIGHT, 50, f"{shares} around the mean, {unit_words(view.unit)}", 13, _QUIET),
        (_LEFT, 436, f"{named(history)} · {view.group} tokens ({counts.tokens:,} of {history.words.shape[1]:,})", 12, _QUIET),
        (
            _LEFT,
            453,
            f"steps {view.first:,} to {view.last:,}: {inside:,} recorded, {thinned} · circle area: size",
            12,
            _QUIET,
        ),
        (_LEFT, 470, identity_line(history), 12, _QUIET),
    ]
    for x, y, line, size, colour in lines:
        font = ImageFont.load_default(size * _FINE)
        pen.text((x * _FINE, y * _FINE), _fitted(line, font, (SIZE[0] - _LEFT - x) * _FINE), font=font, fill=colour)


def _fitted(line: str, font: Any, width: float) -> str:
    """A line as far as it fits: a run may be called by a long label."""
    if font.getlength(line) <= width:
        return line
    most = next((count for count in range(len(line), 0, -1) if font.getlength(f"{line[:count]}…") <= width), 0)
    return f"{line[:most]}…"


def _shades_told(view: View) -> str:
    """What the heatmap's colours mean. The font of the frames has no sign for infinity."""
    scale = heatmap.shades_of(view.summary, view.group, view.unit)
    low, high = (f"{end:,.0f}" if view.unit == "cells" else f"{end:.1e}" for end in (scale.low, scale.high))
    return f"L-infinity of pairs: black 0, blue {low} to yellow {high} {unit_words(view.unit)}"


def _fine(*places: float) -> tuple[float, ...]:
    return tuple(place * _FINE for place in places)
