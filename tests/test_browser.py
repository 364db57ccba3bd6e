"""The whole path in a real browser: start a run through the form, watch it end, scrub it, export it, link to it."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun

from snowball_core.runs import Run, open_run, run_paths
from snowball_core.tables import csv_bytes, group_mask, summary_table

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
READY = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REQUIRED = os.environ.get("SNOWBALL_BROWSER") == "required"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
if not REQUIRED:
    pytest.importorskip("playwright", reason="playwright is not installed: pip install -r requirements-checks.txt")

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "no chromium on the path: apt-get install chromium"
        pytest.fail(message) if REQUIRED else pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--no-first-run"])
        yield started
        started.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a fresh server whose library is the test's folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    environment = {**os.environ, "SNOWBALL_RUNS": str(tmp_path)}
    with open(tmp_path / "server.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not start")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must end without an error in its console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    problems: list[str] = []

    def hear(message: object) -> None:
        # Behind a page's path Streamlit first asks for its own files there, and finds them one folder up.
        where = message.location.get("url", "")  # type: ignore[attr-defined]
        if message.type == "error" and "/_stcore/" not in where:  # type: ignore[attr-defined]
            problems.append(f"{message.text} {where}")  # type: ignore[attr-defined]

    opened.on("console", hear)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    context.close()
    assert problems == []


def visit(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("h1")
    page.wait_for_selector(READY)


def numbers(page: Page) -> dict[str, str]:
    """Label → value of every exact number on the screen."""
    cells = page.locator(".st-key-exact [data-testid='stMetric']").all()
    both = [(cell.locator("label").inner_text(), cell.locator("[data-testid='stMetricValue']").inner_text()) for cell in cells]
    return {label.strip(): value.strip() for label, value in both}


def counted(run: Run, step: int, group: str) -> dict[str, str]:
    """The same numbers from the file, with numpy alone."""
    rows = run.history().words[step][group_mask(run.dead, group)]
    _, sizes = np.unique(rows, axis=0, return_counts=True)
    holes = sizes[sizes > 1]
    named = {
        "U unique": len(sizes),
        "C black holes": len(holes),
        "P in holes": holes.sum(),
        "S singletons": (sizes == 1).sum(),
        "Largest hole": holes.max(initial=0),
    }
    return {label: f"{number:,}" for label, number in named.items()}


def go_to(page: Page, step: int) -> None:
    """Type a step into the scrubber and wait for its exact view."""
    entry = page.locator(".scrubber .entry")
    entry.fill(str(step))
    entry.press("Enter")
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step:,} ")
    page.wait_for_selector(READY)


def test_a_newcomer_starts_a_run_watches_it_scrubs_it_and_takes_it_home(server: str, page: Page, tmp_path: Path) -> None:
    visit(page, f"{server}/train")
    for field, value in {"name": "first-run", "steps": "60"}.items():
        entry = page.locator(f".st-key-field-{field} input")
        entry.fill(value)
        entry.press("Enter")
        page.wait_for_selector(READY)
    expect(page.locator(".st-key-estimate")).to_contain_text("61 snapshots")
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("first-run").first).to_be_visible()
    page.reload()
    expect(page.get_by_text("step 60 of 60")).to_be_visible(timeout=240_000)
    expect(page.get_by_text("completed", exact=True)).to_be_visible(timeout=60_000)
    run = open_run(tmp_path, run_paths(tmp_path)[0].name)
    assert len(run.history().words) == 61

    page.get_by_text("Scrub through this run").click()
    expect(page.locator("h1")).to_have_text("Scrub")
    page.wait_for_selector(".st-key-exact")
    for step in (0, 17, 60):
        go_to(page, step)
        assert counted(run, step, "dead").items() <= numbers(page).items()
    slider = page.locator(".scrubber .slider")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 59 ")
    page.get_by_role("radio", name="live").click()
    expect(page.locator(".st-key-exact")).to_contain_text("· live: ")
    assert counted(run, 59, "live").items() <= numbers(page).items()
    _takes_it_home(page, run)


def _takes_it_home(page: Page, run: Run) -> None:
    table = summary_table(run, run.history().words)
    with page.expect_download() as csv:
        page.get_by_role("button", name="Summary as CSV").click()
    assert Path(csv.value.path()).read_bytes() == csv_bytes(table)
    with page.expect_download() as parquet:
        page.get_by_role("button", name="Summary as Parquet").click()
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(Path(parquet.value.path()).read_bytes())), table)


@pytest.mark.parametrize(("path", "title"), [("scrub", "Scrub"), ("train", "Train"), ("", "Scrub")])
def test_a_link_to_a_page_works_on_a_fresh_server(server: str, page: Page, make_run: MakeRun, path: str, title: str) -> None:
    run = make_run()
    visit(page, f"{server}/{path}?run={run.id}&step=7&group=all")
    expect(page.locator("h1")).to_have_text(title)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    if title == "Scrub":
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 16 tokens")
        page.reload()
        expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 7 · all: 16 tokens")


def test_arrow_keys_buttons_and_back_move_the_step(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/?run={run.id}&step=5")
    exact = page.locator(".st-key-exact")
    expect(exact).to_contain_text("Exact at step 5 ")
    for key, step in (("ArrowRight", 6), ("ArrowRight", 7), ("ArrowLeft", 6), ("Shift+ArrowRight", 16), ("Shift+ArrowLeft", 6)):
        page.locator("h1").click()
        page.keyboard.press(key)
        expect(exact).to_contain_text(f"Exact at step {step} ")
    expect(page).to_have_url(f"{server}/?run={run.id}&step=6")
    page.go_back()
    expect(exact).to_contain_text("Exact at step 16 ")


def test_a_native_step_change_sends_data_only(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    visit(page, f"{server}/?run={run.id}&step=5&native=1")
    charts = page.locator("[aria-label='Places of the vectors on two principal axes'] svg").first
    charts.evaluate("picture => { picture.dataset.kept = 'yes' }")
    received.clear()
    page.locator(".st-key-jump1 button").first.click()
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 6 ")
    page.wait_for_selector(READY)
    assert sum(received) < 100_000
    assert charts.evaluate("picture => picture.dataset.kept") == "yes"


def scrubbed_to(page: Page) -> int:
    return int(page.locator(".scrubber").get_attribute("data-step") or -1)


def test_dragging_draws_every_frame_and_says_nothing_until_it_is_let_go(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=300)
    sent: list[object] = []
    received: list[int] = []

    def listen(socket: object) -> None:
        socket.on("framesent", lambda frame: sent.append(frame))  # type: ignore[attr-defined]
        socket.on("framereceived", lambda frame: received.append(len(frame)))  # type: ignore[attr-defined]

    page.on("websocket", listen)
    visit(page, f"{server}/?run={run.id}&step=0&axis=linear&group=all")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 0 ")
    blob = max(received)
    scrubber, counts = page.locator(".scrubber"), page.locator("[data-picture=counts]")
    box = counts.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 100)
    page.mouse.down()
    page.wait_for_timeout(300)
    sent.clear()
    received.clear()
    before, began = int(scrubber.get_attribute("data-drawn") or 0), time.monotonic()
    for i in range(60):
        page.mouse.move(box["x"] + 60 + i * 15, box["y"] + 100)
        page.wait_for_timeout(10)
    took = time.monotonic() - began
    drawn = int(scrubber.get_attribute("data-drawn") or 0) - before
    assert sent == []
    assert drawn >= 45, f"{drawn} frames in {took:.2f} s"
    step = scrubbed_to(page)
    page.mouse.up()
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step} ")
    assert counted(run, step, "all").items() <= numbers(page).items()
    assert 1 <= len(sent) <= 2
    assert sum(received) < blob, "the frames were sent again"
    expect(page).to_have_url(f"{server}/?run={run.id}&step={step}&axis=linear&group=all")


def test_keys_move_the_scrubber_and_leave_fields_alone(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run(steps=300)
    visit(page, f"{server}/?run={run.id}&step=3")
    page.wait_for_selector(".scrubber[data-step='3']")
    page.locator("h1").click()
    for key, step in (("]", 6), ("]", 9), ("[", 6), ("End", 300), ("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11)):
        page.keyboard.press(key)
        page.wait_for_selector(f".scrubber[data-step='{step}']")
    expect(page.locator(".st-key-exact")).to_contain_text("Exact at step 11 ")
    entry = page.locator(".scrubber .entry")
    entry.focus()
    for key in ("Home", "]", "ArrowLeft"):
        entry.press(key)
    assert scrubbed_to(page) == 11
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator(".scrubber dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".scrubber dialog")).to_be_hidden()
    page.keyboard.press(" ")
    page.wait_for_timeout(700)
    page.keyboard.press(" ")
    step = scrubbed_to(page)
    assert step > 11
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step} ")
    assert counted(run, step, "dead").items() <= numbers(page).items()


def test_a_click_selects_a_hole_and_its_biography_stays_through_a_reload(server: str, page: Page, make_run: MakeRun) -> None:
    run = make_run()
    visit(page, f"{server}/?run={run.id}&step=12")
    page.wait_for_selector(".scrubber[data-step='12']")
    page.locator("[data-picture=sizes]").click(position={"x": 90, "y": 12})
    biography = page.locator(".st-key-biography")
    expect(biography).to_contain_text("The black hole of token 0 (NUL)")
    expect(page).to_have_url(f"{server}/?run={run.id}&step=12&select=h0")
    page.reload()
    expect(biography).to_contain_text("at step 12 one of 5 in hole 1")
    page.wait_for_selector(".scrubber[data-step='12']")
    page.locator("h1").click()
    page.keyboard.press("Home")
    expect(biography).to_contain_text("at step 0 alone")


@pytest.mark.parametrize("width", [1440, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(server: str, browser: Browser, make_run: MakeRun, scheme: str, width: int) -> None:
    make_run()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    for path in ("", "train"):
        visit(opened, f"{server}/{path}")
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        dark = opened.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme")
        assert dark == scheme
    context.close()
