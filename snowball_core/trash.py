"""Runs put away: moved into a folder beside the others, brought back by one word, deleted only when it is confirmed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import RunError
from .runs import ID_PATTERN, run_path
from .status import hold, read_status, require_writable

FOLDER = ".trash"


def trash(folder: Path, run_id: str) -> None:
    """Put a run away: its folder moves as a whole, by one rename, and nothing in it changes.

    Raises
    ------
    RunError
        If there is no such run, a worker is at it, or the folder cannot be written.
    """
    require_writable()
    path, place = run_path(folder, run_id), _trash_of(folder)
    if (state := read_status(path).state) in ("queued", "running", "stopping"):
        raise RunError(f'only a run without a worker can be put away; "{run_id}" is {state}. Stop it first.')
    _require_free(place / run_id, "Empty the trash first.")
    with hold(path):
        try:
            place.mkdir(exist_ok=True)
        except OSError as error:
            raise RunError(f'the runs folder must be writable; "{folder}": {error.strerror}. Nothing was moved.') from None
        _move(path, place / run_id)


def restore(folder: Path, run_id: str) -> None:
    """Bring a run back from the trash, as it was.

    Raises
    ------
    RunError
        If it is not in the trash, or a run of its id is in the library again.
    """
    require_writable()
    path = _trashed_path(folder, run_id)
    _require_free(folder / run_id, "Put that one away, or rename its folder, first.")
    _move(path, folder / run_id)


def trashed(folder: Path) -> list[Path]:
    """The folders of the runs in the trash, newest run first."""
    place = folder / FOLDER
    if place.is_symlink() or not place.is_dir():
        return []
    found = [Path(e.path) for e in os.scandir(place) if e.is_dir(follow_symlinks=False) and ID_PATTERN.fullmatch(e.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def delete(folder: Path, confirmed: Sequence[str]) -> None:
    """Delete runs in the trash for ever: those that were shown and confirmed by id, and no others.

    Raises
    ------
    RunError
        If one of them is not in the trash, or cannot be deleted.
    """
    require_writable()
    paths = [_trashed_path(folder, run_id) for run_id in confirmed]
    for path in paths:
        with hold(path):
            try:
                shutil.rmtree(path)
            except OSError as error:
                raise RunError(
                    f'a run in the trash must be deletable; "{path.name}": {error.strerror}. What is left of it is still there.'
                ) from None


def _trash_of(folder: Path) -> Path:
    place = folder / FOLDER
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise RunError(f'the trash must be a folder of its own beside the runs; "{place}" is not. Move it away.')
    return place


def _trashed_path(folder: Path, run_id: str) -> Path:
    path = _trash_of(folder) / run_id
    if not ID_PATTERN.fullmatch(run_id) or path.is_symlink() or not path.is_dir():
        known = [found.name for found in trashed(folder)][:5]
        listed = f"It holds: {', '.join(known)}." if known else "The trash is empty."
        raise RunError(f'there is no run "{run_id[:100]}" in the trash. {listed}')
    return path


def _require_free(path: Path, advice: str) -> None:
    if path.exists() or path.is_symlink():
        raise RunError(f'nothing may be overwritten; "{path}" is there already. {advice}')


def _move(path: Path, to: Path) -> None:
    try:
        os.rename(path, to)
    except OSError as error:
        raise RunError(f'a run moves as a whole or not at all; "{path.name}": {error.strerror}. Nothing was moved.') from None
