"""The library's shelf: one row per run, whatever state it is in, fast enough for thousands."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .glance import Counts, Glance, glance
from .notes import Notes, read_notes
from .runs import run_paths
from .status import Status, read_status

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
_AT_REST = ("completed", "stopped", "failed")
_REST_SECONDS = 2.0
_MEASURES = ("unique", "black_holes", "population")


@dataclass(frozen=True)
class Row:
    """One run of the library.

    Attributes
    ----------
    path : Path
    status : Status
        "damaged" where the ``run.json`` cannot be read.
    glance : Glance
    notes : Notes
    bytes : int
        Of all files in the run's folder.
    """

    path: Path
    status: Status
    glance: Glance
    notes: Notes
    bytes: int

    @property
    def id(self) -> str:
        """The run's id: its folder's name."""
        return self.path.name

    @property
    def title(self) -> str:
        """The name to show: the label somebody gave it, else the name it was configured with, else its id."""
        return self.notes.label or self.glance.name or self.id

    @property
    def preset(self) -> str:
        """The preset its configuration is, or "own"; empty where it cannot be read."""
        return self.glance.origin.preset if self.glance.origin else ""

    @property
    def damage(self) -> str:
        """What of it cannot be read; empty if all can."""
        return "; ".join(text for text in (self.glance.damage, self.notes.damage) if text)


def shelf(folder: Path, progress: Progress | None = None) -> list[Row]:
    """One row per run in a folder, newest first.

    Runs seen before are told from their caches; a run seen for the first time is counted and its counts kept at once, so that
    a listing that was cancelled goes on where it stopped.

    Parameters
    ----------
    folder : Path
    progress : callable, optional
        Told runs listed and in all after every run; may raise to cancel.
    """
    paths, rows = run_paths(folder), []
    for number, path in enumerate(paths):
        with contextlib.suppress(OSError):  # it was put away while the others were listed
            rows.append(row(path))
        if progress:
            progress(number + 1, len(paths))
    return rows


def row(path: Path) -> Row:
    """The row of the run in a folder.

    Raises
    ------
    OSError
        If the folder is not there.
    """
    size, files = _size(path)
    stamp = tuple((name, at.st_size, at.st_ino, at.st_mtime_ns, at.st_ctime_ns) for name, at in sorted(files.items()))
    newest = max((at.st_mtime for at in files.values()), default=0.0)
    if time.time() - newest < _REST_SECONDS:
        return _read(path, files, size)
    kept = _at_rest(path, stamp, size)
    return kept if kept.status.state in _AT_REST else _read(path, files, size)


@functools.lru_cache(maxsize=8_192)
def _at_rest(path: Path, stamp: tuple[tuple[Any, ...], ...], size: int) -> Row:
    """A row as it was when its files were as they are; what changes without a file, a lock or a clock, is asked anew."""
    return _read(path, {entry.name: entry.stat() for entry in os.scandir(path) if entry.is_file()}, size)


def _read(path: Path, files: dict[str, os.stat_result], size: int) -> Row:
    seen, status = glance(path, files), read_status(path)
    if seen.origin is None:
        status = Status("damaged", status.step, status.last_step, message=seen.damage)
    return Row(path, status, seen, read_notes(path), size)


def _size(path: Path) -> tuple[int, dict[str, os.stat_result]]:
    """Bytes of all files of a run, and the files at the top of its folder; links count as themselves and are not followed."""
    total, files = 0, {}
    for entry, is_top in _files(path, True):
        at = entry.stat(follow_symlinks=False)
        total += at.st_size
        if is_top:
            files[entry.name] = at
    return total, files


def _files(folder: Path | str, is_top: bool) -> Iterator[tuple[os.DirEntry[str], bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry, is_top
            else:
                with contextlib.suppress(OSError):
                    yield from _files(entry.path, False)


def shelf_table(rows: Sequence[Row], group: str) -> pd.DataFrame:
    """The rows as a table, with the counts of one group.

    Columns ``run``, ``title``, ``state``, ``step``, ``last_step``, ``preset``, U, C and P at the first and last snapshot
    (``first_unique``, ``last_unique``, …, missing where they are not known), ``curve``, ``bytes``, ``tags``, ``note``,
    ``created``, ``damage``.
    """
    import pandas as pd

    counts = [each.glance.counts.get(group) for each in rows]
    return pd.DataFrame(
        {
            "run": [each.id for each in rows],
            "title": [each.title for each in rows],
            "state": [each.status.state for each in rows],
            "step": [each.status.step for each in rows],
            "last_step": [each.status.last_step for each in rows],
            "preset": [each.preset for each in rows],
            **_ends(counts),
            "curve": [list(at.curve) if at else [] for at in counts],
            "bytes": [each.bytes for each in rows],
            "tags": [list(each.notes.tags) for each in rows],
            "note": [each.notes.note for each in rows],
            "created": pd.to_datetime([each.glance.created for each in rows], errors="coerce", utc=True),
            "damage": [each.damage for each in rows],
        }
    )


def _ends(counts: Sequence[Counts | None]) -> dict[str, Any]:
    import pandas as pd

    return {
        f"{end}_{name}": pd.array([getattr(at, end)[place] if at else None for at in counts], "Int64")
        for place, name in enumerate(_MEASURES)
        for end in ("first", "last")
    }


def answer_of(each: Row, group: str) -> dict[str, Any]:
    """A row as a JSON object."""
    counts = each.glance.counts.get(group)
    ends = {end: dict(zip(_MEASURES, getattr(counts, end), strict=True)) if counts else None for end in ("first", "last")}
    return {
        "run": each.id,
        **each.status.__dict__,
        "label": each.notes.label,
        "note": each.notes.note,
        "tags": list(each.notes.tags),
        "name": each.glance.name,
        "preset": each.preset,
        "changes": list(each.glance.origin.changes) if each.glance.origin else [],
        "snapshots": each.glance.snapshots,
        "group": group,
        **ends,
        "bytes": each.bytes,
        "damage": each.damage,
    }
