"""One step of a group from close by: its tokens, its black holes, the distances between them, what happened near it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..measures.bf16 import Integers, Truths, Words, finite_rows, nan_rows, ordinal
from ..measures.census import census, classes_inside, hidden_leaders
from ..measures.distances import PairStatistics, largest, pair_statistics
from ..measures.identity import classes, leaders, numbered, populations
from ..measures.identity_levels import Levels
from ..measures.verdict import seed_criterion
from ..store.history import History
from .lineage import Account, event_rows
from .per_step import COUNTED
from .text import glyph

_NEAR = 5
_SIZES = 6
UNITS = {
    "linf": "weight units",
    "cells": "cells",
    "l1": "weight units",
    "l1_cells": "cells",
    "l2": "weight units",
    "l2_cells": "cells",
    "hamming": "components",
}
METRIC_NAMES = {"cells": "L∞", "linf": "L∞", "l1_cells": "L1", "l1": "L1", "l2_cells": "L2", "l2": "L2", "hamming": "Hamming"}
_ENDS = ("min", "median", "mean", "max")


def token_table(words: Words, dead: Truths) -> pd.DataFrame:
    """One row per token of one matrix: its glyph, group, and the black hole it is in.

    ``hole`` ranks black holes by population (1 is the largest, ties by smallest token), 0 for a singleton. ``vector`` numbers
    the distinct rows by their first token.
    """
    label = classes(words)
    sizes = populations(label)
    tokens = np.arange(len(words))
    return pd.DataFrame(
        {
            "token": tokens,
            "glyph": [glyph(int(token)) for token in tokens],
            "group": np.where(dead, "dead", "live"),
            "vector": label,
            "hole": np.where(sizes[label] > 1, numbered(label) + 1, 0),
            "population": sizes[label],
        }
    )


def group_table(rows: Words, dead: Truths | None, mask: Truths) -> pd.DataFrame:
    """The :func:`token_table` of a group's rows with the tokens' own ids and glyphs; of group "unknown" where the dead are."""
    ids = np.flatnonzero(mask)
    table = token_table(rows, np.zeros(len(ids), np.bool_) if dead is None else dead[mask])
    table = table.assign(token=ids, glyph=[glyph(int(token)) for token in ids])
    return table.assign(group="unknown") if dead is None else table


def tokens_at(history: History, index: int, group: str) -> pd.DataFrame:
    """The :func:`group_table` of one snapshot with two more columns.

    ``hidden_class`` numbers the hidden classes inside each hole, the most populous first; empty for singletons and where
    moments were not recorded. ``moved_cells`` is the L∞ displacement since the snapshot before, empty for the first.
    """
    mask, rows = history.mask(group), history.rows(int(history.steps[index]), group)
    table = group_table(rows, history.dead, mask)
    table["hidden_class"] = _hidden_class(history, index, rows, mask, table["hole"].to_numpy(np.int64))
    moved: Any = [pd.NA] * len(table)
    if index:
        before = ordinal(history.words[index - 1][mask])
        moved = np.abs(ordinal(rows).astype(np.int64) - before).max(axis=1, initial=0)
    table["moved_cells"] = pd.array(moved, "Int64")
    return table


def _hidden_class(history: History, index: int, rows: Words, mask: Truths, hole: Integers) -> Any:
    number: list[Any] = [pd.NA] * len(hole)
    if history.moment_hash is not None:
        hidden = hidden_leaders(leaders(rows[None]), history.moment_hash[index][mask][None])[0]
        for rank in range(1, int(hole.max(initial=0)) + 1):
            members = np.flatnonzero(hole == rank)
            for member, place in zip(members.tolist(), classes_inside(hidden[members])[0].tolist(), strict=True):
                number[member] = place + 1
    return pd.array(number, "Int64")


def hole_rows(tokens: pd.DataFrame, rows: Words | None = None) -> list[dict[str, Any]]:
    """The black holes of a table of :func:`tokens_at`, largest first, each with its nature, its hidden classes and its tokens.

    The nature is "true", "apparent" or "not recorded"; "NaN" or "infinite" where the tokens share one of the ``rows``, the rows
    of the same tokens, that is not finite: they have equal bits, and are no black hole.
    """
    finite = np.ones(len(tokens), np.bool_) if rows is None else finite_rows(rows)
    holes = []
    for hole, part in tokens[tokens["hole"] > 0].groupby("hole"):
        known = part["hidden_class"].dropna() if "hidden_class" in part else part["hole"].head(0)
        sizes = np.bincount(known.to_numpy(np.int64))[1:].tolist()
        nature = "not recorded" if not sizes else "true" if len(sizes) == 1 else "apparent"
        first = tokens.index.get_indexer(part.index[:1])
        if rows is not None and not finite[first[0]]:
            nature = "NaN" if nan_rows(rows[first])[0] else "infinite"
        named = {"tokens": part["token"].tolist(), "glyphs": part["glyph"].tolist()}
        holes.append({"hole": hole, "population": len(part), "nature": nature, "hidden_classes": sizes, **named})
    return holes


def holes_at(tokens: pd.DataFrame, rows: Words | None = None) -> pd.DataFrame:
    """The :func:`hole_rows` as a table, one row each: tokens and glyphs separated by spaces, hidden classes by ``+``."""
    holes = hole_rows(tokens, rows)
    numbers = {name: np.array([hole[name] for hole in holes], np.int64) for name in ("hole", "population")}
    signs = {"hidden_classes": " + ", "tokens": " ", "glyphs": " "}
    texts = {name: [sign.join(map(str, hole[name])) for hole in holes] for name, sign in signs.items()}
    return pd.DataFrame({**numbers, "nature": [hole["nature"] for hole in holes], **texts})


def hole_table(history: History, step: int, groups: Sequence[str]) -> pd.DataFrame:
    """The :func:`holes_at` a step of each group.

    Tokens that share a row with a NaN or an infinity are listed too, and named so.
    """
    tables = []
    for group in groups:
        table = holes_at(tokens_at(history, history.index(step), group), history.rows(step, group))
        table.insert(0, "step", np.full(len(table), step))
        table.insert(1, "group", np.full(len(table), group, object))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def exact_numbers(rows: Words) -> dict[str, Any]:
    """The census of a group's rows at one step and their farthest pair, L∞ in weight units and in cells: NaN with a NaN."""
    counts = census(rows)
    weight, cells = largest(rows[None], np.ones(len(rows), np.bool_))
    numbers = {name: getattr(counts, name) for name in COUNTED}
    known = not np.isnan(weight[0])
    return {**numbers, "linf_weight": float(weight[0]), "linf_cells": int(cells[0]) if known else float("nan")}


