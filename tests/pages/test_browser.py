"""The whole path in a real browser: start a run through the form, watch it end, scrub it, export it, link to it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from browsing import (
    MARKS,
    at_rest,
    counted,
    dragged,
    go_to,
    names,
    scrubbed_to,
    shows,
    stands_on,
    taken,
    title_of,
    traffic,
    unfold,
    visit,
)
from conftest import MakeRun
from playwright.sync_api import Page, expect

from snowball_core.export.tables import TABLES
from snowball_core.export.view import view_of
from snowball_core.store.history import observe
from snowball_core.store.run_folder import Run, open_run
from snowball_core.store.run_listing import run_paths
from snowball_core.tables.formats import csv_bytes

pytestmark = MARKS


def test_a_newcomer_starts_a_run_watches_it_scrubs_it_and_downloads_it(server: str, page: Page, tmp_path: Path) -> None:
    visit(page, f"{server}/train")
    for field, value in {"name": "first-run", "steps": "20"}.items():
        entry = page.locator(f".st-key-field-{field} input")
        entry.fill(value)
        entry.press("Enter")
        at_rest(page)
    expect(page.locator(".st-key-start-bar")).to_contain_text("21 snapshots")
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_text("first-run").first).to_be_visible()
    page.reload()
    expect(page.get_by_text("step 20 of 20")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("completed", exact=True)).to_be_visible(timeout=60_000)
    run = open_run(tmp_path, run_paths(tmp_path)[0].name)
    assert len(run.history().words) == 21

    page.get_by_text("Open in Scrub").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    page.wait_for_selector(".st-key-exact")
    for step in (0, 7, 20):
        go_to(page, step)
        shows(page, counted(run, step, "dead"))
    slider = page.locator(".scrubber .slider")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 19 ")
    page.get_by_role("radio", name="live").click()
    expect(page.locator(".st-key-exact")).to_contain_text("· live: ")
    shows(page, counted(run, 19, "live"))
    _takes_it_home(page, run)


def _takes_it_home(page: Page, run: Run) -> None:
    history = observe(run)
    table = TABLES["summary"].make(view_of(history))
    unfold(page, "take-home")
    assert taken(page, "take-summary-csv")[1] == csv_bytes(table)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(taken(page, "take-summary-parquet")[1])), table)


@pytest.mark.parametrize("path", ["", "export"])
def test_a_link_to_a_page_works_on_a_fresh_server(fresh_server: str, page: Page, make_run: MakeRun, path: str) -> None:
    run = make_run()
    visit(page, f"{fresh_server}/{path}?run={run.id}&step=7&group=all")
    expect(page.locator("h1")).to_have_text(title_of(path))
    expect(page).to_have_url(re.compile(f"[?&]run={run.id}(&|$)"))
    if path == "export":
        expect(page.locator(".st-key-export-step input")).to_have_value("7")
        return
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 16 tokens")
    page.reload()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 16 tokens")


def test_dragging_draws_every_frame_and_says_nothing_until_it_is_let_go(server: str, page: Page, make_run: MakeRun) -> None:
    run, messages = make_run(steps=300), traffic(page)
    visit(page, f"{server}/?run={run.id}&step=0&axis=linear&group=all")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 0 ")
    stands_on(page, 0)
    step = dragged(page, messages)
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step} ")
    shows(page, counted(run, step, "all"))
    names(page, run=run.id, step=str(step), axis="linear", group="all")


def test_keys_move_the_scrubber_and_leave_fields_alone(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=300)
    visit(page, f"{server}/?run={run.id}&step=3")
    stands_on(page, 3)
    page.locator("h1").click()
    for key, step in (("]", 6), ("]", 9), ("[", 6), ("End", 300), ("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11)):
        page.keyboard.press(key)
        stands_on(page, step)
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 11 ")
    names(page, run=run.id, step="11", group="dead", unit="cells", select=None, axis=None)
    entry = page.locator(".scrubber .entry")
    entry.focus()
    for key in ("Home", "]", "ArrowLeft"):
        entry.press(key)
    stands_on(page, 11)
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator(".scrubber dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".scrubber dialog")).to_be_hidden()
    page.keyboard.press(" ")
    while scrubbed_to(page) <= 11:
        expect(page.locator("[data-button=play]")).to_have_attribute("data-state", "playing")
    page.keyboard.press(" ")
    step = scrubbed_to(page)
    assert step > 11
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step} ")
    shows(page, counted(run, step, "dead"))


def test_a_click_selects_a_hole_and_its_biography_stays_through_a_reload(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/?run={run.id}&step=12")
    stands_on(page, 12)
    page.locator("[data-picture=sizes]").click(position={"x": 90, "y": 12})
    biography = page.locator(".st-key-biography")
    expect(biography).to_contain_text("The black hole of token 0 (NUL)")
    names(page, run=run.id, step="12", select="h0")
    page.reload()
    expect(biography).to_contain_text("at step 12 one of 5 tokens in hole A")
    stands_on(page, 12)
    page.locator("h1").click()
    page.keyboard.press("Home")
    expect(biography).to_contain_text("at step 0 not shared")
