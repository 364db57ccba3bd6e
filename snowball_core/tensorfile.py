"""One tensor in one safetensors file, written in place and valid from the first second.

The header has a fixed length and names two tensors while there is room left: the recorded snapshots and the reserved bytes behind
them, which safetensors requires to be accounted for. Recording a snapshot writes its data, then the header with the new
count. So any stock reader sees exactly what was recorded, at any moment, and a killed writer leaves a valid file.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .errors import HistoryError, RunError

DATA_START = 1_024
RESERVED = "reserved"
_DTYPES = {"BF16": np.dtype("<u2"), "F32": np.dtype("<f4"), "U64": np.dtype("<u8"), "F64": np.dtype("<f8")}
_LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class TensorFile:
    """A recorded tensor, open for reading through a memory map.

    Attributes
    ----------
    path : Path
    name : str
        The tensor's name in the file.
    words : ndarray, shape (recorded, ...)
        Read-only view of the file: ``uint16`` for BF16, else the dtype's numpy type.
    metadata : dict of str to str
    """

    path: Path
    name: str
    words: npt.NDArray[Any]
    metadata: Mapping[str, str]


def _header(name: str, dtype: str, shape: tuple[int, ...], recorded: int, capacity: int, metadata: Mapping[str, str]) -> bytes:
    size = math.prod(shape) * _DTYPES[dtype].itemsize
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    entries[name] = {"dtype": dtype, "shape": [recorded, *shape], "data_offsets": [0, recorded * size]}
    if room := (capacity - recorded) * size:
        entries[RESERVED] = {"dtype": "U8", "shape": [room], "data_offsets": [recorded * size, capacity * size]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    if len(text) > DATA_START - 8:
        raise ValueError(f"header of {len(text)} bytes does not fit in {DATA_START - 8}")
    return struct.pack("<Q", DATA_START - 8) + text.ljust(DATA_START - 8)


class TensorWriter:
    """A tensor file open for writing: appends snapshots, replays those already there, trims at the end.

    Parameters
    ----------
    path : Path
        Created if absent; continued if it holds the same tensor.
    name : str
    dtype : {"BF16", "F32", "U64", "F64"}
    shape : tuple of int
        Shape of one snapshot.
    capacity : int
        Snapshots to reserve disk space for.
    metadata : mapping of str to str

    Raises
    ------
    RunError
        If the disk has no room for the whole tensor.
    HistoryError
        If the file exists and holds another tensor.
    """

    def __init__(
        self, path: Path, name: str, dtype: str, shape: tuple[int, ...], capacity: int, metadata: Mapping[str, str]
    ) -> None:
        self.path, self.name, self.dtype, self.shape = path, name, dtype, shape
        self.metadata = dict(metadata)
        self.recorded = _continued(path, name, dtype, shape) if path.exists() else 0
        self.capacity = max(capacity, self.recorded)
        self._size = math.prod(shape) * _DTYPES[dtype].itemsize
        self._file = open(path, "r+b" if path.exists() else "x+b", buffering=0)  # noqa: SIM115
        try:
            self._reserve()
        except BaseException:
            self._file.close()
            raise

    def _reserve(self) -> None:
        total = DATA_START + self.capacity * self._size
        have = os.fstat(self._file.fileno()).st_size
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file.fileno(), 0, total)
            elif os.statvfs(self.path.parent).f_bavail * os.statvfs(self.path.parent).f_frsize < total - have:
                raise OSError("no space left on device")
            os.ftruncate(self._file.fileno(), total)
        except OSError as error:
            os.ftruncate(self._file.fileno(), have)
            raise RunError(
                f"the disk must have room for {total / 1e6:,.1f} MB of {self.path.name}; {error.strerror or error}. "
                "Free some space, record fewer steps (record every-10 or log) or choose another folder with --runs."
            ) from None
        self._write_header()

    def _write_header(self) -> None:
        header = _header(self.name, self.dtype, self.shape, self.recorded, self.capacity, self.metadata)
        os.pwrite(self._file.fileno(), header, 0)

    def append(self, snapshot: npt.NDArray[Any]) -> None:
        """Record one more snapshot: the data first, then the count."""
        data = self._bytes(snapshot)
        position = DATA_START + self.recorded * self._size
        written = os.pwrite(self._file.fileno(), data, position)
        if written != len(data):
            raise OSError(f"only {written} of {len(data)} bytes of a snapshot were written")
        self.recorded += 1
        self._write_header()

    def put(self, index: int, snapshot: npt.NDArray[Any]) -> None:
        """Record snapshot ``index``, or, where it is already recorded, check that it is the same bit for bit.

        Raises
        ------
        RunError
            If the recorded snapshot differs; nothing is overwritten.
        """
        if index == self.recorded:
            self.append(snapshot)
        elif index > self.recorded:
            raise RunError(
                f"snapshots must be recorded in order; {self.path.name} has {self.recorded:,} and was given number {index:,}. "
                "The file was cut by something else: fork the run from its last snapshot."
            )
        elif os.pread(self._file.fileno(), self._size, DATA_START + index * self._size) != self._bytes(snapshot):
            raise RunError(
                f"a resumed run must repeat what it recorded; snapshot {index:,} of {self.path.name} came out different. "
                "Nothing was overwritten. Resume with the versions, device and threads named in run.json."
            )

    def _bytes(self, snapshot: npt.NDArray[Any]) -> bytes:
        array = np.ascontiguousarray(snapshot, _DTYPES[self.dtype])
        if array.shape != self.shape:
            raise ValueError(f"a snapshot must have shape {self.shape}; got {array.shape}")
        return array.tobytes()

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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _continued(path: Path, name: str, dtype: str, shape: tuple[int, ...]) -> int:
    entries, _ = read_header(path)
    entry = entries.get(name)
    if not entry or entry["dtype"] != dtype or tuple(entry["shape"][1:]) != shape:
        raise HistoryError(
            f"{path.name} must hold the tensor {name}, {dtype}, {list(shape)} per snapshot, to be continued; "
            "it holds something else. Move it away or start a new run."
        )
    return int(entry["shape"][0])


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The checked header of a safetensors file and the position where its data starts.

    Raises
    ------
    HistoryError
        If the file is missing or is not a safetensors file.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
            if length > min(size - 8, _LARGEST_HEADER):
                raise ValueError("the header is longer than the file")
            entries = json.loads(file.read(length))
            for key, entry in entries.items():
                if key != "__metadata__" and 8 + length + int(entry["data_offsets"][1]) > size:
                    raise ValueError(f'the tensor "{key}" is cut off')
    except OSError as error:
        raise HistoryError(f'a history must be a readable file; "{path}": {error.strerror}. Check the path.') from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise HistoryError(
            f'a history must be a safetensors file; "{path}" is not one ({error}). '
            "Save the tensor with safetensors.torch.save_file or safetensors.numpy.save_file."
        ) from None
    return entries, 8 + length


def open_tensor(path: Path, name: str | None = None) -> TensorFile:
    """One tensor of a safetensors file as a read-only memory map.

    Parameters
    ----------
    path : Path
    name : str, optional
        Without it, the file's one tensor (reserved space aside).

    Raises
    ------
    HistoryError
        If the file is not safetensors, the tensor is not there, or its dtype is none of BF16, F32, F64, U64.
    """
    entries, start = read_header(path)
    metadata = entries.pop("__metadata__", {})
    names = [key for key in entries if key != RESERVED]
    chosen = name if name is not None else (names[0] if len(names) == 1 else None)
    if chosen not in entries:
        raise HistoryError(
            f'the tensor to read must be named among those in "{path}": {", ".join(names) or "none"}; got {name or "no name"}.'
        )
    entry = entries[chosen]
    if entry["dtype"] not in _DTYPES:
        raise HistoryError(
            f'"{chosen}" in "{path}" must be BF16 or F32; it is {entry["dtype"]}. bfloat16 saved as float16 has lost its bits: save it again.'
        )
    dtype, shape = _DTYPES[entry["dtype"]], tuple(int(n) for n in entry["shape"])
    if math.prod(shape) == 0:
        return TensorFile(path, chosen, np.empty(shape, dtype), metadata)
    offset = start + int(entry["data_offsets"][0])
    words = np.memmap(path, dtype, "r", offset=offset, shape=shape)
    return TensorFile(path, chosen, words, metadata)
