"""One step of a group from close by: its tokens, its black holes, the distances between them, what happened near it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Words, finite_rows, nan_rows, ordinal
from ..measures.census import hidden_leaders
from ..measures.distances import Spread
from ..measures.identity import leaders
from ..measures.pair_distances import pair_statistics
from ..memory import release
from ..store.history import History
from .census import group_table, holes_of
from .lineage import Account, event_rows

_NEAR = 5
_SIZES = 6


def tokens_at(history: History, index: int, group: str) -> pd.DataFrame:
    """The :func:`~snowball_core.tables.census.group_table` of one snapshot with two more columns.

    ``hidden_class`` numbers the hidden classes inside each hole, the most populous first; empty for singletons and where
    moments were not recorded. ``moved_cells`` is the L∞ displacement since the snapshot before, empty for the first.

    Parameters
    ----------
    history : History
        Where the dead are not known every token's group is "unknown".
    index : int
        The snapshot's number.
    group : {"all", "dead", "live"}
    """
    mask = history.mask(group)
    dead = history.dead if history.dead is not None else np.zeros(len(mask), np.bool_)
    rows = history.rows(int(history.steps[index]), group)
    table = group_table(rows, dead, mask)
    if history.dead is None:
        table["group"] = "unknown"
    table["hidden_class"] = _hidden_class(history, index, rows, mask, table["hole"].to_numpy())
    moved: Any = [pd.NA] * len(table)
    if index:
        moved = _moved_cells(history.words[index - 1][mask], rows)
    table["moved_cells"] = pd.array(moved, "Int64")
    # Every step touches other pages of the files: without this they would all add up while a visitor scrubs.
    release(history.words)
    release(history.moment_hash)
    return table


def _moved_cells(before: Words, now: Words) -> npt.NDArray[np.int64]:
    moved: npt.NDArray[np.int64] = np.abs(ordinal(now).astype(np.int64) - ordinal(before)).max(axis=1, initial=0)
    return moved


def _hidden_class(history: History, index: int, rows: Words, mask: npt.NDArray[np.bool_], hole: npt.NDArray[np.int64]) -> Any:
    number: list[Any] = [pd.NA] * len(hole)
    if history.moment_hash is not None:
        hidden = hidden_leaders(leaders(rows[None]), history.moment_hash[index][mask][None])[0]
        order = np.argsort(hole, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(hole[order])) + 1):
            if not len(members) or not hole[members[0]]:
                continue
            first, inverse, sizes = np.unique(hidden[members], return_inverse=True, return_counts=True)
            rank = np.empty(len(first), np.int64)
            rank[np.lexsort((first, -sizes))] = np.arange(1, len(first) + 1)
            for member, place in zip(members.tolist(), rank[inverse].tolist(), strict=True):
                number[member] = place
    return pd.array(number, "Int64")


def holes_at(tokens: pd.DataFrame, rows: Words | None = None) -> pd.DataFrame:
    """The ``census.holes_of`` a table of :func:`tokens_at`, each with its nature and its hidden classes.

    The nature is "true", "apparent" or "not recorded"; "NaN" or "infinite" where the tokens share a row that is not finite:
    they have equal bits, and are no black hole.

    Parameters
    ----------
    tokens : DataFrame
    rows : Words, shape (tokens, hidden), optional
        The rows of the same tokens; without them all are taken for finite.
    """
    table = holes_of(tokens)
    counted = tokens.dropna(subset="hidden_class").groupby(["hole", "hidden_class"]).size().groupby("hole").apply(list)
    sizes = [counted.get(hole, []) for hole in table["hole"]]
    odd = [""] * len(table)
    if rows is not None and not finite_rows(rows).all():
        kind = np.where(nan_rows(rows), "NaN", np.where(finite_rows(rows), "", "infinite"))
        odd = [str(kind[(tokens["hole"] == hole).to_numpy().argmax()]) for hole in table["hole"]]
    known = ["not recorded" if not each else "true" if len(each) == 1 else "apparent" for each in sizes]
    table.insert(2, "nature", [named or nature for named, nature in zip(odd, known, strict=True)])
    table.insert(3, "hidden_classes", [" + ".join(map(str, each)) for each in sizes])
    return table


def distances_at(rows: Words) -> tuple[pd.DataFrame, dict[str, float]]:
    """Statistics over all pairs of tokens, a row per metric and unit, and shares of pairs within one and two cells.

    Raises
    ------
    HistoryError
        If there are too many distinct rows; the message says what it would cost.
    """
    found = pair_statistics(rows)
    listed: list[tuple[str, str, Spread]] = [
        ("L∞", "cells", found.cells),
        ("L∞", "weight units", found.linf),
        ("L1", "cells", found.l1_cells),
        ("L1", "weight units", found.l1),
        ("L2", "cells", found.l2_cells),
        ("L2", "weight units", found.l2),
        ("Hamming", "components", found.hamming),
    ]
    table = pd.DataFrame(
        [(metric, unit, each.min, each.median, each.mean, each.max) for metric, unit, each in listed],
        columns=["distance", "unit", "min", "median", "mean", "max"],
    )
    return table, {"adjacent": found.adjacent, "touching": found.touching}


def events_near(told: Account, steps: npt.NDArray[np.int64], step: int, most: int = _NEAR) -> pd.DataFrame:
    """The events next to a step: at most so many at or before it and so many after, in the order of steps.

    Columns ``step``, ``after`` (the recorded step before), ``what``, ``from`` and ``to`` (populations), ``cause``.
    """
    rows = [row for row in event_rows(told, steps) if row["previous_step"] is not None]
    until = [row for row in rows if row["step"] <= step][-most:]
    since = [row for row in rows if row["step"] > step][:most]
    return pd.DataFrame(
        [(row["step"], row["previous_step"], row["kind"], *_sides(row), row["cause"]) for row in [*until, *since]],
        columns=["step", "after", "what", "from", "to", "cause"],
    )


def _sides(row: dict[str, Any]) -> tuple[str, str]:
    """Populations before and after an event; tokens that were or are alone are counted as single."""
    single = f"{len(row['tokens'])} single"
    before, after = _sizes(row["parents"]), _sizes(row["children"])
    if row["kind"] in ("formation", "absorption"):
        before = f"{before} and {single}" if before else single
    if row["kind"] in ("emission", "evaporation"):
        after = f"{after} and {single}" if after else single
    return before, after


def _sizes(holes: list[list[int]]) -> str:
    sizes = sorted((len(hole) for hole in holes), reverse=True)
    return " + ".join(map(str, sizes[:_SIZES])) + (" + …" if len(sizes) > _SIZES else "")
