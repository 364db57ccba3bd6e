"""Notes on a run: a label, a note, tags, bookmarks and saved views, kept beside what was recorded."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from ..errors import RunError, requiring
from .bookmarks import Bookmark, SavedView, bookmarks_of, checked_bookmarks, checked_views, listed, views_of
from .files.regular_files import read_json, write_json
from .note_text import visible_text
from .status import require_writable

FILE = "notes.json"
LONGEST_LABEL, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 80, 4_000, 32, 12
_LARGEST_FILE = 2_000_000  # every text as long as it may be, in escaped characters
_LOCK = ".notes.lock"
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Notes:
    """Label, note, tags, bookmarks and saved views of a run."""

    label: str = ""  # the name to show; empty if the run has none of its own. The run's id never changes.
    note: str = ""
    tags: tuple[str, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()  # in the order in which they were made
    views: tuple[SavedView, ...] = ()
    damage: str = ""  # why the file cannot be read; empty if it can


_NONE = Notes()


def read_notes(path: Path) -> Notes:
    """The notes of the run in a folder; empty without a file, empty with ``damage`` set for one that cannot be read."""
    try:
        content = read_json(f"{path}/{FILE}", _LARGEST_FILE)
        if not isinstance(content, dict) or not isinstance(content.get("tags", []), list):
            raise ValueError("it has another format")
        marks = Notes(bookmarks=bookmarks_of(content.get("bookmarks", [])), views=views_of(content.get("views", [])))
        return _checked(content.get("label", ""), content.get("note", ""), content.get("tags", []), marks)
    except FileNotFoundError:
        return Notes()
    except (OSError, ValueError, RecursionError, RunError):
        return Notes(damage=f"{FILE} cannot be read")


def annotate(path: Path, label: str | None = None, note: str | None = None, tags: Iterable[str] | None = None) -> Notes:
    """Change the notes of the run in a folder; what is not given stays.

    One writer at a time: what another one wrote meanwhile is kept. A damaged file of notes is set aside, not overwritten.
    """
    given = {"label": label, "note": note, "tags": None if tags is None else tuple(tags)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return _change(path, lambda old: replace(old, **changes))


def add_tags(path: Path, tags: Iterable[str]) -> Notes:
    """Give the run in a folder further tags."""
    return _change(path, lambda old: replace(old, tags=(*old.tags, *tags)))


def annotate_seen(path: Path, base: Notes, label: str, note: str, tags: Iterable[str]) -> Notes:
    """Merge a change from ``base`` to new notes into those of now; what others changed since is kept."""

    def change(old: Notes) -> Notes:
        wanted = _checked(label, note, tags)
        kept = [tag for tag in old.tags if tag not in base.tags or tag in wanted.tags]
        label_now = _merged("name", base.label, old.label, wanted.label)
        note_now = _merged("note", base.note, old.note, wanted.note)
        tags_now = (*kept, *(tag for tag in wanted.tags if tag not in base.tags))
        return replace(old, label=label_now, note=note_now, tags=tags_now)

    return _change(path, change)


def add_bookmark(path: Path, bookmark: Bookmark) -> Notes:
    """Keep a bookmark of the run in a folder; one that is kept already stays as it is."""
    return _change(path, lambda old: replace(old, bookmarks=checked_bookmarks((*old.bookmarks, bookmark))))


def remove_bookmark(path: Path, bookmark_id: str) -> Bookmark:
    """Remove a bookmark of the run in a folder; returned, so that it can be kept again."""
    removed = bookmark_named(read_notes(path), bookmark_id, path.name)
    _change(path, lambda old: replace(old, bookmarks=tuple(each for each in old.bookmarks if each.id != removed.id)))
    return removed


def bookmark_named(notes: Notes, bookmark_id: str, run_id: str) -> Bookmark:
    """The bookmark of this id."""
    known = {each.id: each for each in notes.bookmarks}
    if bookmark_id not in known:
        raise RunError(_unknown(f'a bookmark must be one that "{run_id}" has', known, bookmark_id))
    return known[bookmark_id]


def save_view(path: Path, view: SavedView) -> Notes:
    """Keep a view of the run in a folder under its name, which no other view of the run may have."""

    def change(old: Notes) -> Notes:
        if any(each.name == view.name and each != view for each in old.views):
            raise RunError(
                f'a view must have a name of its own; "{view.name}" is another one. Choose another name, or remove that view.'
            )
        return replace(old, views=checked_views((*old.views, view)))

    return _change(path, change)


def remove_view(path: Path, name: str) -> SavedView:
    """Remove the view of this name of the run in a folder; returned, so that it can be kept again."""
    known = {view.name: view for view in read_notes(path).views}
    if name not in known:
        raise RunError(_unknown(f'a view must be one that "{path.name}" has', known, name))
    _change(path, lambda old: replace(old, views=tuple(each for each in old.views if each.name != name)))
    return known[name]


def _unknown(must: str, known: Iterable[str], given: str) -> str:
    return f'{must} ({", ".join(known) or "none"}); got "{given[:LONGEST_LABEL]}". It may have been removed: choose another.'


def _merged(what: str, base: str, now: str, wanted: str) -> str:
    """The text of two writers who both saw ``base``, where at most one of them changed it."""
    if wanted in (base, now):
        return now
    if now != base:
        raise RunError(
            f'the {what} was changed elsewhere and is now "{now}". Not saved: "{wanted}". Enter it again to overwrite.'
        )
    return wanted


def _change(path: Path, change: Callable[[Notes], Notes]) -> Notes:
    require_writable()
    with requiring("the run folder must be writable", path, "Nothing was changed."), _alone(path):
        old = read_notes(path)
        changed = change(old)
        fresh = _checked(changed.label, changed.note, changed.tags, changed)
        if old.damage:
            os.replace(path / FILE, path / f"{FILE}.damaged")
        texts = {"label": fresh.label, "note": fresh.note, "tags": list(fresh.tags)}
        write_json(path / FILE, texts | listed(fresh.bookmarks, fresh.views))
    return fresh


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Be the one writer of a run's notes; a lock of its own, for a worker holds the run's as long as it trains."""
    if not os.path.isdir(path):  # the lock would make it
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    lock = filelock.FileLock(path / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS, poll_interval=0.02)
    except filelock.Timeout:
        raise RunError(f'notes must have one writer at a time; those of "{path.name}" are being written. Try again.') from None
    try:
        yield
    finally:
        # While it is held: another process that waits for this file finds it gone and makes a new one.
        with contextlib.suppress(OSError):
            (path / _LOCK).unlink()
        lock.release()


def tags_of(text: str) -> tuple[str, ...]:
    """Tags from text, separated by commas.

    Examples
    --------
    >>> tags_of("merger, keep ,,merger")
    ('merger', 'keep')
    """
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _checked(label: object, note: object, tags: Iterable[object], base: Notes = _NONE) -> Notes:
    """The notes with these texts, and the bookmarks and views of others."""
    words = tuple(dict.fromkeys(visible_text(tag, "a tag", LONGEST_TAG) for tag in tags))
    if any("," in word or not word for word in words):
        raise RunError("a tag must have a letter and no comma; commas separate tags. Remove or rename it.")
    if len(words) > MOST_TAGS:
        raise RunError(f"a run has at most {MOST_TAGS} tags; got {len(words):,}. Remove some.")
    texts = visible_text(label, "a label", LONGEST_LABEL), visible_text(note, "a note", LONGEST_NOTE, "\n\t")
    return Notes(*texts, words, base.bookmarks, base.views)
