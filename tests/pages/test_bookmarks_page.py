"""Bookmarks on the Scrub page and saved views of a page, run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun
from paging import drawn, opened, sound, texts
from streamlit.testing.v1 import AppTest

from snowball_core.store.bookmarks import Bookmark, SavedView
from snowball_core.store.foreign.links import Link, link_file
from snowball_core.store.notes import FILE, Notes, add_bookmark, read_notes, save_view

pytestmark = pytest.mark.usefixtures("library")
MARK = Bookmark(7, "*look* <b>", "all", "h0")


def press(app: AppTest, label: str) -> AppTest:
    return sound(next(button for button in app.button if button.label == label).click().run())


def named(app: AppTest, name: str) -> object:
    """What the address says under a name."""
    return app.query_params.get(name)


def test_a_remark_is_kept_on_the_step_and_on_what_is_selected(make_run: MakeRun) -> None:
    run = make_run()
    app = opened("scrub", step="7", select="h2")
    field = next(each for each in app.text_input if each.label.startswith("Remark"))
    assert field.label == "Remark on step 7, the hole of token 2 (STX)"
    field.input(" merged ")
    press(app, "Bookmark this step")
    made = Bookmark(7, "merged", "dead", "h0")
    assert read_notes(run.path) == Notes(bookmarks=(made,))
    app = opened("scrub", step="7", select="h0")
    assert named(app, "bookmark") == made.id
    assert named(opened("scrub", step="7", select="t1"), "bookmark") is None
    assert named(opened("scrub", step="8", select="h0"), "bookmark") is None


def test_an_opened_file_takes_remarks_like_a_run(make_run: MakeRun, tmp_path: Path) -> None:
    source = link_file(tmp_path, Link(str(make_run().path / "history.safetensors")))
    app = opened("scrub", run=source.id, step="7", group="all")
    next(each for each in app.text_input if each.label.startswith("Remark")).input("from elsewhere")
    press(app, "Bookmark this step")
    assert read_notes(source.path).bookmarks == (Bookmark(7, "from elsewhere", "all"),)
    assert "Bookmarks" in [box.label for box in opened("scrub", run=source.id).expander]


def test_a_remark_that_cannot_be_kept_says_why(make_run: MakeRun) -> None:
    run = make_run()
    app = press(opened("scrub", step="7"), "Bookmark this step")
    assert "a bookmark must have a remark" in texts(app.error)
    assert read_notes(run.path) == Notes()


def test_a_link_to_a_bookmark_opens_its_step_group_and_selection(make_run: MakeRun) -> None:
    run = make_run()
    add_bookmark(run.path, MARK)
    app = opened("scrub", run=run.id, bookmark=MARK.id, step="3")
    header = drawn(app)
    assert (header["step"], header["group"], header["select"]) == (7, "all", "h0")
    assert named(app, "bookmark") == MARK.id
    gone = opened("scrub", run=run.id, bookmark="00000000", step="3")
    assert f'A bookmark must be one that "{run.id}" has ({MARK.id})' in texts(gone.warning)
    assert (drawn(gone)["step"], named(gone, "bookmark")) == (3, None)


def test_damaged_notes_and_a_read_only_library_leave_the_page_whole(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    (run.path / FILE).write_text("{")
    assert "Bookmarks cannot be shown" in texts(opened("scrub").warning)
    (run.path / FILE).unlink()
    add_bookmark(run.path, MARK)
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    app = opened("scrub", step="7")
    assert next(each for each in app.button if each.label == "Bookmark this step").disabled
    assert "Bookmarks" in [box.label for box in app.expander]


@pytest.mark.parametrize("page", ["scrub", "lineage", "motion", "verdict", "export"])
def test_every_page_of_a_run_has_its_saved_views(make_run: MakeRun, page: str) -> None:
    run = make_run()
    save_view(run.path, SavedView("mine", page, "group=all"))
    assert "Saved views" in [box.label for box in opened(page, run=run.id).expander]


def test_a_saved_view_is_complete_and_its_name_leaves_the_address(make_run: MakeRun) -> None:
    run = make_run()
    left = {"address-page": "scrub", "address-run": {"run": run.id, "select": "t3", "step": "9"}}
    app = opened("scrub", left, run=run.id, group="all", step="4", view="mine")
    assert (drawn(app)["group"], drawn(app)["step"], drawn(app)["select"]) == ("all", 4, "")
    assert named(app, "view") is None
