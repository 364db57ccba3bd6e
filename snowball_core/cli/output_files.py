"""Files that a command writes beside its answer: outside the library, not over what it reads, whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RunError
from ..store.files.regular_files import replacing
from .terminal import ReaderLeft, flush

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OutputFile:
    """A file to write: the flag and the path as typed, folders of runs not to write into, and files that the command reads."""

    flag: str
    given: str
    libraries: tuple[Path, ...]
    inputs: tuple[Path, ...] = ()

    def require_allowed(self) -> Path:
        """The place to write to, links followed; refused in a library or a run, over an input, and where no file can be."""
        path, place = Path(os.path.expanduser(self.given)), Path(os.path.realpath(os.path.expanduser(self.given)))
        around = (place, *place.parents)
        for library in self.libraries:
            if library in around or any(_is_same(library, folder) for folder in around):
                raise self._refused(f'that is in the library of runs, "{library}", where only recording writes')
        for folder in around[1:4]:
            if all(os.path.exists(folder / name) for name in ("run.json", "history.safetensors")):
                raise self._refused(f'that is in the folder of the run "{folder.name}", where only recording writes')
        if any(_is_same(place, file) for file in self.inputs):
            raise self._refused("that is what the command reads")
        if self.given.endswith(os.sep) or os.path.isdir(path):
            raise self._refused("that is a folder")
        try:
            is_there = stat.S_IFMT(os.stat(path).st_mode)
        except FileNotFoundError:
            if not os.path.isdir(place.parent):
                raise self._refused(f'there is no folder "{place.parent}"') from None
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None
        else:
            if is_there == stat.S_IFBLK:
                raise self._refused("that is a disk")
            if is_there != stat.S_IFREG:
                return path
        if not os.access(place.parent, os.W_OK | os.X_OK):
            raise self._refused(f'the folder "{place.parent}" cannot be written to')
        return place

    def write(self, parts: Iterable[str]) -> None:
        """Write a text that comes in parts, whole or not at all; pipes and devices are written to directly."""
        place = self.require_allowed()
        try:
            number = _stream(place)
            with replacing(place) if number is None else os.fdopen(number, "wb") as file:
                for part in parts:
                    file.write(part.encode("utf-8", "backslashreplace"))
        except BrokenPipeError:
            raise ReaderLeft from None
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None

    def write_table(self, table: pd.DataFrame) -> None:
        """Write a table as CSV."""
        from ..tables.formats import csv_bytes

        self.write([csv_bytes(table).decode()])

    def write_tables(self, tables: Iterable[pd.DataFrame]) -> None:
        """Write tables of the same columns as one CSV, part by part; the header once."""
        self.write(table.to_csv(index=False, header=number == 0, lineterminator="\n") for number, table in enumerate(tables))

    def _refused(self, why: str) -> RunError:
        return RunError(f'{self.flag} must name a file that can be written; "{self.given[:300]}": {why}. Name another file.')


def _stream(place: Path) -> int | None:
    """A descriptor of what is written to directly: a standard stream, a pipe or a device; None for a file of its own.

    A standard stream may lead into a regular file, which would be lost to the shell if another took its name.
    """
    try:
        at = os.stat(place)
    except FileNotFoundError:
        return None
    for number in (1, 2):
        if os.path.samestat(at, os.fstat(number)):
            flush()
            if sys.stderr is not None:
                sys.stderr.flush()
            return os.dup(number)
    if stat.S_ISREG(at.st_mode):
        return None
    # Without waiting: a named pipe without a reader would hold the command for ever.
    number = os.open(place, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(number, True)
    return number


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths are one file or folder; a spelling, a link or a second mount of it is the same."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def require_distinct(files: Iterable[OutputFile]) -> None:
    """Refuse two flags that name one regular file: the second would replace the first."""
    taken: dict[Path, OutputFile] = {}
    for file in files:
        place = file.require_allowed()
        if place.exists() and not place.is_file():
            continue
        if (first := taken.setdefault(place, file)) is not file:
            raise RunError(f'{first.flag} and {file.flag} must name two files; both name "{file.given}". Rename one of them.')
