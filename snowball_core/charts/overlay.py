"""Pictures of several curves on one axis: the runs of a comparison with their ribbons, one distance in three units.

Descriptions are constant for a comparison; what is highlighted, and every number, is data.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.alignment import Entrant, places
from ..measures.bf16 import Floats
from ..measures.verdict import SEEDS_EPSILON
from .step_axis import ticks
from .theme import ALONE, CURSOR, SETTINGS, setting_colour

MOST_POINTS = 400
_AXIS_PIXELS = 46
_HEIGHT = 260
_LABEL = "datum.value == 0 ? '0' : format(datum.value, datum.value < 1 ? '.1~e' : ',.1~f')"


def thinned(x: Floats, values: Floats, symlog: bool) -> npt.NDArray[np.intp]:
    """Which points of a curve to draw: every change of its value and its ends, at most :data:`MOST_POINTS`.

    Where there are more changes, points that lie evenly on the axis as it is drawn.
    """
    if not len(x):
        return np.zeros(0, np.intp)
    changed = np.ones(len(x), np.bool_)
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    changed[1:-1] = ~same[: len(x) - 2]
    kept = np.flatnonzero(changed)
    if len(kept) <= MOST_POINTS:
        return kept
    drawn = np.sign(x) * np.log1p(np.abs(x)) if symlog else x
    evenly = np.searchsorted(drawn, np.linspace(drawn[0], drawn[-1], MOST_POINTS))
    return np.unique(np.minimum(evenly, len(x) - 1))


def lines_data(entrants: Sequence[Entrant], names: Mapping[str, str], measure: str, align: str) -> tuple[pd.DataFrame, bool]:
    """The curves of a measure, columns ``run``, ``setting``, ``step``, ``x``, ``value``; and whether any of them is thinned.

    ``names`` are what runs and settings are called in the legend.
    """
    tables, is_thinned = [], False
    for entrant in entrants:
        x = places(entrant, align)
        if x is None or measure not in entrant.table:
            continue
        values = entrant.table[measure].to_numpy(np.float64)
        # An infinite value would leave the axis without ends.
        known = np.isfinite(x) & np.isfinite(values)
        steps, x, values = entrant.table["step"].to_numpy()[known], x[known], values[known]
        kept = thinned(x, values, align != "rates")
        is_thinned = is_thinned or (len(kept) == MOST_POINTS)
        facts = {"run": names[entrant.id], "setting": names[entrant.setting]}
        tables.append(pd.DataFrame({**facts, "step": steps[kept], "x": x[kept], "value": values[kept]}))
    empty = pd.DataFrame({name: [] for name in ("run", "setting", "step", "x", "value")})
    return (pd.concat(tables, ignore_index=True) if tables else empty), is_thinned


def widths(settings: Sequence[str], ribboned: Collection[str], is_counted: bool) -> dict[str, float]:
    """Widths of the settings' lines in pixels; of counts narrower on top of wider, so that equal curves are all visible.

    Settings without a ribbon come first, for their lines are drawn under the medians. More settings than hues are all narrow.

    Examples
    --------
    >>> widths(["a", "b", "alone"], ["a", "b"], True)
    {'b': 3.0, 'a': 7.0, 'alone': 11.0}
    """
    ordered = sorted(settings, key=lambda setting: setting in ribboned)
    # Two pixels of each colour on either side: with less they blend into one that is in no legend.
    wider = min(4.0, 8.0 / max(1, len(ordered) - 1)) if is_counted and len(ordered) <= len(SETTINGS) else 0.0
    narrowest = 3.0 if wider and len(ordered) > 1 else 2.2
    return {setting: round(narrowest + wider * above, 1) for above, setting in enumerate(reversed(ordered))}


def ribbons_data(ribbons: pd.DataFrame, names: Mapping[str, str], align: str) -> pd.DataFrame:
    """Ribbons with their settings named, thinned like lines by their median."""
    parts = []
    for setting, part in ribbons.groupby("setting", sort=False):
        corners = part[["low", "median", "high"]].to_numpy() @ np.array([1.0, np.pi, np.e])  # changes when one of them does
        kept = thinned(part["x"].to_numpy(np.float64), corners, align != "rates")
        parts.append(part.iloc[kept].assign(setting=names[str(setting)]))
    return pd.concat(parts, ignore_index=True) if parts else ribbons


@dataclass(frozen=True)
class Frame:
    """Ends, kinds and titles of the axes of a picture of runs, and its settings in the order of their colours.

    ``top`` is the largest value; values that are counts or cells (``is_counted``) are drawn symlog from 0.
    """

    low: float
    high: float
    top: float
    is_symlog: bool
    is_counted: bool
    along: str
    unit: str
    settings: tuple[str, ...]


def _x(frame: Frame) -> alt.X:
    labels: dict[str, Any]
    if frame.is_symlog:
        scale = alt.Scale(type="symlog", constant=1, domain=[frame.low, frame.high], nice=False)
        labels = {"values": ticks(frame.high, frame.low), "labelOverlap": "greedy", "format": ",d"}
    else:
        scale, labels = alt.Scale(domain=[frame.low, frame.high], nice=False), {"format": ".3~g"}
    return alt.X("x:Q", scale=scale, axis=alt.Axis(title=frame.along, grid=False, **labels))


def _y(frame: Frame, column: str) -> alt.Y:
    if frame.is_counted:
        scale = alt.Scale(type="symlog", constant=1, domain=[0, 1.1 * max(1, frame.top)], nice=False)
        # The largest count has a label of its own: a level line at the top can be read.
        values = [*(tick for tick in ticks(frame.top) if tick < 0.8 * frame.top), frame.top]
        axis = alt.Axis(minExtent=_AXIS_PIXELS, title=f"{frame.unit} (symlog)", values=values)
    else:
        scale, axis = alt.Scale(zero=False), alt.Axis(minExtent=_AXIS_PIXELS, title=frame.unit, tickCount=4)
    return alt.Y(column, scale=scale, axis=axis)


@functools.lru_cache(maxsize=128)
def overlay_spec(frame: Frame) -> dict[str, Any]:
    """Every run, ribbons with their medians, the marked run, and runs of one point, which no line would show.

    Data sets ``lines``, ``ribbons``, ``alone``, ``marked``.
    """
    colours = alt.Scale(domain=list(frame.settings), range=[setting_colour(rank) for rank in range(len(frame.settings))])
    x, colour = _x(frame), alt.Color("setting:N", scale=colours, legend=None)
    tooltip = [alt.Tooltip(f"{name}:Q", format=".6~g") for name in ("x", "low", "median", "high", "draws")]

    def line(data: str, column: str) -> alt.Chart:
        marks = alt.Chart(alt.NamedData(data)).mark_line(interpolate="step-after", clip=True, aria=data != "marked")
        width = alt.StrokeWidth("width:Q", scale=None, legend=None)
        drawn: alt.Chart = marks.encode(x=x, y=_y(frame, column), order="x:Q", strokeWidth=width)
        return drawn

    band = alt.Chart(alt.NamedData("ribbons")).mark_area(interpolate="step-after", clip=True, opacity=0.18)
    dots = alt.Chart(alt.NamedData("alone")).mark_point(filled=True, size=70, opacity=1, aria=False)
    strength = alt.Opacity("strength:Q", scale=None, legend=None)
    layers = [
        band.encode(x=x, y=_y(frame, "low:Q"), y2="high:Q", color=colour),
        line("lines", "value:Q").encode(color=colour, detail="run:N", opacity=strength, tooltip=["run:N", "setting:N"]),
        line("ribbons", "median:Q").encode(color=colour, tooltip=["setting:N", *tooltip]),
        dots.encode(x=x, y=_y(frame, "value:Q"), color=colour, tooltip=["run:N", "setting:N"]),
        line("marked", "value:Q").encode(color=alt.value(CURSOR), tooltip=["run:N"]),
    ]
    described: dict[str, Any] = alt.layer(*layers).properties(height=_HEIGHT).to_dict()
    return described


def printed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An overlay with a legend, for a file; the page has one legend for all its pictures."""
    alone = copy.deepcopy(dict(spec))
    for layer in alone["layer"]:
        if "scale" in (colour := layer["encoding"]["color"]):
            drawn = {"symbolType": "stroke", "symbolOpacity": 1, "symbolStrokeWidth": 3, "symbolSize": 300}
            colour["legend"] = {"title": None, "orient": "top", "labelLimit": 600, "columns": 2, **drawn}
    return alone


