"""The named tables of a run: each made of a view as a DataFrame, those over steps of the view's range."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.distances import pair_statistics, pairwise
from ..measures.identity_levels import levels
from ..tables.at_step import closeness_table, distance_table, hole_table, level_table, tokens_at
from ..tables.bookmarks import bookmark_table
from ..tables.lineage import biographies_table, edge_table, event_rows, event_table, node_table
from ..tables.motion import freezing_table, token_motion
from ..tables.per_step import CENSUS_COLUMNS, EXTENT_COLUMNS, MOTION_COLUMNS, axes_table, basis_of_run
from ..tables.text import glyph
from ..tables.verdict import law_rows, verdict_of
from ..tables.verdict_rows import law_table, verdict_table
from .view import Named, View

MOST_PAIRED = 1_024


def _token_motion(view: View) -> pd.DataFrame:
    table = token_motion(view.history)
    table.insert(1, "glyph", [glyph(int(token)) for token in table["token"]])
    return table


def pair_table(view: View) -> pd.DataFrame:
    """One row per unordered pair of the group's tokens at the step: L∞ in weight units and in cells; none with a NaN."""
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


TABLES: dict[str, Named[pd.DataFrame]] = {
    "summary": Named("all measures per recorded step and group, with loss and learning rate", lambda view: view.summary),
    "census": Named(
        "U, C, P, S, sizes and levels of identity, per recorded step and group", lambda view: view.summary[[*CENSUS_COLUMNS]]
    ),
    "extents": Named(
        "distances, widths and centroid, per recorded step and group", lambda view: view.summary[[*EXTENT_COLUMNS]]
    ),
    "motion": Named(
        "moved tokens by regime, and speeds, per recorded step and group", lambda view: view.summary[[*MOTION_COLUMNS]]
    ),
    "token-motion": Named("first and last move, path length and net displacement, per token", _token_motion),
    "freezing": Named(
        "end of motion by three definitions, per group",
        lambda view: freezing_table(view.history, view.summary, view.history.groups),
    ),
    "axes": Named(
        "variance of each step explained and missed by the run's principal axes",
        lambda view: axes_table(view.history, basis_of_run(view.history, view.group), view.group),
    ),
    "events": Named(
        "events of the group's black holes, with causes",
        lambda view: event_table(event_rows(view.lineage, view.history.steps)),
    ),
    "nodes": Named("black holes and their intervals", lambda view: node_table(view.lineage.tree, view.history.steps)),
    "edges": Named("edges of the lineage between black holes", lambda view: edge_table(view.lineage.tree, view.history.steps)),
    "biographies": Named("black holes of each token", lambda view: biographies_table(view.lineage, view.history)),
    "tokens": Named(
        "the group's tokens at the step, with hole and hidden class",
        lambda view: tokens_at(view.history, view.history.index(view.step), view.group),
    ),
    "holes": Named(
        "the group's black holes at the step, true or apparent",
        lambda view: hole_table(view.history, view.step, [view.group]),
    ),
    "levels": Named(
        "the group's vectors at four levels of identity at the step",
        lambda view: level_table(view.step, {view.group: levels(view.rows)}),
    ),
    "distances": Named(
        "pairwise distances at the step: statistics of seven measures",
        lambda view: distance_table(pair_statistics(view.rows), view.step, view.group),
    ),
    "closeness": Named(
        "closeness of the pairs at the step, and compactness of the group",
        lambda view: closeness_table(pair_statistics(view.rows), view.step, view.group),
    ),
    "pairs": Named("pairwise L∞ at the step, every pair", pair_table),
    "verdict": Named(
        "the experiment's criteria, original and corrected",
        lambda view: verdict_table(verdict_of(view.history, view.group)),
    ),
    "laws": Named("the laws, and violations by step", lambda view: law_table(law_rows(view.history), view.lost)),
    "bookmarks": Named("remarks on steps, tokens and black holes, by step", lambda view: bookmark_table(view.history)),
}
# What else of a view a table depends on than the run: group and step, the group, or neither.
PER_RUN = ("summary", "census", "extents", "motion", "token-motion", "freezing", "laws", "bookmarks")
PER_STEP = ("tokens", "holes", "levels", "distances", "closeness", "pairs")
# Tables over steps, which have the rows of the range; the others are of one step, or judge the whole run.
OVER_STEPS = ("summary", "census", "extents", "motion", "axes", "events", "nodes", "edges", "biographies", "bookmarks")


def table_of(view: View, name: str) -> pd.DataFrame:
    """A named table of a view; of one over steps the rows of the view's range."""
    table = TABLES[name].make(view)
    return in_range(view, table) if name in OVER_STEPS else table


def in_range(view: View, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of events, intervals or stays that are of steps in the view's range; an interval may begin before."""
    if view.is_whole:
        return table
    if "joined" in table:  # a stay ends before the step at which it was left
        begins, ends = table["joined"], table["left"].fillna(view.last + 1) - 1
    else:
        begins, ends = (table[name] for name in (("first_step", "last_step") if "first_step" in table else ("step", "step")))
    return table[(begins <= view.last) & (ends >= view.first)].reset_index(drop=True)
