"""Derived tables kept beside a run: found by the bytes they were computed from, so a stale one is never taken."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FOLDER, FOREIGN = "cache", ".foreign"


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
        digest.update(
            np.ascontiguousarray(part).tobytes() if part.nbytes < 4096 else np.ascontiguousarray(part).view(np.uint8).data
        )
    return digest.hexdigest()


def load(folder: Path | None, name: str, key: str) -> pd.DataFrame | None:
    """The table kept under this name for this content; None if there is none, or it is damaged."""
    if folder is None:
        return None
    import pandas as pd

    try:
        return pd.read_parquet(folder / FOLDER / f"{name}-{key}.parquet")
    except Exception:
        # Whatever is wrong with a derived file, computing it anew is right.
        return None


def keep(folder: Path | None, name: str, key: str, table: pd.DataFrame) -> None:
    """Keep a table, in place of older ones of this name; silently not, where the folder cannot be written."""
    if folder is None or _is_readonly():
        return
    with contextlib.suppress(OSError):
        place = folder / FOLDER
        # A run folder that is gone is not made again; the place of a foreign history is.
        place.mkdir(parents=folder.parent.name == FOREIGN, exist_ok=True)
        fresh = place / f".{name}-{key}-{os.getpid()}.new"
        try:
            table.to_parquet(fresh, index=False)
            os.replace(fresh, place / f"{name}-{key}.parquet")
        finally:
            fresh.unlink(missing_ok=True)
        for old in place.glob(f"{name}-*.parquet"):
            if old.name != f"{name}-{key}.parquet":
                old.unlink(missing_ok=True)


def load_answer(folder: Path, name: str, key: object) -> Any:
    """The small answer kept under this name for this key; None if there is none, or it is damaged."""
    try:
        content = json.loads((folder / FOLDER / f"{name}.json").read_bytes())
        return content["answer"] if content["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def keep_answer(folder: Path, name: str, key: object, answer: Mapping[str, Any]) -> None:
    """Keep a small answer, as JSON, in place of an older one; silently not, where the folder cannot be written."""
    if _is_readonly():
        return
    with contextlib.suppress(OSError):
        place = folder / FOLDER
        place.mkdir(exist_ok=True)
        fresh = place / f".{name}-{os.getpid()}.new"
        try:
            fresh.write_text(json.dumps({"key": key, "answer": answer}))
            os.replace(fresh, place / f"{name}.json")
        finally:
            fresh.unlink(missing_ok=True)


def _is_readonly() -> bool:
    return os.environ.get("SNOWBALL_READONLY", "") not in ("", "0")
