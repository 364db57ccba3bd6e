"""Every number of every step, block by block: bounded memory, progress, kept in the run's cache, cancelled and continued."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .bf16 import Words, values
from .cache import content_key, keep, load
from .census import Census, censuses, hidden_counts, hidden_leaders, history_leaders
from .extent import Extent, extents, separation
from .freezing import Freezing, freezing
from .levels import Special, rounded, special_rows, values_unique
from .memory import release, steady_memory
from .motion import REGIMES, Displacement, Drift, first_moves, last_moves, motion, regimes, together
from .observation import Observation

VERSION = "steps-1"
BLOCK_BYTES = 16 * 1024 * 1024
_WORKERS = 2
Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Progress that is told nobody."""


def blocks(seen: Observation) -> list[tuple[int, int]]:
    """The parts a history is measured in: first snapshot and the one after the last, about 16 MB each."""
    size = max(1, BLOCK_BYTES // max(1, seen.words[:1].nbytes))
    count = len(seen.words)
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def step_table(seen: Observation, progress: Progress = silent) -> pd.DataFrame:
    """One row per snapshot and group with all that is measured of every step; see docs/measures.md for each column.

    Blocks already in the run's cache are taken from there if they were computed from the same bytes. Every finished block is
    kept at once: a call that was cancelled goes on where it stopped, and a growing run has only its new blocks measured.

    Parameters
    ----------
    seen : Observation
    progress : callable, optional
        Told snapshots done and in all after every block; may raise to cancel.
    """
    with steady_memory():
        tables = _tables(seen, progress)
    return pd.concat(tables, ignore_index=True) if tables else block_table(seen, 0, 0)


def _tables(seen: Observation, progress: Progress) -> list[pd.DataFrame]:
    """The tables of all blocks, a few at a time in threads of their own."""
    parts, tables = blocks(seen), []
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        # Few at a time: each holds its block's arrays, and the memory of all must not grow with the history.
        waiting = [pool.submit(_kept_block, seen, *part) for part in parts[:_WORKERS]]
        for number, part in enumerate(parts):
            tables.append(waiting.pop(0).result())
            if number + _WORKERS < len(parts):
                waiting.append(pool.submit(_kept_block, seen, *parts[number + _WORKERS]))
            release(seen.words)
            progress(part[1], len(seen.words))
    finally:
        pool.shutdown(cancel_futures=True)
    return tables


def _kept_block(seen: Observation, start: int, stop: int) -> pd.DataFrame:
    if seen.folder is None:
        return block_table(seen, start, stop)
    beside = [
        part for part in (seen.dead, None if seen.moment_hash is None else seen.moment_hash[start:stop]) if part is not None
    ]
    key = content_key(VERSION, [seen.words[max(0, start - 1) : stop], seen.steps[max(0, start - 1) : stop], *beside])
    name = f"steps-{start:09d}"
    table = load(seen.folder, name, key)
    if table is None:
        table = block_table(seen, start, stop)
        keep(seen.folder, name, key, table)
    return table


def block_table(seen: Observation, start: int, stop: int) -> pd.DataFrame:
    """The rows of :func:`step_table` for some snapshots, measured now."""
    words: Words = seen.words[start:stop]
    masks = seen.masks
    leader = history_leaders(words)
    hidden = None if seen.moment_hash is None else hidden_leaders(leader, seen.moment_hash[start:stop])
    extent = extents(words, seen.dead)
    apart = separation(extent["dead"], extent["live"]) if seen.dead is not None else np.full(len(words), np.nan)
    moves, drift = motion(words, masks, seen.words[start - 1] if start else None)
    special, steps = special_rows(words), seen.steps[start:stop]
    gaps = np.diff(seen.steps[max(0, start - 1) : stop], prepend=[] if start else steps[:1])
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
    return table.iloc[order].reset_index(drop=True)


def _census_columns(counted: list[Census]) -> dict[str, Any]:
    names = ("tokens", "unique", "black_holes", "population", "singletons", "largest")
    columns: dict[str, Any] = {name: np.array([getattr(each, name) for each in counted], np.int64) for name in names}
    columns["sizes"] = np.array([" ".join(map(str, each.sizes)) for each in counted], object)
    return columns | {"effective": np.array([each.effective for each in counted], np.float64)}


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
    odd = np.flatnonzero((zeros > 0) | (nan > 0))
    values = unique.copy()
    if len(odd):
        values[odd] = values_unique(words[odd], Special(special.minus_zero[odd], special.nan[odd]), mask)
    cast = unique if words.dtype.itemsize == 2 else np.array([each.unique for each in censuses(whole, mask)], np.int64)
    return {"unique_values": values, "unique_bf16": cast, "minus_zero_rows": zeros, "nan_rows": nan}


def _extent_columns(extent: Extent) -> dict[str, Any]:
    return {
        "largest_linf_weight": extent.largest_linf_weight,
        "largest_linf_cells": extent.largest_linf_cells,
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
    }


def moves_of(
    seen: Observation, groups: Sequence[str] = (), progress: Progress = silent
) -> tuple[Displacement, dict[str, Drift]]:
    """Every token's displacement at every snapshot (in memory 25 bytes a token and snapshot), and the drift of some groups."""
    masks = {group: seen.mask(group) for group in groups}
    moves: list[Displacement] = []
    drifts: dict[str, list[Drift]] = {group: [] for group in groups}
    for start, stop in blocks(seen) or [(0, 0)]:
        move, drift = motion(seen.words[start:stop], masks, seen.words[start - 1] if start else None)
        moves.append(move)
        for group in groups:
            drifts[group].append(drift[group])
        release(seen.words)
        progress(stop, len(seen.words))
    return together(moves), {group: together(parts) for group, parts in drifts.items()}


def freezing_of(seen: Observation, moves: Displacement, group: str) -> Freezing:
    """When a group's motion ends, by the three definitions."""
    mask = seen.mask(group)
    return freezing(moves.moved[:, mask], moves.cells[:, mask], seen.steps, seen.rates)


def census_rows(seen: Observation, groups: Sequence[str], start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
    """The census of some snapshots as rows ordered by step, then group; ``sizes`` are lists, what was not recorded is None.

    Columns: those of the census first, then effective number, hidden classes, levels of identity.
    """
    rows: list[list[dict[str, Any]]] = []
    last = len(seen.words) if stop is None else stop
    size = max(1, BLOCK_BYTES // max(1, seen.words[:1].nbytes))
    for first in range(start, last, size):
        part = slice(first, min(first + size, last))
        words, leader = seen.words[part], history_leaders(seen.words[part])
        hidden = None if seen.moment_hash is None else hidden_leaders(leader, seen.moment_hash[part])
        special = special_rows(words)
        whole = leader if words.dtype.itemsize == 2 else history_leaders(rounded(words))
        per_group = []
        for group in groups:
            mask = seen.mask(group)
            counted = censuses(leader, mask)
            columns = {"step": seen.steps[part], "group": [group] * len(words), **_census_columns(counted)}
            columns["sizes"] = [list(each.sizes) for each in counted]
            columns |= _hidden_columns(leader, hidden, mask) | _level_columns(words, special, counted, whole, mask)
            plain = {name: column.tolist() if hasattr(column, "tolist") else column for name, column in columns.items()}
            per_group.append([dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)])
        rows += [list(at_step) for at_step in zip(*per_group, strict=True)]
        release(seen.words)
    return [{k: None if v is pd.NA else v for k, v in row.items()} for at_step in rows for row in at_step]


def token_motion(seen: Observation, moves: Displacement) -> pd.DataFrame:
    """One row per token: first and last move, path made and net displacement.

    ``first_move`` and ``last_move`` are recorded steps, −1 if it never moved. ``path_weight`` adds up Euclidean displacements
    from snapshot to snapshot, ``path_cells`` the largest component's (L∞) in cells; ``net_weight`` is the Euclidean distance
    between the first and the last snapshot. ``straightness`` is net over path: 1 on a straight line, near 0 for a token that
    wanders.
    """
    ends = values(seen.words[[0, -1]]).astype(np.float64) if len(seen.words) else np.zeros((2, *seen.words.shape[1:]))
    net, path = np.sqrt(((ends[1] - ends[0]) ** 2).sum(axis=1)), moves.weight.sum(axis=0)
    live = np.full(len(net), "unknown") if seen.dead is None else np.where(seen.dead, "dead", "live")
    return pd.DataFrame(
        {
            "token": np.arange(len(net)),
            "group": live,
            "first_move": first_moves(moves.moved, seen.steps),
            "last_move": last_moves(moves.moved, seen.steps),
            "moves": moves.moved.sum(axis=0),
            "path_weight": path,
            "net_weight": net,
            "straightness": np.divide(net, path, out=np.full(len(net), np.nan), where=path > 0),
            "path_cells": moves.cells.sum(axis=0),
        }
    )


def motion_table(seen: Observation, moves: Displacement, drifts: Mapping[str, Drift]) -> pd.DataFrame:
    """One row per snapshot and group, ordered by step: who moved, in which regime, bulk and thermal speed, coherence."""
    gaps = np.maximum(np.diff(seen.steps, prepend=seen.steps[:1]), 1)
    tables = [
        pd.DataFrame({"step": seen.steps, "group": group, **_motion_columns(moves, drift, seen.mask(group), gaps)})
        for group, drift in drifts.items()
    ]
    return pd.concat(tables).sort_values("step", kind="stable", ignore_index=True)
