"""What is recorded of a run by now; of a run under way only what is new is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import HistoryError, RunError
from ..measures.bf16 import Integers, Truths
from ..measures.census import finite_snapshots
from ..schedules import recorded_steps
from ..store.files.regular_files import open_regular
from ..store.foreign.links import Source
from ..store.history import GROUPS, History
from ..store.metric_rows import metric_columns
from ..store.run_folder import HISTORY, METRICS, Run
from .per_step import step_table

_COLUMNS = ("step", "loss", "learning_rate")
_COUNTED = ("step", "group", "unique", "black_holes", "population", "singletons")


@dataclass(frozen=True)
class Seen:
    """What was read of a run so far, from files of these numbers: of others everything is read again.

    Of ``metrics.csv`` the bytes up to ``position``, a whole number of lines, were read. ``counts`` are those of the dead, or of
    all where no token is dead, at every snapshot at which one of U, C, P and S changed, and at the last, before a NaN or an
    infinity in any row.
    """

    group: str
    files: tuple[int, ...] = ()
    position: int = 0
    metrics: dict[str, npt.NDArray[np.float64]] = field(default_factory=lambda: dict.fromkeys(_COLUMNS, np.empty(0)))
    snapshots: int = 0
    counts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_COUNTED)))


def follow(run: Run, before: Seen | None = None) -> Seen:
    """Everything recorded by now, given what was read ``before`` of the same run."""
    group = "dead" if run.dead.any() else "all"
    files = tuple(_number(run.path / name) for name in (METRICS, HISTORY))
    if before is None or (before.group, before.files) != (group, files):
        before = Seen(group)
    position, metrics = _read_on(run.path / METRICS, before)
    snapshots, counts = _count_on(run, before)
    return Seen(group, files, position, metrics, snapshots, counts)


def _number(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _read_on(path: Path, before: Seen) -> tuple[int, dict[str, npt.NDArray[np.float64]]]:
    """How far ``metrics.csv`` goes, and its columns; a file shorter than it was is another one, read from its beginning."""
    try:
        with open_regular(path) as file:
            start = before.position if before.position <= os.fstat(file.fileno()).st_size else 0
            file.seek(start)
            fresh = file.read()
    except FileNotFoundError:
        return 0, Seen(before.group).metrics
    except OSError as error:
        raise RunError(f'"{path}" must be a file that can be read: {error.strerror}. The history does not need it.') from None
    end = fresh.rfind(b"\n") + 1
    lines = fresh[:end].decode(errors="replace").splitlines()
    columns = metric_columns(lines if start else lines[1:], path)
    known = before.metrics if start else Seen(before.group).metrics
    return start + end, {name: np.concatenate([known[name], columns[name]]) for name in _COLUMNS}


def _count_on(run: Run, before: Seen) -> tuple[int, pd.DataFrame]:
    try:
        words = run.history().words
    except HistoryError:
        return 0, Seen(before.group).counts  # the file is being created, or nothing was recorded
    start = before.snapshots if before.snapshots <= len(words) else 0
    if start == len(words):
        return start, before.counts
    steps = run.steps(len(words))
    if start and (before.counts.empty or before.counts["step"].iloc[-1] != steps[start - 1]):
        return len(words), before.counts  # it diverged before
    new = np.asarray(words[start:])
    stop = start + finite_snapshots(new)
    if start == stop:
        return len(words), before.counts
    counted = History(run.id, new[: stop - start], steps[start:stop], run.dead)
    fresh = step_table(counted, families=("counts",), groups=(before.group,))[list(_COUNTED)]
    table = pd.concat([before.counts, fresh], ignore_index=True) if start else fresh
    return len(words), _changes(table)


def _changes(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in which a count differs from the row before, and the last row."""
    numbers = table[list(_COUNTED[2:])].to_numpy(np.int64)
    kept = np.ones(len(table), np.bool_)
    kept[1:-1] = (numbers[1:-1] != numbers[:-2]).any(axis=1)
    return table[kept].reset_index(drop=True)


def recorded_at(steps: Integers, wanted: int) -> int:
    """Index of the snapshot to show for a wanted step: the last one recorded at or before it, else the first.

    Examples
    --------
    >>> recorded_at(np.array([0, 10, 20]), 19), recorded_at(np.array([0, 10, 20]), 10**30), recorded_at(np.array([5]), -1)
    (1, 2, 0)
    """
    return max(0, int((steps <= min(max(wanted, 0), 2**62)).sum()) - 1)


def recorded_snapshots(run: Source) -> int:
    """How many snapshots can be read now; 0 before the first, also while a worker is just creating the file.

    Raises a HistoryError if an existing history without a worker cannot be read.
    """
    try:
        return len(run.history().words)
    except HistoryError:
        if (run.path / HISTORY).exists() and not run.status().is_alive:
            raise
        return 0


def planned(run: Run) -> int:
    """How many snapshots the run has when it is complete."""
    return len(recorded_steps(run.config))


def settled(snapshots: int) -> int:
    """How much of a growing history a picture's frame is made from: its length, rounded down by less than an eighth.

    So the frame is renewed rarely while a run is recorded, and holds nearly all of it.

    Examples
    --------
    >>> settled(7), settled(88), settled(1000)
    (7, 88, 960)
    """
    return snapshots - snapshots % (1 << max(0, snapshots.bit_length() - 4))


def group_mask(dead: Truths, group: str) -> Truths:
    """Which tokens belong to the group all, dead or live; shape ``(vocab,)``."""
    masks = {"all": np.ones_like(dead), "dead": dead, "live": ~dead}
    if group not in masks:
        raise HistoryError(f'a group is one of {", ".join(GROUPS)}; got "{group}".')
    return masks[group]
