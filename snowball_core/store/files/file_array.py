"""An array in a file, read part by part and never mapped: a file cut or changed while it is read is an error, not a signal.

A memory map of a file that was cut raises SIGBUS, which ends the process and which no Python code can handle. Reads say how
many bytes there were; and after each of them the file must still be the one that was opened.
"""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ChangedError, HistoryError
from .tensor_header import RESERVED, Header, parsed

_BLOCK_BYTES = 16 * 1024 * 1024
# From this size on, a read per snapshot that leaves out the rest is faster.
_LARGE_SNAPSHOT = 256 * 1024
# A header that is just being rewritten is whole again after so many looks, a millisecond apart.
_LOOKS = 20
Mark = tuple[int, int, int, int]


class _Source:
    """The open file of one tensor, and what must hold of it as long as it is read."""

    def __init__(self, path: Path, descriptor: int, name: str, header: Header, mark: Mark) -> None:
        self.path, self.descriptor, self.name, self.header, self.mark = path, descriptor, name, header, mark
        weakref.finalize(self, os.close, descriptor)

    def read_into(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` with the bytes from ``offset`` on."""
        done = 0
        while done < len(buffer):
            try:
                count = os.preadv(self.descriptor, [buffer[done:]], offset + done)
            except OSError as error:
                raise HistoryError(
                    f'a history must be a readable file; "{self.path}" could not be read ({error.strerror}). Try again.'
                ) from None
            if not count:
                size = os.fstat(self.descriptor).st_size
                raise ChangedError(
                    f'a history must stay as it is while it is read; "{self.path}" was cut to {size:,} bytes. '
                    "Measure it again when the file is whole."
                )
            done += count

    def check(self) -> None:
        """Raise ChangedError unless what was read belongs to the file that was opened.

        A run under way goes on writing its file: snapshots are added, and those that were there stay.
        """
        if (mark := mark_of(self.descriptor)) == self.mark:
            return
        if mark[:2] == self.mark[:2] and mark[2] != self.mark[2]:
            self.mark = mark  # it lost its name to another file, or was deleted: its bytes are the same
            return
        header = self._now()
        if header is None or not _goes_on(self.header, header, self.name):
            raise ChangedError(
                f'a history must stay as it is while it is read; "{self.path}" was changed meanwhile. Measure it again.'
            )
        self.header, self.mark = header, mark

    def _now(self) -> Header | None:
        for _ in range(_LOOKS):
            try:
                return parsed(self.descriptor)
            except (OSError, ValueError, RecursionError):
                time.sleep(0.001)
        return None


def mark_of(descriptor: int) -> Mark:
    """Size, time of the content, names and time of the entry of an open file: one of them changes with its bytes."""
    at = os.fstat(descriptor)
    return at.st_size, at.st_mtime_ns, at.st_nlink, at.st_ctime_ns


def _goes_on(before: Header, now: Header, name: str) -> bool:
    """Whether a file was recorded further, or trimmed, and holds all it held before."""
    if not (RESERVED in before.tensors or RESERVED in now.tensors) or name not in now.tensors:
        return False
    old, new = before.tensors[name], now.tensors[name]
    is_same = (old.dtype, old.shape[1:], old.begin, before.start) == (new.dtype, new.shape[1:], new.begin, now.start)
    return is_same and old.shape[:1] <= new.shape[:1]


class FileArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A read-only array in a file, used like an ndarray; ``offset`` is that of its first byte.

    A slice of its first axis is such an array again and reads nothing; any other index reads what it selects and gives an
    ndarray, as do ``np.asarray`` and every other attribute of an ndarray, which read the whole. Every read raises ChangedError
    if the file was cut or changed since it was opened; a recording that goes on is no change.
    """

    # Else numpy would try to make a scalar of it, and looking for a memory map below it would read it.
    base = None

    def __init__(self, source: _Source, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> None:
        self._source, self._offset, self.dtype, self.shape = source, offset, dtype, shape
        self.ndim, self.itemsize, self.size = len(shape), dtype.itemsize, math.prod(shape)
        self.nbytes = self.size * self.itemsize
        self._each = math.prod(shape[1:]) * self.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"FileArray({str(self._source.path)!r}, {self.dtype}, {list(self.shape)})"

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        whole = self._read(0, len(self))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        given = [np.asarray(each) if isinstance(each, FileArray) else each for each in inputs]
        return getattr(ufunc, method)(*given, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    def __reduce__(self) -> tuple[Any, ...]:
        return np.array, (np.asarray(self),)

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if first is None and not rest:
            return FileArray(self._source, self.dtype, self._offset, (1, *self.shape))
        if isinstance(first, int | np.integer) and not isinstance(first, bool | np.bool_):
            at = int(first) + (len(self) if first < 0 else 0)
            if not 0 <= at < len(self):
                raise IndexError(f"index {first} is out of bounds for axis 0 with size {len(self)}")
            return self._read(at, at + 1)[(0, *rest)]
        if isinstance(first, slice):
            begin, end, stride = first.indices(len(self))
            if stride == 1:
                part = FileArray(self._source, self.dtype, self._offset + begin * self._each, self._cut(max(0, end - begin)))
                return part if all(isinstance(each, slice) and each == slice(None) for each in rest) else part._picked(rest)
            first = np.arange(begin, end, stride)
        index = None if first is None or first is Ellipsis else np.asarray(first)
        if index is None or index.ndim != 1 or (index.dtype == np.bool_ and len(index) != len(self)):
            return np.asarray(self)[key]
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        rows = self._gathered(np.arange(len(self))[index.astype(np.intp) if not index.size else index])
        return rows[(np.arange(len(rows)), *rest)] if rest and not isinstance(key[0], slice) else rows[(slice(None), *rest)]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ValueError("assignment destination is read-only")

    def _cut(self, count: int) -> tuple[int, ...]:
        return (count, *self.shape[1:])

    def _read(self, begin: int, end: int) -> npt.NDArray[Any]:
        return self._gathered_runs([(begin, end)], end - begin)

    def _gathered(self, places: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """The entries at some places of the first axis; neighbours are read at once."""
        edges = np.flatnonzero(np.diff(places, prepend=-2) != 1)
        ends = [*edges[1:], len(places)] if len(places) else []
        runs = [(int(places[a]), int(places[a]) + int(b - a)) for a, b in zip(edges, ends, strict=True)]
        return self._gathered_runs(runs, len(places))

    def _gathered_runs(self, runs: list[tuple[int, int]], count: int) -> npt.NDArray[Any]:
        result = np.empty(self._cut(count), self.dtype)
        if result.size:
            buffer, at = _bytes_of(result), 0
            for begin, end in runs:
                size = (end - begin) * self._each
                self._source.read_into(buffer[at : at + size], self._offset + begin * self._each)
                at += size
            self._source.check()
        return result

    def _picked(self, rest: list[Any]) -> npt.NDArray[Any]:
        """The same part of every entry, in bounded memory beside the result."""
        if self.ndim > 3 or any(each is None or each is Ellipsis for each in rest) or not self.size:
            whole: npt.NDArray[Any] = np.asarray(self)[(slice(None), *rest)]
            return whole
        if (narrow := self._span(rest[0])) and self._each >= _LARGE_SNAPSHOT and 4 * len(narrow) <= self.shape[1]:
            kept = slice(None) if isinstance(rest[0], slice) else 0
            part: npt.NDArray[Any] = self._narrowed(narrow)[(slice(None), kept, *rest[1:])]
            return part
        size = max(1, _BLOCK_BYTES // max(1, self._each))
        result = self._read(0, min(size, len(self)))[(slice(None), *rest)]
        if size < len(self):
            first, result = result, np.empty((len(self), *result.shape[1:]), self.dtype)
            result[: len(first)] = first
        for start in range(size, len(self), size):
            result[start : start + size] = self._read(start, min(start + size, len(self)))[(slice(None), *rest)]
        return result

    def _span(self, key: Any) -> range:
        """The neighbouring places of the second axis that a number or a slice selects; none where it is something else."""
        places = range(self.shape[1])
        if isinstance(key, slice) and key.step in (None, 1):
            return places[key]
        if isinstance(key, int | np.integer) and -len(places) <= key < len(places):
            return range(places[key], places[key] + 1)
        return range(0)

    def _narrowed(self, places: range) -> npt.NDArray[Any]:
        result = np.empty((len(self), len(places), *self.shape[2:]), self.dtype)
        inside = math.prod(self.shape[2:]) * self.itemsize
        buffer, size = _bytes_of(result), len(places) * inside
        for at in range(len(self)):
            self._source.read_into(buffer[at * size : (at + 1) * size], self._offset + at * self._each + places.start * inside)
        self._source.check()
        return result


def _bytes_of(result: npt.NDArray[Any]) -> memoryview:
    flat: Any = result.reshape(-1).view(np.uint8)
    return memoryview(flat)


def file_array(path: Path, descriptor: int, name: str, header: Header, mark: Mark, dtype: np.dtype[Any]) -> Any:
    """A tensor of an open file, whose header and mark were taken; the descriptor is closed with the array."""
    entry = header.tensors[name]
    result = FileArray(_Source(path, descriptor, name, header, mark), dtype, header.start + entry.begin, entry.shape or (1,))
    return result if entry.shape else result[0]
