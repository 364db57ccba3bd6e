"""The table of the library: one row per run in any state, fast enough for thousands."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config_checks import preset
from ..costs import HISTORY
from ..errors import RunError
from ..store.corpus import GATSBY
from ..store.notes import Notes, read_notes
from ..store.run_folder import read_run
from ..store.run_listing import LINK, NO_MANIFEST, OTHER_NAME, told_apart
from ..store.run_titles import title
from ..store.status import LOST, Status, read_status
from .run_summary import Counts, Glance, glance

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
_AT_REST = ("completed", "stopped", "failed")
_NO_RUNS = (LINK, NO_MANIFEST, OTHER_NAME)
_REST_SECONDS = 2.0
# Rows as they were when the folders of the runs held just this.
_kept: dict[Path, tuple[tuple[Any, ...], RunRow]] = {}
_MOST_KEPT = 8_192
_MEASURES = ("unique", "black_holes", "population")


@dataclass(frozen=True)
class RunRow:
    """One run of the library: "damaged" where the ``run.json`` cannot be read, or the files are not what it says.

    ``bytes`` are of all files in its folder, None where they were not counted. ``faults`` say what is wrong with the files.
    """

    path: Path
    status: Status
    glance: Glance
    notes: Notes
    bytes: int | None
    faults: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The run's id: its folder's name, with escapes for bytes of it that are no text."""
        return self.path.name.encode("utf-8", "backslashreplace").decode()

    @property
    def is_run(self) -> bool:
        """Whether it is a run, in any condition, and not a link or another folder."""
        return self.status.state not in _NO_RUNS

    @property
    def title(self) -> str:
        """The name to show: see :func:`run_titles.title`."""
        return title(self.path) if self.is_run and self.glance.nearest else self.notes.label or self.id

    @property
    def preset(self) -> str:
        """The preset its configuration is, or "own"; empty where it cannot be read."""
        return self.glance.nearest.preset if self.glance.nearest else ""

    @property
    def damage(self) -> str:
        """Files that cannot be read or do not match the configuration; empty if all do."""
        return "; ".join(text for text in (self.glance.damage, *self.faults, self.notes.damage) if text)


def run_rows(folder: Path, progress: Progress | None = None) -> list[RunRow]:
    """One row per run in a folder, newest first; then one per link and folder that somebody may take for a run.

    Runs listed before are read from their caches; a new run is counted and its counts kept at once, so that
    a listing that was cancelled, by an exception of ``progress``, goes on where it stopped.
    """
    runs, others = told_apart(folder)
    return [*rows(runs, progress), *(_no_run(path, what) for path, what in others.items())]


def rows(paths: Sequence[Path], progress: Progress | None = None) -> list[RunRow]:
    """One row per folder of a run, as :func:`run_rows` makes them; none for a folder that is gone."""
    listed = []
    for number, path in enumerate(paths):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # it was put away while the others were listed
            listed.append(row(path))
        if progress:
            progress(number + 1, len(paths))
    return listed


def row(path: Path) -> RunRow:
    """The row of the run in a folder, which may be in any condition."""
    try:
        entries = _entries(path)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        damage = f"its folder cannot be read ({error.strerror})"
        return RunRow(path, Status("damaged", message=damage), Glance(damage), Notes(), None)
    if time.time() - max((at.st_mtime for at in entries.values()), default=0.0) < _REST_SECONDS:
        return _read(path, entries)
    stamp = tuple((name, at.st_size, at.st_ino, at.st_mtime_ns, at.st_ctime_ns) for name, at in sorted(entries.items()))
    kept = _kept.get(path)
    if kept is not None and kept[0] == stamp:
        return kept[1]
    read = _read(path, entries)
    if read.status.state in _AT_REST:  # another state changes without a file, by a lock or a clock
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[path] = stamp, read
    return read


def _no_run(path: Path, what: str) -> RunRow:
    """The row of a link or folder that is no run."""
    why = {
        LINK: "not a run: a link. Give the path of the folder it points to, or copy that folder here",
        NO_MANIFEST: "not a run: a folder without run.json",
        OTHER_NAME: "not a run: the name of a run folder must consist of a-z, 0-9 and -; rename it",
    }[what]
    return RunRow(path, Status(what, message=why), Glance(why), Notes(), None)


def _read(path: Path, entries: Mapping[str, os.stat_result]) -> RunRow:
    status = read_status(path)
    summary = glance(path, entries, status)
    faults = tuple(text for name, text in summary.faults.items() if not (summary.damage and name == HISTORY))
    if summary.nearest is None or faults or (summary.damage and not status.is_alive):
        step, last = (status.step, status.last_step) if status.message != LOST else _reached(path, summary)
        status = Status("damaged", step, last, message=summary.damage or faults[0])
    inside = [
        at.st_size if not stat.S_ISDIR(at.st_mode) else 0 if os.path.islink(f"{path}/{name}") else _size(f"{path}/{name}")
        for name, at in entries.items()
    ]
    return RunRow(path, status, summary, read_notes(path), sum(inside), faults)


def _reached(path: Path, summary: Glance) -> tuple[int, int]:
    """The last step recorded and the last of the configuration: the progress of a run without a status."""
    try:
        return summary.recorded_step, read_run(path).config.last_step
    except RunError:
        return summary.recorded_step, 0


