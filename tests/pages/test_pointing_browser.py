"""What the pictures of Scrub say to a pointer and to keys, and what they select, in a real browser."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from browsing import MARKS, ROOT, arrived, at_rest, names, stands_on
from conftest import MakeRun
from playwright.sync_api import Locator, Page, Position, expect

from benchmarks.app import many_dead_run
from snowball_core.store.run_folder import read_run

pytestmark = MARKS
SHIPPED = "2026-11-22-212124-primordial-snowball"


def is_told(page: Page, *words: str) -> None:
    """Wait until the tip beside the pointer says all of this."""
    for each in words:
        expect(page.locator(".scrubber .tip")).to_contain_text(each, use_inner_text=True)


def test_keys_alone_point_and_select_in_every_picture(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    with page.expect_download() as came:
        page.locator("[data-file=sizes]").click()
    assert came.value.suggested_filename.endswith("sizes-dead-step-12.png")
    assert Path(came.value.path()).read_bytes().startswith(b"\x89PNG")
    page.locator("[data-file=sizes]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("[data-ring=sizes]")).to_be_visible()
    is_told(page, "hole A, 5 tokens (5 dead, 0 live)")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-biography")).to_contain_text("The black hole of token 0 (NUL)")
    names(page, run=run.id, step="12", select="h0")
    page.keyboard.press("ArrowLeft")
    stands_on(page, 11)
    is_told(page, "hole A, 4 tokens")
    voice = page.locator(".scrubber .voice")
    expect(voice).to_contain_text("step 11, dead tokens: 3 unique")
    for _ in range(3):  # over the links of the next picture, to the picture
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    is_told(page, "token 1 · byte 0x01 · SOH · dead", "token 2 · byte 0x02 · STX · dead")
    expect(voice).to_contain_text("identical")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-biography")).to_contain_text("Token 1 (SOH)")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-biography")).to_have_count(0)
    for _ in range(5):
        page.keyboard.press("Tab")
    expect(page.locator("[data-ring=places]")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    names(page, run=run.id, step="11", select="t4")


def test_a_click_in_a_bar_that_is_not_one_hole_selects_what_lies_there(server: str, page: Page, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runs" / SHIPPED, tmp_path / SHIPPED, ignore=shutil.ignore_patterns("cache"))
    address = f"{server}/?run={SHIPPED}&step=4&group=all"
    arrived(page, address, 4)
    # Of many events the first and the last are named, the others on request.
    chips = page.locator(".chips button")
    expect(chips).to_have_count(9)
    page.get_by_role("button", name=re.compile(r"^… \d+ more …$")).click()
    expect(chips.nth(9)).to_be_visible()
    arrived(page, address, 4)
    # Beside eight holes with bars of their own there is one of four more holes, and one of tokens that are alone.
    sizes, rows = page.locator("[data-picture=sizes]"), page.locator("[data-picture=distances]")
    box = sizes.bounding_box()
    assert box is not None
    tall = min(26.0, (box["height"] - 37) / 10)
    clicks = [(sizes, {"x": 66, "y": 17 + (row + 0.3) * tall}) for row in (1, 8, 9)] + [(rows, {"x": box["width"] / 2, "y": 1})]
    assert [selected_by(page, picture, place)[0] for picture, place in clicks] == ["h", "h", "t", "t"]


def selected_by(page: Page, picture: Locator, place: Position) -> str:
    """What a click selects; the same click again lets go."""
    picture.click(position=place, force=True)
    expect(page).to_have_url(re.compile("select="))
    word = page.url.split("select=")[1].split("&")[0]
    at_rest(page)
    picture.click(position=place, force=True)
    expect(page).not_to_have_url(re.compile("select="))
    at_rest(page)
    return word


def test_keys_in_the_old_picture_do_not_keep_another_group_from_being_drawn(server: str, page: Page, tmp_path: Path) -> None:
    run = many_dead_run(tmp_path, read_run(ROOT / "runs" / SHIPPED))
    arrived(page, f"{server}/?run={run.id}&step=5", 5)
    page.get_by_role("radio", name="all", exact=True).click()
    expect(page.get_by_text("Loading all steps")).to_be_visible()
    page.locator("h1").click()
    for step in (6, 7):
        page.keyboard.press("ArrowRight")
        stands_on(page, step)
    expect(page.locator("[data-told=sizes]")).to_contain_text("all tokens")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 2,048 tokens")
    stands_on(page, 7)


def test_hovering_names_what_is_there(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12&axis=linear", 12)
    page.locator("[data-picture=sizes]").hover(position={"x": 66, "y": 12})
    is_told(page, "token 0 · byte 0x00 · NUL · dead", "hole A, 5 tokens", "hidden classes not recorded")
    heat = page.locator("[data-picture=distances]")
    box = heat.bounding_box()
    assert box is not None
    side = min(box["width"] - 16, box["height"] - 30)
    left = 14 + (box["width"] - 16 - side) / 2
    heat.hover(position={"x": left + 0.99 * side, "y": 0.01 * side})
    is_told(page, "token 0 · byte 0x00", "token 5 · byte 0x05 · ENQ · dead", "cells")
    counts = page.locator("[data-picture=counts]")
    width = (counts.bounding_box() or {})["width"]
    counts.hover(position={"x": 46 + (width - 60) * 9 / 20, "y": 90})
    is_told(page, "step 9 · U 3 · C 1 · P 4 · S 2", "loss 4.910")
    is_told(page, "a: absorbed tokens: black holes 1 → 1, tokens in them 3 → 4")
