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
from .view import View

MOST_PAIRED = 1_024


@dataclass(frozen=True)
class Sheet:
    """A named table: what it holds, and how it is made of an exhibit."""

    what: str
    make: Callable[[View], pd.DataFrame]


def token_motion_sheet(view: View) -> pd.DataFrame:
    """One row per token, with its glyph: first and last move, path and net displacement."""
    table = token_motion(view.history)
    table.insert(1, "glyph", [glyph(int(token)) for token in table["token"]])
    return table


def token_sheet(view: View) -> pd.DataFrame:
    """One row per token of the group at the step: its hole, its hidden class in it, and how far it came."""
    return tokens_at(view.history, view.history.index(view.step), view.group)


def distance_sheet(view: View) -> pd.DataFrame:
    """One row per measure of distance, over unordered pairs of the group's tokens at the step."""
    return distance_table(pair_statistics(view.rows), view.step, view.group)


def closeness_sheet(view: View) -> pd.DataFrame:
    """One row: who is near whom at the step, and whether the group is compact."""
    return closeness_table(pair_statistics(view.rows), view.step, view.group)


def axes_sheet(view: View) -> pd.DataFrame:
    """One row per recorded step: what the basis of the whole run shows of the group's variance, and what it misses."""
    return axes_table(view.history, basis_of_run(view.history, view.group), view.group)


def pair_sheet(view: View) -> pd.DataFrame:
    """One row per unordered pair of the group's tokens at the step: L∞ in weight units and in cells; none with a NaN.

    Raises
    ------
    HistoryError
        If the group has more than :data:`MOST_PAIRED` tokens.
    """
    ids = np.flatnonzero(view.mask)
    if len(ids) > MOST_PAIRED:
        raise HistoryError(
            f"a table of all pairs is written for at most {MOST_PAIRED:,} tokens; the group {view.group} has "
            f"{len(ids):,}. "
            'Choose a smaller group, or take the table "distances": its statistics are over all pairs.'
        )
    first, second = np.triu_indices(len(ids), 1)
    weight, cells = (distance_matrix(view.rows, unit)[first, second] for unit in ("weight", "cells"))
    columns = {"token": ids[first], "other": ids[second]}
    return pd.DataFrame({**columns, "linf_weight": weight, "linf_cells": known_cells(np.nan_to_num(cells), weight)})


SHEETS = {
    "summary": Sheet("every measure of every recorded step and group, with loss and rate", lambda view: view.summary),
    "census": Sheet(
        "U, C, P, S, sizes and levels of identity, per recorded step and group", lambda view: view.summary[[*CENSUS_COLUMNS]]
    ),
    "extents": Sheet(
        "how far apart, how wide and where, per recorded step and group", lambda view: view.summary[[*EXTENT_COLUMNS]]
    ),
    "motion": Sheet(
        "who moved, in which regime, how fast, per recorded step and group", lambda view: view.summary[[*MOTION_COLUMNS]]
    ),
    "token-motion": Sheet("first and last move, path and net displacement, per token", token_motion_sheet),
    "freezing": Sheet(
        "when motion ends, by three definitions, per group",
        lambda view: freezing_table(view.history, view.summary, view.history.groups),
    ),
    "axes": Sheet("how much the principal axes of the run show of each step, and miss", axes_sheet),
    "events": Sheet(
        "what happened to the group's black holes, with causes",
        lambda view: event_table(event_rows(view.lineage, view.history.steps)),
    ),
    "nodes": Sheet(
        "black holes and the steps they lived through", lambda view: node_table(view.lineage.tree, view.history.steps)
    ),
    "edges": Sheet("which hole became which", lambda view: edge_table(view.lineage.tree, view.history.steps)),
    "biographies": Sheet("the black holes each token was in", lambda view: biographies_table(view.lineage, view.history)),
    "tokens": Sheet("the group's tokens at the step, and the hole and hidden class each is in", token_sheet),
    "holes": Sheet(
        "the group's black holes at the step, true or apparent",
        lambda view: hole_table(view.history, view.step, [view.group]),
    ),
    "levels": Sheet(
        "the group's vectors at four levels of identity at the step",
        lambda view: level_table(view.step, {view.group: levels(view.rows)}),
    ),
    "distances": Sheet("pairwise distances at the step: statistics of seven measures", distance_sheet),
    "closeness": Sheet("who is near whom at the step, and whether the group is compact", closeness_sheet),
    "pairs": Sheet("pairwise L∞ at the step, every pair", pair_sheet),
    "verdict": Sheet(
        "the experiment's criteria, in the seed's form and corrected",
        lambda view: verdict_table(verdict_of(view.history, view.group)),
    ),
    "laws": Sheet(
        "the laws that must hold, and every violation by step", lambda view: law_table(law_rows(view.history), view.lost)
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
