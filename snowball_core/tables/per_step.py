"""Every number of every step and the whole motion of every token, measured block by block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Words, bits, values
from ..measures.census import Census, censuses, hidden_counts, hidden_leaders, history_leaders
from ..measures.extent import Extent, extents, known_cells, separation
from ..measures.freezing import Freezing, freezing, known_rates
from ..measures.identity_levels import Special, rounded, special_rows, values_unique
from ..measures.motion import PERCENTILES, REGIMES, Displacement, Drift, first_moves, last_moves, motion, percentiles, regimes
from ..store.history import History
from .blocks import Progress, silent, walk

VERSION = "steps-7"


def step_table(history: History, progress: Progress = silent) -> pd.DataFrame:
    """One row per snapshot and group with all that is measured of every step; see docs/measures.md for each column.

    Parameters
    ----------
    history : History
    progress : callable, optional
        Told snapshots done and in all after every block; may raise to cancel, and the next call goes on there.
    """
    tables = list(walk(history, measured_block, VERSION, "steps", progress))
    return pd.concat(tables, ignore_index=True) if tables else measured_block(history, 0, 0)["steps"]


def token_motion(history: History, progress: Progress = silent) -> pd.DataFrame:
    """One row per token: first and last move, path made and net displacement.

    ``first_move`` and ``last_move`` are recorded steps, −1 if it never moved. ``path_weight`` adds up Euclidean displacements
    from snapshot to snapshot, ``path_cells`` the largest component's (L∞) in cells; ``net_weight`` is the Euclidean distance
    between the first and the last snapshot. ``straightness`` is net over path: 1 on a straight line, near 0 for a token that
    wanders.
    """
    vocab = history.words.shape[1]
    first, last = np.full(vocab, -1, np.int64), np.full(vocab, -1, np.int64)
    sums: dict[str, npt.NDArray[Any]] = {"moves": np.zeros(vocab, np.int64), "path_weight": np.zeros(vocab)}
    sums["path_cells"] = np.zeros(vocab, np.int64)
    for part in walk(history, measured_block, VERSION, "tokens", progress):
        begun, ended = (part[name].to_numpy() for name in ("first_move", "last_move"))
        first = np.where(first < 0, begun, first)
        last = np.where(ended < 0, last, ended)
        sums = {name: total + part[name].to_numpy() for name, total in sums.items()}
    net, path = _net(history.words), sums["path_weight"]
    with np.errstate(invalid="ignore"):
        straight = np.divide(net, path, out=np.full(vocab, np.nan), where=path > 0)
    columns = {
        "token": np.arange(vocab),
        "group": np.full(vocab, "unknown") if history.dead is None else np.where(history.dead, "dead", "live"),
        "first_move": first,
        "last_move": last,
        "moves": sums["moves"],
        "path_weight": path,
        "net_weight": net,
        # No way is shorter than the straight one: what exceeds 1 is rounding.
        "straightness": np.minimum(straight, 1.0),
        "path_cells": sums["path_cells"],
    }
    return pd.DataFrame(columns)


def _net(words: Words) -> npt.NDArray[np.float64]:
    """The Euclidean distance of each row between the first and the last snapshot, weight units; shape ``(vocab,)``.

    A row with the bits it began with is at its own place, also at infinity, where a difference is no number.
    """
    if not len(words):
        return np.zeros(words.shape[1])
    with np.errstate(invalid="ignore"):
        apart = values(words[-1]).astype(np.float64) - values(words[0])
    apart[(bits(words[-1]) == bits(words[0])).all(axis=1)] = 0.0
    length: npt.NDArray[np.float64] = np.sqrt((apart**2).sum(axis=1))
    return length


def measured_block(history: History, start: int, stop: int) -> dict[str, pd.DataFrame]:
    """Some snapshots, measured now: ``steps``, rows of :func:`step_table`, and ``tokens``, how each token moved."""
    words: Any = np.asarray(history.words[start:stop])
    masks = history.masks
    leader = history_leaders(words)
    hidden = None if history.moment_hash is None else hidden_leaders(leader, history.moment_hash[start:stop])
    extent = extents(words, history.dead)
    apart = separation(extent["dead"], extent["live"]) if history.dead is not None else np.full(len(words), np.nan)
    moves, drift = motion(words, masks, history.words[start - 1] if start else None)
    special, steps = special_rows(words), history.steps[start:stop]
    gaps = np.diff(history.steps[max(0, start - 1) : stop], prepend=[] if start else steps[:1])
    whole = leader if words.dtype.itemsize == 2 else history_leaders(rounded(words))
    tables = []
    for group, mask in masks.items():
        counted = censuses(leader, mask)
        columns: dict[str, Any] = {"step": steps, "group": group, **_census_columns(counted)}
        columns |= _hidden_columns(leader, hidden, mask)
        columns |= _level_columns(words, special, counted, whole, mask)
        columns |= _extent_columns(extent[group]) | {"live_dead_separation_weight": apart}
        columns |= _motion_columns(moves, drift[group], mask, np.maximum(gaps, 1))
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables)
    order = np.arange(len(words) * len(masks)).reshape(len(masks), -1).T.ravel()
    return {"steps": table.iloc[order].reset_index(drop=True), "tokens": _token_part(moves, steps)}


def _token_part(moves: Displacement, steps: npt.NDArray[np.int64]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "first_move": first_moves(moves.moved, steps),
            "last_move": last_moves(moves.moved, steps),
            "moves": moves.moved.sum(axis=0),
            "path_weight": moves.weight.sum(axis=0),
            "path_cells": moves.cells.sum(axis=0),
        }
    )


def _census_columns(counted: list[Census]) -> dict[str, Any]:
    names = ("tokens", "unique", "black_holes", "population", "singletons", "largest")
    # Snapshots counted alike share one object, which is asked once.
    begins = np.array([t for t, each in enumerate(counted) if not t or each is not counted[t - 1]], np.intp)
    distinct, lasted = [counted[t] for t in begins], np.diff(begins, append=len(counted))
    told: dict[str, npt.NDArray[Any]] = {name: np.array([getattr(each, name) for each in distinct], np.int64) for name in names}
    told["sizes"] = np.array([" ".join(map(str, each.sizes)) for each in distinct], object)
    told["effective"] = np.array([each.effective for each in distinct], np.float64)
    columns: dict[str, Any] = {name: np.repeat(column, lasted) for name, column in told.items()}
    return columns | {"sizes": pd.array(columns["sizes"], "str")}  # without rows too


def _hidden_columns(
    leader: npt.NDArray[np.int32], hidden: npt.NDArray[np.int32] | None, mask: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    names = ("hidden_classes", "true_holes", "apparent_holes")
    if hidden is None:
        return {name: pd.array([None] * len(leader), "Int64") for name in names}
    found = hidden_counts(leader, hidden, mask)
    return {name: pd.array(getattr(found, name), "Int64") for name in names}


def _level_columns(
    words: Any, special: Special, counted: list[Census], whole: npt.NDArray[np.int32], mask: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    zeros, nan = special.minus_zero[:, mask].sum(axis=1), special.nan[:, mask].sum(axis=1)
    unique = np.array([each.unique for each in counted], np.int64)
    values = unique.copy()
    for t in np.flatnonzero((zeros > 0) | (nan > 0)).tolist():
        # A slice, not an index list: the matrix may be large, and a list would copy it.
        here = slice(t, t + 1)
        values[here] = values_unique(words[here], Special(special.minus_zero[here], special.nan[here]), mask)
    cast = unique if words.dtype.itemsize == 2 else np.array([each.unique for each in censuses(whole, mask)], np.int64)
    return {"unique_values": values, "unique_bf16": cast, "minus_zero_rows": zeros, "nan_rows": nan}


def _extent_columns(extent: Extent) -> dict[str, Any]:
    return {
        "largest_linf_weight": extent.largest_linf_weight,
        "largest_linf_cells": known_cells(extent.largest_linf_cells, extent.largest_linf_weight),
        "active_dimensions": extent.active_dimensions,
        "centroid_length_weight": np.sqrt((extent.centroid**2).sum(axis=1)),
        "radius_rms_weight": extent.radius_rms,
        "widest_spread_weight": extent.spread.max(axis=1, initial=0.0),
    }


def _motion_columns(
    moves: Displacement, drift: Drift, mask: npt.NDArray[np.bool_], gaps: npt.NDArray[np.int64]
) -> dict[str, Any]:
    kinds = regimes(moves, mask)
    tokens = max(1, int(mask.sum()))
    return {
        "moved": int(mask.sum()) - kinds["frozen"],
        **{name: kinds[name] for name in REGIMES},
        "bulk_speed_weight": drift.bulk / gaps,
        "thermal_speed_weight": drift.thermal / gaps,
        "coherence": drift.coherence,
        "mean_displacement_cells": moves.cells[:, mask].sum(axis=1) / tokens,
        **{f"displacement_cells_p{share}": part for share, part in percentiles(moves.cells, mask).items()},
        **{f"displacement_weight_p{share}": part for share, part in percentiles(moves.weight, mask).items()},
    }


def freezing_of(history: History, table: pd.DataFrame, group: str) -> Freezing:
    """When a group's motion ends, by the three definitions, from the :func:`step_table`; judged before it diverged.

    The learning rate after it is told only where it is known at every step, the last aside, which may be under way.
    """
    rows = table[table["group"] == group].iloc[: history.finite]
    tokens = int(rows["tokens"].iloc[0]) if len(rows) else 0
    moved, path = rows["moved"].to_numpy(np.int64), rows["mean_displacement_cells"].to_numpy(np.float64)
    found = freezing(moved, tokens, path, history.steps[: history.finite], history.rates)
    last = int(history.steps[history.finite - 1]) if history.finite else 0
    if known_rates(history.rates, found.last_move, last) >= last - found.last_move - 1:
        return found
    return replace(found, learning_rate_after=float("nan"), is_by_learning_rate=None)


CENSUS_COLUMNS = (
    *("step", "group", "tokens", "unique", "black_holes", "population", "singletons", "largest", "sizes", "effective"),
    *("hidden_classes", "true_holes", "apparent_holes", "unique_values", "unique_bf16", "minus_zero_rows", "nan_rows"),
)
EXTENT_COLUMNS = (
    *("step", "group", "largest_linf_weight", "largest_linf_cells", "active_dimensions", "centroid_length_weight"),
    *("radius_rms_weight", "widest_spread_weight", "live_dead_separation_weight"),
)
MOTION_COLUMNS = (
    *("step", "group", "moved", *REGIMES, "bulk_speed_weight", "thermal_speed_weight", "coherence"),
    "mean_displacement_cells",
    *(f"displacement_{unit}_p{share}" for unit in ("cells", "weight") for share in PERCENTILES),
)


def census_at(history: History, step: int) -> pd.DataFrame:
    """The census of all groups at one step: the columns :data:`CENSUS_COLUMNS` of :func:`step_table`, nothing else measured."""
    index = history.index(step)
    words: Any = np.asarray(history.words[index : index + 1])
    leader = history_leaders(words)
    hidden = None if history.moment_hash is None else hidden_leaders(leader, history.moment_hash[index : index + 1])
    special = special_rows(words)
    whole = leader if words.dtype.itemsize == 2 else history_leaders(rounded(words))
    tables = []
    for group, mask in history.masks.items():
        counted = censuses(leader, mask)
        columns = {"step": history.steps[index : index + 1], "group": group, **_census_columns(counted)}
        columns |= _hidden_columns(leader, hidden, mask) | _level_columns(words, special, counted, whole, mask)
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
