"""An export: files and an index with the hash of each, in a folder or in one zip; both hold the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .errors import HistoryError, RunError
from .exhibit import Exhibit
from .takeaways import Item, chosen
from .viewpoint import configuration_hash

INDEX = "index.json"
FORMAT = 1
_NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Written:
    """What an export wrote: file → SHA-256, and file → why it was left out."""

    files: dict[str, str]
    left_out: dict[str, str]


def write_items(shown: Exhibit, picked: Sequence[Item], folder: Path) -> Written:
    """Write files and their index into an empty folder; what cannot be made is left out, with the reason in the index."""
    listed: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for each in picked:
        path = folder / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "wb") as file:
                each.write(file)
        except HistoryError as error:
            path.unlink()
            left_out[each.name] = str(error)
            continue
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        listed.append({"name": each.name, "what": each.what, "bytes": path.stat().st_size, "sha256": digest})
    refused = [{"name": name, "why": why} for name, why in left_out.items()]
    _write_index(folder, {**_head(shown), "files": listed, "left_out": refused})
    return Written({row["name"]: row["sha256"] for row in listed}, left_out)


def _head(shown: Exhibit) -> dict[str, Any]:
    """What an export is of: equal for two exports that may stand in one folder."""
    view, seen = shown.view, shown.seen
    return {
        "format": FORMAT,
        "snowball": __version__,
        "run": seen.id,
        "configuration_sha256": configuration_hash(seen.config),
        "step": view.step,
        "group": view.group,
        "unit": view.unit,
        "range": [view.first, view.last],
        "snapshots": len(seen.steps),
    }


def _write_index(folder: Path, content: Mapping[str, Any]) -> None:
    (folder / INDEX).write_bytes((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


def folder_zip(shown: Exhibit, only: Sequence[str] = ()) -> bytes:
    """The folder that :func:`export_to` writes as one zip file, without dates."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        written = write_items(shown, chosen(shown, only), Path(place))
        for name in (INDEX, *written.files):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
            entry.file_size = (Path(place) / name).stat().st_size
            with open(Path(place) / name, "rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)
    return buffer.getvalue()


def export_to(shown: Exhibit, folder: Path, library: Path, only: Sequence[str] = (), force: bool = False) -> Written:
    """Write an export into a folder: everything is made in a hidden folder of it first, then moved in, the index last.

    A file that is there already is replaced if the index of an earlier export of the same run, step, group, unit and range
    names it with the hash it has, or with ``force``; what else that export wrote stays, and stays in the index. Other files of
    the folder stay as they are. The library of runs is never written to, read-only or not.

    Raises
    ------
    RunError
        If the folder lies in the library or cannot be written, or a file would be overwritten that no export wrote.
    """
    picked, target = chosen(shown, only), Path(os.path.realpath(os.path.expanduser(folder)))
    if target == library or library in target.parents:
        raise RunError(
            f'an export is written outside the library of runs; "{target}" is in it. Choose another folder with --to.'
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".snowball-export-") as place:
            stage = Path(place)
            written = write_items(shown, picked, stage)
            names = [*written.files, INDEX]
            if not force:
                _require_ours(target, stage, names)
            _keep_listed(target, stage)
            for name in names:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(stage / name, target / name)
    except OSError as error:
        raise RunError(
            f'an export needs a folder it can write; "{target}": {error.strerror}. Choose another with --to.'
        ) from None
    return written


def _require_ours(target: Path, stage: Path, names: Sequence[str]) -> None:
    """Refuse to overwrite what no export of the same place wrote, or what was changed since."""
    before, after = _index_in(target), _index_in(stage)
    known = {row["name"]: row["sha256"] for row in before.get("files", [])}
    foreign = []
    for name in names:
        path = target / name
        linked = any(place.is_symlink() for place in (path, *path.parents) if target in place.parents)
        if linked or (path.exists() and not path.is_file()):
            foreign.append(name)
        elif path.exists():
            mine = _is_same(before, after) if name == INDEX else _sha256(path) in (known.get(name), _sha256(stage / name))
            foreign += [] if mine else [name]
    if foreign:
        more = f" and {len(foreign) - 3:,} more" if len(foreign) > 3 else ""
        raise RunError(
            "an export overwrites only what an export of the same run, step, group, unit and range wrote; "
            f'"{target}" has its own {", ".join(foreign[:3])}{more}. Choose another folder, or overwrite them with --force.'
        )


def _keep_listed(target: Path, stage: Path) -> None:
    """Take over into the new index what an earlier export of the same place wrote and this one does not."""
    before, after = _index_in(target), _index_in(stage)
    if not _is_same(before, after):
        return
    fresh = {row["name"] for key in ("files", "left_out") for row in after[key]}
    kept = [row for row in before["files"] if row["name"] not in fresh and _is_whole(target / row["name"], row["sha256"])]
    order = {row["name"]: place for place, row in enumerate([*after["files"], *before["files"]])}
    _write_index(stage, {**after, "files": sorted([*after["files"], *kept], key=lambda row: order[row["name"]])})


def _is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two exports are of the same place."""
    return bool(before) and all(before.get(key) == after[key] for key in after if key not in ("files", "left_out"))


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and _sha256(path) == digest


def _index_in(folder: Path) -> dict[str, Any]:
    """The index an export left in a folder; empty if there is none."""
    try:
        content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        named = all(isinstance(row["name"], str) and isinstance(row["sha256"], str) for row in content["files"])
        return dict(content) if named and content["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
