"""Pictures of several curves on one axis: the runs of a comparison with their bands, one distance in three units.

Descriptions are constant for a comparison; what is highlighted, and every number, is data.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..measures.verdict import ORIGINAL_EPSILON
from .overlay_data import thinned
from .step_axis import StepAxis, ticks
from .theme import ALONE, SERIES, LineStyle

_AXIS_PIXELS = 46
_HEIGHT = 260
_LABEL = "datum.value == 0 ? '0' : format(datum.value, datum.value < 1 ? '.1~e' : ',.1~f')"
# The crosshair's values, which a file has not.
_POINTED = "moments"


@dataclass(frozen=True)
class Frame:
    """Ends, kinds and titles of the axes of a picture of runs, its legend, and the letters of its runs.

    Of steps the x axis is the ``axis`` of all pages. ``top`` is the largest value; values that are counts or cells, or
    very large (``is_counted``), are drawn symlog from 0.
    """

    low: float
    high: float
    top: float
    axis: StepAxis | None
    is_symlog: bool
    is_counted: bool
    along: str
    unit: str
    styles: tuple[LineStyle, ...]
    letters: tuple[str, ...]


def _x(frame: Frame) -> alt.X:
    if frame.axis is not None:
        return frame.axis.x(frame.along)
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
    """Bands with their medians, every run with its letter at its end, runs of one point, a crosshair.

    Data sets ``bands``, ``lines``, ``alone``, ``ends``, ``moments``. The selection ``at`` holds the ``step``
    that was clicked.
    """
    x, names = _x(frame), [style.name for style in frame.styles]
    colour = alt.Color("group:N", scale=alt.Scale(domain=names, range=[each.colour for each in frame.styles]), legend=None)
    dash_scale = alt.Scale(domain=names, range=[list(each.dashes) for each in frame.styles])
    dash = alt.StrokeDash("group:N", scale=dash_scale, legend=None)
    width, strength = alt.StrokeWidth("width:Q", scale=None, legend=None), alt.Opacity("strength:Q", scale=None, legend=None)

    def line(data: str, column: str) -> alt.Chart:
        marks = alt.Chart(alt.NamedData(data)).mark_line(interpolate="step-after", clip=True)
        drawn: alt.Chart = marks.encode(x=x, y=_y(frame, column), order="x:Q", strokeWidth=width, color=colour, strokeDash=dash)
        return drawn

    band = alt.Chart(alt.NamedData("bands")).mark_area(interpolate="step-after", clip=True, opacity=0.25, aria=False)
    dots = alt.Chart(alt.NamedData("alone")).mark_point(filled=True, size=70, opacity=1, aria=False)
    letters = alt.Chart(alt.NamedData("ends")).mark_text(
        align="left", baseline="bottom", fontSize=13, fontWeight="bold", dx=alt.ExprRef("datum.shift"), dy=-2, aria=False
    )
    layers = [
        band.encode(x=x, y=_y(frame, "low:Q"), y2="high:Q", color=colour, detail="setting:N"),
        line("bands", "median:Q").encode(detail="setting:N"),
        line("lines", "value:Q").encode(detail="run:N", opacity=strength),
        dots.encode(x=x, y=_y(frame, "value:Q"), color=colour),
        letters.encode(x=x, y=_y(frame, "value:Q"), text="text:N", color=colour),
        _crosshair(frame, x),
    ]
    described: dict[str, Any] = alt.layer(*layers).properties(height=_HEIGHT).to_dict()
    return described | {"padding": {"left": 5, "top": 5, "bottom": 5, "right": 24}}


def _crosshair(frame: Frame, x: alt.X) -> alt.Chart:
    """An upright line at the place nearest to the pointer, with every run's value there; a click selects its step."""
    hover = alt.selection_point(name="hover", on="pointerover", nearest=True, encodings=["x"], empty=False, clear="pointerout")
    at = alt.selection_point(name="at", on="click", nearest=True, fields=["step"], empty=False, clear=False)
    title = "step" if frame.axis else frame.along.removesuffix(" (symlog)")
    tips = [alt.Tooltip("place:N", title=title), *(alt.Tooltip(f"{letter}:N") for letter in frame.letters)]
    rules = alt.Chart(alt.NamedData(_POINTED)).mark_rule(color=ALONE, aria=False)
    # Hidden by their width: a browser would compose thousands of transparent lines again for every frame of the scrubber below.
    width = alt.condition(hover, alt.value(1.5), alt.value(0))
    drawn = rules.properties(name="crosshair").encode(x=x, strokeWidth=width, tooltip=tips)
    pointed: alt.Chart = drawn.add_params(hover, at)
    return pointed


def filled(spec: Mapping[str, Any], data: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """An overlay without the layers that have no data: a scale over them would have no ends."""
    return {**spec, "layer": [layer for layer in spec["layer"] if len(data[layer["data"]["name"]])]}


def printed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An overlay with a legend and without its crosshair, for a file; the page has one legend for all its pictures."""
    alone = {name: value for name, value in copy.deepcopy(dict(spec)).items() if name not in ("params", "padding")}
    alone["layer"] = [layer for layer in alone["layer"] if layer["data"]["name"] != _POINTED]
    legend = {"title": None, "orient": "top", "labelLimit": 600, "columns": 2, "symbolType": "stroke", "symbolOpacity": 1}
    for layer in alone["layer"]:
        for channel in ("color", "strokeDash"):
            if channel in layer["encoding"]:
                layer["encoding"][channel]["legend"] = legend | {"symbolStrokeWidth": 3, "symbolSize": 400}
    return alone


UNITS = {
    "epsilon": ("the original notebook's ε", SERIES[1], 1.0),
    "weight": ("weight units", ALONE, ORIGINAL_EPSILON),
    "cells": ("cells", SERIES[0], 1.0),
}


@functools.lru_cache(maxsize=96)
def distance_spec(unit: str, last_step: int, top: float) -> dict[str, Any]:
    """One distance over the steps in one of :data:`UNITS`, with its bound dashed; data sets ``distances`` and ``bound``."""
    title, colour, one = UNITS[unit]
    short = title.removeprefix("the original notebook's ")
    scale = alt.Scale(type="symlog", constant=1, domain=[0, max(1, last_step)], nice=False)
    axis = alt.Axis(values=ticks(last_step), labelOverlap="greedy", format=",d", grid=False, title="step (symlog)")
    # The largest value is labelled, and so is the dashed bound.
    decades = [0.0] + [one * 10**power for power in range(9) if one * 10**power <= max(0.6 * top, 10 * one)]
    decades += [top] if top > 1.6 * decades[-1] else []
    y = alt.Y(
        "value:Q",
        scale=alt.Scale(type="symlog", constant=one, domain=[0, 1.3 * max(top, 10 * one)], nice=False),
        axis=alt.Axis(title=f"L∞, {short} (symlog)", minExtent=58, values=decades, labelExpr=_LABEL),
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
    kept = thinned(np.log1p(table["step"].to_numpy(np.float64)), values)
    return pd.DataFrame({"step": table["step"].to_numpy()[kept], "value": values[kept]})
