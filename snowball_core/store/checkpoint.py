"""The checkpoint of a run: all of its tensors and what was recorded up to it, each with its hash, in one safetensors file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..costs import BYTES
from ..errors import HistoryError
from .files.regular_files import identity, open_regular, replacing
from .files.tensor_header import TensorEntry, read_header
from .integrity.digests import Summary, summary_of

_BLOCK = 1 << 20
_HASHED = ("tensors", "recordings", "metrics", "seal")


class Piece(NamedTuple):
    """One tensor to write: its safetensors format, its shape and its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


class Checkpoint(NamedTuple):
    """What a checkpoint says, after its hashes were compared."""

    step: int
    matrix_sha256: str  # of the recorded matrix; empty in a file of another program
    # of each recording up to the step; None in a checkpoint written before hashes were
    recordings: Mapping[str, Summary] | None
    metrics: Summary | None  # of the rows of ``metrics.csv`` up to the step, without their seconds
    tensors: Mapping[str, TensorEntry]


def read_checkpoint(file: Path, last_step: int) -> Checkpoint:
    """A checkpoint of a run with this last step, every tensor compared with its hash.

    The message of a HistoryError is the second half of a sentence.
    """
    for _ in range(3):
        try:
            before = identity(file)
            try:
                checkpoint: Checkpoint | HistoryError = _read(file, last_step)
            except HistoryError as error:
                checkpoint = error
            if identity(file) != before:
                continue  # a worker has just replaced it
        except OSError as error:
            raise HistoryError(f"it cannot be read ({error.strerror or error})") from None
        if isinstance(checkpoint, HistoryError):
            raise checkpoint
        return checkpoint
    raise HistoryError("a worker replaces it faster than it can be read")


def _read(file: Path, last_step: int) -> Checkpoint:
    if not file.is_file():
        raise HistoryError("it is not a regular file")
    try:
        header = read_header(file)
    except HistoryError as error:
        raise HistoryError(f"it is no whole safetensors file ({str(error)[-200:]})") from None
    metadata = dict(header.metadata)
    step = metadata.get("step", "")
    if not (step.isascii() and step.isdecimal() and len(step) < 16 and int(step) <= last_step):
        raise HistoryError(f'it must say a step from 0 to {last_step:,}; it says "{step[:40]}"')
    if not any(key in metadata for key in _HASHED):
        return Checkpoint(int(step), metadata.get("matrix_sha256", ""), None, None, header.tensors)
    try:
        if metadata.pop("seal") != _seal(metadata):
            raise ValueError
        hashes: dict[str, str] = json.loads(metadata["tensors"])
        recordings = {name: summary_of(content) for name, content in json.loads(metadata["recordings"]).items()}
        metrics = summary_of(json.loads(metadata["metrics"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise HistoryError("what it says of its step and hashes is damaged") from None
    if set(hashes) != set(header.tensors):
        raise HistoryError("its list of tensors is damaged")
    for name, entry in header.tensors.items():
        if _tensor_sha256(file, header.start, name, entry) != hashes[name]:
            raise HistoryError(f"its tensor {name} is not what was written (SHA-256)")
    return Checkpoint(int(step), metadata["matrix_sha256"], recordings, metrics, header.tensors)


def _seal(facts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def _tensor_sha256(file: Path, start: int, name: str, entry: TensorEntry) -> str:
    digest, left = _digest(name, entry.dtype, entry.shape), entry.end - entry.begin
    with open_regular(file) as content:
        content.seek(start + entry.begin)
        while left and (block := content.read(min(left, _BLOCK))):
            digest.update(block)
            left -= len(block)
    return str(digest.hexdigest())


def _digest(name: str, dtype: str, shape: tuple[int, ...]) -> Any:
    return hashlib.sha256(f"{name} {dtype} {list(shape)}\n".encode())


def write_checkpoint(
    file: Path,
    tensors: Mapping[str, Piece],
    step: int,
    matrix_sha256: str,
    recordings: Mapping[str, Summary],
    metrics: Summary,
) -> None:
    """Replace a checkpoint by one with the hashes of all that it holds and of what was recorded up to it."""
    # As the library's own writer orders them: wide numbers first, so that each tensor begins at a multiple of its width.
    ordered = sorted(tensors.items(), key=lambda item: (-BYTES[item[1].dtype], item[0]))
    hashes, entries, at = {}, {}, 0
    for name, piece in ordered:
        digest = _digest(name, piece.dtype, piece.shape)
        digest.update(piece.data)
        hashes[name] = digest.hexdigest()
        entries[name] = {"dtype": piece.dtype, "shape": list(piece.shape), "data_offsets": [at, at + len(piece.data)]}
        at += len(piece.data)
    facts = {"step": str(step), "matrix_sha256": matrix_sha256, "tensors": json.dumps(hashes, sort_keys=True)}
    file.parent.mkdir(exist_ok=True)
    # The names of the files it counts on must not be lost where the checkpoint is kept.
    _sync_folder(file.parent.parent)
    with replacing(file) as target:
        target.write(_head(entries, facts, recordings, metrics))
        for _, piece in ordered:
            target.write(piece.data)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reseal(source: Path, target: Path, recordings: Mapping[str, Summary], metrics: Summary) -> None:
    """Write a checkpoint with the tensors of another one, which was compared, over recordings of its own."""
    header = read_header(source)
    facts = {key: header.metadata[key] for key in ("step", "matrix_sha256", "tensors")}
    entries = {
        name: {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [entry.begin, entry.end]}
        for name, entry in header.tensors.items()
    }
    with open_regular(source) as content, replacing(target) as file:
        file.write(_head(entries, facts, recordings, metrics))
        content.seek(header.start)
        while block := content.read(_BLOCK):
            file.write(block)


def _head(entries: Mapping[str, Any], facts: Mapping[str, str], recordings: Mapping[str, Summary], metrics: Summary) -> bytes:
    metadata = {
        **facts,
        "recordings": json.dumps({name: summary._asdict() for name, summary in recordings.items()}),
        "metrics": json.dumps(metrics._asdict()),
    }
    text = json.dumps({"__metadata__": {**metadata, "seal": _seal(metadata)}, **entries}, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return struct.pack("<Q", len(text)) + text
