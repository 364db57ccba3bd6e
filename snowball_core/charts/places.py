"""Positions of a group's vectors on two axes: one basis, one frame, one path for a whole run, so that nothing jumps."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Floats, Truths, Words, ordinal, values
from ..measures.census import change_steps
from ..measures.principal_axes import PrincipalAxes, axes_of_frames, basis_frames, principal_axes
from ..memory import blocks
from .counts_and_sizes import PICTURE_HEIGHT, hue_of, listed
from .theme import ALONE, NEAR_TO_FAR, hole_colour

KINDS = {"dead": "circle", "live": "triangle-up", "dead and live": "square"}
# About the group's mean of each step, or in the whole space; the first is the usual one.
BASES = ("about", "whole")
_BLOCK_BYTES = 8 * 1024 * 1024
# Areas of a vector of no token and of one of all tokens, and the radius of the latter with its edge, in pixels.
_AREAS, _RADIUS = (20, 1_400), 23


@dataclass(frozen=True)
class Stage:
    """Where a group is drawn during a whole run: basis, and domains of every finite row.

    Places are about the group's mean of their step, in ``unit`` "cells" or "weight"; without a unit they are in the whole
    space, in weight units, with the ``path`` of the mean: columns x, y and order. A basis of some frames is made from
    ``frames`` of the ``changed`` snapshots in which the group's bits changed. ``basis`` says what the axes are of, if not of
    these frames.
    """

    axes: PrincipalAxes
    x: tuple[float, float]
    y: tuple[float, float]
    path: pd.DataFrame
    frames: int
    changed: int
    basis: str = ""
    unit: str = ""

    def places(self, rows: Words) -> Floats:
        """Places of the group's rows of one snapshot or several; shape ``(..., tokens, 2)``, NaN where a row is not finite."""
        if not self.unit:
            return self.axes.coordinates(rows)
        places: Floats = (about_mean(points_in(rows, self.unit)) - self.axes.origin) @ self.axes.axes.T
        return places


def stage(history: Words, group: Truths, unit: str = "", axes: PrincipalAxes | None = None, basis: str = "") -> Stage:
    """The stage of a group with at least one token over a whole history with at least one snapshot.

    About the mean in a ``unit``, or without one in the whole space; without ``axes`` those of a sample of its frames. ``basis``
    describes other axes in words.
    """
    changed = change_steps(history, group)
    frames = changed[basis_frames(len(changed), int(group.sum()), history.shape[2])]
    if axes is None:
        axes = axes_about_mean(history, group, frames, unit) if unit else axes_of_frames(history, group, frames)
    bare = Stage(axes, (0.0, 0.0), (0.0, 0.0), pd.DataFrame(), len(frames), len(changed), basis, unit)
    lows, highs = zip(*(_ends(places) for places in _places(history, group, changed, bare)), strict=True)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    if not np.isfinite(low).all():  # nothing is finite: an empty frame
        low = high = np.zeros(2)
    margin = np.where(high > low, 0.0, np.maximum(1e-9, 1e-6 * np.abs(high)))
    spans = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    path = np.zeros((0, 2)) if unit else np.concatenate([each.mean(axis=1) for each in _places(history, group, frames, bare)])
    table = pd.DataFrame({"x": path[:, 0], "y": path[:, 1], "order": np.arange(len(path))})
    return replace(bare, x=spans[0], y=spans[1], path=table[np.isfinite(path).all(axis=1)])


def basis_note(scene: Stage) -> str:
    """What the axes are of, in words: without other words some frames of the run, each counted once."""
    about = "Positions around the group's mean. " if scene.unit else ""
    if scene.basis:
        return f"{about}Axes fitted on {scene.basis}; frame: all snapshots with a move."
    some = "all" if scene.frames == scene.changed else f"{scene.frames:,} of the"
    return f"{about}Axes fitted on {some} {scene.changed:,} snapshots with a move, equally weighted; frame: all of them."


def axes_about_mean(history: Words, group: Truths, frames: npt.NDArray[np.intp], unit: str) -> PrincipalAxes:
    """The principal axes of a group's points about their mean in some snapshots together, each counted once."""
    return principal_axes(np.concatenate([about_mean(points_in(history[frame][group], unit)) for frame in frames]))


def points_in(rows: Words, unit: str) -> Floats:
    """The rows as points: in cells every component has the same weight, in weight units coarse components dominate.

    A row that is not finite, of a run that diverged, has no position: NaN throughout.
    """
    numbers = values(rows)
    points: Floats = (ordinal(rows) if unit == "cells" else numbers).astype(np.float64)
    points[~np.isfinite(numbers).all(axis=-1)] = np.nan
    return points


def about_mean(points: Floats) -> Floats:
    """The points about the mean of those that have a position."""
    somewhere = ~np.isnan(points).any(axis=-1, keepdims=True)
    mean = np.where(somewhere, points, 0.0).sum(axis=-2, keepdims=True) / np.maximum(1, somewhere.sum(axis=-2, keepdims=True))
    about: Floats = points - mean
    return about


def _ends(places: Floats) -> tuple[Floats, Floats]:
    """The least and the largest coordinates of the places that are finite; infinite where none is."""
    known = places.reshape(-1, places.shape[-1])
    known = known[np.isfinite(known).all(axis=1)]
    return known.min(axis=0, initial=np.inf), known.max(axis=0, initial=-np.inf)


