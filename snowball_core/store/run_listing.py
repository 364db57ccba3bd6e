"""The entries of a runs folder: which of them are runs, and what the others are."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

from ..errors import RunError

ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,100}[a-z0-9])?")
LINK, NO_MANIFEST, OTHER_NAME = "link", "no run.json", "no run id"
_NO_RUNS = frozenset({"corpora"})


def is_run_id(name: str) -> bool:
    """Whether a folder of this name would be listed as a run."""
    return ID_PATTERN.fullmatch(name) is not None and name not in _NO_RUNS


def entries_of(folder: Path, most: int | None = None) -> list[os.DirEntry[str]]:
    """What is in a runs folder, or the first of it; nothing if there is none. One that cannot be read is refused."""
    try:
        with os.scandir(folder) as entries:
            return list(itertools.islice(entries, most))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise unreadable(folder, error) from None


def require_readable(folder: Path) -> None:
    """Refuse a runs folder that is there and cannot be read."""
    entries_of(folder, most=1)


def unreadable(folder: str | os.PathLike[str], error: Exception) -> RunError:
    """The error of a runs folder that is there and cannot be read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return RunError(
        f'the runs folder must be a folder that can be read; "{folder}": {reason}. Choose another with --runs or SNOWBALL_RUNS.'
    )


def run_paths(folder: Path) -> list[Path]:
    """The folders of all runs, newest first, those that may not be entered among them."""
    return told_apart(folder)[0]


def newest(folder: Path) -> str:
    """The ids of the newest runs in a folder, in a sentence."""
    known = [path.name for path in run_paths(folder)[:5]]
    return f"The newest are: {', '.join(known)}." if known else "There are no runs yet: record one."


def told_apart(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """The folders of all runs, and the other folders and links, last name first, each with what it is.

    :data:`LINK` to a folder or to nothing, a folder with :data:`NO_MANIFEST`, or one whose name is no run's id
    (:data:`OTHER_NAME`). Hidden ones and the built texts are left out.
    """
    runs: list[Path] = []
    others: dict[Path, str] = {}
    for entry in sorted(entries_of(folder), key=lambda each: each.name, reverse=True):
        if entry.name.startswith(".") or entry.name in _NO_RUNS:
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            if not os.path.isfile(path):
                others[path] = LINK
        elif not _is_folder(entry):
            continue
        elif not has_manifest(path):
            others[path] = NO_MANIFEST
        elif not ID_PATTERN.fullmatch(entry.name):
            others[path] = OTHER_NAME
        else:
            runs.append(path)
    return runs, others


def has_manifest(path: Path) -> bool:
    """Whether a folder has a ``run.json`` of any kind; also true where it may not be entered."""
    try:
        os.lstat(f"{path}/run.json")
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return os.path.isdir(path)
    return True


def what_is_there(path: Path) -> str:
    """Why the entry of a runs folder is no run, as the end of a sentence; empty where there is nothing."""
    if path.is_symlink():
        return ": it is a link. Give the path of the folder it points to, or copy that folder here"
    return ": its folder has no run.json" if os.path.isdir(path) else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
