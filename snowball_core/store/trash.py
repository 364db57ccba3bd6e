"""The trash: runs moved into a folder beside the others, restored, or deleted when confirmed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import RunError, requiring
from .run_folder import run_path
from .run_listing import ID_PATTERN, entries_of, has_manifest
from .staging import staged, sweep
from .status import has_writer, hold, is_locked, read_status, require_writable

FOLDER = ".trash"
_DELETING = "deleting"


def trash(folder: Path, run_id: str) -> None:
    """Put a run away: its folder moves as a whole, by one rename, and nothing in it changes."""
    require_writable()
    path, place = run_path(folder, run_id), _trash_of(folder)
    if (status := read_status(path)).is_alive:
        raise RunError(f'a run must not be running to be moved to trash; "{run_id}" is {status.state}. Stop it first.')
    _require_free(place / run_id, "Empty the trash first.")
    with hold(path):
        with requiring("the runs folder must be writable", folder, "Nothing was moved."):
            place.mkdir(exist_ok=True)
        if not has_manifest(path):
            # Taking the lock of a run that had gone made its folder again.
            with contextlib.suppress(OSError):
                (path / "lock").unlink()
                path.rmdir()
            raise RunError(f'the run "{run_id}" was moved to trash by another process.')
        _move(path, place / run_id)


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
            raise has_writer(path)
        rule = "the trash must be writable"
        with requiring(rule, path.parent, "Nothing was deleted."), staged(path.parent, _DELETING) as stage:
            _delete(path, stage / path.name)


def _delete(path: Path, going: Path) -> None:
    """Take a run out of the trash and delete it; back into the trash if none of it can be deleted."""
    rule = "a run in the trash must be deletable"
    with requiring(rule, path.name, "Nothing was deleted."):
        try:
            os.rename(path, going)
        except FileNotFoundError:
            text = f'the run "{path.name}" was restored or deleted by another process; nothing was changed.'
            raise RunError(text) from None
    before = _count(going)
    try:
        shutil.rmtree(going)
    except OSError as error:
        left, rest = _count(going), "Nothing was deleted."
        if left == before:
            os.rename(going, path)
        else:
            rest = f"{left:,} of its {before:,} files and folders are left; they are deleted at the next start."
        raise RunError(f'{rule}; "{path.name}": {error.strerror}. {rest}') from None


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
    with requiring("a run must be movable as a whole", path.name, "Nothing was moved."):
        os.rename(path, to)
