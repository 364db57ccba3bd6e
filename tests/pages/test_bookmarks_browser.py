"""Bookmarks and saved views in a real browser: made, seen on the time line, opened, removed."""

from __future__ import annotations

import json

from browsing import MARKS, arrived, at_rest, go_to, names, stands_on, traffic, visit
from conftest import MakeRun
from playwright.sync_api import Page, expect

from snowball_core.store.bookmarks import Bookmark
from snowball_core.store.notes import FILE, add_bookmark, read_notes

pytestmark = MARKS


def test_a_bookmark_is_made_by_keys_seen_opened_and_removed(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    _, received = traffic(page)
    arrived(page, f"{server}/?run={run.id}&step=12&select=h0", 12)
    blob = max(received)
    flags, remark = page.locator(".scrubber .flag"), page.locator(".st-key-bookmark-field input")
    expect(flags).to_have_count(0)
    received.clear()
    page.locator("h1").click()
    page.keyboard.press("b")
    expect(remark).to_be_focused()
    page.keyboard.type("b <b>is</b> big")
    page.keyboard.press("Enter")
    expect(flags).to_have_count(1)
    made = Bookmark(12, "b <b>is</b> big", "dead", "h0")
    names(page, bookmark=made.id)
    at_rest(page)
    assert max(received) < blob, "the frames were sent again"
    assert read_notes(run.path).bookmarks == (made,)
    expect(remark).to_have_value("")
    # Another tab keeps one meanwhile; the next one here keeps both.
    add_bookmark(run.path, Bookmark(3, "theirs", "dead"))
    go_to(page, 15)
    names(page, step="15", bookmark=None)
    remark.fill("the end")
    remark.press("Enter")
    expect(flags).to_have_count(3)
    flags.nth(1).hover()
    expect(page.locator(".scrubber .tip")).to_have_text("bookmark, step 12the hole of token 0 (NUL): b <b>is</b> big")
    flags.nth(1).click()
    stands_on(page, 12)
    names(page, step="12", select="h0", bookmark=made.id)
    expect(flags.nth(1)).to_have_attribute("aria-current", "")
    # The address alone leads there.
    visit(page, f"{server}/?run={run.id}&bookmark={made.id}")
    stands_on(page, 12)
    names(page, step="12", select="h0", group="dead", bookmark=made.id)
    # The list leads there and removes, and one press undoes it.
    page.locator(".st-key-bookmarks summary").click()
    page.get_by_role("button", name="Step 3", exact=True).click()
    stands_on(page, 3)
    names(page, step="3", bookmark=Bookmark(3, "theirs", "dead").id)
    page.locator(f".st-key-remove-{made.id} button").click()
    expect(flags).to_have_count(2)
    expect(page.get_by_role("button", name="Step 3", exact=True)).to_be_visible()
    page.locator(".st-key-bookmark-undo button").click()
    expect(flags).to_have_count(3)
    assert made in read_notes(run.path).bookmarks


def test_a_bookmark_of_another_group_is_opened_with_it(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    add_bookmark(run.path, Bookmark(6, "alive", "live", "t9"))
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    page.locator(".st-key-bookmarks summary").click()
    page.get_by_role("button", name="Step 6", exact=True).click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 6 · live: 10 tokens")
    names(page, step="6", group="live", select="t9", bookmark=Bookmark(6, "alive", "live", "t9").id)


def test_a_view_is_saved_opened_from_its_own_page_and_from_another_and_removed(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12&axis=linear", 12)
    page.locator(".st-key-saved-views summary").click()
    page.get_by_role("textbox", name="Name of this view").fill("twelve")
    page.get_by_role("button", name="Save this view").click()
    link = page.get_by_role("link", name="twelve")
    expect(link).to_be_visible()
    assert json.loads((run.path / FILE).read_text())["views"][0]["page"] == "scrub"
    go_to(page, 3)
    link.click()
    stands_on(page, 12)
    names(page, step="12", axis="linear", view=None)
    visit(page, f"{server}/lineage?run={run.id}&step=5")
    page.locator(".st-key-saved-views summary").click()
    page.get_by_role("link", name="twelve").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    stands_on(page, 12)
    names(page, run=run.id, step="12", axis="linear", view=None)
    at_rest(page)
    page.locator(".st-key-saved-views summary").click()
    page.locator(".st-key-saved-views").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("link", name="twelve")).to_have_count(0)
    page.locator(".st-key-view-undo button").click()
    expect(page.get_by_role("link", name="twelve")).to_have_count(1)
