"""Derived tables kept beside a run: found by the bytes they were computed from, so a stale one is never taken."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .files.regular_files import LARGEST_JSON, read_bytes, replacing
from .status import is_read_only

if TYPE_CHECKING:
    import pandas as pd

FOLDER, FOREIGN = "cache", ".foreign"
_LARGEST = 1_000_000_000
_DIGEST = b', "digest": "'


def content_key(version: str, parts: Iterable[npt.NDArray[Any]]) -> str:
    """A name for the content of some arrays: their dtypes, shapes and bytes, and the version of what is computed from them.

    Examples
    --------
    >>> content_key("1", [np.zeros(2)]) == content_key("1", [np.zeros(2)]), content_key("2", []) == content_key("1", [])
    (True, False)
    """
    digest = hashlib.blake2b(version.encode(), digest_size=16)
    for part in parts:
        digest.update(f"{part.dtype}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).reshape(-1).data)
    return digest.hexdigest()


def load(folder: Path | None, name: str, key: str, like: pd.DataFrame) -> pd.DataFrame | None:
    """The table kept under this name for this content; None if there is none, or it is damaged.

    Its file is named after a digest of its own bytes, its name and its key: a file in which a bit changed, or another table
    under this name, is not taken. Neither is a table whose columns or types are not those of ``like``.
    """
    if folder is None:
        return None
    import pandas as pd

    for file in _kept_files(folder, f"{name}-{key}-"):
        # Whatever is wrong with a derived file, computing it again is right.
        with contextlib.suppress(Exception):
            raw = read_bytes(file, _LARGEST)
            if file.name == _file_name(name, key, raw):
                table = pd.read_parquet(io.BytesIO(raw))
                if table.dtypes.equals(like.dtypes):  # a series by column: their names and order are compared too
                    return table
    return None


def keep(folder: Path | None, name: str, key: str, table: pd.DataFrame) -> None:
    """Keep a table, in place of older ones of this name; silently not, where the folder cannot be written."""
    if folder is None or is_read_only():
        return
    with contextlib.suppress(OSError):
        place = folder / FOLDER
        # A run folder that is gone is not made again; the place of a foreign history is.
        place.mkdir(parents=folder.parent.name == FOREIGN, exist_ok=True)
        written = io.BytesIO()
        table.to_parquet(written, index=False)
        raw = written.getvalue()
        kept = place / _file_name(name, key, raw)
        with replacing(kept, durable=False) as file:
            file.write(raw)
        for old in _kept_files(folder, f"{name}-"):
            if old.name != kept.name:
                with contextlib.suppress(OSError):
                    old.unlink()


def _kept_files(folder: Path, beginning: str) -> list[Path]:
    try:
        names = sorted(os.listdir(folder / FOLDER))
    except OSError:
        return []
    return [folder / FOLDER / name for name in names if name.startswith(beginning) and name.endswith(".parquet")]


def _file_name(name: str, key: str, raw: bytes) -> str:
    digest = hashlib.blake2b(f"{name} {key} ".encode(), digest_size=16)
    digest.update(raw)
    return f"{name}-{key}-{digest.hexdigest()}.parquet"


def load_answer(folder: Path, name: str, key: object) -> Any:
    """The small answer kept under this name for this key; None if there is none, or it is damaged."""
    try:
        body, _, end = read_bytes(f"{folder}/{FOLDER}/{name}.json", LARGEST_JSON).rpartition(_DIGEST)
        if end != _digest(name, body) + b'"}':
            return None
        content = json.loads(body + b"}")
        return content["answer"] if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep_answer(folder: Path, name: str, key: object, answer: Mapping[str, Any]) -> None:
    """Keep a small answer, as JSON, in place of an older one; silently not, where the folder cannot be written."""
    if is_read_only():
        return
    with contextlib.suppress(OSError):
        place = folder / FOLDER
        place.mkdir(exist_ok=True)
        body = json.dumps({"key": key, "answer": answer}).encode()[:-1]
        with replacing(place / f"{name}.json", durable=False) as file:
            file.write(body + _DIGEST + _digest(name, body) + b'"}')


def _digest(name: str, body: bytes) -> bytes:
    return hashlib.blake2b(name.encode() + b" " + body, digest_size=16).hexdigest().encode()
