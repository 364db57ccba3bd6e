"""Bookmarks and saved views in a run's notes: bounded, merged, and in no older file's way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.errors import RunError
from snowball_core.store.archive import pack, unpack
from snowball_core.store.bookmarks import (
    LONGEST_QUERY,
    LONGEST_REMARK,
    MOST_BOOKMARKS,
    MOST_VIEWS,
    Bookmark,
    SavedView,
    checked_bookmark,
    checked_view,
    view_of_address,
)
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.notes import (
    FILE,
    Notes,
    add_bookmark,
    add_tags,
    annotate,
    annotate_seen,
    read_notes,
    remove_bookmark,
    remove_view,
    save_view,
)

MARK = Bookmark(19, "one hole", "dead", "h10")
VIEW = SavedView("lanes", "lineage", "group=dead&step=19")


def test_bookmarks_and_views_are_read_again_and_nothing_recorded_is_touched(make_run: MakeRun) -> None:
    path = make_run().path
    before = {file.name: file_sha256(file) for file in path.iterdir() if file.is_file()}
    add_bookmark(path, MARK)
    save_view(path, VIEW)
    assert read_notes(path) == Notes(bookmarks=(MARK,), views=(VIEW,))
    assert {file.name: file_sha256(file) for file in path.iterdir() if file.name in before} == before


def test_a_change_of_the_texts_keeps_the_bookmarks_and_the_other_way_round(make_run: MakeRun) -> None:
    path = make_run().path
    seen = annotate(path, "label", "note", ["tag"])
    add_bookmark(path, MARK)
    save_view(path, VIEW)
    annotate(path, label="another")
    add_tags(path, ["more"])
    annotate_seen(path, seen, "label", "a longer note", ["tag"])
    assert read_notes(path) == Notes("another", "a longer note", ("tag", "more"), (MARK,), (VIEW,))


def test_the_same_remark_is_kept_once_and_comes_back_under_its_id(make_run: MakeRun) -> None:
    path = make_run().path
    other = Bookmark(19, "one hole", "dead", "t10")
    assert add_bookmark(path, MARK) == add_bookmark(path, MARK)
    assert len({MARK.id, other.id}) == len(add_bookmark(path, other).bookmarks) == 2
    assert remove_bookmark(path, MARK.id) == MARK
    assert [mark.id for mark in add_bookmark(path, MARK).bookmarks] == [other.id, MARK.id]
    with pytest.raises(RunError, match=rf'has \({other.id}, {MARK.id}\); got "ffffffff"\. It may have been removed'):
        remove_bookmark(path, "ffffffff")


def test_a_file_of_notes_without_bookmarks_opens_and_stays_as_it_was_written(make_run: MakeRun) -> None:
    path = make_run().path
    (path / FILE).write_text('{"label": "old", "note": "", "tags": ["keep"], "unknown": 1}')
    assert read_notes(path) == Notes("old", "", ("keep",))
    annotate(path, note="new")
    assert json.loads((path / FILE).read_text()) == {"label": "old", "note": "new", "tags": ["keep"]}
    add_bookmark(path, MARK)
    remove_bookmark(path, MARK.id)
    assert "bookmarks" not in json.loads((path / FILE).read_text())


@pytest.mark.parametrize(
    "damage",
    [
        *('{"bookmarks": 5}', '{"bookmarks": [5]}', '{"bookmarks": [{"step": 1}]}', '{"views": {"name": "x"}}'),
        '{"bookmarks": [{"step": -1, "remark": "x", "group": "dead"}]}',
        '{"bookmarks": [{"step": true, "remark": "x", "group": "dead"}]}',
        '{"bookmarks": [{"step": 1, "remark": "turned \\u202e", "group": "dead"}]}',
        '{"bookmarks": [{"step": 1, "remark": "x", "group": "dead", "select": "<b>"}]}',
        '{"views": [{"name": "x", "page": "../scrub", "query": ""}]}',
        '{"label": "' + "x" * 2_000_000 + '"}',
    ],
)
def test_damaged_bookmarks_say_so_and_are_set_aside_by_the_next_one(make_run: MakeRun, damage: str) -> None:
    path = make_run().path
    (path / FILE).write_text(damage)
    assert read_notes(path) == Notes(damage="notes.json cannot be read")
    assert add_bookmark(path, MARK) == read_notes(path) == Notes(bookmarks=(MARK,))
    assert (path / f"{FILE}.damaged").read_text() == damage


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: checked_bookmark(1.5, "x", "dead", ""), 'a whole number from 0 on; got "1.5"'),
        (lambda: checked_bookmark(1, "x" * 501, "dead", ""), "a remark must have at most 500 characters; got 501"),
        (lambda: checked_bookmark(1, " ", "dead", ""), "must have a remark; this one is empty"),
        (lambda: checked_bookmark(1, "two\nlines", "dead", ""), "U+000A"),
        (lambda: checked_bookmark(1, "x", "undead", ""), 'one of dead, live, all; got "undead"'),
        (lambda: checked_bookmark(1, "x", "dead", "65"), 'such as t65 or a hole such as h65; got "65"'),
        (lambda: checked_view("", "scrub", ""), "must have a name"),
        (lambda: checked_view("x", "//evil", ""), 'a page such as scrub or lineage; got "//evil"'),
        (lambda: checked_view("x", "scrub", "a=" + "b" * LONGEST_QUERY), "at most 2,000 characters"),
        (lambda: checked_view("x", "scrub", "find=%E2%80%AE"), "U+202E"),
        (lambda: view_of_address("x", "scrub?run=other", "mine"), 'this is "mine", the address is of "other"'),
    ],
)
def test_what_cannot_be_kept_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(RunError) as refused:
        make()
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "address", ["http://host:1/base/?group=all&run=mine&token=secret", "start?group=all", "/scrub?group=all"]
)
def test_a_view_keeps_neither_the_run_nor_the_token(address: str) -> None:
    assert view_of_address("x", address, "mine") == SavedView("x", "scrub", "group=all")


def test_as_many_as_may_be_of_the_longest_are_kept_and_no_more(make_run: MakeRun) -> None:
    path = make_run().path
    texts = {"label": "漢" * 80, "note": "\U0001f469" * 4_000, "tags": [f"{n:032}" for n in range(12)]}
    longest = "\U0001f469" * (LONGEST_REMARK - 3)
    marks = [{"step": n, "remark": f"{longest}{n}", "group": "dead", "select": "h1234567"} for n in range(MOST_BOOKMARKS)]
    views = [{"name": "\U0001f469" * 78 + f"{n:02}", "page": "scrub", "query": "a=" + "b" * 1_998} for n in range(MOST_VIEWS)]
    (path / FILE).write_text(json.dumps(texts | {"bookmarks": marks, "views": views}, indent=1))
    assert read_notes(path).damage == ""
    with pytest.raises(RunError, match="at most 200 bookmarks; got 201"):
        add_bookmark(path, MARK)
    with pytest.raises(RunError, match="at most 50 saved views; got 51"):
        save_view(path, VIEW)
    assert len(read_notes(path).bookmarks) == MOST_BOOKMARKS


def test_a_name_means_one_view(make_run: MakeRun) -> None:
    path = make_run().path
    assert save_view(path, VIEW) == save_view(path, VIEW)
    with pytest.raises(RunError, match='a view must have a name of its own; "lanes" is another one'):
        save_view(path, SavedView("lanes", "scrub", ""))
    assert remove_view(path, "lanes") == VIEW
    with pytest.raises(RunError, match=r'has \(none\); got "lanes"'):
        remove_view(path, "lanes")


def test_two_writers_at_once_keep_both(make_run: MakeRun) -> None:
    path = make_run().path
    marks = [Bookmark(step, f"by {name}") for name in "ab" for step in range(4)]
    writers = [
        threading.Thread(target=lambda own=own: [add_bookmark(path, each) for each in own]) for own in (marks[:4], marks[4:])
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert set(read_notes(path).bookmarks) == set(marks)


def test_a_read_only_library_keeps_none(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run().path
    add_bookmark(path, MARK)
    save_view(path, VIEW)
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    changes: list[Callable[[], object]] = [
        lambda: add_bookmark(path, Bookmark(0, "x")),
        lambda: remove_bookmark(path, MARK.id),
        lambda: save_view(path, SavedView("x", "scrub", "")),
        lambda: remove_view(path, "lanes"),
    ]
    for change in changes:
        with pytest.raises(RunError, match="read-only"):
            change()
    assert read_notes(path) == Notes(bookmarks=(MARK,), views=(VIEW,))


def test_bookmarks_travel_in_the_zip(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    add_bookmark(run.path, MARK)
    save_view(run.path, VIEW)
    with open(tmp_path / "run.zip", "wb") as file:
        pack(run, file)
    assert read_notes(unpack(tmp_path / "run.zip", tmp_path / "elsewhere").path) == Notes(bookmarks=(MARK,), views=(VIEW,))
