"""What a picture of several runs on one axis draws: their lines, bands, ends, and every run's value at a place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.alignment import Entrant, held, places
from ..measures.bf16 import Floats
from .step_axis import StepAxis

MOST_POINTS = 400
_MOST_PLACES = 400
_WIDTH, _HEIGHT = 640, 240
_LETTER = 15
_MOST_LETTERS = 6


@dataclass(frozen=True)
class Along:
    """How runs lie along an axis: one of ``alignment.ALIGNMENTS``; of steps the axis that all pages share."""

    align: str
    axis: StepAxis | None = None
    is_symlog: bool = True

    def places(self, entrant: Entrant) -> Floats | None:
        """The axis's coordinate of each of a run's steps; None where it has no place there."""
        x = places(entrant, self.align)
        return x if x is None or self.axis is None else self.axis.place(x)

    def drawn(self, x: Floats) -> Floats:
        """The same on a linear scale: where coordinates are drawn."""
        is_symlog = self.axis.kind == "symlog" if self.axis else self.is_symlog
        return np.sign(x) * np.log1p(np.abs(x)) if is_symlog else x


@dataclass(frozen=True)
class Called:
    """What runs are called in a picture: each run's letter, and the group whose colour it has, by the run's id."""

    letters: Mapping[str, str]
    groups: Mapping[str, str]


def thinned(drawn: Floats, values: Floats) -> npt.NDArray[np.intp]:
    """Which points of a curve to draw: every change of its value and its ends, at most :data:`MOST_POINTS`.

    Where there are more changes, points that lie evenly on the axis as it is ``drawn``.
    """
    if not len(drawn):
        return np.zeros(0, np.intp)
    changed = np.ones(len(drawn), np.bool_)
    same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    changed[1:-1] = ~same[: len(drawn) - 2]
    kept = np.flatnonzero(changed)
    if len(kept) <= MOST_POINTS:
        return kept
    evenly = np.searchsorted(drawn, np.linspace(drawn[0], drawn[-1], MOST_POINTS))
    return np.unique(np.minimum(evenly, len(drawn) - 1))


def known(entrant: Entrant, measure: str, along: Along) -> tuple[Floats, Floats, Floats] | None:
    """Steps, places and values of a run wherever both are finite; None where there are none."""
    x = along.places(entrant)
    if x is None or measure not in entrant.table:
        return None
    values = entrant.table[measure].to_numpy(np.float64)
    # An infinite value would leave the axis without ends.
    finite = np.isfinite(x) & np.isfinite(values)
    return (entrant.table["step"].to_numpy(np.float64)[finite], x[finite], values[finite]) if finite.any() else None


def lines_data(entrants: Sequence[Entrant], called: Called, measure: str, along: Along) -> tuple[pd.DataFrame, bool]:
    """The curves of a measure, columns ``run``, ``group``, ``step``, ``x``, ``value``; and whether any of them is thinned."""
    tables, is_thinned = [], False
    for entrant in entrants:
        if (curve := known(entrant, measure, along)) is None:
            continue
        steps, x, values = curve
        kept = thinned(along.drawn(x), values)
        is_thinned = is_thinned or len(kept) == MOST_POINTS
        facts = {"run": called.letters[entrant.id], "group": called.groups[entrant.id]}
        tables.append(pd.DataFrame({**facts, "step": steps[kept], "x": x[kept], "value": values[kept]}))
    empty = pd.DataFrame({name: [] for name in ("run", "group", "step", "x", "value")})
    return (pd.concat(tables, ignore_index=True) if tables else empty), is_thinned


def strengths(lines: pd.DataFrame, banded: Collection[str], marked: str | None) -> pd.DataFrame:
    """Lines with ``width`` in pixels and ``strength``: thin in a group that has a band; a marked run wide, the others pale."""
    is_one_of_many, is_marked = lines["group"].isin(banded), lines["run"] == (marked or "")
    width = np.where(is_marked, 4.0, np.where(is_one_of_many, 1.4, 2.4))
    strength = np.where(is_marked, 1.0, np.where(is_one_of_many, 0.7, 1.0) * (0.4 if is_marked.any() else 1.0))
    return lines.assign(width=width, strength=strength)


def bands_data(ribbons: pd.DataFrame, groups: Mapping[str, str], along: Along) -> pd.DataFrame:
    """Bands placed on the axis and thinned where none of their values changes; ``group`` is that of their setting."""
    parts = []
    for setting, part in ribbons.groupby("setting", sort=False):
        corners = part[["low", "median", "high"]].to_numpy() @ np.array([1.0, np.pi, np.e])  # changes when one of them does
        x = part["x"].to_numpy(np.float64)
        placed = x if along.axis is None else along.axis.place(x)
        kept = thinned(along.drawn(placed), corners)
        parts.append(part.assign(x=placed, group=groups[str(setting)]).iloc[kept])
    return pd.concat(parts, ignore_index=True) if parts else ribbons.assign(group=ribbons["setting"])


def ends_data(lines: pd.DataFrame, along: Along, low: float, high: float, is_counted: bool) -> pd.DataFrame:
    """The last point of every line with its letter; letters that would lie over each other stand side by side.

    Columns ``run``, ``group``, ``x``, ``value``, ``text`` and ``shift`` in pixels.
    """
    ends = lines.groupby("run", sort=False).tail(1)[["run", "group", "x", "value"]].reset_index(drop=True)
    ends_of_axis = along.drawn(np.array([low, high]))
    values = np.log1p(ends["value"].to_numpy(np.float64)) if is_counted else ends["value"].to_numpy(np.float64)
    every = np.log1p(lines["value"].to_numpy(np.float64)) if is_counted else lines["value"].to_numpy(np.float64)
    span = (float(every.max()) - float(every.min())) or 1.0
    across = along.drawn(ends["x"].to_numpy(np.float64)) * _WIDTH / float(ends_of_axis[1] - ends_of_axis[0] or 1.0)
    up = values * _HEIGHT / span
    text, shift = [], []
    for number, letter in enumerate(ends["run"]):
        near = (np.abs(across[:number] - across[number]) < 2 * _LETTER) & (np.abs(up[:number] - up[number]) < _LETTER)
        before = int(near.sum())
        text.append(letter if before < _MOST_LETTERS else "…" if before == _MOST_LETTERS else "")
        shift.append(3 + _LETTER * before)
    return ends.assign(text=text, shift=shift)


def moments_data(entrants: Sequence[Entrant], called: Called, measure: str, along: Along, first: str | None) -> pd.DataFrame:
    """Every run's value at places spread evenly over the axis as it is drawn, for a crosshair.

    Columns ``x``, ``step`` (where events are aligned that of the run ``first``, or of the first one with a place), ``place`` in
    words, and one for each run by its letter: its value held from its last recorded step, as text; empty beyond its ends.
    """
    curves = {each.id: curve for each in entrants if (curve := known(each, measure, along)) is not None}
    if not curves:
        return pd.DataFrame({"x": [], "step": [], "place": []})
    every, firsts = np.unique(np.concatenate([x for _, x, _ in curves.values()]), return_index=True)
    drawn = along.drawn(every)
    wanted = np.searchsorted(drawn, np.linspace(drawn[0], drawn[-1], _MOST_PLACES))
    kept = np.arange(len(every)) if len(every) <= _MOST_PLACES else np.unique(wanted.clip(0, len(every) - 1))
    grid = every[kept]
    if along.align == "step":
        at = np.concatenate([steps for steps, _, _ in curves.values()])[firsts][kept]
    else:
        steps, x, _ = curves[first if first in curves else next(iter(curves))]
        at = steps[np.clip(np.searchsorted(x, grid, side="right") - 1, 0, len(x) - 1)]
    raw = at if along.align == "step" else grid
    columns = {called.letters[run]: _texts(held(x, values, grid)) for run, (_, x, values) in curves.items()}
    return pd.DataFrame({"x": grid, "step": at.astype(np.int64), "place": [f"{number:,.6g}" for number in raw], **columns})


def _texts(values: Floats) -> list[str]:
    return ["" if value != value else f"{int(value):,}" if value == int(value) else f"{value:.4g}" for value in values]
