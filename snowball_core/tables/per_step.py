"""The measures of every step and the motion of every token, block by block; principal axes, and what they show of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..measures.bf16 import Floats, Integers, Leaders, Truths
from ..measures.census import Census, censuses, change_steps, hidden_counts, hidden_leaders, history_leaders
from ..measures.extent import extents, separation
from ..measures.identity_levels import Special, rounded, special_rows, values_unique
from ..measures.motion import REGIMES, Displacement, Drift, first_moves, last_moves, motion, percentiles, regimes
from ..measures.principal_axes import PrincipalAxes, axes_of_run, covariances, durations, explained_variance
from ..measures.quantities import QUANTITIES, columns_of
from ..memory import Progress, blocks, silent
from ..store.history import History
from .blocks import history_blocks, walk

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = {family: columns_of(family) for family in ("counts", "hidden", "levels", "extent", "motion", "shape")}
VERSION = "-".join(("steps-7", *FAMILIES["shape"]))
_CHUNK_BYTES = 1024 * 1024
COUNTED = FAMILIES["counts"][:6]
CENSUS, EXTENT = ("counts", "hidden", "levels"), ("extent", "shape")
CENSUS_COLUMNS, EXTENT_COLUMNS, MOTION_COLUMNS = (
    ("step", "group", *columns_of(*families)) for families in (CENSUS, EXTENT, ("motion",))
)
EVERY_FAMILY = tuple(FAMILIES)
Columns = dict[str, Any]
Motion = tuple[Displacement, dict[str, Drift]]


class MaybeMissing(NamedTuple):
    """Whole numbers, and which of them are missing."""

    numbers: Integers
    missing: Truths

    def tolist(self) -> list[int | None]:
        """The numbers, None where one is missing."""
        return [None if gone else number for number, gone in zip(self.numbers.tolist(), self.missing.tolist(), strict=True)]


def step_table(
    history: History, progress: Progress = silent, families: Sequence[str] = EVERY_FAMILY, groups: Sequence[str] = ()
) -> pd.DataFrame:
    """One row per snapshot and group with what is measured of every step; see docs/measures.md for each column.

    Only the :data:`FAMILIES` of columns and the groups that are named are measured (all groups that are known, if none is). The
    whole table is kept block by block; a part of it is measured again, which takes no longer than checking a cache.
    """
    import pandas as pd

    if len(families) == len(FAMILIES) and not groups:
        tables = list(walk(history, whole_block, VERSION, "steps", progress))
    else:
        tables = [measured(history, part, families, groups) for part in history_blocks(history, progress)]
    return pd.concat(tables, ignore_index=True) if tables else measured(history, slice(0, 0), families, groups)


def measured(history: History, part: slice, families: Sequence[str] = EVERY_FAMILY, groups: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of :func:`step_table` of some snapshots, measured now."""
    return as_table(step_columns(history, part, families, groups))


def step_columns(
    history: History,
    part: slice,
    families: Sequence[str] = EVERY_FAMILY,
    groups: Sequence[str] = (),
    moves: Motion | None = None,
) -> Columns:
    """The columns of :func:`step_table` of some snapshots, measured now, without a DataFrame.

    Sizes are tuples of numbers; whole numbers that may lack are :class:`MaybeMissing`. ``moves`` is the motion, if it is known.
    """
    steps = history.steps[part]
    per_group: dict[str, Columns] = {
        group: {"step": steps, "group": np.full(len(steps), group, object)} for group in groups or history.groups
    }
    if set(families) & set(CENSUS):
        _add_census(history, part, families, per_group)
    if "extent" in families:
        _add_extent(history, part, per_group)
    if "motion" in families:
        _add_motion(history, part, per_group, _motion(history, part) if moves is None else moves)
    if "shape" in families:
        _add_shape(history, part, per_group)
    names = next(iter(per_group.values()))
    return {name: _interleaved([columns[name] for columns in per_group.values()]) for name in names}


def _interleaved(columns: list[Any]) -> Any:
    """Columns of several groups as one, ordered by step, then group."""
    if isinstance(columns[0], list):
        return [cell for row in zip(*columns, strict=True) for cell in row]
    if isinstance(columns[0], MaybeMissing):
        return MaybeMissing(*(_interleaved(list(parts)) for parts in zip(*columns, strict=True)))
    return np.stack(columns, axis=1).ravel()


