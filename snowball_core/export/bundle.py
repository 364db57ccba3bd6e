"""An export: files and an index with the hash of each, in a folder or in one zip; both hold the same bytes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import __version__
from ..errors import ChangedError, HistoryError, RunError, requiring
from ..memory import Tell, part_of, untold
from ..store.files.regular_files import file_sha256, read_json
from ..store.files.zip_file import undated_entry
from ..store.history import History
from ..store.manifest import configuration_hash
from ..store.staging import staged, sweep
from ..store.status import is_read_only
from ..tables.blocks import history_blocks
from .files import PARTS, Item, chosen
from .view import View

INDEX = "index.json"
FORMAT = 1
_PARTS = {"tables": "table", "pictures": "picture", "parcel": "run"}
_PARTS |= {name: f"{name} file" for name in PARTS if name not in _PARTS}


@dataclass(frozen=True)
class Written:
    """What an export wrote: file → SHA-256, and file → why it was left out."""

    files: dict[str, str]
    left_out: dict[str, str]


def write_items(view: View, picked: Sequence[Item], folder: Path, tell: Tell = untold) -> Written:
    """Write files and their index into an empty folder; what cannot be made is left out, with the reason in the index."""
    listed: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for number, each in enumerate(picked):
        tell(number / len(picked), _named(each, picked))
        path = folder / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "wb") as file:
                each.write(file, part_of(tell, number, len(picked)))
        except ChangedError:
            raise  # what was written before is of another file than what would follow
        except HistoryError as error:
            path.unlink()
            left_out[each.name] = str(error)
            continue
        listed.append({"name": each.name, "what": each.what, "bytes": path.stat().st_size, "sha256": file_sha256(path)})
    refused = [{"name": name, "why": why} for name, why in left_out.items()]
    _write_index(folder, {**_head(view), "files": listed, "left_out": refused})
    return Written({row["name"]: row["sha256"] for row in listed}, left_out)


def _named(item: Item, picked: Sequence[Item]) -> str:
    """A file by its number among those of its part, as "picture 7 of 22"."""
    alike = [each for each in picked if each.part == item.part]
    return f"{_PARTS[item.part]} {alike.index(item) + 1} of {len(alike)}"


def _head(view: View) -> dict[str, Any]:
    """Identity of an export: equal for two exports that may share a folder."""
    history = view.history
    return {
        "format": FORMAT,
        "snowball": __version__,
        "run": history.id,
        "configuration_sha256": configuration_hash(history.config),
        # A run's id is unique; two foreign files can share a name, and one file can be read with other dead tokens.
        **({"history_sha256": _history_sha256(history)} if history.config is None else {}),
        "step": view.step,
        "group": view.group,
        "unit": view.unit,
        "range": [view.first, view.last],
        "snapshots": len(history.steps),
    }


def _history_sha256(history: History) -> str:
    """SHA-256 of a history's snapshots and of which tokens are dead."""
    digest = hashlib.sha256(repr((history.words.shape, str(history.words.dtype), history.dead is None)).encode())
    for part in history_blocks(history):
        digest.update(np.ascontiguousarray(history.words[part]).tobytes())
    if history.dead is not None:
        digest.update(history.dead.tobytes())
    return digest.hexdigest()


def _write_index(folder: Path, content: Mapping[str, Any]) -> None:
    (folder / INDEX).write_bytes((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


def folder_zip(view: View, file: BinaryIO, only: Sequence[str] = (), tell: Tell = untold) -> None:
    """Write the folder that :func:`export_to` writes as one zip file, without dates."""
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        written = write_items(view, chosen(view, only), Path(place), tell)
        tell(1.0, "packing")
        for name in (INDEX, *written.files):
            entry = undated_entry(name, (Path(place) / name).stat().st_size)
            with open(Path(place) / name, "rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)


def export_to(view: View, folder: Path, library: Path, only: Sequence[str] = (), force: bool = False) -> Written:
    """Write an export into a folder: everything is made in a hidden folder first, then moved in, the index last.

    A file that is there already is replaced if the index of an earlier export of the same run, step, group, unit and range
    names it with the hash it has, or with ``force``; what else that export wrote stays, and stays in the index. Other files of
    the folder stay as they are. No run of the library is written to, read-only or not.
    """
    picked, target = chosen(view, only), Path(os.path.realpath(os.path.expanduser(folder)))
    if target == library or library in target.parents:
        raise RunError(
            f'an export must be written outside the library of runs; "{target}" is in it. Choose another folder with --to.'
        )
    if os.path.lexists(target) and not target.is_dir():
        raise RunError(f'an export needs a writable folder; "{target}" is not a folder. Choose another with --to.')
    with requiring("an export needs a writable folder", target, "Choose another with --to."):
        target.mkdir(parents=True, exist_ok=True)
        sweep(target, is_library=False)
        with _stage(library, target) as stage:
            with requiring("an export needs temporary disk space", stage.parent):
                written = write_items(view, picked, stage)
            names = [*written.files, INDEX]
            if not force:
                _require_ours(target, stage, names)
            _keep_listed(target, stage)
            _move_in(stage, target, names)
    return written


@contextlib.contextmanager
def _stage(library: Path, target: Path) -> Iterator[Path]:
    """A hidden folder to make an export in: in the library, where the next listing sweeps what a kill left.

    In the target where the library may not be written; there the next export to it sweeps.
    """
    with contextlib.ExitStack() as stack:
        stage = None
        if library.is_dir() and not is_read_only():
            sweep(library)
            with contextlib.suppress(OSError):
                stage = stack.enter_context(staged(library, "export"))
        yield stage or stack.enter_context(staged(target, "export"))


def _move_in(stage: Path, target: Path, names: Sequence[str]) -> None:
    """Move files of a stage to their places, each by a rename; from another file system by way of a stage in the target."""
    with contextlib.ExitStack() as stack:
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.replace(stage / name, target / name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                beside = stack.enter_context(staged(target, "export"))
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(stage / name, beside / name)
                os.replace(beside / name, target / name)


def _require_ours(target: Path, stage: Path, names: Sequence[str]) -> None:
    """Raise if a file to be overwritten was not written by an export of the same folder, or was changed since."""
    before, after = _index_in(target), _index_in(stage)
    known = {row["name"]: row["sha256"] for row in before.get("files", [])}
    foreign = []
    for name in names:
        path = target / name
        linked = any(place.is_symlink() for place in (path, *path.parents) if target in place.parents)
        if linked or (path.exists() and not path.is_file()):
            foreign.append(name)
        elif path.exists():
            mine = (
                _is_same(before, after) if name == INDEX else file_sha256(path) in (known.get(name), file_sha256(stage / name))
            )
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
    return path.is_file() and file_sha256(path) == digest


def _index_in(folder: Path) -> dict[str, Any]:
    """The index an export left in a folder; empty if there is none."""
    try:
        content = read_json(folder / INDEX)
        named = all(isinstance(row["name"], str) and isinstance(row["sha256"], str) for row in content["files"])
        return dict(content) if named and content["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
