"""Who holds a run: a living worker, nobody, or one that just left; and what is told of a lost status."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import snowball_core.store.status as status_module
from snowball_core.config import RunConfig
from snowball_core.errors import RunError
from snowball_core.store.run_folder import create
from snowball_core.store.status import Status, hold, is_locked, read_status, request_stop, stop_marker, write_status

HOLDER = """
import sys
from pathlib import Path
from snowball_core.store.status import Status, hold, write_status
path = Path(sys.argv[1])
with hold(path):
    write_status(path, Status("running", 2, 3))
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    return create(tmp_path / "runs", RunConfig(name="tiny", steps=3), {})


@pytest.fixture
def worker(run):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_run_is_alive_as_long_as_its_worker_and_interrupted_once_it_is_killed(run, worker):
    assert is_locked(run.path)
    assert (run.status().state, run.status().step) == ("running", 2)
    with pytest.raises(
        RunError, match=r"a run has one writer; .* is being trained by another process\. Wait for it or stop it"
    ):
        hold(run.path).__enter__()
    worker.kill()
    worker.wait()
    assert not is_locked(run.path)
    ended = run.status()
    assert (ended.state, ended.step, ended.last_step, ended.seconds_left) == ("interrupted", 2, 3, None)
    assert "resume continues it" in ended.message
    with hold(run.path):
        assert is_locked(run.path)


def test_a_stopped_process_still_holds_its_run_and_a_zombie_does_not(run, worker):
    os.kill(worker.pid, 19)
    assert is_locked(run.path)
    os.kill(worker.pid, 9)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{worker.pid}").exists() or sys.platform != "linux"
    assert not is_locked(run.path)


def test_many_who_ask_at_once_whether_a_run_is_held_do_not_take_each_other_for_its_worker(run):
    (run.path / "lock").touch()
    answers, ready = [], threading.Barrier(6)

    def ask():
        ready.wait()
        answers.extend(is_locked(run.path) for _ in range(100))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [False] * 600


def test_a_running_run_requested_to_stop_is_stopping(run, worker):
    request_stop(run.path)
    assert stop_marker(run.path).exists()
    assert run.status().state == "stopping"


@pytest.mark.parametrize("state", ["completed", "stopped", "failed", "running"])
def test_a_run_without_a_worker_cannot_be_stopped(run, state):
    write_status(run.path, Status(state, 3, 3))
    state_read = "interrupted" if state == "running" else state
    with pytest.raises(RunError, match=f'only a queued or running run can be stopped; ".*" is {state_read}'):
        request_stop(run.path)
    assert not stop_marker(run.path).exists()


@pytest.mark.parametrize("state", ["completed", "stopped", "failed"])
def test_a_finished_run_keeps_its_state_without_a_worker(run, state):
    write_status(run.path, Status(state, 3, 3, message="why"))
    assert (run.status().state, run.status().message, run.status().is_alive) == (state, "why", False)
    assert run.status().updated.startswith("20")


def test_a_worker_that_finishes_while_its_state_is_read_is_completed_not_interrupted(run, monkeypatch):
    write_status(run.path, Status("running", 2, 3))

    def left_just_now(path):
        write_status(path, Status("completed", 3, 3))
        return False

    monkeypatch.setattr(status_module, "is_locked", left_just_now)
    assert read_status(run.path).state == "completed"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "7", '"state"', "{}", '{"state": 3}', '{"state": "flying"}',
     '{"state": "running", "step": "x"}',
     '{"state": "stopped", "last_step": null}', '{"state": ["running"]}', "[" * 100_000, "\xff\xfe"]
)  # fmt: skip
def test_a_lost_status_is_an_interrupted_run(run, content):
    (run.path / "status.json").write_text(content, encoding="latin-1")
    assert run.status() == Status("interrupted", message="its status was lost")


def test_a_status_with_fields_of_a_later_version_is_read(run):
    (run.path / "status.json").write_text('{"state": "stopped", "step": 2, "last_step": 3, "colour": "blue"}')
    assert (run.status().state, run.status().step) == ("stopped", 2)