def as_table(columns: Columns) -> pd.DataFrame:
    """Columns of :func:`step_columns` as a table; sizes are text, populations in descending order, separated by spaces."""
    import pandas as pd

    def cells(column: Any) -> Any:
        if isinstance(column, list):
            return pd.array([" ".join(map(str, sizes)) for sizes in column], "str")
        if isinstance(column, MaybeMissing):
            return pd.arrays.IntegerArray(*column)
        return pd.array(column, "str") if column.dtype == object else column

    return pd.DataFrame({name: cells(column) for name, column in columns.items()})


def _motion(history: History, part: slice) -> Motion:
    """The motion of all tokens and groups: sums over groups measured together round equally, for any choice of groups."""
    words: Any = np.asarray(history.words[part])
    return motion(words, history.masks, history.words[part.start - 1] if part.start else None)


def whole_block(history: History, start: int, stop: int) -> dict[str, pd.DataFrame]:
    """Some snapshots, measured now: ``steps``, rows of :func:`step_table`, and ``tokens``, how each token moved."""
    import pandas as pd

    part = slice(start, stop)
    moves, steps = _motion(history, part), history.steps[part]
    tokens = {
        "first_move": first_moves(moves[0].moved, steps),
        "last_move": last_moves(moves[0].moved, steps),
        "moves": moves[0].moved.sum(axis=0),
        "path_weight": moves[0].weight.sum(axis=0),
        "path_cells": moves[0].cells.sum(axis=0),
    }
    return {"steps": as_table(step_columns(history, part, moves=moves)), "tokens": pd.DataFrame(tokens)}


def _add_census(history: History, part: slice, families: Sequence[str], per_group: dict[str, Columns]) -> None:
    """Counts, hidden classes and levels of identity, from the rows of the chosen groups only."""
    masks = {group: history.mask(group) for group in per_group}
    anyone = np.logical_or.reduce(list(masks.values()))
    words: Any = np.asarray(history.words[part])
    words = words if anyone.all() else np.ascontiguousarray(words[:, anyone])
    leader = history_leaders(words)
    hidden = whole = None
    if "hidden" in families and history.moment_hash is not None:
        hidden = hidden_leaders(leader, history.moment_hash[part][:, anyone])
    if "levels" in families and words.dtype.itemsize != 2:
        whole = history_leaders(rounded(words))
    for group, mask in masks.items():
        counted, inside = censuses(leader, mask[anyone]), mask[anyone]
        if "counts" in families:
            per_group[group] |= _counts(counted)
        if "hidden" in families:
            per_group[group] |= _hidden(leader, hidden, inside)
        if "levels" in families:
            per_group[group] |= _levels(words, counted, whole, inside)


def _counts(counted: list[Census]) -> Columns:
    # Snapshots with equal counts share one object, which is evaluated once.
    begins = np.array([t for t, each in enumerate(counted) if not t or each is not counted[t - 1]], np.intp)
    distinct, lasted = [counted[t] for t in begins], np.diff(begins, append=len(counted))
    columns: Columns = {name: np.array([getattr(each, name) for each in distinct], np.int64) for name in COUNTED}
    columns = {name: np.repeat(column, lasted) for name, column in columns.items()}
    effective = np.array([each.effective for each in distinct], np.float64)
    return {**columns, "sizes": [each.sizes for each in counted], "effective": np.repeat(effective, lasted)}


def _hidden(leader: Leaders, hidden: Leaders | None, group: Truths) -> Columns:
    if hidden is None:
        unknown = MaybeMissing(np.zeros(len(leader), np.int64), np.ones(len(leader), np.bool_))
        return dict.fromkeys(FAMILIES["hidden"], unknown)
    counted = hidden_counts(leader, hidden, group)
    return {name: MaybeMissing(getattr(counted, name), np.zeros(len(leader), np.bool_)) for name in FAMILIES["hidden"]}


def _levels(words: Any, counted: list[Census], whole: Leaders | None, group: Truths) -> Columns:
    special = special_rows(words)
    zeros, nan = special.minus_zero[:, group].sum(axis=1), special.nan[:, group].sum(axis=1)
    unique = np.array([each.unique for each in counted], np.int64)
    distinct = unique.copy()
    for t in np.flatnonzero((zeros > 0) | (nan > 0)).tolist():
        # A slice, not an index list: the matrix may be large, and a list would copy it.
        here = slice(t, t + 1)
        distinct[here] = values_unique(words[here], Special(special.minus_zero[here], special.nan[here]), group)
    cast = unique if whole is None else np.array([each.unique for each in censuses(whole, group)], np.int64)
    return {"unique_values": distinct, "unique_bf16": cast, "minus_zero_rows": zeros, "nan_rows": nan}


