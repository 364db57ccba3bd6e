"""The Scrub page in a real browser: labels, playback, loops, following, links and tabs."""

from __future__ import annotations

import re
import shutil
from typing import Literal
from urllib.parse import urlsplit

from browsing import MARKS, arrived, at_rest, counted, fits, names, scrubbed_to, shows, stands_on, visit
from conftest import MakeRun, falling_together
from playwright.sync_api import Page, expect

from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import HISTORY, TENSOR
from snowball_core.store.status import Status, lock_of, write_status

pytestmark = MARKS


def test_the_steps_at_which_the_holes_changed_are_reported_and_lead_there(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}", 15)
    story = page.locator(".scrubber .story")
    expect(story).to_contain_text("At step 15 they became one black hole of 6 after 5 events")
    chips = story.locator(".chips button")
    expect(chips).to_have_count(5)
    expect(chips.first).to_have_text("step 3 0 → 1 hole", use_inner_text=True)
    chips.first.click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 3 ")
    expect(chips.first).to_have_attribute("aria-current", "")


def test_every_picture_and_count_is_explained_in_place_and_leads_to_its_entry(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12", 12)
    links = page.locator(".scrubber a:not([data-file])")
    expect(links).to_have_count(8)
    box = page.get_by_role("dialog", name="What is this?")
    for link in links.all():
        link.click()
        expect(box).to_contain_text(": ")
        page.keyboard.press("Escape")
        expect(box).to_be_hidden()
    links.filter(has_text="P in holes").click()
    expect(box).to_contain_text("number of tokens in black holes")
    expect(box).to_contain_text("Pitfall: P = 51 can be one hole or twenty")
    with page.context.expect_page() as opened:
        box.get_by_role("link", name="Entry on the About page").click()
    about = opened.value
    expect(about.locator("h1")).to_have_text("About the measures")
    entry = about.locator("[class*=st-key-entry-population]")
    expect(entry).to_be_in_viewport()
    expect(entry).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    for link in links.all():
        leads = urlsplit(link.evaluate("link => link.href"))
        assert leads.path == urlsplit(about.url).path
        expect(about.locator(f"[id='{leads.fragment}']")).to_have_count(1)


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
    steps = [scrubbed_to(page)]
    while len(steps) < 1_000 and steps[-1] >= max(steps):  # until it has begun again
        steps.append(scrubbed_to(page))
    page.keyboard.press(" ")
    assert steps[-1] < max(steps)
    assert set(steps) <= set(range(100, 111))
    loop.click()
    expect(loop).to_have_text("Loop from here")
    page.keyboard.press("Home")
    page.locator(".scrubber .speed").select_option("log:2")
    page.locator("[data-button=play]").click()
    page.wait_for_selector(".scrubber[data-step='300']")
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


def test_what_an_address_cannot_mean_is_reported_once_and_the_tables_open_one_by_one(
    server: str, page: Page, make_run: MakeRun
) -> None:
    run = make_run()
    arrived(page, f"{server}/?run={run.id}&step=12&select=zz&axis=log10", 12)
    warning = page.get_by_text("axis must be one of symlog, linear, events")
    expect(warning).to_be_visible()
    expect(page.get_by_text("select must be t or h and a token")).to_be_visible()
    page.reload()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 ")
    at_rest(page)
    expect(warning).to_have_count(0)
    for name, text in (
        ("Tokens at this step", "vector: number of the distinct vector"),
        ("Distances", "at most one cell apart"),
        ("Nearby events", "Coalescence: holes merged"),
        ("Black holes at this step", "True hole: one hidden class"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(text)).to_be_visible()
        expect(page.get_by_role("tabpanel").locator("[data-testid=stDataFrame]:visible")).to_have_count(1)


def test_a_growing_run_is_followed_until_a_user_moves_and_to_its_end(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(snapshots=0, state="running")
    matrices = iter(falling_together(21))
    with lock_of(run.path), TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        visit(page, f"{server}/?run={run.id}")
        expect(page.locator(".st-key-growing")).to_contain_text("The first snapshot appears here")
        for _ in range(5):
            writer.append(next(matrices))
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 4 ")
        stands_on(page, 4)
        follow = page.locator("[data-button=follow]")
        expect(follow).to_have_attribute("aria-pressed", "true")
        for _ in range(5):
            writer.append(next(matrices))
        stands_on(page, 9)
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 9 ")
        names(page, run=run.id, step=None)
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


def test_nothing_jumps_when_the_step_moves(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    page.emulate_media(reduced_motion="reduce")
    arrived(page, f"{server}/?run={run.id}&step=0", 0)
    expect(page.locator(".scrubber .speed")).to_have_value("step:2")
    pictures = [f"[data-picture={name}]" for name in ("counts", "sizes", "distances", "places")]

    def boxes() -> list[object]:
        return [page.locator(place).bounding_box() for place in (*pictures, ".st-key-exact")]

    sizes: tuple[tuple[int, Literal["light", "dark"]], ...] = ((800, "light"), (1440, "dark"), (2560, "light"))
    for width, scheme in sizes:
        page.set_viewport_size({"width": width, "height": 1_000})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.locator(".scrubber .slider").focus()
        page.keyboard.press("Home")
        stands_on(page, 0)
        at_rest(page)
        fits(page, width)
        before = boxes()
        for step in range(1, 11):  # with three events among them
            page.keyboard.press("ArrowRight")
            stands_on(page, step)
            assert boxes() == before
        fits(page, width)


def test_a_run_that_is_cut_or_deleted_while_it_is_open_is_reported_in_words(server: str, page: Page, make_run: MakeRun) -> None:
    kept, gone = make_run(name="kept"), make_run(name="gone")
    arrived(page, f"{server}/?run={gone.id}&step=12", 12)
    alert = page.locator("[data-testid='stAlert']")
    manifest = gone.path / "run.json"
    manifest.write_text(manifest.read_text()[:200])
    page.get_by_role("radio", name="live").click()
    expect(alert).to_contain_text(f'The run "{gone.id}" has a damaged run.json')
    shutil.rmtree(gone.path)
    page.get_by_role("radio", name="all").click()
    expect(alert).to_contain_text(f'There is no run "{gone.id}"')
    expect(alert).to_contain_text("Showing the newest run.")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 12 · all: 16 tokens")
    expect(page).to_have_url(re.compile(f"[?&]run={kept.id}(&|$)"))
