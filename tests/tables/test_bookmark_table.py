"""Bookmarks of a run as a table, in the report and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.export.report import report_bytes
from snowball_core.export.tables import TABLES
from snowball_core.export.view import view_of
from snowball_core.store.bookmarks import Bookmark
from snowball_core.store.foreign.links import Link, link_file, unlink_file
from snowball_core.store.history import find, observe
from snowball_core.store.notes import FILE, add_bookmark, read_notes
from snowball_core.tables.bookmarks import bookmark_at, bookmark_table
from snowball_core.tables.formats import csv_bytes
from snowball_core.tables.library import matching, row

pytestmark = pytest.mark.usefixtures("library")


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    return capsys.readouterr().err


def test_a_hole_is_named_by_its_lowest_token_at_the_step(make_run: MakeRun) -> None:
    history = observe(make_run())
    assert bookmark_at(history, 7, "x", "dead", hole=2) == Bookmark(7, "x", "dead", "h0")
    assert bookmark_at(history, 7, "x", "dead", token=2) == Bookmark(7, "x", "dead", "t2")
    for asked, words in (
        ({"step": 99}, "step must be a recorded one; got 99"),
        ({"hole": 5}, "token 5 shares its vector with no other of the dead tokens at step 7"),
        ({"token": 9}, "one of the dead tokens"),
        ({"token": -1}, "got -1"),
        ({"hole": 99_999}, "got 99,999"),
        ({"hole": 1, "token": 1}, "on a token or on a hole"),
    ):
        with pytest.raises(HistoryError) as error:
            bookmark_at(history, **{"step": 7, "remark": "x", "group": "dead", **asked})  # type: ignore[arg-type]
        assert words in str(error.value)


def test_the_table_is_by_step_and_its_cells_are_no_formulas(make_run: MakeRun) -> None:
    run = make_run()
    for mark in (Bookmark(9, "=1+1", "all"), Bookmark(3, "here", "dead", "t2"), Bookmark(3, "unknown", "live", "h9999999")):
        add_bookmark(run.path, mark)
    table = bookmark_table(observe(run))
    assert list(table["step"]) == [3, 3, 9]
    assert list(table["on"]) == ["token", "hole", "step"]
    lines = csv_bytes(table).decode().splitlines()
    assert lines[1] == f"{table['bookmark'][0]},3,dead,token,2,STX,here"
    assert lines[3].endswith(",9,all,step,,,'=1+1")


def test_a_foreign_history_has_no_bookmarks_and_damaged_ones_are_named(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    foreign = find(str(run.path / "history.safetensors"), tmp_path)
    assert len(bookmark_table(foreign)) == 0
    (run.path / FILE).write_text("{")
    with pytest.raises(HistoryError, match=r"bookmarks must be readable; notes\.json cannot be read"):
        bookmark_table(observe(run))
    assert "bookmarks is not shown: bookmarks must be readable" in report_bytes(view_of(observe(run), 7)).decode()


def test_the_report_shows_every_bookmark_as_text(make_run: MakeRun) -> None:
    run = make_run()
    assert "<h2>Bookmarks</h2>" not in report_bytes(view_of(observe(run), 7)).decode()
    for step in range(21):
        for word in ("<script>alert(1)</script>", "a", "b", "c"):
            add_bookmark(run.path, Bookmark(step, f"{word} {step}"))
    page = report_bytes(view_of(observe(run), 7)).decode()
    assert "<h2>Bookmarks</h2>" in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 21
    assert "c 20" in page


def test_the_library_finds_a_run_by_a_remark(make_run: MakeRun) -> None:
    run = make_run()
    add_bookmark(run.path, Bookmark(3, "The long Fall"))
    assert [each.id for each in matching([row(run.path)], "long fall")] == [run.id]
    assert matching([row(run.path)], "short") == []


def test_the_command_line_keeps_lists_and_removes_bookmarks(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert "no bookmark yet" in (main(["bookmarks", run.id]), capsys.readouterr().out)[1]
    kept = answered(capsys, "bookmark", run.id, "10", "ten", "--hole", "2")
    assert (kept["step"], kept["group"], kept["select"]) == (10, "dead", "h0")
    answered(capsys, "bookmark", run.id, "3", "=three")
    listed = answered(capsys, "bookmarks", run.id)["bookmarks"]
    assert [(each["step"], each["on"], each["token"], each["remark"]) for each in listed] == [
        (3, "step", None, "=three"),
        (10, "hole", 0, "ten"),
    ]
    assert main(["bookmarks", run.id]) == 0
    assert capsys.readouterr().out == csv_bytes(TABLES["bookmarks"].make(view_of(observe(run)))).decode()
    assert len(answered(capsys, "bookmarks", run.id, "--remove", kept["bookmark"])["bookmarks"]) == 1
    assert "It may have been removed" in refused(capsys, "bookmarks", run.id, "--remove", kept["bookmark"])
    assert "step must be a recorded one" in refused(capsys, "bookmark", run.id, "99", "x")
    assert "a group is one of" in refused(capsys, "bookmark", run.id, "9", "x", "--group", "undead")
    assert "there is no run" in refused(capsys, "bookmark", "gone", "9", "x")


def test_the_command_line_keeps_lists_and_removes_views(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    words = ("--save", "lanes", "--address", f"http://localhost:8501/lineage?run={run.id}&step=19&group=all")
    view = {"name": "lanes", "page": "lineage", "query": "step=19&group=all"}
    assert answered(capsys, "views", run.id, *words)["views"] == [view]
    assert (main(["views", run.id]), capsys.readouterr().out) == (0, f"lanes: /lineage?run={run.id}&step=19&group=all\n")
    assert "got one of them" in refused(capsys, "views", run.id, "--save", "x")
    assert answered(capsys, "views", run.id, "--remove", "lanes")["views"] == []


def test_an_opened_file_keeps_bookmarks_beside_its_link_until_it_leaves_the_list(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = link_file(tmp_path, Link(str(make_run().path / "history.safetensors")))
    kept = answered(capsys, "bookmark", opened.id, "10", "ten")
    assert [each["remark"] for each in answered(capsys, "bookmarks", opened.id)["bookmarks"]] == ["ten"]
    assert bookmark_table(observe(opened))["remark"].tolist() == ["ten"]
    assert read_notes(opened.path).bookmarks[0].id == kept["bookmark"]
    unlink_file(tmp_path, opened.id)
    assert "must be in the list of the Library" in refused(capsys, "bookmarks", opened.id)
    assert len(bookmark_table(observe(link_file(tmp_path, opened.link)))) == 0


def test_a_read_only_library_refuses_bookmarks(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    add_bookmark(run.path, Bookmark(3, "x"))
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert "read-only" in refused(capsys, "bookmark", run.id, "3", "y")
    assert "read-only" in refused(capsys, "bookmarks", run.id, "--remove", Bookmark(3, "x").id)
    assert "read-only" in refused(capsys, "views", run.id, "--save", "x", "--address", "scrub")
    assert len(answered(capsys, "bookmarks", run.id)["bookmarks"]) == len(read_notes(run.path).bookmarks) == 1