def _add_extent(history: History, part: slice, per_group: dict[str, Columns]) -> None:
    measured = extents(history.words[part], history.dead)
    apart = np.full(len(history.steps[part]), np.nan)
    if history.dead is not None:
        apart = separation(measured["dead"], measured["live"])
    for group, columns in per_group.items():
        extent = measured[group]
        columns |= {
            "largest_linf_weight": extent.largest_linf_weight,
            "largest_linf_cells": MaybeMissing(extent.largest_linf_cells, np.isnan(extent.largest_linf_weight)),
            "active_dimensions": extent.active_dimensions,
            "centroid_length_weight": np.sqrt((extent.centroid**2).sum(axis=1)),
            "radius_rms_weight": extent.radius_rms,
            "widest_spread_weight": extent.spread.max(axis=1, initial=0.0),
            "live_dead_separation_weight": apart,
        }


def _add_shape(history: History, part: slice, per_group: dict[str, Columns]) -> None:
    """What the catalogue itself names a function for."""
    words: Any = np.asarray(history.words[part])
    measures = {each.columns[0]: each.measure for each in QUANTITIES if each.family == "shape"}
    parts: dict[tuple[str, str], list[Floats]] = {}
    for chunk in blocks(len(words), words[:1].nbytes, _CHUNK_BYTES):
        matrices = covariances(words[chunk], history.dead)
        for group in per_group:
            for column, measure in measures.items():
                parts.setdefault((group, column), []).append(measure(matrices[group]))
    for (group, column), numbers in parts.items():
        per_group[group][column] = np.concatenate(numbers)


def _add_motion(history: History, part: slice, per_group: dict[str, Columns], motion_of: Motion) -> None:
    moves, drift = motion_of
    steps = history.steps[part]
    gaps = np.maximum(np.diff(history.steps[max(0, part.start - 1) : part.stop], prepend=[] if part.start else steps[:1]), 1)
    for group, columns in per_group.items():
        mask = history.mask(group)
        kinds, tokens = regimes(moves, mask), int(mask.sum())
        columns |= {
            "moved": tokens - kinds["frozen"],
            **{name: kinds[name] for name in REGIMES},
            "bulk_speed_weight": drift[group].bulk / gaps,
            "thermal_speed_weight": drift[group].thermal / gaps,
            "coherence": drift[group].coherence,
            "mean_displacement_cells": moves.cells[:, mask].sum(axis=1) / max(1, tokens),
            **{f"displacement_cells_p{share}": amounts for share, amounts in percentiles(moves.cells, mask).items()},
            **{f"displacement_weight_p{share}": amounts for share, amounts in percentiles(moves.weight, mask).items()},
        }


def with_metrics(steps: pd.DataFrame, metrics: Mapping[str, Floats]) -> pd.DataFrame:
    """A step table with each step's ``loss``, ``learning_rate`` and ``grad_norm`` (empty at step 0)."""
    import pandas as pd

    numbers = pd.DataFrame(dict(metrics))[["step", "loss", "learning_rate", "grad_norm"]].astype({"step": "int64"})
    return steps.merge(numbers, on="step", how="left")


def last_hole_change(steps: pd.DataFrame, group: str) -> int:
    """The last step at which the group's black holes changed in number or size; the first step if they never did.

    Steps from a divergence on do not count: a farthest pair of all tokens is not finite there.
    """
    rows = steps[steps["group"] == group]
    if "largest_linf_weight" in steps:
        lost = steps.loc[~np.isfinite(steps["largest_linf_weight"]), "step"]
        if len(lost):
            rows = rows[rows["step"] < max(lost.min(), rows["step"].iloc[0] + 1)]
    changed = rows["sizes"].ne(rows["sizes"].shift()) | rows["unique"].ne(rows["unique"].shift())
    return int(rows.loc[changed, "step"].iloc[-1])


def basis_of_run(history: History, group: str, progress: Progress = silent) -> PrincipalAxes:
    """The principal axes of a group over the whole run, every change frame weighted by how long it lasted."""
    changed = change_steps(history.words, history.mask(group), progress)
    return axes_of_run(history.words, history.mask(group), changed, durations(changed, history.steps))


def axes_table(history: History, basis: PrincipalAxes, group: str, progress: Progress = silent) -> pd.DataFrame:
    """One row per recorded step: the share of the group's variance along each axis of a basis, and the share it misses."""
    import pandas as pd

    share, missed = explained_variance(basis, history.words, history.mask(group), progress)
    return pd.DataFrame({"step": history.steps, "group": group, "first": share[:, 0], "second": share[:, 1], "missed": missed})
