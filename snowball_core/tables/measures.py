"""Tidy tables of one step, one group or one basis: holes by hidden class, levels, pairs, freezing, axes, biographies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from ..measures.biography import biographies
from ..measures.distances import PrincipalAxes
from ..measures.identity_levels import Levels
from ..measures.pair_distances import PairStatistics, seed_criterion
from ..measures.principal_axes import durations, explained_variance, run_basis
from ..store.history import History
from .at_step import holes_at, tokens_at
from .blocks import Progress, changed_snapshots, silent
from .divergence import judged
from .lineage import Account
from .per_step import freezing_of, token_motion

UNITS = {
    "linf": "weight units",
    "cells": "cells",
    "l1": "weight units",
    "l1_cells": "cells",
    "l2": "weight units",
    "l2_cells": "cells",
    "hamming": "components",
}


def hole_table(history: History, step: int, groups: Sequence[str]) -> pd.DataFrame:
    """One row per black hole of each group at a step: true or apparent, and the sizes of its hidden classes.

    Tokens that share a row with a NaN or an infinity are listed too, and named so.
    """
    tables = []
    for group in groups:
        table = holes_at(tokens_at(history, history.index(step), group), history.rows(step, group))
        table.insert(0, "step", np.full(len(table), step))
        table.insert(1, "group", np.full(len(table), group, object))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def level_table(step: int, found: Mapping[str, Levels]) -> pd.DataFrame:
    """One row per group at a step: its vectors at four levels of identity, and a warning where they differ."""
    rows = [asdict(each) | {"warnings": " ".join(each.warnings)} for each in found.values()]
    return pd.DataFrame([{"step": step, "group": group, **row} for group, row in zip(found, rows, strict=True)]).astype(
        {"within_a_cell": "Int64"}
    )


def distance_table(found: PairStatistics, step: int, group: str) -> pd.DataFrame:
    """One row per measure of distance: its statistics over unordered pairs of the group's tokens at a step."""
    known = asdict(found)
    rows = [{"measure": name, "unit": unit, **known[name]} for name, unit in UNITS.items()]
    return pd.DataFrame([{"step": step, "group": group, **row} for row in rows])


def closeness_table(found: PairStatistics, step: int, group: str) -> pd.DataFrame:
    """One row: who is near whom at a step, and whether the group is compact as the seed asked and asked in cells."""
    names = ("pairs", "pairs_in_holes", "adjacent", "touching", "components", "largest_component", "active_dimensions")
    criterion = seed_criterion(found.linf.max, found.cells.max)
    compact = {f"compact_in_{unit}": criterion[key]["holds"] for unit, key in (("epsilon", "seed"), ("cells", "cells"))}
    largest = {"largest_linf_weight": found.linf.max, "largest_linf_cells": found.cells.max}
    near = {name: getattr(found, name) for name in names}
    table = pd.DataFrame([{"step": step, "group": group, **near, **largest, **compact}])
    return table.astype(dict.fromkeys(compact, "boolean"))


def freezing_table(history: History, steps: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """One row per group: when its motion ends, by three definitions, and the learning rate afterwards.

    Parameters
    ----------
    history : History
    steps : DataFrame
        The :func:`~snowball_core.tables.per_step.step_table`.
    groups : sequence of str
    """
    rows = [{"group": group, **freezing_of(history, steps, group).columns()} for group in groups]
    return pd.DataFrame(rows).astype({"is_by_learning_rate": "boolean"})


def basis_of_run(history: History, group: str, progress: Progress = silent) -> PrincipalAxes:
    """The principal axes of a group over the whole run, every change frame weighted by how long it lasted."""
    changed = changed_snapshots(history, history.mask(group), progress)
    return run_basis(history.words, history.mask(group), changed, durations(changed, history.steps))


def axes_table(history: History, basis: PrincipalAxes, group: str, progress: Progress = silent) -> pd.DataFrame:
    """One row per recorded step: the share of the group's variance along each axis of a basis, and the share it misses."""
    shown, missed = explained_variance(basis, history.words, history.mask(group), progress)
    return pd.DataFrame({"step": history.steps, "group": group, "first": shown[:, 0], "second": shown[:, 1], "missed": missed})


def biographies_table(told: Account, history: History) -> pd.DataFrame:
    """One row per token and stay in a black hole: the hole, and the recorded steps it joined and left.

    ``left`` is the first recorded step at which it was no longer there; empty if it still is. ``first_move`` and ``last_move``
    are the token's own, −1 if it never moved. Of a run that diverged all are as of the last finite step.
    """
    history = judged(history)
    rows = [(token, stay) for token, stays in biographies(told.tree).items() for stay in stays]
    steps = history.steps.tolist()
    table = pd.DataFrame(
        {
            "token": np.array([token for token, _ in rows], np.int64),
            "hole": np.array([stay.hole for _, stay in rows], np.int64),
            "joined": np.array([steps[stay.first] for _, stay in rows], np.int64),
            "left": pd.array([steps[stay.last + 1] if stay.last + 1 < len(steps) else None for _, stay in rows], "Int64"),
        }
    )
    return table.merge(token_motion(history)[["token", "first_move", "last_move"]], on="token", how="left")
