"""Everything a run can be taken home as: named files, an index with the hash of each, written into a folder or a zip."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from . import __version__
from .animation import MOST_FRAMES, gif_bytes
from .errors import HistoryError, RunError
from .event_tables import ytree_csv
from .exhibit import Exhibit
from .methods import latex, markdown, methods
from .parcel import pack
from .pictures import png_bytes
from .plates import MOTIFS, draw
from .projector import metadata_tsv, projector_json, projector_pbtxt, vectors_tsv
from .report import report_bytes
from .runs import read_run
from .sheets import FORMATS, SHEETS
from .viewpoint import configuration_hash

INDEX = "index.json"
FORMAT = 1
PARTS = ("tables", "pictures", "methods", "report", "projector", "animation", "parcel")
USUAL = ("tables", "pictures", "methods", "report", "projector")
_NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Item:
    """One file of an export.

    Attributes
    ----------
    name : str
        Its path in the folder.
    part : str
        One of :data:`PARTS`.
    what : str
        What it holds.
    write : callable
        Writes it into an open file.
    """

    name: str
    part: str
    what: str
    write: Callable[[BinaryIO], None]

    def content(self) -> bytes:
        """The file's bytes, made now."""
        buffer = io.BytesIO()
        self.write(buffer)
        return buffer.getvalue()


def _item(name: str, part: str, what: str, make: Callable[[], bytes]) -> Item:
    def write(file: BinaryIO) -> None:
        file.write(make())

    return Item(name, part, what, write)


def items(shown: Exhibit) -> list[Item]:
    """Every file the exhibit can be exported as, in the order of :data:`PARTS`; nothing is made before it is written."""
    return [*_tables(shown), *_pictures(shown), *_texts(shown), *_projector(shown), *_animation(shown), *_parcel(shown)]


def item(shown: Exhibit, name: str) -> Item:
    """The file of this name.

    Raises
    ------
    HistoryError
        If there is none; the message lists those there are.
    """
    known = {each.name: each for each in items(shown)}
    if name not in known:
        raise HistoryError(f'a file of an export is one of {", ".join(known)}; got "{name}".')
    return known[name]


def _tables(shown: Exhibit) -> list[Item]:
    found = [
        _item(f"tables/{name}.{kind}", "tables", sheet.what, lambda sheet=sheet, form=form: form(sheet.make(shown)))  # type: ignore[misc]
        for name, sheet in SHEETS.items()
        for kind, form in FORMATS.items()
    ]
    tree = "the lineage for ytree's reader of CSV"
    return [
        *found,
        _item("tables/tree.ytree.csv", "tables", tree, lambda: ytree_csv(shown.told.tree, shown.seen.steps).encode()),
    ]


def _pictures(shown: Exhibit) -> list[Item]:
    found = []
    for name, motif in MOTIFS.items():

        def svg(motif: Any = motif) -> bytes:
            return draw(shown, motif.make(shown))

        found.append(_item(f"pictures/{name}.svg", "pictures", motif.what, svg))
        found.append(_item(f"pictures/{name}.png", "pictures", motif.what, lambda svg=svg: png_bytes(svg())))  # type: ignore[misc]
    return found


def _texts(shown: Exhibit) -> list[Item]:
    what = "the methods paragraph, to paste"
    return [
        _item("methods.txt", "methods", what, lambda: (methods(shown.seen) + "\n").encode()),
        _item("methods.md", "methods", what, lambda: markdown(methods(shown.seen)).encode()),
        _item("methods.tex", "methods", what, lambda: latex(methods(shown.seen)).encode()),
        _item("report.html", "report", "pictures, tables and methods in one page", lambda: report_bytes(shown)),
    ]


def _projector(shown: Exhibit) -> list[Item]:
    return [
        _item("projector/vectors.tsv", "projector", "the group's vectors at the step, exact", lambda: vectors_tsv(shown.rows)),
        _item("projector/metadata.tsv", "projector", "their tokens and black holes", lambda: metadata_tsv(shown)),
        _item("projector/projector_config.json", "projector", "the projector's configuration", lambda: projector_json(shown)),
        _item("projector/projector_config.pbtxt", "projector", "the same for TensorBoard's log folder", projector_pbtxt),
    ]


