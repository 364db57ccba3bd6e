"""What tests are handed: small recorded runs, made without training, and the app in a real browser.

The browser's fixtures import late: browsing.py skips where playwright is missing, and only a test that asks shall be skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, settings

from snowball_core.config import RunConfig
from snowball_core.measures.bf16 import from_values
from snowball_core.schedules import recorded_steps
from snowball_core.store.files.regular_files import file_sha256, write_json
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.manifest import sealed
from snowball_core.store.metric_rows import METRIC_COLUMNS
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, Run, create, read_run
from snowball_core.store.status import Status, write_status

# Read when a framework is loaded, here or in a worker that a test starts: beside other tests a thread that waits for the next
# product must not hold a core by asking for it over and over.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# A busy machine draws slowly, and is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

MakeRun = Callable[..., Run]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that mostly wait for browsers and workers come first: several processes then end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("browser") or item.get_closest_marker("processes")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print the server's log beside a failure in a browser."""
    report = yield
    if report.failed:
        given = getattr(item, "funcargs", {})
        folders = [given["served"][1].parent] if "served" in given else [given["tmp_path"]] if "tmp_path" in given else []
        for log in (folder / "server.log" for folder in folders):
            if log.exists():
                report.sections.append(("the end of the server's log", log.read_text(errors="replace")[-4_000:]))
    return report


def falling_together(snapshots: int, vocab: int = 16, hidden: int = 4, dead: int = 6) -> npt.NDArray[np.uint16]:
    """A made-up history in which one dead token after another comes to share token 0's vector; live tokens keep moving."""
    rng = np.random.default_rng(7)
    start = rng.standard_normal((vocab, hidden)).astype(np.float32)
    history = np.repeat(start[None], snapshots, axis=0)
    history[:, dead:] += 0.05 * np.arange(snapshots, dtype=np.float32)[:, None, None]
    for step in range(snapshots):
        history[step, : min(dead, 1 + step // 3)] = start[0] + 0.01 * step
    return from_values(history)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A function that writes a run folder: ``make_run(steps=20, snapshots=21, state="completed", dead=6, **configuration)``."""

    def make(steps: int = 20, snapshots: int | None = None, state: str = "completed", dead: int = 6, **fields: object) -> Run:
        config = RunConfig(steps=steps, vocab=16, hidden=4, extra="", **{"name": "made-up", **fields})
        corpus = {"name": "made up", "bytes": 1_000, "sha256": "0" * 64, "byte_counts": [0] * dead + [100] * (16 - dead)}
        run = create(tmp_path, config, {"dead_ids": list(range(dead)), "corpus": corpus, "faults_carried": []})
        planned = len(recorded_steps(config))
        count = planned if snapshots is None else snapshots
        if count:
            with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), planned, {}) as writer:
                for words in falling_together(count, dead=dead):
                    writer.append(words)
        done = int(recorded_steps(config)[max(0, count - 1)])
        rows = [f"{step},{5 - 0.01 * step},0.001,1.0,0.1" for step in range(1, done + 1)]
        (run.path / METRICS).write_text("\n".join([",".join(METRIC_COLUMNS), *rows]) + "\n")
        write_status(run.path, Status(state, done, config.last_step, 10.0, None, ""))
        if state == "completed" and count:
            hashes = {HISTORY: file_sha256(run.path / HISTORY)}
            write_json(run.path / "run.json", sealed({**run.manifest, "sha256": hashes}))
            return read_run(run.path)
        return run

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from browsing import launch_browser

    with launch_browser() as started:
        yield started


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A context for all pages of a file."""
    from browsing import open_context

    with open_context(browser) as opened:
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must end without an error in its console."""
    from browsing import open_page

    with open_page(context) as opened:
        yield opened


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's folder as the library of the app in this process."""
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    monkeypatch.delenv("SNOWBALL_READONLY", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server for all files, and the link that it takes for its library."""
    from browsing import serve

    folder = tmp_path_factory.mktemp("served")
    (folder / "library").symlink_to(folder)
    with serve(folder / "library") as address:
        yield address, folder / "library"


@pytest.fixture
def server(served: tuple[str, Path], tmp_path: Path) -> str:
    """The address of a server with the test's folder as library; one server for all tests."""
    address, library = served
    library.unlink()
    library.symlink_to(tmp_path)
    return address


@pytest.fixture(scope="module")
def port() -> int:
    """A free port: the servers of a file that take it one after another are one site, whose scripts are fetched once."""
    from browsing import free_port

    return free_port()


@pytest.fixture
def fresh_server(tmp_path: Path, port: int) -> Iterator[str]:
    """The address of a server without visits, with the test's folder as library."""
    from browsing import serve

    with serve(tmp_path, port) as address:
        yield address


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A small text file; its module loads torch, which not every test needs."""
    from trained_runs import write_book

    return write_book(tmp_path / "book.txt")


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder outside the library."""
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    return folder
