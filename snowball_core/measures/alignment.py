"""Several runs on one axis: aligned by step, by an event or by the rates spent; medians and ranges over draws; what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import HistoryError
from .bf16 import Floats, Integers

FEWEST, MOST = 2, 32
SPENT = "learning_rate_sum"
ALIGNMENTS = {
    "step": "steps since the start",
    "first-merger": "steps since the first recorded step at which U fell: some tokens had become one vector",
    "last-change": "steps since the last recorded step at which the black holes changed in number or size",
    "rates": "sum of the learning rates of all steps so far",
}
EVENTS = ("first-merger", "last-change")


@dataclass(frozen=True)
class Entrant:
    """One run of a comparison: a group's measures by ``step``, ascending, and the step of each of :data:`EVENTS`, if any.

    Runs that differ only in seed have one ``setting``; runs that are one draw have one ``draw``.
    """

    id: str
    setting: str
    draw: int
    table: pd.DataFrame
    anchors: Mapping[str, int | None]


def anchors(table: pd.DataFrame) -> dict[str, int | None]:
    """The steps by which runs are aligned, from the columns ``step``, ``unique`` and ``sizes``; None where nothing happened.

    Examples
    --------
    >>> anchors(pd.DataFrame({"step": [0, 5, 6, 9], "unique": [3, 2, 3, 3], "sizes": ["", "2", "", ""]}))
    {'first-merger': 5, 'last-change': 6}
    """
    fell = table["unique"].diff() < 0
    changed = (table["unique"] != table["unique"].shift()) | (table["sizes"] != table["sizes"].shift())
    changed.iloc[:1] = False
    return {
        "first-merger": int(table.loc[fell, "step"].iloc[0]) if fell.any() else None,
        "last-change": int(table.loc[changed, "step"].iloc[-1]) if changed.any() else None,
    }


def spent(steps: Integers, rates: tuple[Floats, Floats] | None) -> Floats:
    """The sum of the learning rates up to each of some steps; NaN beyond the last step with a known rate.

    Examples
    --------
    >>> spent(np.array([0, 2, 9]), (np.array([1.0, 2.0]), np.array([0.5, 0.25]))).tolist()
    [0.0, 0.75, nan]
    """
    if rates is None:
        return np.full(len(steps), np.nan)
    reached = np.concatenate([[0.0], np.cumsum(rates[1])])
    last = rates[0][-1] if len(rates[0]) else 0
    return np.where(steps <= last, reached[np.searchsorted(rates[0], steps, side="right")], np.nan)


def places(entrant: Entrant, align: str) -> Floats | None:
    """Where each of a run's steps lies on the axis; None where it has no such event, no known rates, or no finite step."""
    if align not in ALIGNMENTS:
        raise HistoryError(f'runs are aligned by {", ".join(ALIGNMENTS)}; got "{align}".')
    steps: Floats = entrant.table["step"].to_numpy(np.float64)
    if not len(steps):
        return None
    if align == "step":
        return steps
    if align == "rates":
        sums: Floats = entrant.table[SPENT].to_numpy(np.float64)
        return None if np.isnan(sums).all() else sums
    anchor = entrant.anchors[align]
    return None if anchor is None else steps - anchor


def why_missing(align: str) -> str:
    """Why a run has no place on an axis, in words."""
    if align == "rates":
        return "Their learning rates are not known."
    return f"In them there was no {align.replace('-', ' ')} in this group, by the definition: {ALIGNMENTS[align]}."


def held(x: Floats, values: Floats, grid: Floats) -> Floats:
    """A run's last recorded value at each place of a grid; NaN before its first place and beyond its last.

    Examples
    --------
    >>> held(np.array([1.0, 3.0]), np.array([7.0, 8.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])).tolist()
    [nan, 7.0, 7.0, 8.0, nan]
    """
    at = np.searchsorted(x, grid, side="right") - 1
    inside = (at >= 0) & (grid <= (x[-1] if len(x) else -np.inf))
    result = np.full(len(grid), np.nan)
    result[inside] = values[at[inside]]
    return result


