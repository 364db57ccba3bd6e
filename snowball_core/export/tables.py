"""The named tables of a run: each a DataFrame, and as CSV, Parquet or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.distances import pair_statistics, pairwise
from ..measures.identity_levels import levels
from ..tables.at_step import closeness_table, distance_table, hole_table, level_table, tokens_at
from ..tables.axes import axes_table, basis_of_run
from ..tables.lineage import biographies_table, edge_table, event_rows, event_table, node_table
from ..tables.motion import freezing_table, token_motion
from ..tables.per_step import CENSUS_COLUMNS, EXTENT_COLUMNS, MOTION_COLUMNS
from ..tables.text import glyph
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
    weight, cells = (pairwise(view.rows, "linf", unit) for unit in ("weight", "cells"))
    whole = pd.arrays.IntegerArray(np.nan_to_num(cells).astype(np.int64), np.isnan(weight))
    return pd.DataFrame({"token": ids[first], "other": ids[second], "linf_weight": weight, "linf_cells": whole})


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
