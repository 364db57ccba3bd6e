"""The trash: runs moved into a folder beside the others, restored, or deleted when confirmed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import RunError
from .run_folder import run_path
from .run_listing import ID_PATTERN, entries_of, has_manifest
from .staging import staged, sweep
from .status import hold, is_locked, read_status, require_writable

FOLDER = ".trash"
_DELETING = "deleting"


def trash(folder: Path, run_id: str) -> None:
    """Put a run away: its folder moves as a whole, by one rename, and nothing in it changes."""
    require_writable()
    path, place = run_path(folder, run_id), _trash_of(folder)
    if (state := read_status(path).state) in ("queued", "running", "stopping"):
        raise RunError(f'a run must not be running to be moved to trash; "{run_id}" is {state}. Stop it first.')
    _require_free(place / run_id, "Empty the trash first.")
    with hold(path):
        try:
            place.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f'the runs folder must be writable; "{folder}": {error.strerror}. Nothing was moved.') from None
        if not has_manifest(path):
            _unmake(path)
            raise RunError(f'the run "{run_id}" was moved to trash by another process.')
        _move(path, place / run_id)


def _unmake(path: Path) -> None:
    """Remove the folder that taking the lock of a run made anew after the run had gone."""
    with contextlib.suppress(OSError):
        (path / "lock").unlink()
        path.rmdir()


def restore(folder: Path, run_id: str) -> None:
    """Bring a run back from the trash, as it was."""
    require_writable()
    path = _trashed_path(folder, run_id)
    _require_free(folder / run_id, "Move that one to trash, or rename its folder, first.")
    _move(path, folder / run_id)


def trashed(folder: Path) -> list[Path]:
    """The folders of the runs in the trash, newest run first."""
    place = folder / FOLDER
    if place.is_symlink() or not place.is_dir():
        return []
    runs = [Path(e.path) for e in entries_of(place) if e.is_dir(follow_symlinks=False) and ID_PATTERN.fullmatch(e.name)]
    return sorted(runs, key=lambda path: path.name, reverse=True)


def delete(folder: Path, confirmed: Sequence[str]) -> None:
    """Delete runs in the trash for good: those confirmed by id, and no others.

    Each leaves the trash by one rename before its first file goes: what is being deleted cannot be brought back half.
    """
    require_writable()
    paths = [_trashed_path(folder, run_id) for run_id in confirmed]
    for path in paths:
        if is_locked(path):
            raise RunError(
                f'a run must have one writer; "{path.name}" is being trained by another process. Wait for it or stop it.'
            )
        try:
            with staged(path.parent, _DELETING) as stage:
                _delete(path, stage / path.name)
        except OSError as error:
            raise RunError(f'the trash must be writable; "{path.parent}": {error.strerror}. Nothing was deleted.') from None


def _delete(path: Path, going: Path) -> None:
    """Take a run out of the trash and delete it; back into the trash if none of it can be deleted."""
    try:
        os.rename(path, going)
    except FileNotFoundError:
        raise RunError(f'the run "{path.name}" was restored or deleted by another process; nothing was changed.') from None
    except OSError as error:
        raise RunError(f'a run in the trash must be deletable; "{path.name}": {error.strerror}. Nothing was deleted.') from None
    before = _count(going)
    try:
        shutil.rmtree(going)
    except OSError as error:
        left, rest = _count(going), "Nothing was deleted."
        if left == before:
            os.rename(going, path)
        else:
            rest = f"{left:,} of its {before:,} files and folders are left; they are deleted at the next start."
        raise RunError(f'a run in the trash must be deletable; "{path.name}": {error.strerror}. {rest}') from None


def _count(folder: Path) -> int:
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))


def sweep_trash(folder: Path) -> None:
    """Finish what was being deleted when its process was killed; nothing in a read-only library."""
    if not os.path.islink(folder / FOLDER):
        sweep(folder / FOLDER)


def _trash_of(folder: Path) -> Path:
    place = folder / FOLDER
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise RunError(f'the trash must be a folder of its own beside the runs; "{place}" is not. Move it away.')
    return place


def _trashed_path(folder: Path, run_id: str) -> Path:
    place = _trash_of(folder)
    path = place / run_id
    if not ID_PATTERN.fullmatch(run_id) or path.is_symlink() or not os.path.isdir(path):
        if ID_PATTERN.fullmatch(run_id) and any(place.glob(f".{_DELETING}-*/{run_id}")):
            raise RunError(f'the run "{run_id}" is being deleted permanently and cannot be restored.')
        known = [path.name for path in trashed(folder)][:5]
        listed = f"It holds: {', '.join(known)}." if known else "The trash is empty."
        raise RunError(f'there is no run "{run_id[:100]}" in the trash. {listed}')
    return path


def _require_free(path: Path, advice: str) -> None:
    if path.exists() or path.is_symlink():
        raise RunError(f'nothing may be overwritten; "{path}" exists. {advice}')


def _move(path: Path, to: Path) -> None:
    try:
        os.rename(path, to)
    except OSError as error:
        raise RunError(f'a run must be movable as a whole; "{path.name}": {error.strerror}. Nothing was moved.') from None
