"""What every test in a real browser shares: the app served on a folder of runs, a chromium, and when a page is ready.

A test file that imports from here is skipped where playwright is missing, unless ``SNOWBALL_BROWSER=required``. The fixtures
``browser``, ``page`` and ``server`` stand in conftest.py, so that no test has to import them.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from snowball_core.store.run_folder import Run
from snowball_core.tables.live import group_mask

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(set(re.findall(r"pages/([a-z]+)\.py", (ROOT / "app.py").read_text())))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
READY = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
# What a visitor leaves in a browser, other than its cache.
VISITED = "cookies,local_storage,indexeddb,cache_storage,service_workers,websql,file_systems"
# What a click asks for begins only after a moment: a page is at rest when it has been ready for this long.
REST_MILLISECONDS = 200
# No chart is drawn wider than its place.
CHARTS_FIT = """() => [...document.querySelectorAll("[data-testid=stVegaLiteChart]")].every(chart => {
    const drawn = chart.querySelector("svg, canvas")?.getBoundingClientRect()
    return drawn && drawn.width <= chart.parentElement.getBoundingClientRect().width + 1
})"""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REQUIRED = os.environ.get("SNOWBALL_BROWSER") == "required"
# The marks of a file of browser tests: ``pytestmark = browsing.MARKS``.
MARKS = [pytest.mark.browser, pytest.mark.timeout(600)]

if not REQUIRED:
    pytest.importorskip("playwright", reason="playwright is not installed: pip install -r requirements-checks.txt")

from playwright.sync_api import Browser, BrowserContext, Page, Request, WebSocket, expect, sync_playwright  # noqa: E402

# Patience for a busy machine; nothing is asserted about speed.
expect.set_options(timeout=60_000)


@contextmanager
def launch_browser() -> Iterator[Browser]:
    """A chromium without a window; where there is none the test is skipped, or fails where one is required."""
    if CHROMIUM is None:
        message = "no chromium on the path: apt-get install chromium"
        pytest.fail(message) if REQUIRED else pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, "--no-first-run"])
        yield started
        started.close()


@contextmanager
def open_context(browser: Browser) -> Iterator[BrowserContext]:
    """A context whose pages share what was fetched and compiled once.

    Its first page stays open: without an open page Chromium compiles the app's scripts anew for every page.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(60_000)
    context.new_page()
    yield context
    context.close()


@contextmanager
def open_page(context: BrowserContext) -> Iterator[Page]:
    """A page of a visitor of its own that must end without an error in its console and ask nobody but this machine."""
    before = context.pages
    opened = context.new_page()
    problems: list[str] = []

    def hear(message: object) -> None:
        # Behind a page's path Streamlit first asks for its own files there, and finds them one folder up.
        where = message.location.get("url", "")  # type: ignore[attr-defined]
        if message.type == "error" and "/_stcore/" not in where:  # type: ignore[attr-defined]
            problems.append(f"{message.text} {where}")  # type: ignore[attr-defined]

    def ask(request: Request) -> None:
        where = urllib.parse.urlsplit(request.url)
        if where.scheme not in ("data", "blob") and where.hostname != "127.0.0.1":
            problems.append(f"asked {request.url}")

    opened.on("console", hear)
    opened.on("request", ask)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    for page in context.pages:
        if page not in before:
            page.close()
    # The next visitor brings no cookies and no choices of this one.
    session = context.new_cdp_session(before[0])
    session.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": VISITED})
    session.detach()
    assert problems == [], "\n".join(problems)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serve(library: Path, port: int | None = None, base: str = "", **environment: str) -> Iterator[str]:
    """The address of a fresh server whose library is the folder; its log lies beside the runs."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    command += [f"--server.baseUrlPath={base}"] if base else []
    variables = {**os.environ, "SNOWBALL_RUNS": str(library), **environment}
    with open(library / "server.log", "ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}{base}"
    try:
        _wait_for(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app did not start")


_looks = itertools.count()


def at_rest(page: Page) -> None:
    """Wait until the app has had nothing more to do for a while."""
    page.wait_for_function(
        """([ready, least, look]) => {
            const now = performance.now()
            if (window.resting?.look !== look || !document.querySelector(ready)) window.resting = {look, since: now}
            return now - window.resting.since >= least
        }""",
        arg=[READY, REST_MILLISECONDS, next(_looks)],
    )


def visit(page: Page, address: str) -> None:
    """Open an address and wait until the app has nothing more to do."""
    page.goto(address)
    page.wait_for_selector("h1")
    at_rest(page)


def title_of(page: str) -> str:
    """The heading of a page."""
    return {"": "Scrub", "about": "About the measures"}.get(page, page.capitalize())


def named(page: Page) -> dict[str, str]:
    """What the address names."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))


