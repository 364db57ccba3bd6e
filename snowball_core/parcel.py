"""A run as one zip file that opens on another machine, and such a file opened: every name, size and hash checked first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from .cache import FOLDER as CACHE
from .config import from_json
from .costs import disk_bytes
from .errors import RunError, SnowballError
from .runs import ID_PATTERN, Run, file_sha256, read_run
from .status import require_writable

CONTENTS = "parcel.json"
FORMAT = 1
_LEFT_BEHIND = (CACHE, "lock", "stop")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MOST_FILES = 1_000
_MOST_CONTENTS = 4_000_000
_DEEPEST = 4
_BLOCK = 1 << 20
_NO_DATE = (1980, 1, 1, 0, 0, 0)
# A run's own size is known from its configuration; its log and what a later version may add come on top.
_MOST_BESIDES = 256_000_000


def run_files(run: Run) -> list[Path]:
    """The files of a run that travel: all but caches, locks and half-written ones; links are left behind."""
    found = []
    for path in sorted(run.path.rglob("*")):
        parts = path.relative_to(run.path).parts
        travels = parts[0] not in _LEFT_BEHIND and all(_PART.fullmatch(part) for part in parts)
        linked = any(place.is_symlink() for place in (path, *path.parents[: len(parts) - 1]))
        if travels and not linked and path.is_file():
            found.append(path)
    return found


def pack(run: Run, file: BinaryIO) -> None:
    """Write a run as a zip file: ``parcel.json`` with size and SHA-256 of each file, then the files, without dates.

    The same run gives the same bytes.

    Raises
    ------
    RunError
        If a worker is at the run.
    """
    if run.status().is_alive:
        raise RunError(f'a run is packed when nobody writes to it; "{run.id}" is being recorded. Wait for it or stop it.')
    paths = run_files(run)
    listed: dict[str, dict[str, Any]] = {
        path.relative_to(run.path).as_posix(): {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in paths
    }
    contents = json.dumps({"format": FORMAT, "run": run.id, "files": listed}, indent=1) + "\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(_entry(CONTENTS, len(contents)), contents)
        for path, (name, facts) in zip(paths, listed.items(), strict=True):
            with open(path, "rb") as source, archive.open(_entry(f"{run.id}/{name}", facts["bytes"]), "w") as target:
                shutil.copyfileobj(source, target, _BLOCK)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_DATE)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, (stat.S_IFREG | 0o644) << 16
    entry.file_size = size  # known beforehand, so that a large file gets a large entry
    return entry


def unpack(file: Path, folder: Path) -> Run:
    """Take a run in from a zip file that :func:`pack` wrote; nothing is left behind if anything is wrong.

    Raises
    ------
    RunError
        If the file is not such a zip, holds a name, link, size or hash it must not, or the run exists already.
    """
    require_writable()
    try:
        with zipfile.ZipFile(file) as archive, _staging(folder) as stage:
            run_id, listed = _contents(archive, file)
            if (folder / run_id).exists() or (folder / run_id).is_symlink():
                raise RunError(
                    f'a run is never overwritten; "{run_id}" exists in {folder}. Import into another folder with --runs.'
                )
            _require_room(archive, run_id, listed, folder)
            for name, facts in listed.items():
                _extract(archive, f"{run_id}/{name}", facts, stage / name)
            read_run(stage)
            stage.rename(folder / run_id)
    except (
        OSError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        zlib.error,
    ) as error:
        raise RunError(f'a run is imported from a zip file that "export" wrote; "{file}" cannot be read: {error}.') from None
    return read_run(folder / run_id)


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder that no reader takes for a run, gone at the end unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(dir=folder, prefix=".import-"))
    stage.chmod(0o755)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _contents(archive: zipfile.ZipFile, file: Path) -> tuple[str, dict[str, Any]]:
    """The run's id and the files the parcel says it holds, compared with the entries it has."""
    entries = archive.infolist()
    if len(entries) > _MOST_FILES:
        raise RunError(f'a run has at most {_MOST_FILES:,} files; "{file}" has {len(entries):,}.')
    for entry in entries:
        _require_plain(entry)
    facts = json.loads(_read(archive, CONTENTS, _MOST_CONTENTS))
    run_id, listed = facts["run"], facts["files"]
    if facts["format"] != FORMAT or not isinstance(listed, dict) or not ID_PATTERN.fullmatch(str(run_id)):
        raise RunError(f'"{file}" must be a parcel of format {FORMAT} with a run id; it says {str(facts)[:80]}.')
    names = [entry.filename for entry in entries]
    wanted = {CONTENTS, *(f"{run_id}/{name}" for name in listed)}
    if len({name.casefold() for name in names}) != len(names) or set(names) != wanted or "run.json" not in listed:
        raise RunError(f'a parcel must hold exactly the files that its {CONTENTS} lists, each once; "{file}" does not.')
    return run_id, listed


def _require_plain(entry: zipfile.ZipInfo) -> None:
    """Refuse whatever is not a plain file inside the run's folder."""
    parts = entry.filename.split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_safe = len(parts) <= _DEEPEST and all(_PART.fullmatch(part) and ".." not in part for part in parts)
    if not is_safe or kind not in (0, stat.S_IFREG) or entry.flag_bits & 1 or (len(parts) > 1 and parts[1] in _LEFT_BEHIND):
        raise RunError(
            f'a parcel holds plain files of one run; it has an entry "{entry.filename[:80]}", which leads elsewhere, is a '
            "link, is encrypted or is no file of a run. Nothing was imported."
        )


def _require_room(archive: zipfile.ZipFile, run_id: str, listed: dict[str, Any], folder: Path) -> None:
    """Refuse a parcel that is larger than its run can be, or than the disk has room for."""
    total = sum(int(facts["bytes"]) for facts in listed.values())
    declared = sum(entry.file_size for entry in archive.infolist() if entry.filename != CONTENTS)
    manifest = json.loads(_read(archive, f"{run_id}/run.json", _MOST_CONTENTS))
    try:
        most = 2 * disk_bytes(from_json(manifest["config"])) + _MOST_BESIDES
    except (SnowballError, TypeError, KeyError) as error:
        raise RunError(f"the parcel's run.json is damaged: {error}. Nothing was imported.") from None
    free = shutil.disk_usage(folder).free
    if total != declared or not 0 <= total <= min(most, free):
        raise RunError(
            f"a parcel unpacks to what its run can take ({most / 1e6:,.0f} MB at most) and the disk has ({free / 1e6:,.0f} MB "
            f"free); this one says {declared / 1e6:,.0f} MB. Nothing was imported."
        )


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise RunError(f'"{name}" in a parcel must take at most {most:,} bytes; it takes more. Nothing was imported.')
    return content


def _extract(archive: zipfile.ZipFile, name: str, facts: dict[str, Any], target: Path) -> None:
    """Unpack one file, never more of it than was said, and compare its hash."""
    size, digest, done = int(facts["bytes"]), hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, open(target, "xb") as file:
        for block in _blocks(source):
            done += len(block)
            if done > size:
                break
            digest.update(block)
            file.write(block)
    if done != size or digest.hexdigest() != facts["sha256"]:
        raise RunError(f'the files of a parcel must be as they were packed; "{name}" is not. Pack the run again.')


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        yield block
