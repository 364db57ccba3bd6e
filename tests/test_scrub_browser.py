"""The Scrub page in a real browser: keys, playback, loops, hovering, selecting, following, links and tabs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from browsing import MARKS, ROOT, at_rest, counted, fits, scrubbed_to, shows, stands_on, visit
from conftest import MakeRun, falling_together
from playwright.sync_api import Browser, Locator, Page, Position, expect

from snowball_core.app_benchmark import many_dead_run
from snowball_core.runs import HISTORY, TENSOR, read_run
from snowball_core.status import Status, lock_of, write_status
from snowball_core.tensorfile import TensorWriter

pytestmark = MARKS
SHIPPED = "2026-11-22-212124-primordial-snowball"


def arrived(page: Page, address: str, step: int) -> None:
    """Visit, and wait until the scrubber and the exact view under it stand on a step."""
    visit(page, address)
    stands_on(page, step)
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step:,} ")
    at_rest(page)


def is_told(page: Page, *words: str) -> None:
    """Wait until the tip beside the pointer says all of this."""
    for each in words:
        expect(page.locator(".scrubber .tip")).to_contain_text(each, use_inner_text=True)


def test_the_steps_at_which_the_holes_changed_are_told_and_lead_there(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}", 15)
    story = page.locator(".scrubber .story")
    expect(story).to_contain_text("At step 15, one black hole of 5 and one single token became one black hole of 6")
    chips = story.locator(".chips button")
    expect(chips).to_have_count(5)
    expect(chips.first).to_have_text("step 3 0 → 1 hole", use_inner_text=True)
    chips.first.click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 3 ")
    expect(chips.first).to_have_attribute("aria-current", "")


def test_every_picture_leads_to_what_its_numbers_mean(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    links = page.locator(".scrubber a")
    expect(links).to_have_count(4)
    for link in links.all():
        with page.context.expect_page() as opened:
            link.click()
        about = opened.value
        expect(about.locator("h1")).to_have_text("About the measures")
        expect(about.locator(f"[id='{about.url.split('#')[1]}']")).to_have_count(1)
        about.close()


def test_keys_alone_point_and_select_in_every_picture(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    page.locator("[data-about=sizes]").focus()
    page.keyboard.press("Tab")
    expect(page.locator("[data-ring=sizes]")).to_be_visible()
    is_told(page, "hole 1, population 5 (5 dead, 0 live)")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-biography")).to_contain_text("The black hole of token 0 (NUL)")
    expect(page).to_have_url(f"{server}/?run={run.id}&step=12&select=h0")
    page.keyboard.press("ArrowLeft")
    stands_on(page, 11)
    is_told(page, "hole 1, population 4")
    voice = page.locator(".scrubber .voice")
    expect(voice).to_contain_text("step 11, dead tokens: 3 unique")
    for _ in range(2):  # over the link of the next picture, to the picture
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    is_told(page, "token 1 · byte 0x01 · SOH · dead", "token 2 · byte 0x02 · STX · dead")
    expect(voice).to_contain_text("one vector")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-biography")).to_contain_text("Token 1 (SOH)")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-biography")).to_have_count(0)
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.locator("[data-ring=places]")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server}/?run={run.id}&step=11&select=t4")


def test_a_click_means_the_same_in_the_drawn_pictures_and_in_the_native_ones(server: str, page: Page, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runs" / SHIPPED, tmp_path / SHIPPED, ignore=shutil.ignore_patterns("cache"))
    address = f"{server}/?run={SHIPPED}&step=4&group=all"
    arrived(page, address, 4)
    # Beside eight holes with bars of their own there is one of four more holes, and one of tokens that are alone.
    sizes, rows = page.locator("[data-picture=sizes]"), page.locator("[data-picture=distances]")
    box = sizes.bounding_box()
    assert box is not None
    tall = min(26.0, (box["height"] - 37) / 10)
    clicks = [(sizes, {"x": 66, "y": 17 + (row + 0.3) * tall}) for row in (1, 8, 9)] + [(rows, {"x": box["width"] / 2, "y": 1})]
    drawn = [selected_by(page, picture, place) for picture, place in clicks]
    assert [word[0] for word in drawn] == ["h", "h", "t", "t"]
    visit(page, f"{address}&native=1")
    bars = [page.locator(f".st-key-sizes path[aria-label*='{bar}']").first for bar in ("hole 2", "other holes", "single")]
    boxes = [*((bar, {"x": 1, "y": 10}) for bar in bars), (page.locator(".st-key-heatmap canvas"), {"x": 200, "y": 1})]
    assert [selected_by(page, picture, place) for picture, place in boxes] == drawn


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
    expect(page.get_by_text("Gathering every step for the browser")).to_be_visible()
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
    is_told(page, "token 0 · byte 0x00 · NUL · dead", "hole 1, population 5", "hidden classes not recorded")
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
    is_told(page, "tokens came together: black holes 1 → 1, tokens in them 3 → 4")


def test_playback_keeps_its_pace_its_loop_and_its_end(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=300)
    arrived(page, f"{server}/?run={run.id}&step=100&axis=linear", 100)
    loop = page.locator("[data-button=loop]")
    loop.click()
    expect(loop).to_have_text("Loop 100 to here")
    page.locator("h1").click()
    page.keyboard.press("Shift+ArrowRight")
    stands_on(page, 110)
    loop.click()
    expect(loop).to_have_text("End loop 100–110")
    page.locator(".scrubber .speed").select_option("step:100")
    page.locator("h1").click()
    page.keyboard.press(" ")
    seen = [scrubbed_to(page)]
    while len(seen) < 1_000 and seen[-1] >= max(seen):  # until it has begun anew
        seen.append(scrubbed_to(page))
    page.keyboard.press(" ")
    assert seen[-1] < max(seen)
    assert set(seen) <= set(range(100, 111))
    loop.click()
    expect(loop).to_have_text("Loop from here")
    page.keyboard.press("Home")
    page.locator(".scrubber .speed").select_option("log:2")
    page.locator("[data-button=play]").click()
    page.wait_for_selector(".scrubber[data-step='300']", timeout=20_000)
    expect(page.locator("[data-button=play]")).to_have_attribute("data-state", "paused")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 300 ")
    shows(page, counted(run, 300, "dead"))


def test_a_link_keeps_everything_and_two_tabs_keep_apart(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    link = f"{server}/?run={run.id}&group=all&unit=weight&step=12&select=t3&axis=events"
    arrived(page, link, 12)
    other = page.context.new_page()
    arrived(other, f"{server}/?run={run.id}&step=4", 4)
    other.locator("h1").click()
    other.keyboard.press("ArrowRight")
    expect(other.locator(".st-key-exact")).to_contain_text("Exact at step 5 ")
    page.reload()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 · all: 16 tokens")
    expect(page.locator(".st-key-biography")).to_contain_text("Token 3 (ETX)")
    expect(page.locator(".scrubber .axis")).to_have_value("events")
    expect(page.locator("[data-told=distances]")).to_contain_text("L∞ in weight units")
    assert sorted(page.url.split("?")[1].split("&")) == sorted(link.split("?")[1].split("&"))
    expect(other.locator(".st-key-exact")).to_contain_text("Exact at step 5 · dead: 6 tokens")
    other.close()


def test_what_an_address_cannot_mean_is_said_once(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12&select=zz&axis=log10", 12)
    warning = page.get_by_text("axis must be one of symlog, linear, events")
    expect(warning).to_be_visible()
    expect(page.get_by_text("select must be t or h and a token")).to_be_visible()
    page.reload()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 ")
    at_rest(page)
    expect(warning).to_have_count(0)


def test_the_tables_under_the_step_open_one_by_one(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    for name, told in (
        ("Tokens at this step", "vector counts the distinct vectors"),
        ("Distances", "at most one cell apart"),
        ("Events near here", "Coalescence: holes merged"),
        ("Black holes at this step", "A true hole is one hidden class"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(told)).to_be_visible()
        expect(page.get_by_role("tabpanel").locator("[data-testid=stDataFrame]:visible")).to_have_count(1)


def test_a_growing_run_is_followed_until_somebody_moves_and_to_its_end(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(snapshots=0, state="running")
    matrices = iter(falling_together(21))
    with lock_of(run.path), TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for _ in range(5):
            writer.append(next(matrices))
        arrived(page, f"{server}/?run={run.id}", 4)
        follow = page.locator("[data-button=follow]")
        expect(follow).to_have_attribute("aria-pressed", "true")
        for _ in range(5):
            writer.append(next(matrices))
        stands_on(page, 9)
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 9 ")
        expect(page).to_have_url(f"{server}/?run={run.id}")
        page.locator("h1").click()
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 8 ")
        expect(follow).to_have_attribute("aria-pressed", "false")
        for _ in range(5):
            writer.append(next(matrices))
        expect(page.locator(".st-key-growing")).to_contain_text("15 of 21 snapshots recorded; the first 15 are drawn below")
        stands_on(page, 8)
        follow.click()
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 14 ")
        for words in matrices:
            writer.append(words)
        write_status(run.path, Status("completed", 20, 20, 10.0, None, ""))
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 20 ")
    expect(follow).to_be_hidden()
    expect(page.locator(".scrubber .story")).to_contain_text("one black hole of 6")


@pytest.mark.parametrize(("width", "scheme"), [(800, "light"), (1440, "dark"), (2560, "light")])
def test_nothing_jumps_when_the_step_moves(server: str, browser: Browser, make_run: MakeRun, width: int, scheme: str) -> None:
    run = make_run()
    context = browser.new_context(viewport={"width": width, "height": 1_000}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    arrived(page, f"{server}/?run={run.id}&step=0", 0)
    expect(page.locator(".scrubber .speed")).to_have_value("step:2")

    pictures = [f"[data-picture={name}]" for name in ("counts", "sizes", "distances", "places")]

    def boxes() -> list[object]:
        return [page.locator(place).bounding_box() for place in (*pictures, ".st-key-exact")]

    before = boxes()
    page.locator(".scrubber .slider").focus()
    for step in range(1, 11):  # with three events among them
        page.keyboard.press("ArrowRight")
        stands_on(page, step)
        assert boxes() == before
    fits(page, width)
    context.close()


def test_a_run_that_is_cut_or_deleted_while_it_is_open_is_told_in_words(server: str, page: Page, make_run: MakeRun) -> None:
    kept, gone = make_run(name="kept"), make_run(name="gone")
    arrived(page, f"{server}/?run={gone.id}&step=12", 12)
    alert = page.locator("[data-testid='stAlert']")
    manifest = gone.path / "run.json"
    manifest.write_text(manifest.read_text()[:200])
    page.get_by_role("radio", name="live").click()
    expect(alert).to_contain_text(f'the run "{gone.id}" has a damaged run.json')
    shutil.rmtree(gone.path)
    page.get_by_role("radio", name="all").click()
    expect(alert).to_contain_text(f'there is no run "{gone.id}"')
    expect(alert).to_contain_text("The newest run is shown instead.")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 · all: 16 tokens")
    expect(page).to_have_url(re.compile(f"[?&]run={kept.id}(&|$)"))