def names(page: Page, **wanted: str | None) -> None:
    """Wait until the address names all of these, and none of those that are None."""
    page.wait_for_url(lambda url: all(_word(url, name) == word for name, word in wanted.items()))


def _word(url: str, name: str) -> str | None:
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)).get(name)


def unfold(page: Page, key: str) -> None:
    """Open a part of the page that is made when it is asked for."""
    part = page.locator(f".st-key-{key}")
    part.locator("summary").click()
    part.locator("[data-testid='stLinkButton'], [data-testid='stPageLink']").first.wait_for()
    at_rest(page)


def taken(page: Page, key: str) -> tuple[str, bytes]:
    """Name and bytes of the file behind a link; at once, for it may be clicked while its page is drawn anew."""
    link = page.locator(f".st-key-{key} a")
    with page.expect_download() as came:
        link.click()
    return came.value.suggested_filename, Path(came.value.path()).read_bytes()


def fits(page: Page, width: int) -> None:
    """Wait until nothing is wider than the window: charts take their new width after the window has taken its own."""
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def numbers(page: Page) -> dict[str, str]:
    """Label → value of every exact number on the screen."""
    cells = page.locator(".st-key-exact [data-testid='stMetric']").all()
    both = [(cell.locator("label").inner_text(), cell.locator("[data-testid='stMetricValue']").inner_text()) for cell in cells]
    return {label.strip(): value.strip() for label, value in both}


def counted(run: Run, step: int, group: str) -> dict[str, str]:
    """The same numbers from the file, with numpy alone."""
    return counted_rows(run.history().words[step][group_mask(run.dead, group)])


def counted_rows(rows: np.ndarray) -> dict[str, str]:
    """The same numbers of any rows."""
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


def shows(page: Page, wanted: dict[str, str]) -> None:
    """Wait until the exact numbers on the screen are these: the step's name stands there a moment before they do."""
    until = time.monotonic() + 60
    while not wanted.items() <= numbers(page).items() and time.monotonic() < until:
        page.wait_for_timeout(100)
    assert wanted.items() <= numbers(page).items()


def go_to(page: Page, step: int) -> None:
    """Type a step into the scrubber and wait for its exact view."""
    entry = page.locator(".scrubber .entry")
    entry.fill(str(step))
    entry.press("Enter")
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step:,} ")
    at_rest(page)


def stands_on(page: Page, step: int) -> None:
    """Wait until the scrubber has drawn a step."""
    expect(page.locator(".scrubber")).to_have_attribute("data-step", str(step))


def arrived(page: Page, address: str, step: int) -> None:
    """Visit, and wait until the scrubber and the exact view under it stand on a step."""
    visit(page, address)
    stands_on(page, step)
    expect(page.locator(".st-key-exact")).to_contain_text(f"Exact at step {step:,} ")
    at_rest(page)


def scrubbed_to(page: Page) -> int:
    """The step the scrubber stands on, as it says itself once what was asked of it has been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return int(page.locator(".scrubber[data-step]").get_attribute("data-step") or -1)


def traffic(page: Page) -> tuple[list[int], list[int]]:
    """Sizes of the messages to the server and from it; both lists grow."""
    sent: list[int] = []
    received: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda message: sent.append(len(message)))
        socket.on("framereceived", lambda message: received.append(len(message)))

    page.on("websocket", listen)
    return sent, received


def dragged(page: Page, messages: tuple[list[int], list[int]], side: int = 0, blob: int = 0) -> int:
    """Drag the counts of a side to a step and let go: every move is drawn, the server hears of the last one alone.

    ``blob`` is the size of the message with the frames, where it is not among the messages.
    """
    (sent, received), counts, scrubber = messages, page.locator("[data-picture=counts]").nth(side), page.locator(".scrubber")
    at_rest(page)
    blob = blob or max(received)
    counts.scroll_into_view_if_needed()
    box = counts.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 100)
    page.mouse.down()
    at_rest(page)
    sent.clear()
    received.clear()
    steps, drawn = [], int(scrubber.get_attribute("data-drawn") or 0)
    for i in range(1, 11):
        page.mouse.move(box["x"] + 60 + i * box["width"] / 16, box["y"] + 100)
        steps.append(scrubbed_to(page))
    assert steps == sorted(set(steps)), "every move is drawn"
    assert int(scrubber.get_attribute("data-drawn") or 0) >= drawn + len(steps)
    assert sent == []
    page.mouse.up()
    names(page, **{"at" if "compare" in page.url else "step": str(steps[-1])})
    at_rest(page)
    assert 1 <= len(sent) <= 2
    assert sum(received) < blob, "the frames were sent again"
    return steps[-1]
