"""What a word on the command line names: a run of the library, the folder of a run, or a file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import HistoryError, RunError, one_line
from .files.file_kinds import kind_by_name, kind_of
from .run_listing import ID_PATTERN, newest, run_paths

_MANIFEST = "run.json"
_SUFFIX = ".safetensors"


def named(word: str, folder: Path) -> Path:
    """The folder of the run, or the safetensors file, that a RUN means.

    An id means the run of the library; else the word is a path, as a shell would complete it; else, with its slash, an id.
    """
    given, run_id, quoted = Path(os.path.expanduser(word)), _id_of(word), one_line(word[:300])
    if word == run_id and _is_run(folder / run_id):
        return folder / run_id
    kind = _file_type(given, word) if word.strip() else None
    if kind == stat.S_IFDIR and os.path.lexists(given / _MANIFEST):
        return given.resolve()
    if kind == stat.S_IFREG and given.suffix.lower() == _SUFFIX:
        return given
    if run_id and _is_run(folder / run_id):
        return folder / run_id
    if kind == stat.S_IFDIR:
        raise RunError(f'there is no run "{quoted}": {_no_run(given)}')
    if kind is not None:
        raise HistoryError(f'a history must be a safetensors file; "{quoted}" {_no_history(given, kind)}')
    missing = HistoryError if given.suffix.lower() == _SUFFIX else RunError
    raise missing(f'there is no run "{quoted}" in {folder}: {_nowhere(word, folder, run_id)}')


def named_run(word: str, folder: Path) -> Path:
    """The folder of the run that a RUN means, for commands that need a recorded run."""
    path = named(word, folder)
    if not path.is_dir():
        raise RunError(f'a recorded run is needed; "{one_line(word)}" is a file. Name the id or the folder of its run.')
    return path


def named_id(word: str, folder: Path) -> str:
    """The id that a word means where only an id is taken: itself, with a shell's slash, or in the path of the library."""
    given = Path(os.path.expanduser(word))
    if len(given.parts) > 1 and os.path.realpath(given.parent) == str(folder):
        return given.name
    return _id_of(word) or word


def files_read(words: Iterable[str]) -> tuple[Path, ...]:
    """The files among the words of a command, which it must not write over."""
    paths = (Path(os.path.expanduser(word)) for word in words)
    return tuple(path for path in paths if os.path.isfile(path))


def _id_of(word: str) -> str:
    """The id in ``ID``, ``ID/`` or ``./ID``; empty if there is none."""
    parts = Path(word).parts
    return parts[0] if len(parts) == 1 and ID_PATTERN.fullmatch(parts[0]) else ""


def _is_run(path: Path) -> bool:
    """Whether a folder of the library, no link, is a run; its ``run.json`` is checked when it is read."""
    return not path.is_symlink() and os.path.lexists(path / _MANIFEST)


def _file_type(path: Path, word: str) -> int | None:
    """The type bits of what lies at a path, links followed; None if there is nothing."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise RunError(
            f'there is no run "{one_line(word[:300])}" that can be opened: {error.strerror}. Check its links and permissions.'
        ) from None


def _no_run(given: Path) -> str:
    try:
        runs = run_paths(given.resolve())[:1]
        files = sorted(path.name for path in given.iterdir() if path.suffix.lower() == _SUFFIX)[:1]
    except OSError as error:
        return f"that folder cannot be read: {error.strerror}. Check its permissions."
    if runs:
        return f"that is a folder of runs. Name one of them, such as {given / runs[0].name}."
    inside = f" Name a file in it, such as {given / files[0]}." if files else ' "python -m snowball_core list" shows the runs.'
    return f"that folder holds no {_MANIFEST}.{inside}"


def _no_history(given: Path, kind: int) -> str:
    """What a file is that is no history; complete with its verb."""
    if kind != stat.S_IFREG:
        return "is a pipe or a device. Save the tensor to a file."
    if _is_run(given.parent):
        return f"belongs to the run {given.resolve().parent.name}. Name the run's folder, {given.parent}."
    if known := kind_of(given) or kind_by_name(given.name):
        return f"is {known.what}. {known.advice}"
    return "does not end in .safetensors and is of no known kind. Name a file that safetensors.torch.save_file wrote."


def _nowhere(word: str, folder: Path, run_id: str) -> str:
    try:
        os.stat(folder / run_id / _MANIFEST)
    except PermissionError as error:
        return f"its folder may not be entered ({error.strerror}). Ask whoever owns it."
    except (OSError, ValueError):
        pass
    if run_id and (folder / run_id).is_symlink():
        return f"that is a link to {os.path.realpath(folder / run_id)}. Name the folder that it leads to."
    fault = "it is neither a run there nor a file or folder here" if word.strip() else "no name was given"
    return f"{fault}. {newest(folder)}"
