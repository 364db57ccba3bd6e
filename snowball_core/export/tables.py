"""The named tables of a run: each a DataFrame, and as CSV, Parquet or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.extent import known_cells
from ..measures.identity_levels import levels
from ..measures.pair_distances import pair_statistics
from ..tables.at_step import tokens_at
from ..tables.census import csv_bytes, distance_matrix, glyph, parquet_bytes
from ..tables.lineage import edge_table, event_rows, event_table, node_table
from ..tables.measures import (
    axes_table,
    basis_of_run,
    biographies_table,
    closeness_table,
    distance_table,
    freezing_table,
    hole_table,
    level_table,
)
from ..tables.per_step import CENSUS_COLUMNS, EXTENT_COLUMNS, MOTION_COLUMNS, token_motion
from ..tables.verdict import law_rows, verdict_of
from ..tables.verdict_rows import law_table, verdict_table
from .view_data import Exhibit

MOST_PAIRED = 1_024


@dataclass(frozen=True)
class Sheet:
    """A named table: what it holds, and how it is made of an exhibit."""

    what: str
    make: Callable[[Exhibit], pd.DataFrame]


def token_motion_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per token, with its glyph: first and last move, path and net displacement."""
    table = token_motion(shown.seen)
    table.insert(1, "glyph", [glyph(int(token)) for token in table["token"]])
    return table


def token_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per token of the group at the step: its hole, its hidden class in it, and how far it came."""
    return tokens_at(shown.seen, shown.seen.index(shown.view.step), shown.view.group)


def distance_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per measure of distance, over unordered pairs of the group's tokens at the step."""
    return distance_table(pair_statistics(shown.rows), shown.view.step, shown.view.group)


def closeness_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row: who is near whom at the step, and whether the group is compact."""
    return closeness_table(pair_statistics(shown.rows), shown.view.step, shown.view.group)


def axes_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per recorded step: what the basis of the whole run shows of the group's variance, and what it misses."""
    return axes_table(shown.seen, basis_of_run(shown.seen, shown.view.group), shown.view.group)


def pair_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per unordered pair of the group's tokens at the step: L∞ in weight units and in cells; none with a NaN.

    Raises
    ------
    HistoryError
        If the group has more than :data:`MOST_PAIRED` tokens.
    """
    ids = np.flatnonzero(shown.mask)
    if len(ids) > MOST_PAIRED:
        raise HistoryError(
            f"a table of all pairs is written for at most {MOST_PAIRED:,} tokens; the group {shown.view.group} has "
            f"{len(ids):,}. "
            'Choose a smaller group, or take the table "distances": its statistics are over all pairs.'
        )
    first, second = np.triu_indices(len(ids), 1)
    weight, cells = (distance_matrix(shown.rows, unit)[first, second] for unit in ("weight", "cells"))
    columns = {"token": ids[first], "other": ids[second]}
    return pd.DataFrame({**columns, "linf_weight": weight, "linf_cells": known_cells(np.nan_to_num(cells), weight)})


SHEETS = {
    "summary": Sheet("every measure of every recorded step and group, with loss and rate", lambda shown: shown.summary),
    "census": Sheet(
        "U, C, P, S, sizes and levels of identity, per recorded step and group", lambda shown: shown.summary[[*CENSUS_COLUMNS]]
    ),
    "extents": Sheet(
        "how far apart, how wide and where, per recorded step and group", lambda shown: shown.summary[[*EXTENT_COLUMNS]]
    ),
    "motion": Sheet(
        "who moved, in which regime, how fast, per recorded step and group", lambda shown: shown.summary[[*MOTION_COLUMNS]]
    ),
    "token-motion": Sheet("first and last move, path and net displacement, per token", token_motion_sheet),
    "freezing": Sheet(
        "when motion ends, by three definitions, per group",
        lambda shown: freezing_table(shown.seen, shown.summary, shown.seen.groups),
    ),
    "axes": Sheet("how much the principal axes of the run show of each step, and miss", axes_sheet),
    "events": Sheet(
        "what happened to the group's black holes, with causes",
        lambda shown: event_table(event_rows(shown.lineage, shown.seen.steps)),
    ),
    "nodes": Sheet(
        "black holes and the steps they lived through", lambda shown: node_table(shown.lineage.tree, shown.seen.steps)
    ),
    "edges": Sheet("which hole became which", lambda shown: edge_table(shown.lineage.tree, shown.seen.steps)),
    "biographies": Sheet("the black holes each token was in", lambda shown: biographies_table(shown.lineage, shown.seen)),
    "tokens": Sheet("the group's tokens at the step, and the hole and hidden class each is in", token_sheet),
    "holes": Sheet(
        "the group's black holes at the step, true or apparent",
        lambda shown: hole_table(shown.seen, shown.view.step, [shown.view.group]),
    ),
    "levels": Sheet(
        "the group's vectors at four levels of identity at the step",
        lambda shown: level_table(shown.view.step, {shown.view.group: levels(shown.rows)}),
    ),
    "distances": Sheet("pairwise distances at the step: statistics of seven measures", distance_sheet),
    "closeness": Sheet("who is near whom at the step, and whether the group is compact", closeness_sheet),
    "pairs": Sheet("pairwise L∞ at the step, every pair", pair_sheet),
    "verdict": Sheet(
        "the experiment's criteria, in the seed's form and corrected",
        lambda shown: verdict_table(verdict_of(shown.seen, shown.view.group)),
    ),
    "laws": Sheet(
        "the laws that must hold, and every violation by step", lambda shown: law_table(law_rows(shown.seen), shown.lost)
    ),
}
PER_STEP = ("tokens", "holes", "levels", "distances", "closeness", "pairs")


def json_bytes(table: pd.DataFrame) -> bytes:
    """The table as JSON: an array of objects, a row a line; missing and NaN are null, infinities text; no digit is lost.

    Examples
    --------
    >>> json_bytes(pd.DataFrame({"step": [0, 1], "loss": [float("nan"), 0.1]})).decode().splitlines()
    ['[', '{"step": 0, "loss": null},', '{"step": 1, "loss": 0.1}', ']']
    """
    columns = {str(name): table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}
    lines = [
        json.dumps(dict(zip(columns, map(_sayable, row), strict=True)), ensure_ascii=False)
        for row in zip(*columns.values(), strict=True)
    ]
    return ("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n").encode()


def _sayable(cell: Any) -> Any:
    """A number as JSON can say it: infinities have no number there."""
    if hasattr(cell, "item"):
        cell = cell.item()
    return cell if not isinstance(cell, float) or math.isfinite(cell) else str(cell)


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": csv_bytes, "parquet": parquet_bytes, "json": json_bytes}
