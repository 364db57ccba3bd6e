"""Training watched in a real browser: live numbers, stop and resume, a killed worker, a restarted app, two tabs, typing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import MARKS, at_rest, free_port, open_page, serve, visit
from playwright.sync_api import BrowserContext, Page, expect
from trained_runs import tiny, write_book

from snowball_core.jobs import workers
from snowball_core.store.run_folder import Run
from snowball_core.store.run_listing import run_paths
from snowball_core.training.loop import record

pytestmark = MARKS


@pytest.fixture
def under_way(tmp_path: Path) -> Iterator[Run]:
    """A run that trains until the test is over."""
    run = workers.start(tmp_path, tiny(write_book(tmp_path / "book.txt"), steps=5_000_000, record="every-20", name="endless"))
    yield run
    for path in run_paths(tmp_path):
        if worker := worker_of(path.name):
            os.kill(worker, signal.SIGKILL)


def worker_of(run_id: str) -> int | None:
    """The process that trains a run."""
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if run_id.encode() in words and b"snowball_core" in words:
            return pid
    return None


def gently(run: Run) -> None:
    """Lower the priority of an endless training."""
    worker = worker_of(run.id)
    assert worker is not None
    os.setpriority(os.PRIO_PROCESS, worker, 19)


def step_shown(page: Page, run: Run) -> int:
    words = page.locator(f".st-key-live-{run.id} [data-testid='stProgress']").inner_text().split()
    return int(words[1].replace(",", ""))


def grows(page: Page, run: Run) -> None:
    """Wait until the step on the screen is another one, twice, without input to the page."""
    gently(run)
    for _ in range(2):
        before = step_shown(page, run)
        page.wait_for_function(
            """([key, before]) => {
                const bar = document.querySelector(`.st-key-live-${key} [data-testid='stProgress']`)
                return bar && Number(bar.innerText.split(/\\s+/)[1].replaceAll(',', '')) > before
            }""",
            arg=[run.id, before],
        )


def test_numbers_grow_in_every_tab_and_a_run_outlives_the_app_resumes_after_a_kill_and_stops(
    tmp_path: Path, context: BrowserContext, under_way: Run
) -> None:
    port = free_port()
    with serve(tmp_path, port) as address, open_page(context) as page:
        visit(page, f"{address}/train")
        live = page.locator(f".st-key-live-{under_way.id}")
        expect(live.get_by_text("running", exact=True)).to_be_visible(timeout=90_000)
        expect(live.locator("[data-testid='stMetric']")).to_have_count(5)
        grows(page, under_way)
        chart = live.locator(f"[aria-label='Learning rate over the steps, run {under_way.id}'] svg").first
        chart.evaluate("picture => { picture.dataset.kept = 'yes' }")
        grows(page, under_way)
        assert chart.evaluate("picture => picture.dataset.kept") == "yes", "the chart was drawn anew"
    before = under_way.status().step
    with serve(tmp_path, port) as address, open_page(context) as one, open_page(context) as two:
        for tab in (one, two):
            visit(tab, f"{address}/train")
        grows(two, under_way)
        assert under_way.status().step > before
        acts_in_both(one, two, under_way)


def acts_in_both(one: Page, two: Page, run: Run) -> None:
    """What one tab does, and what happens outside the page, both tabs show."""
    ended = [tab.locator(".st-key-continuing") for tab in (one, two)]
    worker = worker_of(run.id)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    for each in ended:
        expect(each.get_by_text("interrupted", exact=True)).to_be_visible()
        expect(each).to_contain_text("Recorded data is kept")
    one.get_by_role("button", name="Resume").click()
    expect(two.locator(f".st-key-live-{run.id}").get_by_text("running", exact=True)).to_be_visible(timeout=90_000)
    grows(two, run)
    two.get_by_role("button", name="Stop").click()
    for each in ended:
        expect(each.get_by_text("stopped", exact=True)).to_be_visible()
        expect(each).to_contain_text(f"step {run.status().step:,} of 5,000,000")


def test_the_estimate_follows_while_one_types_and_the_form_survives_a_reload(server: str, page: Page) -> None:
    visit(page, f"{server}/train")
    estimate, steps = page.locator(".st-key-start-bar"), page.locator(".st-key-field-steps input")
    expect(estimate).to_contain_text("10,001 snapshots")
    steps.fill("")
    steps.press_sequentially("750", delay=60)
    expect(estimate).to_contain_text("751 snapshots")
    assert steps.evaluate("entry => entry === document.activeElement")
    page.locator(".st-key-field-learning_rate input").fill("1000")
    expect(page.get_by_text("A step of about 1,000 in weights of size about 1 will diverge")).to_be_visible()
    page.wait_for_url("**set=learning_rate*")
    at_rest(page)
    page.reload()
    expect(steps).to_have_value("750")
    expect(page.locator(".st-key-field-learning_rate input")).to_have_value("1000")
    expect(estimate).to_contain_text("751 snapshots")


def test_cost_and_start_button_stay_in_view_from_the_first_field_to_the_last(server: str, page: Page) -> None:
    visit(page, f"{server}/train")
    bar, button = page.locator(".st-key-start-bar"), page.get_by_role("button", name="Start run")
    expect(bar).to_contain_text("on disk")
    last, threads = page.locator("[data-testid='stExpander']").filter(has_text="Machine"), page.locator(".st-key-field-threads")
    for width in (390, 800, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        at_rest(page)
        for place in (page.locator(".st-key-preset"), last.locator("summary")):
            place.scroll_into_view_if_needed()
            expect(place).to_be_in_viewport()
            expect(bar).to_be_in_viewport(ratio=1)
            expect(button).to_be_in_viewport(ratio=1)
        # It lies on nothing that is to be pressed.
        last.locator("summary").click()
        expect(threads).to_be_visible()
        last.locator("summary").click()
        expect(threads).to_be_hidden()


def test_a_fork_is_chosen_survives_a_reload_and_runs_to_its_end(server: str, page: Page, tmp_path: Path) -> None:
    parent = record(tiny(write_book(tmp_path / "book.txt"), until=6, name="parent"), tmp_path)
    visit(page, f"{server}/train")
    page.get_by_role("button", name="Fork exactly at step 6").click()
    expect(page.locator(".st-key-fork")).to_contain_text("Exact continuation from the checkpoint at step 6")
    page.reload()
    expect(page.locator(".st-key-fork")).to_contain_text(parent.id)
    at_rest(page)
    expect(page.locator(".st-key-field-batch input")).to_be_disabled()
    page.get_by_role("button", name="Start fork").click()
    ended = page.locator(".st-key-continuing")
    expect(ended.get_by_text("Forked exactly from the checkpoint of")).to_be_visible(timeout=90_000)
    expect(ended.get_by_text("completed", exact=True)).to_be_visible(timeout=90_000)
    expect(ended).to_contain_text("step 24 of 24")
