"""Two runs locked by step in a real browser: dragged without a message, by mouse and by keys, of unequal length."""

from __future__ import annotations

from browsing import MARKS, at_rest, dragged, fits, names, stands_on, traffic, visit
from conftest import MakeRun
from playwright.sync_api import Page, expect

from snowball_core.store.run_titles import title

pytestmark = MARKS
# Where the pictures of a kind begin, and how high they are: the same on both sides.
LEVEL = """() => ["counts", "sizes", "distances", "places"].every(name => {
    const root = [...document.querySelectorAll("*")].find(node => node.shadowRoot?.querySelector(".scrubber")).shadowRoot
    const boxes = [...root.querySelectorAll(`[data-picture=${name}]`)].map(node => node.getBoundingClientRect())
    return boxes.length === 2 && boxes[0].top === boxes[1].top && boxes[0].height === boxes[1].height
})"""


def test_dragging_either_side_moves_both_and_says_nothing_until_it_is_let_go(
    server: str, page: Page, make_run: MakeRun
) -> None:
    long, short, messages = make_run(name="long", steps=300), make_run(name="short", seed=2), traffic(page)
    visit(page, f"{server}/compare?runs={long.id},{short.id}&left={long.id}&right={short.id}&at=0")
    stands_on(page, 0)
    page.locator(".scrubber .axis").select_option("linear")
    blob = max(messages[1])
    for side in (0, 1):
        step = dragged(page, messages, side, blob)
        for run, place in ((long, f"step {step}"), (short, f"step 20, the last recorded one before {step}")):
            expect(page.get_by_role("group", name=title(run.path)).first).to_contain_text(place)
        expect(page.get_by_text(f"Step {step} is not recorded in this run")).to_be_visible()
        page.locator("h1").click()
        page.keyboard.press("Home")
        stands_on(page, 0)
        at_rest(page)


def test_keys_move_and_select_on_both_sides_which_are_named_and_level(server: str, page: Page, make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2, dead=3)
    visit(page, f"{server}/compare?runs={one.id},{two.id}&left={one.id}&right={two.id}&at=9")
    stands_on(page, 9)
    page.locator("h1").click()
    for key, step in (("ArrowRight", 10), ("Shift+ArrowLeft", 0), ("]", 3), ("End", 20)):
        page.keyboard.press(key)
        stands_on(page, step)
    names(page, at="20")
    for side, run in enumerate((one, two)):
        stage = page.locator("[data-stage=distances]").nth(side)
        assert title(run.path) in (stage.get_attribute("aria-label") or "")
        assert title(run.path) in (page.locator("[data-picture=sizes]").nth(side).get_attribute("aria-label") or "")
        page.locator("[data-file=distances]").nth(side).focus()
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        names(page, at="20", select="t1")
        expect(page.get_by_text("Highlighted: token 1 (SOH). Left: in hole A of 6 tokens. Right: in hole A")).to_be_visible()
        at_rest(page)
        page.keyboard.press("Escape")
        names(page, at="20", select=None)
        at_rest(page)
    for width in (1440, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        at_rest(page)
        fits(page, width)
        if width > 390:
            page.wait_for_function(LEVEL)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.go_back()
    page.go_forward()
    stands_on(page, 20)


def test_a_chart_reads_all_runs_under_the_pointer_and_a_click_moves_both_sides(
    server: str, page: Page, make_run: MakeRun
) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2, dead=3)
    visit(page, f"{server}/compare?runs={one.id},{two.id}&at=0&axis=linear&measures=unique")
    chart = page.locator("[data-testid='stVegaLiteChart']").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    middle = (box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.move(*middle)
    tip = page.locator("#vg-tooltip-element")
    expect(tip).to_be_visible()
    rows = [row.split() for row in tip.inner_text().replace("\t", " ").split("\n") if row.strip()]
    words = [word for row in rows for word in row]
    step = int(words[words.index("step") + 1])
    assert {"A", "B"} <= set(words)
    page.mouse.click(*middle)
    names(page, at=str(step))
    at_rest(page)
    stands_on(page, step)
    # The axis of the charts is the scrubber's too, and the other way round.
    assert page.locator(".scrubber .axis").input_value() == "linear"
    page.locator(".scrubber .axis").select_option("symlog")
    names(page, at=str(step), axis=None)
    at_rest(page)
    expect(page.get_by_role("radio", name="symlog")).to_be_checked()
