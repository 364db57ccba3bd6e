"""``metrics.csv``: its columns, its rows up to a step, and its rows open for writing."""

from __future__ import annotations

import errno
import functools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ..errors import HistoryError, RunError
from .files.regular_files import FileIdentity, identity, open_regular
from .integrity.digests import Tally

METRICS = "metrics.csv"
METRIC_COLUMNS = ("step", "loss", "learning_rate", "grad_norm", "seconds")
_HEAD = ",".join(METRIC_COLUMNS).encode() + b"\n"


def read_metrics(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of a ``metrics.csv``, without a torn last line; empty columns if there is no file."""
    try:
        return _columns(path, identity(path))
    except FileNotFoundError:
        return metric_columns([], path)
    except OSError as error:
        raise RunError(f'the losses must be a readable file; "{path}" could not be read ({error.strerror}).') from None


@functools.lru_cache(maxsize=1)
def _columns(path: Path, at: FileIdentity) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of a file that is there, kept: the check of a run needs them before its history does."""
    with open_regular(path) as file:
        text = file.read().decode(errors="replace")
    return metric_columns(text[: text.rfind("\n") + 1].splitlines()[1:], path)


def metric_columns(lines: Sequence[str], path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of some lines of a ``metrics.csv``."""
    width = len(METRIC_COLUMNS)
    try:
        # numpy skips blank lines.
        if not all(map(str.strip, lines)):
            raise ValueError
        table = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2) if lines else np.empty((0, width))
        if table.shape[1] != width:
            raise ValueError
    except ValueError:
        raise RunError(
            f'"{path}" must hold {width} numbers a line; it is damaged. Put it back from a copy; the history does not need it.'
        ) from None
    table.flags.writeable = False
    return {name: table[:, i] for i, name in enumerate(METRIC_COLUMNS)}


class Rows(NamedTuple):
    """What a ``metrics.csv`` holds."""

    tally: Tally  # of the rows up to a step, without their seconds
    end: int  # where these rows end in the file
    last: int  # the step of the last row of the file that can be read; 0 without one


def read_rows(file: Path, upto: int) -> Rows:
    """The rows up to a step, checked."""
    tally, end, last = Tally(), 0, 0
    if not os.path.lexists(file):
        return Rows(tally, end, last)
    with open_regular(file) as content:
        is_headed = content.readline() == _HEAD
        if upto and not is_headed:
            raise HistoryError("its first line is damaged")
        end = len(_HEAD) if is_headed else 0
        for number, line in enumerate(content if is_headed else [], 1):
            step = _step_of(line)
            if step is None or step <= last:
                if last < upto and line.endswith(b"\n"):
                    raise HistoryError(f"its row {number:,}, after that of step {last:,}, is damaged")
                break
            last = step
            if step <= upto:
                tally.add(without_seconds(line))
                end += len(line)
    return Rows(tally, end, last)


def _step_of(line: bytes) -> int | None:
    """The step of a whole row; None for anything else."""
    cells = line.removesuffix(b"\n").split(b",")
    if not line.endswith(b"\n") or len(cells) != len(METRIC_COLUMNS) or not cells[0].isdigit() or len(cells[0]) > 15:
        return None
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return None
    return int(cells[0])


def without_seconds(line: bytes) -> bytes:
    """A row without its seconds, which no other training repeats."""
    return line.rpartition(b",")[0]


class MetricsWriter:
    """The rows of a run, open for writing: behind those up to the checkpoint, which the file holds."""

    def __init__(self, file: Path, rows: Rows) -> None:
        self.tally, self.rewritten = rows.tally, 0
        self._end = rows.end
        self._file = open(file, "ab", buffering=0)  # noqa: SIM115 - closed on exit
        if not self._end:
            self._cut()
            self._append(_HEAD)
        self._behind, self._is_cut = deque(_whole_rows(file, self._end)), False
        # What follows is no row: the torn end that a kill left, or what never reached the disk.
        self._file.truncate(self._end + sum(map(len, self._behind)))

    def write(self, row: bytes) -> None:
        """Write the next row, or keep the one that is there if it says the same."""
        kept = self._behind.popleft() if self._behind else b""
        self.tally.add(without_seconds(row))
        if kept and without_seconds(kept) != without_seconds(row):
            self.rewritten += 1
        elif kept and not self._is_cut:
            self._end += len(kept)
            return
        if kept and not self._is_cut:
            self._cut()
            self._is_cut = True
        self._append(row)

    def _cut(self) -> None:
        self._file.truncate(self._end)

    def _append(self, line: bytes) -> None:
        if self._file.write(line) != len(line):
            # A torn line is cut off: half a row must not stand before the next one.
            self._file.truncate(self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._end += len(line)

    def sync(self) -> None:
        """Make the rows survive a power failure."""
        os.fsync(self._file.fileno())

    def trim(self) -> None:
        """Put the rows back that follow one rewritten, as the snapshots of their steps are still there."""
        while self._is_cut and self._behind:
            self._append(self._behind.popleft())

    def close(self) -> None:
        """Close the file, leaving it as it is."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _whole_rows(file: Path, at: int) -> Iterator[bytes]:
    """The rows from a byte on, one step after the other, up to what is none."""
    last = None
    with open_regular(file) as content:
        content.seek(at)
        for line in content:
            step = _step_of(line)
            if step is None or (last is not None and step != last + 1):
                return
            last = step
            yield line