def ribbon(curves: Sequence[tuple[Floats, Floats]]) -> pd.DataFrame:
    """Median and range of several runs' values, wherever one of them has a recorded place and at least two have a number.

    Between its recorded places a run's last value is held, also where it is no number: a gap is not bridged. A curve is a pair
    of ascending places and values, one for each draw. Columns ``x``, ``low``, ``median``, ``high`` (float64) and ``draws``, how
    many have a value there.
    """
    grid = np.unique(np.concatenate([x[~np.isnan(x)] for x, _ in curves])) if curves else np.zeros(0)
    known = [(x[~np.isnan(x)], values[~np.isnan(x)]) for x, values in curves]
    values = np.array([held(x, each, grid) for x, each in known]).reshape(len(curves), len(grid))
    count = (~np.isnan(values)).sum(axis=0)
    several = count >= FEWEST
    chosen = values[:, several]
    return pd.DataFrame(
        {
            "x": grid[several],
            "low": np.nanmin(chosen, axis=0) if several.any() else np.zeros(0),
            "median": np.nanmedian(chosen, axis=0) if several.any() else np.zeros(0),
            "high": np.nanmax(chosen, axis=0) if several.any() else np.zeros(0),
            "draws": count[several],
        }
    )


def ribbons(entrants: Sequence[Entrant], measure: str, align: str) -> pd.DataFrame:
    """The :func:`ribbon` of every ``setting`` with at least two draws; a draw that was recorded twice counts once."""
    tables = []
    for setting in dict.fromkeys(entrant.setting for entrant in entrants):
        curves = [
            (x, each.table[measure].to_numpy(np.float64))
            for each in one_per_draw([each for each in entrants if each.setting == setting])
            if measure in each.table and (x := places(each, align)) is not None
        ]
        if len(curves) >= FEWEST:
            tables.append(ribbon(curves).assign(setting=setting))
    columns = ["setting", "x", "low", "median", "high", "draws"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame({name: [] for name in columns})


def one_per_draw(entrants: Sequence[Entrant]) -> list[Entrant]:
    """One run for each draw: of twins the one with most recorded steps, ties by order."""
    longest: dict[int, Entrant] = {}
    for entrant in entrants:
        if entrant.draw not in longest or len(entrant.table) > len(longest[entrant.draw].table):
            longest[entrant.draw] = entrant
    return list(longest.values())


def overlay(entrants: Sequence[Entrant], measures: Sequence[str], align: str) -> pd.DataFrame:
    """Every recorded step of every run with its place on the axis: columns run, setting, draw, step, ``x``, the measures.

    A run without a place on the axis is left out.
    """
    tables = []
    for entrant in entrants:
        x = places(entrant, align)
        if x is not None:
            numbers = {name: entrant.table.get(name, np.nan) for name in measures}
            facts = {"run": entrant.id, "setting": entrant.setting, "draw": entrant.draw, "step": entrant.table["step"]}
            tables.append(pd.DataFrame({**facts, "x": x, **numbers}))
    columns = ["run", "setting", "draw", "step", "x", *measures]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({name: [] for name in columns})


def differing_fields(configurations: Mapping[str, Mapping[str, Any] | None]) -> pd.DataFrame:
    """The fields in which configurations differ, a row each: column ``field``, and one for each configuration.

    Values are text; a field that a configuration lacks, and every field of an unknown configuration, is "unknown".

    Examples
    --------
    >>> differing_fields({"a": {"seed": 1, "clip": 1.0}, "b": {"seed": 2, "clip": 1.0}}).values.tolist()
    [['seed', '1', '2']]
    """
    names = dict.fromkeys(name for fields in configurations.values() for name in fields or ())
    values = {run: [_told(fields, name) for name in names] for run, fields in configurations.items()}
    table = pd.DataFrame({"field": list(names), **values})
    return table[table[list(values)].nunique(axis=1) > 1].reset_index(drop=True)


def _told(fields: Mapping[str, Any] | None, name: str) -> str:
    return str(fields[name]) if fields is not None and name in fields else "unknown"