def level_table(step: int, levels: Mapping[str, Levels]) -> pd.DataFrame:
    """One row per group at a step: its vectors at four levels of identity, and a warning where they differ."""
    rows = [asdict(each) | {"warnings": " ".join(each.warnings)} for each in levels.values()]
    return pd.DataFrame([{"step": step, "group": group, **row} for group, row in zip(levels, rows, strict=True)]).astype(
        {"within_a_cell": "Int64"}
    )


def distance_table(statistics: PairStatistics, step: int, group: str) -> pd.DataFrame:
    """One row per measure of distance: its statistics over unordered pairs of the group's tokens at a step."""
    known = asdict(statistics)
    rows = [{"measure": name, "unit": unit, **known[name]} for name, unit in UNITS.items()]
    return pd.DataFrame([{"step": step, "group": group, **row} for row in rows])


def closeness_table(statistics: PairStatistics, step: int, group: str) -> pd.DataFrame:
    """One row: near tokens at a step, and whether the group is compact by the original criterion and in cells."""
    names = ("pairs", "pairs_in_holes", "adjacent", "touching", "components", "largest_component", "active_dimensions")
    criterion = seed_criterion(statistics.linf.max, statistics.cells.max)
    compact = {f"compact_in_{unit}": criterion[key]["holds"] for unit, key in (("epsilon", "seed"), ("cells", "cells"))}
    largest = {"largest_linf_weight": statistics.linf.max, "largest_linf_cells": statistics.cells.max}
    near = {name: getattr(statistics, name) for name in names}
    table = pd.DataFrame([{"step": step, "group": group, **near, **largest, **compact}])
    return table.astype(dict.fromkeys(compact, "boolean"))


def distances_at(rows: Words) -> tuple[pd.DataFrame, dict[str, float]]:
    """Statistics over all pairs of tokens, a row per metric and unit, and shares of pairs within one and two cells."""
    statistics = pair_statistics(rows)
    rows_of = [
        (metric, UNITS[name], *(getattr(getattr(statistics, name), end) for end in _ENDS))
        for name, metric in METRIC_NAMES.items()
    ]
    table = pd.DataFrame(rows_of, columns=["distance", "unit", *_ENDS])
    return table, {"adjacent": statistics.adjacent, "touching": statistics.touching}


def events_near(lineage: Account, steps: Integers, step: int, most: int = _NEAR) -> pd.DataFrame:
    """The events next to a step: at most so many at or before it and so many after, in the order of steps.

    Columns ``step``, ``after`` (the recorded step before), ``what``, ``from`` and ``to`` (populations), ``cause``.
    """
    rows = [row for row in event_rows(lineage, steps) if row["previous_step"] is not None]
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
