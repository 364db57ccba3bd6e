"""Time the app on three runs and print a row of the benchmark a line, as JSON; :mod:`benchmarks.app` starts this.

``python -m benchmarks.app_visits SHIPPED SEED_SIZED MANY_DEAD MOVES``: three run folders, and how often the slider is let go.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from . import screen
from .served import Served, served
from .visitor import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_FIRST_SECONDS, _SEED_MS, _MANY_MS, _FRAMES, _RESIDENT_MB, _GROWTH_MB = 3.0, 50.0, 150.0, 30.0, 350.0, 30.0
_MOVES, _SWITCHES, _STARTS = 500, 10, 3


def _row(what: str, value: float, unit: str, budget: str = "", holds: bool | None = None) -> dict[str, object]:
    return {"what": what, "value": value, "unit": unit, "budget": budget, "holds": holds}


def rows(shipped: Path, seed_sized: Path, many: Path, moves: int) -> Iterator[dict[str, object]]:
    """All rows about the app."""
    with screen.browser() as chromium:
        yield from _first_pages(shipped, chromium)
        with served(seed_sized.parent) as app:
            yield from _moves(app, seed_sized.name, moves, "10,001 steps", _SEED_MS)
            yield from _memory(app, seed_sized.name)
            yield from _two_tabs(app, seed_sized.name, moves)
        if chromium:
            with served(seed_sized.parent) as app:
                yield from _watched(chromium, app, seed_sized.name)
        with served(many.parent) as app:
            yield from _moves(app, many.name, moves, "2,000 dead tokens", _MANY_MS)


def _first_pages(shipped: Path, chromium: Browser | None) -> Iterator[dict[str, object]]:
    """From the start of a process to the first page of the shipped run as it comes, without tables an earlier visit derived."""
    done, stood, empty = [], [], []
    for _ in range(_STARTS):
        with tempfile.TemporaryDirectory() as folder:
            library, nothing = Path(folder) / "runs", Path(folder) / "empty"
            shutil.copytree(shipped, library / shipped.name, ignore=shutil.ignore_patterns("cache", "lock"))
            with served(library) as app, Visitor(app.address) as visitor:
                visitor.open()
                done.append(time.perf_counter() - app.began)
            if chromium:
                shutil.rmtree(library / shipped.name / "cache", ignore_errors=True)
                with served(library) as app:
                    stood.append(screen.first_page(chromium, app))
                screen.make_empty_page(nothing)
                with served(library, nothing) as app:
                    empty.append(screen.first_page(chromium, app))
    yield _first("the server is done", min(done))
    if chromium:
        yield _first("it stands in a browser", min(stood))
        yield _row(f"the same of an empty page of Streamlit, fastest of {_STARTS}", min(empty), "s")


def _first(until: str, seconds: float) -> dict[str, object]:
    what = f"first page, process start until {until}, fastest of {_STARTS}"
    return _row(what, seconds, "s", f"≤ {_FIRST_SECONDS:g}", seconds <= _FIRST_SECONDS)


def _moves(app: Served, run: str, moves: int, of: str, budget: float) -> Iterator[dict[str, object]]:
    """The median of many moves, each to another step, each checked to show that step."""
    with Visitor(app.address) as visitor:
        last = _open(visitor, run)
        taken = []
        for i in range(moves):
            step = (i * 7_919) % last
            answer = visitor.move(step)
            if not answer.says(f"Exact at step {step:,}**"):
                raise RuntimeError(f"the exact view of step {step} did not come")
            if answer.is_whole:
                raise RuntimeError("a move drew the whole page anew; in a browser it draws the exact view alone")
            taken.append(1e3 * answer.seconds)
    middle = statistics.median(taken)
    yield _row(f"slider let go → exact view, on the server, {of}", middle, "ms", f"≤ {budget:g}", middle <= budget)


def _two_tabs(app: Served, run: str, moves: int) -> Iterator[dict[str, object]]:
    """The same while a second tab is moved without a pause."""
    with Visitor(app.address) as other, ThreadPoolExecutor(1) as pool:
        last, over = _open(other, run), Event()
        steps = itertools.takewhile(lambda step: not over.is_set(), itertools.cycle(range(0, last, 997)))
        moving = pool.submit(lambda: [other.move(step) for step in steps])
        try:
            (row,) = _moves(app, run, moves, "10,001 steps, a second tab moving", _SEED_MS)
        finally:
            over.set()
        moving.result()
    yield {**row, "budget": "", "holds": None}


def _watched(chromium: Browser, app: Served, run: str) -> Iterator[dict[str, object]]:
    """Rows about a long run in a browser."""
    seconds = screen.first_opened(chromium, app, run)
    yield _row("10,001 steps opened for the first time, until the page stands in a browser", seconds, "s")
    frames, messages = screen.dragged(chromium, app, run)
    yield _row("dragging through 10,001 steps", frames, "frames/s", f"≥ {_FRAMES:g}", frames >= _FRAMES)
    yield _row("messages while dragging", messages, "", "0", messages == 0)
    yield _row("slider let go → exact view on the screen", screen.released(chromium, app, run), "ms")


def _open(visitor: Visitor, run: str) -> int:
    """Open a run; its last step."""
    visitor.open("", run=run, step=0)
    if not visitor.scrubber:
        raise RuntimeError("the scrubber did not come")
    answer = visitor.move(10**9)
    result = next(text for text in answer.texts if "Exact at step" in text)
    return int(result.split("Exact at step ")[1].split("**")[0].replace(",", ""))


def _memory(app: Served, run: str) -> Iterator[dict[str, object]]:
    """Memory with a run open, and how it grows while its visitor moves and turns pages; pages are imported before."""
    with Visitor(app.address) as visitor:
        last = _open(visitor, run)
        resident = app.resident_megabytes()
        yield _row("memory of the server, 10,001 steps open", resident, "MB", f"≤ {_RESIDENT_MB:g}", resident <= _RESIDENT_MB)
        yield _row("the most it had taken until then", app.peak_megabytes(), "MB")
        pages = [page for page in visitor.pages if page]
        for page in pages:
            visitor.open(page, run=run)
        _open(visitor, run)
        before = app.resident_megabytes()
        yield _row("memory of the server after a visit to every page", before, "MB")
        for i in range(_SWITCHES):
            visitor.open(pages[i % len(pages)] if i % 2 == 0 else "", run=run)
            visitor.open("", run=run)
            for k in range(_MOVES // _SWITCHES):
                visitor.move((i * 997 + k * 131) % last)
        grown = app.resident_megabytes() - before
        yield _row(
            f"memory growth over {_SWITCHES} page switches and {_MOVES} moves, every page seen before",
            *(grown, "MB", f"< {_GROWTH_MB:g}", grown < _GROWTH_MB),
        )


if __name__ == "__main__":
    paths = [Path(argument).resolve() for argument in sys.argv[1:4]]
    for row in rows(paths[0], paths[1], paths[2], int(sys.argv[4])):
        print(json.dumps(row), flush=True)