def _places(history: Words, group: Truths, snapshots: npt.NDArray[np.intp], scene: Stage) -> Iterator[Floats]:
    """The group's places in some snapshots, shape (snapshots of a block, tokens, 2), block by block."""
    for part in blocks(len(snapshots), 8 * int(group.sum()) * history.shape[2], _BLOCK_BYTES):
        yield scene.places(history[snapshots[part]][:, group])


@dataclass(frozen=True)
class Colouring:
    """A measure that colours positions: its name, what it is in words, and its ends over the run."""

    measure: str
    words: str
    low: float
    high: float


def places_spec(scene: Stage, tokens: int, colouring: Colouring | None = None) -> dict[str, Any]:
    """The group's vectors in a basis fixed for the run, area by population; data sets ``places`` and ``path``.

    The colour is that of the hole, or shows the ``value`` of a measure.
    """
    unit = "cells" if scene.unit == "cells" else "weight units"
    return _places_spec(scene.x, scene.y, tuple(float(share) for share in scene.axes.explained), tokens, unit, colouring)


_POINT_TIPS = (("population:Q", "size"), ("kind:N", "group"), ("who:N", "tokens"))


@functools.lru_cache(maxsize=64)
def _places_spec(
    x: tuple[float, float],
    y: tuple[float, float],
    shares: tuple[float, ...],
    tokens: int,
    unit: str,
    colouring: Colouring | None,
) -> dict[str, Any]:
    import altair as alt

    axes = [
        kind(
            f"{name}:Q",
            # No circle is cut at the frame.
            scale=alt.Scale(domain=list(domain), nice=False, zero=False, padding=_RADIUS),
            axis=alt.Axis(title=f"PC{number}, {unit} ({variance(share)} of variance)", format=".2~g", tickCount=4),
        )
        for kind, name, domain, number, share in ((alt.X, "x", x, 1, shares[0]), (alt.Y, "y", y, 2, shares[1]))
    ]
    path = alt.Chart(alt.NamedData("path")).mark_line(color=ALONE, opacity=0.6, strokeWidth=1).encode(*axes, order="order:Q")
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values())),
        legend=alt.Legend(orient="top", title=None, symbolSize=90, symbolFillColor=ALONE, symbolStrokeColor=ALONE),
    )
    size = alt.Size("population:Q", scale=alt.Scale(domain=[0, max(1, tokens)], range=list(_AREAS)), legend=None)
    points = (
        alt.Chart(alt.NamedData("places"))
        .mark_point(filled=True, clip=True, opacity=0.85, stroke="#FFFFFF", strokeWidth=0.5)
        .encode(
            *axes,
            size=size,
            shape=shape,
            color=alt.Color("colour:N", scale=None) if colouring is None else _shaded(colouring),
            tooltip=[alt.Tooltip(field, title=title) for field, title in _POINT_TIPS],
        )
    )
    described: dict[str, Any] = (path + points).properties(height=PICTURE_HEIGHT).to_dict()
    return described


def _shaded(colouring: Colouring) -> Any:
    """The encoding of a measure by shades; what has no value is grey. Steps are shaded by their logarithm, as on the axis."""
    import altair as alt

    high = max(colouring.high, colouring.low + 1e-12)
    kind = {"type": "symlog", "constant": 1} if colouring.measure == "move" else {"type": "linear"}
    scale = alt.Scale(**kind, domain=[colouring.low, high], range=list(NEAR_TO_FAR), interpolate="rgb", nice=False, zero=False)
    legend = alt.Legend(
        title=colouring.words, orient="right", gradientLength=180, format=",d" if colouring.measure == "move" else ".3~g"
    )
    shaded = alt.Color("value:Q", scale=scale, legend=legend)
    return alt.condition("isValid(datum.value)", shaded, alt.value(ALONE))


def variance(share: float) -> str:
    """A share of variance in percent; what is not zero is never written as zero.

    Examples
    --------
    >>> variance(0.874), variance(0.002)
    ('87%', '< 1%')
    """
    return "< 1%" if 0 < share < 0.01 else f"{share:.0%}"


def places_data(scene: Stage, rows: Words, tokens: pd.DataFrame) -> pd.DataFrame:
    """One point per vector of the group's rows: place, population, kind, colour, tokens, the first one; large ones first.

    Rows that are not finite have no place.
    """
    places, vector = scene.places(rows), tokens["vector"].to_numpy()
    order = np.argsort(vector, kind="stable")
    group, glyph, token = (tokens[name].tolist() for name in ("group", "glyph", "token"))
    hues = hue_of(tokens).tolist()
    points = []
    for members in np.split(order, np.flatnonzero(np.diff(vector[order])) + 1) if len(order) else []:
        rows_of, groups = members.tolist(), {group[row] for row in members}
        kind = "dead and live" if len(groups) == 2 else groups.pop()
        hue, who = hole_colour(hues[rows_of[0]]), listed([glyph[row] for row in rows_of])
        points.append((*places[rows_of[0], :2], len(rows_of), kind, hue, who, token[rows_of[0]]))
    result = pd.DataFrame(points, columns=["x", "y", "population", "kind", "colour", "who", "token"])
    result = result[np.isfinite(result[["x", "y"]].to_numpy(np.float64)).all(axis=1)]
    return result.sort_values("population", ascending=False, kind="stable")
