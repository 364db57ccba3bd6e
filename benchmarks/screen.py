"""Timings in a browser: the first page, frames while dragging, and the exact view after it."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .served import ROOT, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
READY = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
# Milliseconds from letting go of the mouse to the first picture of the page that has the words.
_WATCH = """() => { window.seen = new Promise(done => {
  let released = 0
  addEventListener("pointerup", () => { released = performance.now() }, { once: true, capture: true })
  const exact = document.querySelector(".st-key-exact"), before = exact.textContent
  const watch = new MutationObserver(() => {
    if (!released || document.querySelector(".st-key-exact").textContent === before) return
    watch.disconnect()
    requestAnimationFrame(() => done(performance.now() - released))
  })
  watch.observe(document.body, { childList: true, subtree: true, characterData: true })
}) }"""


@contextlib.contextmanager
def browser() -> Iterator[Browser | None]:
    """A chromium without a window; None where there is none, or no Playwright."""
    place = shutil.which("chromium") or shutil.which("chromium-browser")
    if place is None or find_spec("playwright") is None:
        yield None
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=place, args=_ARGUMENTS)
        started.new_context().new_page().goto("about:blank")
        yield started
        started.close()


def make_empty_page(folder: Path) -> None:
    """An app of one line with Snowball's settings: the earliest a page of Streamlit can be complete."""
    (folder / ".streamlit").mkdir(parents=True)
    shutil.copy(ROOT / ".streamlit" / "config.toml", folder / ".streamlit")
    (folder / "app.py").write_text('import streamlit as st\n\nst.container(key="exact").markdown("Nothing")\n')


def _opened(chromium: Browser, address: str) -> Page:
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(90_000)
    page.goto(address)
    page.wait_for_selector(".st-key-exact")
    page.wait_for_selector(READY)
    return page


def first_page(chromium: Browser, app: Served) -> float:
    """Seconds from the start of the server's process until the first page is complete, with its exact numbers."""
    page = _opened(chromium, app.address)
    taken = time.perf_counter() - app.began
    page.close()
    return taken


def first_opened(chromium: Browser, app: Served, run: str) -> float:
    """Seconds from the address to the page of a run that was not opened since the server's start."""
    began = time.perf_counter()
    page = _opened(chromium, f"{app.address}/?run={run}")
    taken = time.perf_counter() - began
    page.close()
    return taken


def dragged(chromium: Browser, app: Served, run: str) -> tuple[float, int]:
    """Frames a second while the mouse drags through the run for two seconds, and messages sent in that time."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(f"{app.address}/?run={run}&step=0&axis=linear")
    page.wait_for_selector(READY)
    scrubber, box = page.locator(".scrubber"), page.locator("[data-picture=counts]").bounding_box()
    if box is None:
        raise RuntimeError("the scrubber is not on the page")
    page.mouse.move(box["x"] + 60, box["y"] + 100)
    page.mouse.down()
    page.wait_for_timeout(500)
    sent.clear()
    before, began = int(scrubber.get_attribute("data-drawn") or 0), time.perf_counter()
    place = 0.0
    while time.perf_counter() - began < 2:
        place = (place + 7) % (box["width"] - 120)
        page.mouse.move(box["x"] + 60 + place, box["y"] + 100)
    taken = time.perf_counter() - began
    drawn, messages = int(scrubber.get_attribute("data-drawn") or 0) - before, len(sent)
    page.mouse.up()
    page.close()
    return drawn / taken, messages


def released(chromium: Browser, app: Served, run: str, rounds: int = 20) -> float:
    """Median milliseconds from letting go of the mouse at a step to its exact numbers on the screen."""
    page = _opened(chromium, f"{app.address}/?run={run}&step=0&axis=linear")
    box = page.locator("[data-picture=counts]").bounding_box()
    if box is None:
        raise RuntimeError("the scrubber is not on the page")
    taken = []
    for i in range(rounds):
        page.evaluate(_WATCH)
        page.mouse.move(box["x"] + 100 + (i * 137) % (box["width"] - 200), box["y"] + 100)
        page.mouse.down()
        page.mouse.up()
        taken.append(float(page.evaluate("() => window.seen")))
        page.wait_for_selector(READY)
    page.close()
    return statistics.median(taken)