def _animation(shown: Exhibit) -> list[Item]:
    what = f"the range of steps as an animation of at most {MOST_FRAMES} frames"
    return [_item("steps.gif", "animation", what, lambda: gif_bytes(shown))]


def _parcel(shown: Exhibit) -> list[Item]:
    folder = shown.seen.folder
    if folder is None:
        return []
    what = "the run itself, to be imported on another machine"
    return [Item(f"{shown.seen.id}.zip", "parcel", what, lambda file: pack(read_run(folder), file))]


def chosen(shown: Exhibit, only: Sequence[str] = ()) -> list[Item]:
    """The files of some parts or names; of none given, the usual ones: all parts but the animation and the zip of the run.

    Raises
    ------
    HistoryError
        If a word is neither a part, nor a file's name, nor "all".
    """
    found = items(shown)
    words = list(only) or list(USUAL)
    known = {*PARTS, *(each.name for each in found), "all"}
    if wrong := [word for word in words if word not in known]:
        raise HistoryError(
            f'what is exported is one of all, {", ".join(PARTS)}, or a file\'s name such as {found[0].name}; got "{wrong[0]}".'
        )
    return [each for each in found if "all" in words or each.part in words or each.name in words]


@dataclass(frozen=True)
class Written:
    """What an export wrote: file → SHA-256, and file → why it was left out."""

    files: dict[str, str]
    left_out: dict[str, str]


def write_items(shown: Exhibit, picked: Sequence[Item], folder: Path) -> Written:
    """Write files and their index into an empty folder; what cannot be made is left out, with the reason in the index."""
    listed, left_out = [], {}
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
    (folder / INDEX).write_bytes(_index(shown, listed, left_out))
    return Written({str(row["name"]): str(row["sha256"]) for row in listed}, left_out)


def _index(shown: Exhibit, listed: list[dict[str, Any]], left_out: dict[str, str]) -> bytes:
    view, seen = shown.view, shown.seen
    content = {
        "format": FORMAT,
        "snowball": __version__,
        "run": seen.id,
        "configuration_sha256": configuration_hash(seen.config),
        "step": view.step,
        "group": view.group,
        "unit": view.unit,
        "range": [view.first, view.last],
        "snapshots": len(seen.steps),
        "files": listed,
        "left_out": [{"name": name, "why": why} for name, why in left_out.items()],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


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

    A file that is there already is replaced if the index of an earlier export names it with the hash it has, or with
    ``force``. Other files of the folder stay as they are. The library of runs is never written to, read-only or not.

    Raises
    ------
    RunError
        If the folder lies in the library or cannot be written, or a file would be overwritten that no export wrote.
    """
    picked, target = chosen(shown, only), folder.expanduser().resolve()
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
            for name in names:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(stage / name, target / name)
    except OSError as error:
        raise RunError(
            f'an export needs a folder it can write; "{target}": {error.strerror}. Choose another with --to.'
        ) from None
    return written


def _require_ours(target: Path, stage: Path, names: Sequence[str]) -> None:
    """Refuse to overwrite what no export wrote, or what was changed since."""
    known = _indexed(target / INDEX)
    foreign = []
    for name in names:
        path = target / name
        linked = any(place.is_symlink() for place in (path, *path.parents) if target in place.parents)
        if linked or (path.exists() and not path.is_file()):
            foreign.append(name)
        elif path.exists():
            mine = bool(known) if name == INDEX else _sha256(path) in (known.get(name), _sha256(stage / name))
            foreign += [] if mine else [name]
    if foreign:
        more = f" and {len(foreign) - 3:,} more" if len(foreign) > 3 else ""
        raise RunError(
            f'an export overwrites only what an export wrote; "{target}" has its own {", ".join(foreign[:3])}{more}. '
            "Choose another folder, or overwrite them with --force."
        )


def _indexed(path: Path) -> dict[str, str]:
    """File → SHA-256 as an earlier export's index has it; empty if there is none."""
    try:
        content = json.loads(path.read_text())
        return {str(row["name"]): str(row["sha256"]) for row in content["files"]} if content["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
