"""Notes on a run: a label, a note and tags, kept beside what was recorded."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from ..errors import RunError, requiring
from .files.regular_files import read_json, write_json
from .status import require_writable

FILE = "notes.json"
LONGEST_LABEL, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 80, 4_000, 32, 12
_LARGEST_FILE = 65_536
_LOCK = ".notes.lock"
_PATIENCE_SECONDS = 10.0
# Control and format characters (they can turn a line of text around), halves of characters, and the two that break lines.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
# A black flag, the code of a region in letters that are not seen, and their end: the flag of Wales is one picture.
_REGION_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_VIRAMA = 9


@dataclass(frozen=True)
class Notes:
    """Label, note and tags of a run."""

    label: str = ""  # the name to show; empty if the run has none of its own. The run's id never changes.
    note: str = ""
    tags: tuple[str, ...] = ()
    damage: str = ""  # why the file cannot be read; empty if it can


def read_notes(path: Path) -> Notes:
    """The notes of the run in a folder; empty without a file, empty with ``damage`` set for one that cannot be read."""
    try:
        content = read_json(f"{path}/{FILE}", _LARGEST_FILE)
        if not isinstance(content, dict) or not isinstance(content.get("tags", []), list):
            raise ValueError("it has another format")
        return _checked(content.get("label", ""), content.get("note", ""), content.get("tags", []))
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
        return Notes(label_now, note_now, (*kept, *(tag for tag in wanted.tags if tag not in base.tags)))

    return _change(path, change)


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
        fresh = _checked(changed.label, changed.note, changed.tags)
        if old.damage:
            os.replace(path / FILE, path / f"{FILE}.damaged")
        write_json(path / FILE, {"label": fresh.label, "note": fresh.note, "tags": list(fresh.tags)})
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


def _checked(label: object, note: object, tags: Iterable[object]) -> Notes:
    words = tuple(dict.fromkeys(_text(tag, "a tag", LONGEST_TAG) for tag in tags))
    if any("," in word or not word for word in words):
        raise RunError("a tag must have a letter and no comma; commas separate tags. Remove or rename it.")
    if len(words) > MOST_TAGS:
        raise RunError(f"a run has at most {MOST_TAGS} tags; got {len(words):,}. Remove some.")
    return Notes(_text(label, "a label", LONGEST_LABEL), _text(note, "a note", LONGEST_NOTE, "\n\t"), words)


def _text(given: object, what: str, longest: int, allowed: str = "") -> str:
    """A text as it is kept: composed characters, no blanks at its ends, not too long, everything in it visible."""
    if not isinstance(given, str):
        raise RunError(f"{what} must be text; got {type(given).__name__}. Write it in quotes.")
    given = unicodedata.normalize("NFC", given.replace("\r\n", "\n")).strip()
    if len(given) > longest:
        raise RunError(f"{what} must have at most {longest:,} characters; got {len(given):,}. Shorten it.")
    flags = {place for flag in _REGION_FLAG.finditer(given) for place in range(*flag.span())}
    for place, character in enumerate(given):
        is_unseen = unicodedata.category(character) in _UNSEEN and character not in allowed and place not in flags
        if is_unseen and not _joins(given, place):
            raise RunError(
                f"{what} must be made of visible characters; number {place + 1:,} is U+{ord(character):04X}. Remove it."
            )
    return given


def _joins(text: str, place: int) -> bool:
    """Whether a zero-width joiner or non-joiner decides how its neighbours look; anywhere else it is invisible.

    Both do between letters, marks or pictures that are not all ASCII: Persian words, Indic conjuncts, joined emoji. The joiner
    also does beside one letter, which takes its joined form, and the non-joiner behind a virama.
    """
    before, after = text[max(0, place - 1) : place], text[place + 1 : place + 2]
    kinds = [unicodedata.category(character)[0] for character in before + after]
    if text[place] not in _JOINERS or not kinds or set(before + after) & set(_JOINERS):
        return False
    if len(kinds) == 2 and set(kinds) <= {"L", "M", "S"} and not (before + after).isascii():
        return True
    if text[place] == "\u200d":
        return any(not side.isascii() and unicodedata.category(side)[0] in "LM" for side in before + after)
    return before != "" and unicodedata.combining(before) == _VIRAMA
