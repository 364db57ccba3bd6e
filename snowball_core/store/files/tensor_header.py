"""The header of a safetensors file, checked: https://github.com/huggingface/safetensors#format."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from ...errors import HistoryError, one_line
from ...memory import MOST_SNAPSHOTS, tables_bytes
from .file_kinds import dtype_advice, kind_by_name, kind_of
from .regular_files import open_regular

RESERVED = "reserved"
# Where the data of a file that is recorded begins.
DATA_START = 1_024
LARGEST_HEADER = 100_000_000
MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 1_000
# As JSON a tensor takes about 14 of the marks { [ , : and 5 strings; below this size no text makes many objects.
_MOST_MARKS, _MOST_STRINGS, _HARMLESS = 20 * MOST_TENSORS, 10 * MOST_TENSORS, 2_000_000
# Possessive: a string without an end would else be searched again at each of its escaped quotes.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_CUT_OFF = "the file is cut off"
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16}
_BITS |= {"U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64}


class TensorEntry(NamedTuple):
    """What a header says of one tensor; ``begin`` and ``end`` count bytes from the start of the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a file's header says; the data begin at byte ``start`` of the file."""

    tensors: dict[str, TensorEntry]
    metadata: dict[str, str]
    start: int


def read_header(path: Path) -> Header:
    """The header of a safetensors file, in which every tensor lies inside the file and none on another.

    A file longer than its header says is read: that is how a writer killed between trimming the header and the file leaves it.
    """
    try:
        with open_regular(path) as file:
            return parsed(file.fileno())
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise unreadable(path, error) from None


def opening(name: str, dtype: str, metadata: Mapping[str, str]) -> str:
    """The text of a header up to the dtype of its tensor: what stays while snapshots are recorded."""
    return json.dumps({"__metadata__": dict(metadata), name: {"dtype": dtype}}, separators=(",", ":"))[:-2]


def written(opening: str, shape: tuple[int, ...], size: int, recorded: int, capacity: int) -> bytes:
    """The header of a file with ``recorded`` snapshots of ``size`` bytes and ``shape``, and room for ``capacity``.

    It is rewritten with every snapshot: put together from text it takes a tenth of what encoding the whole as JSON takes.
    """
    inner, end = "".join(f",{length}" for length in shape), recorded * size
    text = f'{opening},"shape":[{recorded}{inner}],"data_offsets":[0,{end}]}}'
    if room := (capacity - recorded) * size:
        text += f',"{RESERVED}":{{"dtype":"U8","shape":[{room}],"data_offsets":[{end},{capacity * size}]}}'
    encoded = f"{text}}}".encode()
    if len(encoded) > DATA_START - 8:
        raise ValueError(f"header of {len(encoded)} bytes does not fit in {DATA_START - 8}")
    return struct.pack("<Q", DATA_START - 8) + encoded.ljust(DATA_START - 8)


def unreadable(path: Path, error: Exception) -> HistoryError:
    """The error of a file whose header could not be read."""
    if isinstance(error, OSError):
        return HistoryError(f'a history must be a readable file; "{path}": {error.strerror}. Check the path.')
    unread = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError)
    fault = "its header is not JSON" if unread else "its header does not fit into memory"
    fault = one_line(str(error)[:200]) if not unread and isinstance(error, ValueError) else fault
    kind = kind_of(path)
    if kind and kind.what.startswith("a safetensors file"):
        kind = None
    is_what, advice = (f"is {kind.what}", kind.advice) if kind else (f"is not one ({fault})", _way_out(path, fault))
    return HistoryError(f'a history must be a safetensors file; "{path}" {is_what}. {advice}')


def parsed(descriptor: int) -> Header:
    """The header of an open file; the place where it is read next stays."""
    size = os.fstat(descriptor).st_size
    length = struct.unpack("<Q", os.pread(descriptor, 8, 0).ljust(8, b"\xff"))[0]
    if length > min(size - 8, LARGEST_HEADER):
        raise ValueError(f"its header is longer than the file, or than {LARGEST_HEADER // 1_000_000} MB")
    raw = os.pread(descriptor, length, 8)
    _refuse_many(raw)
    text = raw.decode("utf-8")
    del raw
    return _checked(json.loads(text), 8 + length, size)


def _refuse_many(raw: bytes) -> None:
    """Refuse a header that would become more objects than any file of tensors needs, before they take memory.

    Twenty bytes of memory can come of one byte of JSON. Only what stands outside of strings counts.
    """
    if len(raw) <= _HARMLESS:
        return
    outside, place = [], 0
    for match in itertools.islice(_STRING.finditer(raw), _MOST_STRINGS + 1):
        outside.append(raw[place : match.start()])
        place = match.end()
    strings, text = len(outside), b" ".join([*outside, raw[place:]])
    marks = sum(map(text.count, (b"{", b"[", b",", b":")))
    if marks > _MOST_MARKS or strings > _MOST_STRINGS:
        raise ValueError(f"its header of {len(raw):,} bytes lists more than {MOST_TENSORS:,} tensors")


