"""Zoom, brush, search and names of holes in the scrubber, in a real browser."""

from __future__ import annotations

from browsing import MARKS, arrived, at_rest, names, stands_on, traffic, visit
from conftest import MakeRun
from playwright.sync_api import Locator, Page, expect

pytestmark = MARKS
LEFT, RIGHT = 46, 14


def box_of(part: Locator) -> dict[str, float]:
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box is not None
    return dict(box)


def place(page: Page, share: float) -> tuple[float, float]:
    """Where on the screen a share of the step axis is, at the height of the lines."""
    box = box_of(page.locator("[data-picture=counts]"))
    return box["x"] + LEFT + share * (box["width"] - LEFT - RIGHT), box["y"] + 90


def is_told_at(page: Page, share: float, step: int) -> None:
    page.mouse.move(*place(page, share))
    expect(page.locator(".scrubber .tip")).to_contain_text(f"step {step} ·")


def test_the_wheel_zooms_the_steps_about_the_pointer_and_a_double_click_shows_all(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=10&axis=linear", 10)
    everything = page.get_by_role("button", name="All steps")
    expect(everything).to_be_hidden()
    is_told_at(page, 0.5, 10)
    page.mouse.wheel(0, -600)
    expect(everything).to_be_visible()
    is_told_at(page, 0.5, 10)
    is_told_at(page, 0.0, 7)
    for _ in range(5):  # keys and playback carry the window along
        page.keyboard.press("ArrowRight")
    stands_on(page, 15)
    expect(page.locator("i.cursor")).to_be_visible()
    page.mouse.dblclick(*place(page, 0.5))
    expect(everything).to_be_hidden()
    is_told_at(page, 0.0, 0)


def test_a_brush_is_the_loop_the_range_of_the_address_and_of_exports(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12&axis=linear", 12)
    begin, end = place(page, 0.25), place(page, 0.75)
    page.keyboard.down("Shift")
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    names(page, **{"from": "5", "to": "15", "step": "12"})
    expect(page.get_by_role("button", name="End loop 5–15")).to_be_visible()
    at_rest(page)
    page.keyboard.press("ArrowRight")
    names(page, **{"from": "5", "to": "15", "step": "13"})
    clear = page.get_by_role("button", name="Show all steps")
    expect(page.locator(".st-key-range")).to_contain_text("Steps 5 to 15 only")
    visit(page, page.url.replace("/?", "/export?"))
    expect(page.get_by_text("tables over steps and the animation: steps 5 to 15")).to_be_visible()
    page.go_back()
    arrived(page, page.url, 13)
    expect(page.get_by_role("button", name="End loop 5–15")).to_be_visible()
    clear.click()
    expect(page.get_by_role("button", name="Loop from here")).to_be_visible()
    expect(clear).to_be_hidden()
    names(page, **{"from": None, "to": None, "step": "13"})
    visit(page, f"{server}/?run={run.id}&step=12&from=15&to=5")
    expect(
        page.get_by_text('from and to must be two steps from 0 to 20 in order; the address says "15" and "5".')
    ).to_be_visible()


def test_a_token_is_found_by_id_byte_or_character_and_a_hole_keeps_its_letter(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    search = page.get_by_label("token", exact=True)
    for text in ("2", "0x02", "stx", "2 · 0x02 · STX"):
        search.fill(text)
        search.press("Enter")
        names(page, select="t2")
        expect(search).to_have_value("2 · 0x02 · STX")
        expect(page.locator(".st-key-biography")).to_contain_text("one of 5 tokens in hole A")
        search.fill("")
        search.press("Enter")
        names(page, select=None)
        at_rest(page)
    search.fill("200")
    search.press("Enter")
    expect(page.locator(".remark")).to_have_text('No dead token "200".')
    for step in (12, 20):
        page.locator(".scrubber .entry").fill(str(step))
        page.locator(".scrubber .entry").press("Enter")
        page.locator("[data-picture=sizes]").hover(position={"x": 66, "y": 12})
        expect(page.locator(".scrubber .tip")).to_contain_text("hole A")


def test_positions_are_fitted_and_coloured_without_new_frames_and_a_row_of_the_tokens_selects_it(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run, (_, received) = make_run(), traffic(page)
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    picture, whole = page.locator("[data-picture=places]"), page.get_by_role("button", name="Whole run")
    drawn = "canvas => new Promise(done => requestAnimationFrame(() => done(canvas.toDataURL())))"
    before = picture.evaluate(drawn)
    page.get_by_role("button", name="Fit to this step").click()
    expect(whole).to_be_visible()
    assert picture.evaluate(drawn) != before
    whole.click()
    expect(whole).to_be_hidden()
    assert picture.evaluate(drawn) == before
    images, blob = {before}, max(received)
    received.clear()
    for number, colour in enumerate(("norm", "displacement", "move"), 2):
        page.get_by_label("Colour", exact=True).select_option(colour)
        page.wait_for_function("colour => window.snowballMeasure?.measure === colour", arg=colour)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        images.add(picture.evaluate("canvas => canvas.toDataURL()"))
        assert len(images) == number
    at_rest(page)
    assert max(received) < blob
    # A row of the tokens selects its token.
    page.get_by_role("tab", name="Tokens at this step").click()
    box = box_of(page.locator(".st-key-token-table canvas").first)
    page.mouse.click(box["x"] + 15, box["y"] + 35 * 4 + 15)
    names(page, select="t3")
    expect(page.locator(".scrubber .search")).to_have_value("3 · 0x03 · ETX")
    page.get_by_label("Basis", exact=True).select_option("whole")
    names(page, colour="move", basis="whole")
    page.reload()
    arrived(page, page.url, 12)
    expect(page.get_by_label("Colour", exact=True)).to_have_value("move")
    expect(page.get_by_label("Basis", exact=True)).to_have_value("whole")
