"""Workers: detached, one per click, and honest about what they will write."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import trained_runs

from snowball_core.config import RunConfig
from snowball_core.costs import disk_bytes
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs import workers
from snowball_core.jobs.prepare import prepare
from snowball_core.store.run_folder import Run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import request_stop
from snowball_core.training.loop import continue_run, record

pytestmark = pytest.mark.processes


def tiny(book: Path, **changes: object) -> RunConfig:
    return trained_runs.tiny(book, **{"steps": 500_000, "record": "log", **changes})


def waited(run: Run, *states: str) -> str:
    until = time.monotonic() + 120
    while (state := run.status().state) not in states:
        assert time.monotonic() < until, f"still {state}"
        time.sleep(0.05)
    return state


def test_two_clicks_start_one_run_that_is_stopped_resumed_and_killed(tmp_path: Path, book: Path) -> None:
    folder = tmp_path / "runs"
    run, again = workers.start(folder, tiny(book)), workers.start(folder, tiny(book))
    assert run.id == again.id
    assert len(run_paths(folder)) == 1
    waited(run, "running")
    with pytest.raises(RunError, match="only an unfinished run without a worker can be resumed"):
        workers.resume(folder, run.id)
    request_stop(run.path)
    waited(run, "stopped")
    reached = run.status().step
    workers.resume(folder, run.id)
    waited(run, "running")
    until = time.monotonic() + 120
    while run.status().step <= reached:
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = next(pid for pid in _pids() if run.id.encode() in _command(pid))
    os.kill(worker, signal.SIGKILL)
    # The status file still says running, and the pid may be reused: only the lock counts.
    assert waited(run, "interrupted") == "interrupted"


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_faulty_configuration_starts_nothing(tmp_path: Path, book: Path) -> None:
    with pytest.raises(ConfigError, match="vocab must exceed"):
        workers.start(tmp_path / "runs", tiny(book, vocab=50))
    assert run_paths(tmp_path / "runs") == []


@pytest.mark.parametrize("precision", ["pure-bf16", "bf16-weights", "mixed", "f32"])
@pytest.mark.parametrize("extra", ["", "moment_hash,hidden_mean,dead_probability,gradient,exp_avg,exp_avg_sq"])
def test_the_estimate_is_within_a_tenth_of_the_bytes_really_written(
    tmp_path: Path, book: Path, precision: str, extra: str
) -> None:
    config = tiny(book, steps=150, hidden=32, precision=precision, extra=extra, record="every")
    run = record(config, tmp_path / "runs")
    written = sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
    assert disk_bytes(config) == pytest.approx(written, rel=0.1)


def test_a_disk_without_room_is_found_before_anything_is_written(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = disk_bytes(tiny(book)) - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": free})())
    with pytest.raises(RunError, match="the disk must have room for the whole run"):
        prepare(tmp_path / "runs", tiny(book))
    assert run_paths(tmp_path / "runs") == []


def test_a_folder_that_vanishes_ends_the_run_with_a_message(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snowball_core.training.loop.CHECKPOINT_SECONDS", 0.0)
    run = prepare(tmp_path / "runs", tiny(book))

    def vanish(status: object) -> None:
        if status.step > 0:  # type: ignore[attr-defined]
            shutil.rmtree(run.path, ignore_errors=True)

    with pytest.raises(RunError, match=r"could not write its files \(No such file or directory: checkpoint\)"):
        continue_run(tmp_path / "runs", run, vanish)
