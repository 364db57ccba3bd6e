"""On a phone, 390 pixels and touch: the menu closes, slider and picture are seen together, nothing is wider than the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browsing import MARKS, PAGES, arrived, at_rest, fits, open_page, stands_on, title_of, visit
from conftest import MakeRun
from playwright.sync_api import Browser, Page, expect

pytestmark = MARKS
WIDTH, HEIGHT = 390, 844
# What is pressed and is smaller than a finger: a control, or a help sign, of a page or of a component on it.
SMALL = """() => {
    const found = []
    const walk = root => root.querySelectorAll("*").forEach(node => {
        if (node.shadowRoot) walk(node.shadowRoot)
        if (!node.matches("button, select, summary, input.slider, [data-testid=stTooltipHoverTarget]")) return
        const { width, height } = node.getBoundingClientRect(), least = Math.min(width, height)
        const isSeen = node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
        if (isSeen && least > 3 && least < 23.5) found.push(`${node.outerHTML.slice(0, 90)}: ${width} × ${height}`)
    })
    walk(document)
    return found
}"""


@pytest.fixture(scope="module")
def phones(browser: Browser) -> Iterator[object]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, has_touch=True, is_mobile=True)
    context.set_default_timeout(60_000)
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def phone(phones: object) -> Iterator[Page]:
    """A page on a phone that must end without an error in its console."""
    with open_page(phones) as opened:  # type: ignore[arg-type]
        yield opened


def test_the_menu_starts_closed_and_closes_after_a_choice(server: str, phone: Page, make_run: MakeRun) -> None:
    run, menu = make_run(), phone.get_by_test_id("stSidebar")
    visit(phone, f"{server}/?run={run.id}")
    expect(menu).to_have_attribute("data-collapsed", "true")
    for name in ("Motion", "About"):
        phone.get_by_test_id("stExpandSidebarButton").tap()
        expect(menu).to_have_attribute("data-collapsed", "false")
        menu.get_by_role("link", name=name).tap()
        expect(phone.locator("h1")).to_contain_text(name)
        expect(menu).to_have_attribute("data-collapsed", "true")
    phone.reload()
    phone.wait_for_selector("h1")
    at_rest(phone)
    expect(menu).to_have_attribute("data-collapsed", "true")


def test_the_story_is_one_line_and_the_slider_stays_with_the_picture(server: str, phone: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(phone, f"{server}/?run={run.id}&step=12", 12)
    story, transport = phone.locator(".story"), phone.locator(".transport")
    assert (story.bounding_box() or {})["height"] < 50
    story.get_by_role("button", name="More of the story").tap()
    expect(story.locator(".chips")).to_be_visible()
    expect(story.get_by_role("button", name="Play from the start")).to_be_visible()
    for tab, picture in (("Distances", "distances"), ("Positions", "places"), ("Black holes", "sizes")):
        transport.get_by_role("button", name=tab).tap()
        canvas = phone.locator(f"[data-picture={picture}]")
        canvas.scroll_into_view_if_needed()
        expect(canvas).to_be_in_viewport(ratio=1)
        caption = phone.locator(".pictures figure:not(.other) figcaption").bounding_box() or {}
        assert (canvas.bounding_box() or {})["y"] >= caption["y"] + caption["height"]
        expect(transport.get_by_role("slider")).to_be_in_viewport(ratio=1)
        others = [name for name in ("distances", "places", "sizes") if name != picture]
        for other in others:
            expect(phone.locator(f"[data-picture={other}]")).to_be_hidden()
    transport.get_by_role("button", name="Next step").tap()
    stands_on(phone, 13)
    expect(transport.locator(".axis")).to_be_hidden()
    transport.get_by_role("button", name="More of controls").tap()
    expect(transport.locator(".axis")).to_be_visible()


def test_two_runs_are_seen_together_with_their_slider(server: str, phone: Page, make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2)
    visit(phone, f"{server}/compare?runs={one.id},{two.id}&at=12")
    stands_on(phone, 12)
    expect(phone.locator(".tabs")).to_have_count(1)
    phone.locator(".tabs").get_by_role("button", name="Positions").tap()
    both = phone.locator("[data-picture=places]")
    both.last.evaluate("canvas => canvas.scrollIntoView({ block: 'end' })")
    for part in (both.first, both.last, phone.locator(".scrubber .slider")):
        expect(part).to_be_in_viewport(ratio=1)


def test_what_is_this_opens_in_place_at_a_tap(server: str, phone: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(phone, f"{server}/?run={run.id}&step=12", 12)
    phone.get_by_role("link", name="P in holes").tap()
    box = phone.get_by_role("dialog", name="What is this?")
    expect(box).to_contain_text("number of tokens in black holes")
    expect(box).to_contain_text("Pitfall: P = 51 can be one hole or twenty")
    expect(box).to_be_in_viewport(ratio=1)
    phone.locator("h1").tap()
    expect(box).to_be_hidden()


@pytest.mark.parametrize("name", PAGES)
def test_a_link_to_any_page_works_and_every_target_fits_a_finger_and_the_screen(
    server: str, phone: Page, make_run: MakeRun, name: str
) -> None:
    run, _ = make_run(name="one"), make_run(name="newer", seed=2)
    visit(phone, f"{server}/{name}?run={run.id}&step=7&group=all")
    expect(phone.locator("h1")).to_have_text(title_of(name))
    expect(phone).to_have_url(re.compile(f"[?&]run={run.id}(&|$)"))
    if name in ("lineage", "motion"):
        expect(phone.locator(".st-key-now")).to_contain_text("At step 7 · all")
    fits(phone, WIDTH)
    assert phone.evaluate(SMALL) == []
