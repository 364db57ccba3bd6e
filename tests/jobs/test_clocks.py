"""Clocks that jump either way, and a file server's: no dead run looks queued, no click is lost, no queue is turned over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trained_runs
from trained_runs import tiny

from snowball_core.config import RunConfig
from snowball_core.jobs import queue as turns
from snowball_core.jobs import workers
from snowball_core.jobs.prepare import prepare
from snowball_core.jobs.queue import turn, waiting
from snowball_core.store.run_folder import Run
from snowball_core.store.status import STARTING, Status, lock_of, lock_shared_with_child, log_of, read_status, write_status

HOUR = 3_600.0
CLOCKS = [-100 * HOUR, -HOUR, -31.0, HOUR, 100 * HOUR]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A configuration, and no worker that is sent anywhere."""
    monkeypatch.setattr(workers, "_spawn", lambda *_: None)
    return tiny(trained_runs.write_book(tmp_path / "book.txt"))


@pytest.fixture
def queued(config: RunConfig, tmp_path: Path) -> Run:
    run = prepare(tmp_path / "runs", config)
    write_status(run.path, Status("queued", 0, 24, message=STARTING))
    return run


@pytest.mark.parametrize("ahead", CLOCKS)
def test_a_run_without_a_worker_is_interrupted_whatever_time_its_status_has(
    queued: Run, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    assert read_status(queued.path).state == "queued"
    os.utime(queued.path / "status.json", (time.time() + ahead,) * 2)
    assert read_status(queued.path).state == "interrupted"
    workers.resume(queued.path.parent, queued.id)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    assert read_status(queued.path).state == "interrupted"


@pytest.mark.parametrize("ahead", CLOCKS)
def test_a_worker_on_its_way_is_recognized_by_its_open_log_for_any_clock(queued: Run, ahead: float) -> None:
    with open(log_of(queued.path), "ab") as log:
        lock_shared_with_child(log)
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=log, stderr=log)
    try:
        os.utime(queued.path / "status.json", (time.time() + ahead,) * 2)
        assert read_status(queued.path).state == "queued"
    finally:
        worker.kill()
        worker.wait(10)
    assert read_status(queued.path).state == "interrupted"


@pytest.mark.parametrize("ahead", CLOCKS)
def test_two_clicks_are_one_run_and_a_later_one_is_another_for_any_clock(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    folder, now, running = tmp_path / "library", time.time, time.monotonic
    first = workers.start(folder, config)
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    assert workers.start(folder, config).id == first.id
    monkeypatch.setattr(time, "monotonic", lambda: running() + 4.0)
    assert workers.start(folder, config).id != first.id


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
def test_a_click_in_another_process_is_a_click_only_for_a_moment(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    folder, now = tmp_path / "library", time.time
    first = workers.start(folder, config)
    monkeypatch.setattr(workers, "_started", {})
    assert workers.start(folder, config).id == first.id
    monkeypatch.setattr(workers, "_started", {})
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    assert workers.start(folder, config).id != first.id


def test_one_damaged_run_keeps_no_other_from_being_started(config: RunConfig, tmp_path: Path) -> None:
    first = workers.start(tmp_path / "library", config)
    (first.path / "run.json").write_text("{")
    assert workers.start(tmp_path / "library", config).id != first.id


class _Left(Exception):
    """Leave the queue."""


def order(folder: Path, ids: list[str], clock: Callable[[int], int], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queue after runs came one after the other, each at the time its clock gave."""

    def queue(rest: list[str]) -> list[str]:
        if not rest:
            return waiting(folder)
        runs: list[str] = []

        def leave(_: str) -> None:
            runs.extend(queue(rest[1:]))
            raise _Left

        monkeypatch.setattr(time, "time_ns", lambda: clock(ids.index(rest[0])))
        with lock_of(folder / rest[0]), pytest.raises(_Left), turn(folder, rest[0], "cpu", leave):
            pass
        return runs

    with lock_of(folder / "holder"), turn(folder, "holder", "cpu", lambda _: None):
        return queue(ids)


@pytest.mark.parametrize("step", [10**9, -(10**9), -3_600 * 10**9])
def test_workers_wait_in_the_order_in_which_they_came_though_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    ids = ["c", "a", "b"]
    for name in (*ids, "holder"):
        (tmp_path / name).mkdir()
    start = time.time_ns()
    monkeypatch.setattr(turns, "_POLL_SECONDS", 0.0)
    place = tmp_path / ".turns" / "cpu"
    place.mkdir(parents=True)
    (place / "no-number_x").touch()
    assert order(tmp_path, ids, lambda number: start + number * step, monkeypatch) == ids
