"""Every number of every step, block by block: bounded memory, progress, kept in the run's cache, cancelled and continued."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .bf16 import Words
from .cache import content_key, keep, load, release
from .census import Census, censuses, hidden_counts, hidden_leaders, history_leaders
from .extent import Extent, extents, separation
from .freezing import Freezing, freezing
from .levels import Special, rounded, special_rows, values_unique
from .motion import REGIMES, Displacement, Drift, motion, regimes
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
    parts = blocks(seen)
    tables = []
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
    return pd.concat(tables, ignore_index=True) if tables else block_table(seen, 0, 0)


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


def displacements(seen: Observation, progress: Progress = silent) -> Displacement:
    """Every token's displacement at every snapshot; in memory 25 bytes a token and snapshot."""
    found = []
    for start, stop in blocks(seen) or [(0, 0)]:
        before = seen.words[start - 1] if start else None
        found.append(motion(seen.words[start:stop], {}, before)[0])
        release(seen.words)
        progress(stop, len(seen.words))
    columns = zip(*((each.moved, each.weight, each.cells, each.cells_sum) for each in found), strict=True)
    return Displacement(*(np.concatenate(column) for column in columns))


def freezing_of(seen: Observation, moves: Displacement, group: str) -> Freezing:
    """When a group's motion ends, by the three definitions."""
    mask = seen.mask(group)
    return freezing(moves.moved[:, mask], moves.cells[:, mask], seen.steps, seen.rates)
