"""One tensor in one safetensors file, written in place and valid from the first second.

The header has a fixed length and names two tensors while there is room left: the recorded snapshots and the reserved bytes
behind them, which safetensors requires to be accounted for. Recording a snapshot writes its data, then the header with the new
count: stock readers see exactly what was recorded, and a killed writer leaves a valid file. They refuse it only while the
header is rewritten, and while the file is trimmed or continued and longer than its header says.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...errors import HistoryError, RunError, one_line
from .file_array import file_array, mark_of
from .file_kinds import dtype_advice
from .regular_files import allocate, open_regular
from .tensor_header import DATA_START as DATA_START
from .tensor_header import RESERVED as RESERVED
from .tensor_header import Header, opening, parsed, read_header, unreadable, written

DTYPES: dict[str, np.dtype[Any]] = {
    "BF16": np.dtype("<u2"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "F64": np.dtype("<f8"),
}


@dataclass(frozen=True)
class TensorFile:
    """A recorded tensor, open for reading."""

    path: Path
    name: str
    # shape (recorded, ...), a FileArray: uint16 for BF16, else the dtype's numpy type
    words: npt.NDArray[Any]
    metadata: Mapping[str, str]


class TensorWriter:
    """A tensor file open for writing: appends snapshots, replays those already there, trims at the end.

    A file that holds the same tensor is continued. ``capacity`` is the number of snapshots to reserve disk space for,
    ``recorded`` that of an existing file, where it is known better than its header says it.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        dtype: str,
        shape: tuple[int, ...],
        capacity: int,
        metadata: Mapping[str, str],
        recorded: int | None = None,
    ) -> None:
        self.path, self.name, self.dtype, self.shape = path, name, dtype, shape
        self.metadata = dict(metadata)
        self._opening = opening(name, dtype, self.metadata)
        self._size = math.prod(shape) * DTYPES[dtype].itemsize
        is_new = not path.exists()
        # A new file takes its name when it has a header.
        place = path.with_name(f".{path.name}-new") if is_new else path
        recorded = 0 if is_new else recorded
        self.recorded = recorded_in(path, name, dtype, shape) if recorded is None else recorded
        self.rewritten = 0
        self.capacity = max(capacity, self.recorded)
        self._file = open(place, "w+b" if is_new else "r+b", buffering=0)  # noqa: SIM115
        try:
            self._reserve()
            self._write_header()
            if is_new:
                os.replace(place, path)
        except BaseException:
            self._file.close()
            if is_new:
                with contextlib.suppress(OSError):
                    place.unlink()
            raise

    def _reserve(self) -> None:
        total = DATA_START + self.capacity * self._size
        have = os.fstat(self._file.fileno()).st_size
        try:
            allocate(self._file.fileno(), self.path.parent, total, have)
            os.ftruncate(self._file.fileno(), total)
        except OSError as error:
            os.ftruncate(self._file.fileno(), have)
            raise RunError(
                f"the disk must have room for {total / 1e6:,.1f} MB of {self.path.name}; {error.strerror or error}. "
                "Free some space, record fewer steps (record every-10 or log) or choose another folder with --runs."
            ) from None

    def _write_header(self) -> None:
        header = written(self._opening, self.shape, self._size, self.recorded, self.capacity)
        os.pwrite(self._file.fileno(), header, 0)

    def append(self, snapshot: npt.NDArray[Any]) -> None:
        """Record one more snapshot: the data first, then the count."""
        if self.recorded == self.capacity:
            raise ValueError(f"{self.path.name} has room for {self.capacity:,} snapshots and is full")
        self.put(self.recorded, snapshot)

    def put(self, index: int, snapshot: npt.NDArray[Any], overwrite: bool = False) -> bytes:
        """Record snapshot ``index``, or, where it is already recorded, compare it bit for bit; its bytes.

        A recorded snapshot that differs is replaced with ``overwrite``, else refused.
        """
        data = self._bytes(snapshot)
        position = DATA_START + index * self._size
        if index == self.recorded < self.capacity:
            self._write(data, position)
            self.recorded += 1
            self._write_header()
        elif index >= self.recorded:
            raise RunError(
                f"snapshots must be recorded in order; {self.path.name} has {self.recorded:,} and was given number {index:,}. "
                "The file was cut by something else: fork the run from its last snapshot."
            )
        elif os.pread(self._file.fileno(), self._size, position) != data:
            if not overwrite:
                raise RunError(
                    f"a resumed run must repeat what it recorded; snapshot {index:,} of {self.path.name} came out different. "
                    "Nothing was overwritten. Resume with the versions, device and threads named in run.json."
                )
            self._write(data, position)
            self.rewritten += 1
        return data

    def _write(self, data: bytes, position: int) -> None:
        written = os.pwrite(self._file.fileno(), data, position)
        if written != len(data):
            raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes of a snapshot were written")

    def _bytes(self, snapshot: npt.ArrayLike) -> bytes:
        given, dtype = np.asarray(snapshot), DTYPES[self.dtype]
        # A bfloat16 file given floats would keep whole numbers, not bits, and never complain.
        if given.dtype.kind != dtype.kind:
            raise ValueError(f"a snapshot of {self.dtype} must come as {dtype}; got {given.dtype}")
        if given.shape != self.shape:
            raise ValueError(f"a snapshot must have shape {self.shape}; got {given.shape}")
        return given.astype(dtype, copy=False).tobytes()

    def sync(self) -> None:
        """Make everything recorded survive a power failure."""
        os.fsync(self._file.fileno())

    def trim(self) -> None:
        """Give back the reserved space: the file holds the one tensor and nothing else."""
        self.capacity = self.recorded
        self._write_header()
        os.ftruncate(self._file.fileno(), DATA_START + self.recorded * self._size)
        self.sync()

    def close(self) -> None:
        """Close the file, leaving it as it is."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def recorded_in(path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> int:
    """How many snapshots a file holds, if it is one this module wrote for the same tensor."""
    header = read_header(path)
    entry = header.tensors.get(name)
    is_ours = header.start == DATA_START and set(header.tensors) <= {name, RESERVED}
    if not is_ours or not entry or entry.dtype != dtype or entry.shape[1:] != shape or not entry.shape or entry.begin:
        raise HistoryError(
            f"{path.name} must hold the tensor {name}, {dtype}, {list(shape)} per snapshot, to be continued; "
            "it holds something else. Move it away or start a new run."
        )
    return entry.shape[0]


def open_tensor(path: Path, name: str | None = None) -> TensorFile:
    """One tensor of a safetensors file, read part by part: the named one, or the only one (reserved space aside)."""
    try:
        with open_regular(path) as file:
            # The mark before the header: what changes in between is looked at with the first read.
            mark, header = mark_of(file.fileno()), parsed(file.fileno())
            chosen, dtype = _chosen(path, header, name)
            descriptor = os.dup(file.fileno())
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise unreadable(path, error) from None
    entry = header.tensors[chosen]
    words: Any = file_array(path, descriptor, chosen, header, mark, dtype)
    if entry.begin == entry.end:
        try:
            words = np.empty(entry.shape, dtype)
        except ValueError as error:
            raise HistoryError(f'"{chosen}" in "{path}" could not be read ({error}). Name another tensor.') from None
    return TensorFile(path, chosen, words, header.metadata)


def _chosen(path: Path, header: Header, name: str | None) -> tuple[str, np.dtype[Any]]:
    names = [key for key in header.tensors if key != RESERVED]
    chosen = name if name is not None else (names[0] if len(names) == 1 else None)
    if chosen is None or chosen not in header.tensors:
        raise HistoryError(
            f'the tensor to read must be named among those in "{path}": {one_line(", ".join(names)[:500]) or "none"}; '
            f"got {name or 'no name'}."
        )
    entry = header.tensors[chosen]
    if entry.dtype not in DTYPES:
        raise HistoryError(
            f'"{one_line(chosen)}" in "{path}" must be BF16 or F32; it is {one_line(entry.dtype[:40])}. '
            f"{dtype_advice(entry.dtype)}"
        )
    return chosen, DTYPES[entry.dtype]
