"""Recording: what was recorded opens at any moment, and a resumed run equals the unbroken one."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import trained_runs
from safetensors import safe_open
from trained_runs import EVERYTHING, numbers, recordings

from snowball_core.config import RunConfig
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs.prepare import prepare
from snowball_core.store import status
from snowball_core.store.manifest import sealed
from snowball_core.store.run_folder import HISTORY, Run, read_run
from snowball_core.store.status import Status, request_stop
from snowball_core.training import loop, recorder
from snowball_core.training.loop import continue_run, record
from snowball_core.training.trainer import Training

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
# How long a worker may take on a busy machine before the test is given up; it asserts nothing about speed.
PATIENCE = 120.0


def tiny(book: Path, **changes: object) -> RunConfig:
    return trained_runs.tiny(book, **{"steps": 30, **changes})


def test_a_run_records_every_step_with_its_hashes_and_provenance(tmp_path: Path, book: Path) -> None:
    states: list[Status] = []
    run = record(tiny(book, extra=EVERYTHING), tmp_path / "runs", states.append)
    assert run.history().words.shape == (31, 128, 8)
    assert run.status().state == states[-1].state == "completed"
    assert run.manifest["sha256"] == recordings(run.path)
    assert len(run.manifest["sha256"]) == 7
    assert run.metrics()["step"].tolist() == list(range(1, 31))
    kept = run.manifest["provenance"]
    assert kept["dtypes"] == {
        "weights": "bfloat16",
        "gradients": "bfloat16",
        "optimizer_state": "bfloat16",
        "compute": "float32",
    }
    assert kept["threads"] == 1
    assert len(run.manifest["corpus"]["byte_counts"]) == 128
    with safe_open(run.path / HISTORY, "np") as file:
        assert file.keys() == ["embedding_history"]


def test_recorded_numbers_are_those_the_trainer_yields(tmp_path: Path, book: Path) -> None:
    config = tiny(book, record="every-7")
    run = record(config, tmp_path / "runs")
    assert run.steps(99).tolist() == [0, 7, 14, 21, 28, 30]
    training = Training(run.config, loop.checked_corpus(tmp_path / "runs", run.config))
    assert training.snapshot().words.tobytes() == run.history().words[0].tobytes()
    losses = [training.advance() for _ in range(30)]
    assert losses[-1].words.tobytes() == run.history().words[-1].tobytes()
    assert [np.float32(s.loss) for s in losses] == run.metrics()["loss"].astype(np.float32).tolist()


def test_nothing_is_written_for_a_configuration_with_faults(tmp_path: Path, book: Path) -> None:
    folder = tmp_path / "runs"
    with pytest.raises(ConfigError, match="vocab must exceed the largest byte"):
        record(tiny(book, vocab=100, steps=3), folder)
    assert not folder.exists()


def test_a_stopped_run_is_trimmed_and_a_resumed_one_equals_the_unbroken_one(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_STATUS_SECONDS", 0.0)
    config = tiny(book, extra=EVERYTHING, record="log", steps=160)
    whole = record(config, tmp_path / "whole")
    run = prepare(tmp_path / "cut", config)
    ended = continue_run(
        tmp_path / "cut", run, lambda now: request_stop(run.path) if (now.state, now.step) == ("running", 50) else None
    )
    assert ended.state == "stopped"
    assert ended.step == 50
    with safe_open(run.path / HISTORY, "np") as file:
        assert file.keys() == ["embedding_history"]
        assert file.get_slice("embedding_history").get_shape()[0] == len(run.history().words) <= ended.step + 1
    assert continue_run(tmp_path / "cut", run).state == "completed"
    assert recordings(run.path) == recordings(whole.path)
    assert numbers(run.path) == numbers(whole.path)


def test_a_checkpoint_at_every_step_changes_nothing(tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = record(tiny(book), tmp_path / "plain")
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    saved = record(tiny(book), tmp_path / "saved")
    assert recordings(plain.path) == recordings(saved.path)


@pytest.mark.parametrize("which", ["history", "moment_hash"])
def test_a_completed_run_that_lost_its_checkpoint_is_not_trained_over_what_differs_from_its_hashes(
    tmp_path: Path, book: Path, which: str
) -> None:
    run = record(tiny(book), tmp_path / "runs")
    file = run.path / f"{which}.safetensors"
    raw = bytearray(file.read_bytes())
    raw[1024 + 40] ^= 1
    file.write_bytes(raw)
    (run.path / "checkpoint" / "state.safetensors").unlink()
    with pytest.raises(RunError, match=rf"{which}\.safetensors of .* its SHA-256 is not that of run.json"):
        continue_run(tmp_path / "runs", run)
    assert file.read_bytes() == bytes(raw)
    assert run.status().state == "completed"


def test_a_run_whose_text_changed_is_not_resumed(tmp_path: Path, book: Path) -> None:
    run = prepare(tmp_path / "runs", tiny(book))
    book.write_text(book.read_text() + "!")
    with pytest.raises(RunError, match="must continue on its original text"):
        continue_run(tmp_path / "runs", run)


@pytest.mark.parametrize(
    ("entry", "value", "difference"),
    [
        ("torch", "1.0", r"torch 1\.0 → "),
        # What runs of the stock model under autocast say.
        ("dtypes", {"compute": "bfloat16"}, r"compute bfloat16 → bfloat16 products, float32 sums\."),
    ],
)
def test_a_run_begun_with_other_versions_or_arithmetic_is_not_resumed(
    tmp_path: Path, book: Path, entry: str, value: object, difference: str
) -> None:
    run = record(tiny(book, compute="bf16"), tmp_path / "runs")
    manifest = json.loads((run.path / "run.json").read_text())
    assert manifest["provenance"]["dtypes"]["compute"] == "bfloat16 products, float32 sums"
    manifest["provenance"][entry] = value
    (run.path / "run.json").write_text(json.dumps(sealed(manifest)))
    with pytest.raises(RunError, match=f"changed since it started: {difference}"):
        continue_run(tmp_path / "runs", read_run(run.path))


def test_a_loss_that_explodes_ends_the_run_as_failed_with_its_step_and_keeps_the_rest(tmp_path: Path, book: Path) -> None:
    run = prepare(tmp_path / "runs", tiny(book, learning_rate=900.0, clip=0.0, optimizer="sgd", precision="f32", extra=""))
    with pytest.raises(RunError, match=r"the loss must stay finite; it became (nan|inf) at step \d+"):
        continue_run(tmp_path / "runs", run)
    status = run.status()
    assert status.state == "failed"
    assert "Lower the learning rate" in status.message
    with safe_open(run.path / HISTORY, "np") as file:
        assert file.keys() == ["embedding_history"]
    kept = len(run.history().words)
    assert f"snapshots are kept ({kept:,})" in status.message
    assert kept >= 1


def test_a_disk_that_fills_during_training_fails_the_run_and_keeps_what_was_recorded(
    tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path / "runs", tiny(book))
    write = recorder.Recorder.write

    def full(self: recorder.Recorder, snapshot: object, seconds: float) -> None:
        if snapshot.step == 9:  # type: ignore[attr-defined]
            raise OSError(28, "No space left on device")
        write(self, snapshot, seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(recorder.Recorder, "write", full)
    with pytest.raises(RunError, match="could not write its files"):
        continue_run(tmp_path / "runs", run)
    assert run.status().state == "failed"
    assert len(run.history().words) == 9
    monkeypatch.undo()
    assert continue_run(tmp_path / "runs", run).state == "completed"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "snowball_core", *words]


def started(runs: Path, book: Path, name: str, **changes: object) -> subprocess.Popen[str]:
    shape = tiny(book, **{"steps": 1_500, **changes}).to_json()
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in shape.items() if value is not None and key != "name"]
    words = command("record", f"--name={name}", *flags, "--runs", str(runs), "--json")
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def folder_of(runs: Path, name: str) -> Path | None:
    return next(iter(runs.glob(f"*-{name}")), None)


def status_of(runs: Path, name: str) -> Status:
    """How far a run is; nowhere while its folder is still being made."""
    path = folder_of(runs, name)
    return read_run(path).status() if path and (path / "run.json").is_file() else Status("queued")


def waited(runs: Path, name: str, step: int) -> Run:
    until = time.monotonic() + PATIENCE
    while (status := status_of(runs, name)).step < step:
        assert time.monotonic() < until, status
        time.sleep(0.02)
    return read_run(folder_of(runs, name))  # type: ignore[arg-type]


def test_a_killed_run_opens_is_interrupted_and_resumes_to_the_same_bytes(tmp_path: Path, book: Path) -> None:
    runs = tmp_path / "runs"
    whole = record(tiny(book, steps=1_500, extra=EVERYTHING), runs)
    generator, at = random.Random(5), 1
    worker = started(runs, book, "cut", extra=EVERYTHING)
    for _ in range(2):
        run = waited(runs, "cut", at)
        time.sleep(generator.random() * 0.2)
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        assert run.status().state == "interrupted"
        with safe_open(run.path / HISTORY, "np") as file:
            recorded = file.get_slice("embedding_history").get_shape()[0]
        assert recorded == len(run.history().words) > at
        at = recorded
        words = command("resume", run.id, "--runs", str(runs), "--json")
        worker = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, error = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0, error
    second = folder_of(runs, "cut")
    assert second
    assert json.loads(out.splitlines()[-1]) == {"run": second.name, "steps": 1500, "state": "completed", "dead": 100}
    assert recordings(whole.path) == recordings(second)
    assert numbers(whole.path) == numbers(second)


def ends_with_a_checkpoint(runs: Path, name: str, worker: subprocess.Popen[str], kind: signal.Signals) -> None:
    """Send a polite signal to the one writer of a run, and wait until it is stopped at its last step."""
    run = waited(runs, name, 1)
    with pytest.raises(RunError, match="a run must have one writer"):
        continue_run(runs, run)
    worker.send_signal(kind)
    assert worker.wait(PATIENCE) == (130 if kind == signal.SIGINT else 0)
    status = run.status()
    assert status.state == "stopped"
    with safe_open(run.path / "checkpoint" / "state.safetensors", "np") as file:
        assert int(file.metadata()["step"]) == status.step
    assert len(run.history().words) == status.step // 10 + 1


def test_a_second_run_waits_for_the_first_and_a_polite_signal_leaves_each_stopped_with_a_checkpoint(
    tmp_path: Path, book: Path
) -> None:
    runs, endless = tmp_path / "runs", {"steps": 1_000_000, "record": "every-10"}
    first = started(runs, book, "first", **endless)
    waited(runs, "first", 1)
    os.setpriority(os.PRIO_PROCESS, first.pid, 10)
    second = started(runs, book, "second", **endless)
    until = time.monotonic() + PATIENCE
    while not (status := status_of(runs, "second")).message.startswith("waits for"):
        assert time.monotonic() < until, status
        time.sleep(0.05)
    assert (status.state, status.message) == ("queued", f"waits for {folder_of(runs, 'first').name}")  # type: ignore[union-attr]
    ends_with_a_checkpoint(runs, "first", first, signal.SIGINT)
    ends_with_a_checkpoint(runs, "second", second, signal.SIGTERM)


def test_the_last_status_is_written_on_a_full_disk_in_the_room_the_status_already_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status.write_status(tmp_path, Status("running", 3, 10))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(status, "write_json", full)
    before = (tmp_path / "status.json").stat().st_size
    status.write_status(tmp_path, Status("failed", 3, 10, message="no room " * 500))
    assert (tmp_path / "status.json").stat().st_size == before
    text = status.read_status(tmp_path)
    assert (text.state, text.step) == ("failed", 3)
    assert text.message.startswith("no room no room")
