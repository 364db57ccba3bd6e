"""Pictures: constant chart descriptions with named data, and the small tables and images that fill them.

A description (a Vega-Lite object) depends on the run and the group only, never on the step: what moves is sent as data, so a
chart is drawn once and nothing jumps. Axes are fixed for the whole run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.quantities import COUNTS, OF_COLUMN
from .step_axis import StepAxis, ticks
from .theme import ALONE, CURSOR, DEAD, LINES, hole_colour

if TYPE_CHECKING:
    # Imported by the functions that describe a picture: the app's first page is drawn without one, and need not wait for it.
    import altair as alt

COUNT_LINES = {column: (OF_COLUMN[column].label, *LINES[column]) for column in COUNTS}
BAR_AXIS: dict[str, Any] = {"title": None, "ticks": False, "domain": False, "minExtent": 66}
MOST_SLOTS = 8
PICTURE_HEIGHT = 380
_AXIS_PIXELS = 42
_MOST_POINTS = 600
_BESIDE_PIXELS = -3


def _cursor(axis: StepAxis) -> alt.Chart:
    import altair as alt

    place = alt.Chart(alt.NamedData("cursor"))
    rule: alt.Chart = place.mark_rule(color=CURSOR, strokeWidth=2).encode(x=f"{axis.column}:Q")
    return rule


@functools.lru_cache(maxsize=64)
def counts_spec(axis: StepAxis, tokens: int) -> dict[str, Any]:
    """U, C, P and S over the steps as step lines, with a cursor; data sets ``counts`` and ``cursor``."""
    import altair as alt

    names = [name for name, _, _ in COUNT_LINES.values()]
    colour = alt.Scale(domain=names, range=[hue for _, hue, _ in COUNT_LINES.values()])
    dash = alt.Scale(domain=names, range=[dashes for _, _, dashes in COUNT_LINES.values()])
    legend = alt.Legend(orient="top", title=None, labelLimit=300, symbolSize=300, symbolStrokeWidth=2.5)
    y_axis = alt.Axis(values=ticks(tokens), minExtent=_AXIS_PIXELS, maxExtent=_AXIS_PIXELS, title="count (symlog)")
    y_scale = alt.Scale(type="symlog", constant=1, domain=[0, 1.1 * max(1, tokens)], nice=False)
    tips = [alt.Tooltip("step:Q", format=",d"), alt.Tooltip("count:Q", format=",d", title="value")]
    # One recorded step is a point for each count, at the picture's edge.
    marks: dict[str, Any] = {"strokeWidth": 2.2, "clip": axis.last_step > 0, "point": axis.last_step == 0}
    lines = (
        alt.Chart(alt.NamedData("counts"))
        .mark_line(interpolate="step-after", yOffset=alt.ExprRef("datum.offset"), **marks)
        .encode(
            x=axis.x(axis.title, axis.column),
            y=alt.Y("count:Q", scale=y_scale, axis=y_axis),
            color=alt.Color("name:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("name:N", scale=dash, legend=legend),
            tooltip=[alt.Tooltip("name:N", title="count"), *tips],
        )
    )
    described: dict[str, Any] = (lines + _cursor(axis)).properties(height=250).to_dict()
    return described


def counts_data(measures: pd.DataFrame, group: str) -> pd.DataFrame:
    """The change points of U, C, P and S of one group, and their last values; columns step, name, count, offset (pixels).

    Where U = C the line of C is drawn beside that of U, not over it.
    """
    rows = measures[measures["group"] == group]
    beside = rows["unique"].eq(rows["black_holes"]).mul(_BESIDE_PIXELS)
    parts = []
    for column, (name, _, _) in COUNT_LINES.items():
        offset = beside if column == "black_holes" else 0 * beside
        part = pd.DataFrame({"step": rows["step"], "name": name, "count": rows[column], "offset": offset})
        changed = part[["count", "offset"]].ne(part[["count", "offset"]].shift()).any(axis=1)
        parts.append(part[changed | (part["step"] == part["step"].max())])
    return pd.concat(parts, ignore_index=True)


def loss_spec(axis: StepAxis, height: int) -> dict[str, Any]:
    """The training loss over the steps, with a cursor; data sets ``loss`` and ``cursor``."""
    return _curve_spec(axis, height, "loss", ".4f", False)


def rate_spec(axis: StepAxis, height: int) -> dict[str, Any]:
    """The learning rate over the steps, with a cursor; data sets ``loss`` and ``cursor``."""
    return _curve_spec(axis, height, "learning_rate", ".3~g", True)


@functools.lru_cache(maxsize=64)
def _curve_spec(axis: StepAxis, height: int, column: str, form: str, zero: bool) -> dict[str, Any]:
    import altair as alt

    form_of_ticks, title = ".1~e" if zero else "", column.replace("_", " ")
    y_axis = alt.Axis(minExtent=_AXIS_PIXELS, maxExtent=_AXIS_PIXELS, tickCount=3, format=form_of_ticks, title=title)
    line = (
        alt.Chart(alt.NamedData("loss"))
        .mark_line(color="#6B747D", strokeWidth=1.4, clip=True)
        .encode(
            x=axis.x(axis.title, axis.column),
            y=alt.Y(f"{column}:Q", axis=y_axis, scale=alt.Scale(zero=zero)),
            tooltip=[alt.Tooltip("step:Q", format=",d"), alt.Tooltip(f"{column}:Q", format=form, title=title)],
        )
    )
    described: dict[str, Any] = (line + _cursor(axis)).properties(height=height).to_dict()
    return described


def loss_data(metrics: Mapping[str, npt.NDArray[np.float64]], axis: StepAxis) -> tuple[pd.DataFrame, int]:
    """Loss and learning rate in at most a few hundred points, and how many steps one of them is the mean of at most.

    Where an axis is wide its steps stay apart: those that fall into one place are drawn as their mean.
    """
    steps, columns = metrics["step"], ["step", "loss", "learning_rate"]
    if not len(steps):
        return pd.DataFrame({name: [] for name in columns}), 1
    starts = np.flatnonzero(np.diff(axis.columns(steps, _MOST_POINTS), prepend=-1))
    sizes = np.diff(np.append(starts, len(steps)))
    means = {name: np.add.reduceat(metrics[name], starts) / sizes for name in columns}
    # An infinite loss would leave the axis without ends.
    known = {name: np.where(np.isfinite(each), each, np.nan) for name, each in means.items()}
    return pd.DataFrame(known), int(sizes.max())


@functools.lru_cache(maxsize=64)
def farthest_spec(axis: StepAxis, unit: str, is_empty: bool = False) -> dict[str, Any]:
    """The largest L∞ of a group over the steps; data set ``farthest``; ``is_empty`` where it holds no number."""
    import altair as alt

    upright = alt.Axis(minExtent=42, maxExtent=42, tickCount=4, title=unit, format=",d" if unit == "cells" else ".2~g")
    line = alt.Chart(alt.NamedData("farthest")).mark_line(color=DEAD, interpolate="step-after", strokeWidth=1.8, clip=True)
    drawn = line.encode(
        x=axis.x(axis.title, "step"),
        y=alt.Y("linf:Q", axis=upright, scale=alt.Scale(domain=[0, 1]) if is_empty else alt.Scale(domainMin=0)),
        tooltip=[alt.Tooltip("step:Q", format=",d"), alt.Tooltip("linf:Q", format=".4~g", title=unit)],
    )
    described: dict[str, Any] = drawn.properties(height=160).to_dict()
    return described


def farthest_data(measures: pd.DataFrame, group: str, unit: str) -> pd.DataFrame:
    """The steps at which a group's largest L∞ changed, and the last one; columns step, linf.

    Empty where a row is not finite: there bits have a distance in cells, but numbers have none.

    Examples
    --------
    >>> table = pd.DataFrame({"step": [0, 1, 2, 3], "group": "all", "largest_linf_cells": [4, 4, 2, 2]})
    >>> table["largest_linf_weight"] = [0.4, 0.4, 0.2, 0.2]
    >>> farthest_data(table, "all", "cells")["step"].tolist()
    [0, 2, 3]
    """
    rows = measures[measures["group"] == group]
    linf = pd.to_numeric(rows[f"largest_linf_{unit}"]).astype("float64")
    linf = linf.where(rows["largest_linf_weight"].abs() < float("inf"))
    kept = linf.ne(linf.shift()) | (rows["step"] == rows["step"].max())
    return pd.DataFrame({"step": rows.loc[kept, "step"], "linf": linf[kept]})


@functools.lru_cache(maxsize=64)
def sizes_spec(tokens: int, slots: int) -> dict[str, Any]:
    """Populations of the black holes at one step as bars in fixed places; data set ``sizes``."""
    import altair as alt

    base = alt.Chart(alt.NamedData("sizes")).encode(
        y=alt.Y("place:N", scale=alt.Scale(domain=bar_names(slots)), axis=alt.Axis(**BAR_AXIS)),
        x=alt.X(
            "tokens:Q", scale=alt.Scale(domain=[0, max(1, tokens)], nice=False), axis=alt.Axis(title="tokens", tickCount=5)
        ),
        tooltip=[
            alt.Tooltip("place:N", title="bar"),
            alt.Tooltip("tokens:Q", title="size"),
            alt.Tooltip("who:N", title="tokens"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(color=alt.Color("colour:N", scale=None))
    numbers = base.mark_text(align="left", dx=4, color=ALONE, fontSize=13).encode(text="tokens:Q")
    described: dict[str, Any] = (bars + numbers).properties(height=PICTURE_HEIGHT).to_dict()
    return described


def bar_names(slots: int) -> list[str]:
    """The bars from top to bottom."""
    return [*[f"hole {rank}" for rank in range(1, slots + 1)], "other holes", "single"]


def slots_of(measures: pd.DataFrame, group: str) -> int:
    """How many bars a run needs: the most black holes the group ever has, at most :data:`MOST_SLOTS`."""
    return int(min(MOST_SLOTS, max(1, measures.loc[measures["group"] == group, "black_holes"].max())))


def sizes_data(tokens: pd.DataFrame, slots: int) -> pd.DataFrame:
    """Bars from a token table of one group: the largest holes, the other holes together, the singletons together."""
    rows = [(name, len(part), colour, listed(part["glyph"])) for name, colour, part in bars(tokens, slots)]
    return pd.DataFrame(rows, columns=["place", "tokens", "colour", "who"])


def hue_of(tokens: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The number of each token's colour: its hole's through the run where there is a column ``hue``, else its rank now."""
    hue: npt.NDArray[np.int64] = tokens["hue" if "hue" in tokens else "hole"].to_numpy(np.int64)
    return hue


def bars(tokens: pd.DataFrame, slots: int) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Name, colour and rows of a token table for every bar that is not empty."""
    hue = hue_of(tokens)
    place = np.where(tokens["hole"] > slots, slots + 1, np.where(tokens["hole"] == 0, slots + 2, tokens["hole"]))
    for number, part in tokens.groupby(place):
        rank = int(number)
        own = int(hue[place == rank][0]) if rank <= slots else rank
        yield bar_names(slots)[rank - 1], ALONE if rank == slots + 2 else hole_colour(own), part


def listed(glyphs: Sequence[str] | pd.Series[str], most: int = 40) -> str:
    """The first of some glyphs, and how many more there are."""
    more = f" and {len(glyphs) - most} more" if len(glyphs) > most else ""
    return " ".join(glyphs[:most]) + more
