"""The entries of a runs folder: which of them are runs, and what the others are."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import RunError

ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,100}[a-z0-9])?")
LINK, NO_MANIFEST, OTHER_NAME = "link", "no run.json", "no run id"
_NO_RUNS = frozenset({"corpora"})


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a runs folder; nothing if there is none.

    Raises
    ------
    RunError
        If it is there and cannot be read.
    """
    with _scanned(folder) as found:
        return list(found)


def require_readable(folder: Path) -> None:
    """Refuse a runs folder that is there and cannot be read.

    Raises
    ------
    RunError
    """
    with _scanned(folder):
        pass


@contextlib.contextmanager
def _scanned(folder: Path) -> Iterator[Iterable[os.DirEntry[str]]]:
    try:
        found = os.scandir(folder)
    except FileNotFoundError:
        yield ()
        return
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from None
    with found:
        try:
            yield found
        except OSError as error:
            raise _unreadable(folder, error) from None


def _unreadable(folder: Path, error: OSError | ValueError) -> RunError:
    reason = error.strerror if isinstance(error, OSError) else error
    return RunError(
        f'the runs folder must be a folder that can be read; "{folder}": {reason}. Choose another with --runs or SNOWBALL_RUNS.'
    )


def run_paths(folder: Path) -> list[Path]:
    """The folders of all runs, newest first, those that may not be entered among them.

    Raises
    ------
    RunError
        If ``folder`` is there and cannot be read.
    """
    found = [Path(e.path) for e in entries_of(folder) if _is_folder(e) and ID_PATTERN.fullmatch(e.name)]
    return sorted(filter(has_manifest, found), key=lambda path: path.name, reverse=True)


def has_manifest(path: Path) -> bool:
    """Whether a folder has a ``run.json`` of any kind; also true where it may not be entered and so cannot be asked."""
    try:
        os.lstat(path / "run.json")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return os.path.isdir(path)
    return True


def other_entries(folder: Path) -> dict[Path, str]:
    """The folders and links of a runs folder that somebody may take for runs, newest name first, each with what it is.

    :data:`LINK` to a folder or to nothing, a folder with :data:`NO_MANIFEST`, or one whose name is no run's id
    (:data:`OTHER_NAME`). Hidden ones and the built texts are left out.

    Raises
    ------
    RunError
        If ``folder`` is there and cannot be read.
    """
    found = {}
    for entry in sorted(entries_of(folder), key=lambda each: each.name, reverse=True):
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in _NO_RUNS:
            continue
        if entry.is_symlink():
            if not os.path.isfile(path):
                found[path] = LINK
        elif _is_folder(entry) and not has_manifest(path):
            found[path] = NO_MANIFEST
        elif _is_folder(entry) and not ID_PATTERN.fullmatch(entry.name):
            found[path] = OTHER_NAME
    return found


def what_is_there(path: Path) -> str:
    """Why the entry of a runs folder is no run, as the end of a sentence; empty where there is nothing."""
    if path.is_symlink():
        return ": it is a link, and a run is a folder of its own. Name the folder it leads to by its path, or copy it here"
    return ": its folder has no run.json" if os.path.isdir(path) else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
