"""Lineage and Motion in a real browser: a click on a picture moves the step of every page; links, widths, both themes."""

from __future__ import annotations

import browsing
import pytest
from browsing import CHARTS_FIT, at_rest, fits, names, visit
from conftest import MakeRun
from playwright.sync_api import Page, expect

pytestmark = browsing.MARKS


def picture(page: Page, key: str) -> tuple[float, float, float, float]:
    """Where a chart's data are drawn, in pixels of its element: left, top, width, height."""
    area = page.locator(f".st-key-{key} .mark-group.role-frame.root .background, .st-key-{key} canvas").first
    area.wait_for()
    inner, outer = area.bounding_box(), page.locator(f".st-key-{key}").bounding_box()
    assert inner is not None
    assert outer is not None
    return inner["x"] - outer["x"], inner["y"] - outer["y"], inner["width"], inner["height"]


def click(page: Page, key: str, across: float, down: float) -> None:
    left, top, width, height = picture(page, key)
    page.locator(f".st-key-{key}").click(position={"x": left + across * width, "y": top + down * height})


def test_a_click_on_a_lane_moves_the_step_and_selects_the_hole_here_and_on_scrub(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    visit(page, f"{server}/lineage?run={run.id}&step=0&axis=linear")
    now = page.locator(".st-key-now")
    expect(now).to_contain_text("At step 0 · dead: no black hole")
    # The wheel zooms the steps about the pointer, to 4.5 to 15.5; a drag moves them and picks nothing; out again it is the run.
    left, top, width, height = picture(page, "lanes")
    lanes = page.locator(".st-key-lanes")
    lanes.hover(position={"x": left + 0.5 * width, "y": top + 0.5 * height})
    page.mouse.wheel(0, -600)
    click(page, "lanes", 0.16, 0.08 + 0.92 / 6 * 0.5)
    expect(now).to_contain_text("At step 6 ")
    at_rest(page)
    lanes.hover(position={"x": left + 0.5 * width, "y": top + 0.1 * height})
    page.mouse.down()
    box = lanes.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + left + 0.2 * width, box["y"] + top + 0.1 * height, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    expect(now).to_contain_text("At step 6 ")
    click(page, "lanes", 0.16, 0.08 + 0.92 / 6 * 0.5)
    expect(now).to_contain_text("At step 9 ")
    at_rest(page)
    lanes.hover(position={"x": left + 0.5 * width, "y": top + 0.5 * height})
    page.mouse.wheel(0, 1200)
    click(page, "lanes", 0.16, 0.08 + 0.92 / 6 * 0.5)
    expect(now).to_contain_text("At step 3 · dead: 1 black hole: 2 tokens")
    names(page, run=run.id, step="3", axis="linear", select="h0")
    at_rest(page)
    now.get_by_text("Scrub at step 3").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 3 ")
    expect(page.locator(".st-key-biography")).to_contain_text("The black hole of token 0 (NUL)")


def test_a_row_of_the_events_and_a_reload_keep_the_place(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/lineage?run={run.id}&step=0")
    page.locator(".st-key-events canvas").first.wait_for()
    page.locator(".st-key-events canvas [role=gridcell]").first.wait_for(state="attached")
    events = page.locator(".st-key-events [data-testid='stDataFrame']")
    events.scroll_into_view_if_needed()
    table = events.bounding_box()
    assert table is not None
    page.mouse.click(table["x"] + 16, table["y"] + 35 + 35 * 2 + 17)
    now = page.locator(".st-key-now")
    expect(now).to_contain_text("At step 9 · dead: 1 black hole: 4 tokens")
    at_rest(page)
    page.reload()
    expect(now).to_contain_text("At step 9 · dead: 1 black hole: 4 tokens")


def test_a_click_moves_the_step_of_every_picture_and_page_and_one_on_the_freeze_map_selects_the_token(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    visit(page, f"{server}/motion?run={run.id}&step=0&group=live&axis=linear")
    now = page.locator(".st-key-now")
    expect(now).to_contain_text("At step 0 · live: 10 tokens")
    click(page, "regimes-0", 0.375, 0.5)
    expect(now).to_contain_text("At step 8 · live: 10 tokens since step 7")
    at_rest(page)
    click(page, "speeds-1", 0.625, 0.5)
    expect(now).to_contain_text("At step 13 ")
    at_rest(page)
    click(page, "freeze-map-0", 0.5, 0.05)
    expect(now).to_contain_text("At step 20 ")
    names(page, run=run.id, step="20", group="live", select="t6")
    at_rest(page)
    page.get_by_role("link", name="Lineage").first.click()
    expect(page.locator("h1")).to_have_text("Lineage")
    expect(now).to_contain_text("At step 20 ")


@pytest.mark.parametrize("path", ["lineage", "motion"])
def test_no_picture_is_wider_than_a_small_window(server: str, page: Page, make_run: MakeRun, path: str) -> None:
    run = make_run()
    page.set_viewport_size({"width": 800, "height": 900})
    visit(page, f"{server}/{path}?run={run.id}&step=7&group=all")
    expect(page.locator("[data-testid='stVegaLiteChart']").locator("svg, canvas").first).to_be_visible()
    fits(page, 800)
    page.wait_for_function(CHARTS_FIT)