def _entries(path: Path) -> dict[str, os.stat_result]:
    """What is in a run's folder; a link is what it leads to, and nothing where its target is missing."""
    entries = {}
    with os.scandir(path) as entries_of:
        for entry in entries_of:
            with contextlib.suppress(OSError):
                entries[entry.name] = entry.stat()
    return entries


def _size(folder: str) -> int:
    """Bytes of all files below a folder; links are not followed."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as inside:  # one that was removed since has none
        for entry in inside:
            with contextlib.suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                total += _size(entry.path) if is_folder else entry.stat(follow_symlinks=False).st_size
    return total


def matching(
    rows: Sequence[RunRow], text: str = "", states: Sequence[str] = (), presets: Sequence[str] = (), tags: Sequence[str] = ()
) -> list[RunRow]:
    """The rows that hold every word of a text in their id, names, notes or tags, and are of a state, preset and tag asked for.

    An empty sequence of states, presets or tags filters nothing.
    """
    words = text.casefold().split()
    return [
        each
        for each in rows
        if (not states or each.status.state in states)
        and (not presets or each.preset in presets)
        and (not tags or set(tags) & set(each.notes.tags))
        and all(word in _said(each) for word in words)
    ]


def _said(each: RunRow) -> str:
    remarks = (bookmark.remark for bookmark in each.notes.bookmarks)
    return "\n".join((each.id, each.title, each.glance.name, each.notes.note, *each.notes.tags, *remarks)).casefold()


ORDERS: dict[str, Callable[[RunRow, str], Any]] = {
    "newest first": lambda each, group: each.id,
    "name": lambda each, group: each.title.casefold(),
    "state": lambda each, group: each.status.state,
    "preset": lambda each, group: each.preset,
    "fewest vectors at the end": lambda each, group: (
        each.glance.counts[group].last[0] if group in each.glance.counts else 10**9
    ),
    "largest on disk": lambda each, group: each.bytes or 0,
}


def ordered(rows: Sequence[RunRow], order: str, group: str) -> list[RunRow]:
    """The rows in one of :data:`ORDERS`; among equals the newest comes first."""
    newest = sorted(rows, key=lambda each: each.id, reverse=True)
    return sorted(newest, key=lambda each: ORDERS[order](each, group), reverse=order in ("newest first", "largest on disk"))


def library_table(rows: Sequence[RunRow], group: str) -> pd.DataFrame:
    """The rows as a table, with the counts of one group.

    Columns ``run``, ``title``, ``state`` (with the step it diverged at, if it did), ``step``, ``last_step``, ``seed``,
    ``preset`` with the fields changed from it, U, C and P at the first and last snapshot (``first_unique``, ``last_unique``,
    …, missing where they are not known), ``curve``, ``bytes``, ``tags``, ``note``, ``created``, ``damage``.
    """
    import pandas as pd

    counts = [each.glance.counts.get(group) for each in rows]
    return pd.DataFrame(
        {
            "run": [each.id for each in rows],
            "title": [each.title for each in rows],
            "state": [state_of(each) for each in rows],
            "step": [each.status.step for each in rows],
            "last_step": [each.status.last_step for each in rows],
            "seed": pd.array([each.glance.seed for each in rows], "Int64"),
            "preset": [_preset_and_changes(each) for each in rows],
            **_ends(counts),
            "curve": [list(at.curve) if at else [] for at in counts],
            "bytes": pd.array([each.bytes for each in rows], "Int64"),
            "tags": [list(each.notes.tags) for each in rows],
            "note": [each.notes.note for each in rows],
            "created": pd.to_datetime([each.glance.created for each in rows], errors="coerce", utc=True, format="ISO8601"),
            "damage": [each.damage for each in rows],
        }
    )


def _preset_and_changes(each: RunRow) -> str:
    """The preset and what was changed from it, as in ``corrected + steps, published text``."""
    near = each.glance.nearest
    if near is None:
        return ""
    changes = [name.replace("_", " ") for name in near.changes if name != "corpus" or not each.glance.is_published]
    # Where the preset asks for the published text by its name, another path of it is no change.
    if "corpus" in near.changes and each.glance.is_published and preset(near.name).corpus != GATSBY:
        changes.append("published text")
    return near.name + (f" + {', '.join(changes)}" if changes else "")


def _ends(counts: Sequence[Counts | None]) -> dict[str, Any]:
    import pandas as pd

    return {
        f"{end}_{name}": pd.array([getattr(at, end)[place] if at else None for at in counts], "Int64")
        for place, name in enumerate(_MEASURES)
        for end in ("first", "last")
    }


def state_of(each: RunRow) -> str:
    """The state of a run in words: also that it diverged, and where."""
    at = each.glance.diverged
    return each.status.state if at is None else f"{each.status.state}, diverged at step {at:,}"


def answer_of(each: RunRow, group: str) -> dict[str, Any]:
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
        "changes": list(each.glance.nearest.changes) if each.glance.nearest else [],
        "forked_from": each.glance.forked_from,
        "snapshots": each.glance.snapshots,
        "diverged_at": each.glance.diverged,
        "group": group,
        **ends,
        "bytes": each.bytes,
        "damage": each.damage,
    }
