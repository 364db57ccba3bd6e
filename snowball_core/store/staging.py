"""Folders under construction: hidden beside their place until they are whole, removed when their maker died."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from ..errors import RunError
from .status import is_read_only

# A sweep beside it may hold a new lock for an instant.
_PATIENCE = 10.0
_LOCK = re.compile(r"(\.[a-z]{1,20}-[0-9a-f]{12})\.lock")


@contextlib.contextmanager
def staged(folder: Path, kind: str) -> Iterator[Path]:
    """A new, empty, hidden folder in ``folder``, removed at the end unless it was renamed into its place.

    Its maker holds a lock beside it; :func:`sweep` removes it once that lock is free, so after a kill too. ``kind`` is what is
    made, in a word of a-z: part of the hidden name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = folder / f".{kind}-{secrets.token_hex(6)}"
    # The lock comes first and goes last: a hidden folder without one is not one of these.
    with _held(stage, _PATIENCE):
        stage.mkdir()
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def renamed(stage: Path, path: Path) -> bool:
    """Whether a stage could be moved to its place, which was free."""
    try:
        os.rename(stage, path)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        return False
    return True


def require_room(folder: Path, needed: int, advice: str) -> None:
    """Refuse to begin what the disk of a folder, which may not exist yet, has no room for."""
    standing = next((place for place in (folder, *folder.parents) if place.exists()), Path.cwd())
    if needed > (free := shutil.disk_usage(standing).free):
        raise RunError(
            f"the disk must have room for the whole run; it needs {needed / 1e6:,.0f} MB and {free / 1e6:,.0f} MB are free in "
            f'"{standing}". {advice}'
        )


def sweep(folder: Path, is_library: bool = True) -> None:
    """Remove what makers that died left in ``folder``; nothing in a read-only library, nothing whose maker lives."""
    if is_library and is_read_only():
        return
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            if (named := _LOCK.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
                stage = folder / named[1]
                with contextlib.suppress(OSError, filelock.Timeout), _held(stage, patience=0.0):
                    if stage.is_dir() and not stage.is_symlink():
                        shutil.rmtree(stage)


@contextlib.contextmanager
def _held(stage: Path, patience: float) -> Iterator[None]:
    """Hold the lock of a stage; the lock file is removed with the stage."""
    place = stage.with_name(f"{stage.name}.lock")
    lock = filelock.FileLock(place, thread_local=False)
    lock.acquire(timeout=patience, poll_interval=0.01)
    try:
        yield
    finally:
        if not os.path.lexists(stage):
            with contextlib.suppress(OSError):
                place.unlink()
        lock.release()