def _way_out(path: Path, fault: str) -> str:
    """What to do about a file that cannot be read: a recorded run's cannot be saved again, nor the lost end of a copy."""
    run = path.parent.name
    if not (path.parent / "run.json").is_file():
        if fault.startswith(_CUT_OFF):
            return "Copy the whole file here once more."
        return "Save the tensor with safetensors.torch.save_file or safetensors.numpy.save_file."
    return (
        f'It was recorded with the run "{run}": put it back from a copy, then run "python -m snowball_core verify {run}". '
        "Without a copy record it again: the same configuration gives the same bits on the same machine and versions."
    )


def require_measurable(snapshots: int, name: str) -> None:
    """Refuse, before any of it is read, a history whose tables would take more memory than is given to them."""
    if snapshots > MOST_SNAPSHOTS:
        raise HistoryError(
            f'a history must have at most {MOST_SNAPSHOTS:,} snapshots to be measured; "{name}" has {snapshots:,}, whose '
            f"tables would take {tables_bytes(snapshots) / 1e9:,.0f} GB of memory. "
            f"Save a part of it, such as every {-(-snapshots // MOST_SNAPSHOTS):,}th snapshot."
        )


def history_file(text: str) -> Path:
    """The foreign history that a typed path means: any ``.safetensors`` file that can be read on this machine.

    A path that names another machine is refused: opening it would send it this user's name.
    """
    given = text.strip().strip('"')
    if given.startswith(("//", "\\\\")) or "\0" in given or "://" in given:
        raise HistoryError(f'a history must be a file of this machine; got "{given[:200]}". Copy it here and name the copy.')
    path = Path(os.path.expanduser(given))
    if path.suffix.lower() != ".safetensors":
        # By the name alone: what other files of this machine hold is not for a page to say.
        kind = kind_by_name(path.name)
        what, advice = (f", which is {kind.what}", kind.advice) if kind else ("", "Name that file.")
        raise HistoryError(f'a history must be a file that ends in .safetensors; got "{given[:200]}"{what}. {advice}')
    return path.absolute()


def history_in(header: Header, path: Path) -> str:
    """The name of the one tensor in a file that can be a history."""
    fitting = {rank: [name for name, entry in header.tensors.items() if _fits(name, entry, rank)] for rank in (3, 2)}
    # Empty tensors beside the history mark something; alone one is a history without snapshots.
    full = {rank: [name for name in names if 0 not in header.tensors[name].shape] for rank, names in fitting.items()}
    names = full[3] or full[2] or fitting[3] or fitting[2]
    if len(names) != 1:
        first = list(header.tensors.items())[:8]
        listed = one_line(", ".join(f"{name} {entry.dtype} {list(entry.shape)}" for name, entry in first))
        other = [
            entry.dtype
            for name, entry in header.tensors.items()
            if len(entry.shape) in (2, 3) and not _fits(name, entry, len(entry.shape))
        ]
        several = "several tensors", "Name one with --key."
        advice = dtype_advice(other[0]) if other else "Save one in these formats and shapes."
        count, mend = several if names else ("no tensor", advice)
        raise HistoryError(
            f'a history must be a BF16 or F32 tensor [T, V, D], or one matrix [V, D]; "{path}" has {count} of that kind. '
            f"{mend} It holds: {listed or 'nothing'}."
        )
    return names[0]


def _fits(name: str, entry: TensorEntry, rank: int) -> bool:
    return name != RESERVED and entry.dtype in ("BF16", "F32") and len(entry.shape) == rank


def _checked(content: Any, start: int, size: int) -> Header:
    if not isinstance(content, dict):
        raise ValueError("its header is not a JSON object")
    metadata = content.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not words")
    if len(content) > MOST_TENSORS:
        raise ValueError(f"its header lists {len(content):,} tensors, more than {MOST_TENSORS:,}")
    tensors = {name: _entry(name, entry) for name, entry in content.items()}
    reached = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if entry.begin != reached:
            raise ValueError(f'the tensor "{name[:80]}" does not begin where the one before it ends')
        reached = entry.end
    if start + reached > size:
        raise ValueError(f"{_CUT_OFF}: {start + reached:,} bytes are announced, {size:,} are there")
    return Header(tensors, metadata, start)


def _entry(name: str, entry: Any) -> TensorEntry:
    fault = f'the entry of the tensor "{name[:80]}" is damaged'
    if not isinstance(entry, dict) or not isinstance(dtype := entry.get("dtype"), str):
        raise ValueError(fault)
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise ValueError(fault)
    if len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f'the tensor "{name[:80]}" has {len(shape):,} dimensions, more than {_MOST_DIMENSIONS:,}')
    begin, end = offsets
    bits = _BITS.get(dtype)
    if begin > end or (bits is not None and math.prod(shape) * bits != (end - begin) * 8):
        raise ValueError(f"{fault}: its shape and its bytes do not agree")
    return TensorEntry(dtype, tuple(shape), begin, end)


def _are_counts(numbers: Any) -> TypeGuard[list[int]]:
    """Whether ``numbers`` is a list of whole numbers that an offset in a file can be."""
    return isinstance(numbers, list) and all(type(number) is int and 0 <= number < 2**63 for number in numbers)