UNITS = {
    "epsilon": ("the seed's ε", SETTINGS[1], 1.0),
    "weight": ("weight units", ALONE, SEEDS_EPSILON),
    "cells": ("cells", SETTINGS[0], 1.0),
}


@functools.lru_cache(maxsize=96)
def distance_spec(unit: str, last_step: int, top: float) -> dict[str, Any]:
    """One distance over the steps in one of :data:`UNITS`, with its bound dashed; data sets ``distances`` and ``bound``."""
    title, colour, one = UNITS[unit]
    scale = alt.Scale(type="symlog", constant=1, domain=[0, max(1, last_step)], nice=False)
    axis = alt.Axis(values=ticks(last_step), labelOverlap="greedy", format=",d", grid=False, title="step (symlog)")
    # The largest value is labelled, and so is the dashed bound.
    decades = [0.0] + [one * 10**power for power in range(9) if one * 10**power <= max(0.6 * top, 10 * one)]
    decades += [top] if top > 1.6 * decades[-1] else []
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(type="symlog", constant=one, domain=[0, 1.3 * max(top, 10 * one)], nice=False),
        axis=alt.Axis(title=f"L∞, {title} (symlog)", minExtent=58, values=decades, labelExpr=_LABEL),
    )
    marks: dict[str, Any] = {"color": colour, "interpolate": "step-after", "strokeWidth": 2.2, "clip": True}
    # A line of one step would be invisible.
    line = alt.Chart(alt.NamedData("distances")).mark_line(**marks, point={"color": colour} if last_step == 0 else False)
    tips = [alt.Tooltip("step:Q", format=",d"), alt.Tooltip("value:Q", title=f"L∞, {title}")]
    bound = alt.Chart(alt.NamedData("bound")).mark_rule(color=ALONE, strokeDash=[6, 4], strokeWidth=1.5)
    layers = line.encode(x=alt.X("step:Q", scale=scale, axis=axis), y=y, tooltip=tips) + bound.encode(y=y, tooltip=["asks:N"])
    described: dict[str, Any] = layers.properties(height=250).to_dict()
    return described


def distance_data(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """A column of an epsilon table at its changes; columns ``step``, ``value``."""
    values = table[unit].to_numpy(np.float64)
    kept = thinned(table["step"].to_numpy(np.float64), values, symlog=True)
    return pd.DataFrame({"step": table["step"].to_numpy()[kept], "value": values[kept]})
