"""A run as one zip file that opens on another machine, and such a file opened: every name, size and hash checked first."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from ..costs import disk_bytes
from ..errors import RunError, requiring
from ..memory import Tell, untold
from .files.regular_files import LARGEST_JSON, open_regular, read_json, sha256_of
from .files.zip_file import ADDED, CONTENTS, FORMAT, PART, REFUSED, Listed, blocks, contents, opened, read_entry, undated_entry
from .manifest import SEAL, is_as_written, parsed_manifest, portable, sealed
from .run_folder import Run, read_run
from .staging import renamed, require_room, staged, sweep
from .status import require_writable

# A log names folders of the machine.
_LEFT_BEHIND = ("worker.log",)
_WITH_PATHS = ("run.json", "status.json")
_BLOCK = 1 << 20
# A run's own size is known from its configuration; its log and what a later version may add come on top.
_MOST_BESIDES = 256_000_000


def run_files(run: Run) -> list[Path]:
    """The files of a run that travel: all but caches, locks, logs and half-written ones; links are left behind."""
    files = []
    for path in sorted(run.path.rglob("*")):
        parts = path.relative_to(run.path).parts
        travels = parts[0] not in (*REFUSED, *_LEFT_BEHIND) and all(PART.fullmatch(part) for part in parts)
        travels = travels and parts[-1] not in ADDED
        linked = any(place.is_symlink() for place in (path, *path.parents[: len(parts) - 1]))
        if travels and not linked and path.is_file():
            files.append(path)
    return files


def pack(run: Run, file: BinaryIO, tell: Tell = untold) -> None:
    """Write a run as a zip file: ``parcel.json`` with size and SHA-256 of each file, then the files, without dates.

    The same run gives the same bytes. Absolute paths in ``run.json`` and ``status.json`` are cut to their last part.
    """
    if run.status().is_alive:
        raise RunError(f'a run must not be running to be packed; "{run.id}" is. Wait for it or stop it.')
    files = {path.relative_to(run.path).as_posix(): path for path in run_files(run)}
    changed = {name: content for name in _WITH_PATHS if name in files and (content := _without_paths(files[name]))}
    listed: dict[str, dict[str, Any]] = {}
    for name, path in files.items():
        with _content(path, changed.get(name)) as source:
            digest = sha256_of(source)
            listed[name] = {"bytes": source.seek(0, os.SEEK_END), "sha256": digest}
    index = json.dumps({"format": FORMAT, "run": run.id, "files": listed}, indent=1) + "\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(undated_entry(CONTENTS, len(index)), index)
        for number, (name, facts) in enumerate(listed.items()):
            tell(number / len(listed), f"file {number + 1} of {len(listed)}")
            entry = undated_entry(f"{run.id}/{name}", facts["bytes"])
            with _content(files[name], changed.get(name)) as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _BLOCK)


def _without_paths(path: Path) -> bytes | None:
    """A JSON file without absolute paths; None where it holds none, or is no JSON."""
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    cut = portable(content)
    if cut == content:
        return None
    # A change made before packing must still be found where the zip is opened.
    resealed = sealed(cut) if isinstance(cut, dict) and SEAL in cut and is_as_written(content) else cut
    return json.dumps(resealed, indent=1).encode()


def _content(path: Path, changed: bytes | None) -> BinaryIO:
    try:
        return open_regular(path) if changed is None else io.BytesIO(changed)
    except OSError as error:
        raise RunError(f'all files of a run must be readable to pack it; "{path.name}": {error.strerror}.') from None


def unpack(file: Path, folder: Path) -> Run:
    """Take a run in from a zip file that :func:`pack` wrote; nothing is left behind if anything is wrong.

    A zip that a desktop tool packed again comes in too: entries for folders, what Finder and Explorer add, another name of the
    run's folder and one folder around everything are passed over.
    """
    require_writable()
    rule, advice = "a run must be imported into a writable folder", "Make room or make it writable, or choose another"
    with requiring(rule, folder, f"{advice} with --runs."):
        sweep(folder)
        with opened(file) as archive, staged(folder, "import") as stage:
            run_id, listed = contents(archive, file)
            exists = f'runs are not overwritten; "{run_id}" exists in {folder}. Import into another folder with --runs.'
            if os.path.lexists(folder / run_id):
                raise RunError(exists)
            _require_size(archive, listed, file)
            needed = sum(each.size for each in listed.values())
            require_room(folder, needed, "Free some space or choose another folder with --runs. Nothing was imported.")
            for name, found in listed.items():
                _extract(archive, found, stage / name, file)
            read_run(stage)
            if not renamed(stage, folder / run_id):
                raise RunError(exists)
    return read_run(folder / run_id)


def _require_size(archive: zipfile.ZipFile, listed: dict[str, Listed], file: Path) -> None:
    """Refuse a parcel that is larger than its run can be."""
    total = sum(each.size for each in listed.values())
    held = sum(each.entry.file_size for each in listed.values())
    try:
        _, config = parsed_manifest(read_entry(archive, listed["run.json"].entry, LARGEST_JSON, file))
    except RunError as error:
        raise RunError(f"the run.json of the archive is damaged: {error}. Nothing was imported.") from None
    most = 2 * disk_bytes(config) + _MOST_BESIDES
    if total != held or total > most:
        raise RunError(
            f"the archive must unpack to its stated size and to at most {most / 1e6:,.0f} MB; it states {total / 1e6:,.0f} "
            f"MB and holds {held / 1e6:,.0f} MB. Nothing was imported."
        )


def _extract(archive: zipfile.ZipFile, listed: Listed, target: Path, file: Path) -> None:
    """Unpack one file, never more of it than was listed, and compare its hash."""
    digest, done = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "xb") as written:
        for block in blocks(archive, listed.entry, file):
            done += len(block)
            if done > listed.size:
                break
            digest.update(block)
            written.write(block)
    if done != listed.size or digest.hexdigest() != listed.sha256:
        name = listed.entry.filename
        raise RunError(f'the files of an archive must match their hashes; "{name}" does not. Export the run again.')
