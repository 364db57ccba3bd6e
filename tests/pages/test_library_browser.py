"""The library in a real browser: select, name, put away and undo by mouse and by keyboard alone, and a file by its path."""

from __future__ import annotations

import re
from pathlib import Path

import browsing
import numpy as np
from browsing import at_rest, counted_rows, expect, fits, go_to, shows, stands_on, visit
from conftest import MakeRun, falling_together
from playwright.sync_api import Page
from safetensors.numpy import save_file

from benchmarks.library import made_library
from snowball_core.measures.bf16 import values
from snowball_core.store.notes import annotate, read_notes
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import Status, hold, write_status
from snowball_core.store.trash import trashed

pytestmark = browsing.MARKS
_HEAD_PIXELS, _ROW_PIXELS = 37, 35


def tick(page: Page, row: int) -> None:
    """Press the box at the left of a row of the table."""
    page.locator(".stDataFrame .dvn-scroller").first.click(position={"x": 15, "y": _HEAD_PIXELS + _ROW_PIXELS * row + 17})


def library(page: Page, server: str, more: str = "") -> None:
    visit(page, f"{server}/library{more}")
    expect(page.locator(".stDataFrame canvas").first).to_be_visible()


def test_a_run_is_named_put_away_and_brought_back(server: str, page: Page, make_run: MakeRun, tmp_path: Path) -> None:
    other, run = make_run(name="aa"), make_run(name="zz")  # the newer comes first, or of one second the later name
    library(page, server)
    tick(page, 0)
    card = page.locator(".st-key-selected")
    expect(card).to_contain_text(run.id)
    card.get_by_label("Name").fill("<b>the *long* fall</b>")
    card.get_by_label("Tags").fill("keep, merger")
    card.get_by_role("button", name="Save").click()
    expect(card.get_by_text("<b>the *long* fall</b>", exact=True)).to_be_visible()
    assert read_notes(run.path).tags == ("keep", "merger")
    page.get_by_role("button", name="Move to trash").click()
    expect(page.locator(".st-key-put-away-said")).to_contain_text(run.id)
    assert [path.name for path in run_paths(tmp_path)] == [other.id]
    expect(card).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".st-key-put-away-said")).to_have_count(0)
    assert trashed(tmp_path) == []
    tick(page, 0)
    card.get_by_role("link", name="Scrub").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    expect(page).to_have_url(re.compile(f"[?&]run={run.id}(&|$)"))


def test_the_keyboard_alone_selects_and_compares(server: str, page: Page, make_run: MakeRun) -> None:
    make_run(name="zz", seed=7)
    make_run(name="aa")
    library(page, server)
    page.get_by_role("combobox", name="Order").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
    card = page.locator(".st-key-selected")
    for key in ("ArrowDown", "ArrowRight", "Shift+Space"):
        page.keyboard.press(key)
    expect(card).to_be_visible()
    at_rest(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+Space")
    expect(card).to_contain_text("2 runs selected")
    expect(card).to_contain_text("2 configuration fields differ")
    link = card.get_by_role("link", name="Compare")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Compare")
    at_rest(page)
    expect(page.get_by_text("A comparison needs")).to_have_count(0)


def test_a_thousand_runs_are_listed_found_and_opened(server: str, page: Page, tmp_path: Path) -> None:
    made_library(tmp_path, 1_000, steps=2)
    library(page, server)
    expect(page.get_by_text("1,000 runs · ")).to_be_visible()
    page.get_by_role("searchbox", name="Find").fill("made-777")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 run · ")).to_be_visible()
    at_rest(page)
    tick(page, 0)
    page.locator(".st-key-selected").get_by_role("link", name="Scrub").click()
    expect(page.locator(".st-key-exact")).to_contain_text("dead: 6 tokens")
    expect(page).to_have_url(re.compile("made-777"))


def test_a_file_is_opened_and_goes_to_other_pages(server: str, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "some file.safetensors"
    history = values(falling_together(20)).astype(np.float32)
    save_file({"embedding": history}, file)
    visit(page, f"{server}/library?tab=From+a+file&file={file}&dead=0-5")
    expect(page.get_by_text("F32 · 20 snapshots of 16 tokens")).to_be_visible()
    page.locator("[class*=st-key-file-file-some-file]").get_by_role("link", name="Scrub").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    go_to(page, 9)
    page.locator(".scrubber .slider").focus()
    page.keyboard.press("ArrowLeft")
    for _ in range(2):
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 8 · dead: 6 tokens")
        at_rest(page)
        stands_on(page, 8)
        shows(page, counted_rows(history[8, :6]))
        page.reload()
        at_rest(page)
    page.get_by_role("link", name="Lineage", exact=True).first.click()
    expect(page.locator(".st-key-now")).to_contain_text("At step 8")
    expect(page).to_have_url(re.compile("run=file.some-file"))


def test_a_click_selects_a_row_and_a_click_on_the_name_opens_the_run(server: str, page: Page, make_run: MakeRun) -> None:
    make_run(name="aa")
    run = make_run(name="zz")
    library(page, server)
    table = page.locator(".stDataFrame .dvn-scroller").first
    table.click(position={"x": 420, "y": _HEAD_PIXELS + 17})
    expect(page.locator(".st-key-selected")).to_contain_text(run.id)
    at_rest(page)
    table.click(position={"x": 420, "y": _HEAD_PIXELS + _ROW_PIXELS + 17})
    expect(page.locator(".st-key-selected")).not_to_contain_text(run.id)
    at_rest(page)
    table.click(position={"x": 80, "y": _HEAD_PIXELS + 17})
    expect(page.locator("h1")).to_have_text("Scrub")
    expect(page).to_have_url(re.compile(f"[?&]run={run.id}(&|$)"))


def test_the_page_follows_a_run_that_is_recorded(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with hold(run.path):
        library(page, server)
        tick(page, 0)
        card = page.locator(".st-key-selected")
        expect(card).to_contain_text("running")
        expect(page.get_by_role("button", name="Move to trash")).to_be_disabled()
        write_status(run.path, Status("completed", 8, 20))
    expect(card).to_contain_text("completed")
    expect(page.get_by_role("button", name="Move to trash")).to_be_enabled()


def test_no_tab_is_wider_than_the_window(server: str, page: Page, make_run: MakeRun) -> None:
    annotate(make_run().path, "x" * 80, "y" * 400, [f"a-rather-long-tag-{n}" for n in range(12)])
    (make_run(name="cut").path / "run.json").write_text("{")
    library(page, server)
    tick(page, 1)
    expect(page.locator(".st-key-selected")).to_be_visible()
    for tab in ("Runs", "From a file", "Trash"):
        page.get_by_role("tab", name=tab).click()
        for width in (1440, 800):
            page.set_viewport_size({"width": width, "height": 900})
            at_rest(page)
            fits(page, width)
