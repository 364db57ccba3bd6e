"""Forks from a snapshot: W begins with its bits, everything else fresh; and the origin recorded in every fork."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from trained_runs import EVERYTHING, forked, recordings, tiny

from snowball_core.cli.main import main
from snowball_core.config_checks import configured
from snowball_core.errors import ConfigError, HistoryError, RunError
from snowball_core.export.methods import methods
from snowball_core.jobs import workers
from snowball_core.jobs.fork import prepare_fork
from snowball_core.jobs.fork_points import branch, branch_faults, fork_request
from snowball_core.jobs.prepare import checked_corpus, prepare, request
from snowball_core.measures.bf16 import values
from snowball_core.schedules import learning_rate_at
from snowball_core.store.history import observe
from snowball_core.store.origin import CHECKPOINT, SNAPSHOT, changes, origin_of, origin_sentence
from snowball_core.store.run_folder import CHECKPOINT as CHECKPOINT_FILE
from snowball_core.store.run_folder import HISTORY, Run, matrix_sha256, open_run, read_run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import request_stop
from snowball_core.training import loop
from snowball_core.training.loop import continue_run, record
from snowball_core.training.trainer import Training
from snowball_core.training.verification import replay, verify_hashes

pytestmark = pytest.mark.processes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_a_fork_from_a_snapshot_begins_with_its_bits_and_fresh_everything_else(folder: Path, book: Path) -> None:
    parent = record(tiny(book, extra=EVERYTHING), folder)
    fork = forked(folder, parent, 11)
    matrix = parent.history().words[11]
    assert fork.history().words[0].tobytes() == matrix.tobytes()
    assert fork.config.initial_state == "snapshot"
    training = Training(fork.config, checked_corpus(folder, fork.config), matrix)
    plain = Training(parent.config, checked_corpus(folder, parent.config))
    for name, weight in plain.weights.items():
        is_same = bool((training.weights[name] == weight).all())
        assert is_same == (name != "transformer.wte.weight"), name
    assert not any("exp_avg" in name for name in training.state())
    recorded = {file: (fork.path / f"{file}.safetensors") for file in ("exp_avg", "exp_avg_sq")}
    for file in recorded.values():
        assert not np.frombuffer(file.read_bytes()[1024 : 1024 + 128 * 8 * 2], np.uint16).any()
    assert fork.metrics()["learning_rate"][0] == learning_rate_at(fork.config, 1) == 1e-3
    assert fork.metrics()["step"].tolist() == list(range(1, 25))


def test_a_fork_from_a_snapshot_is_sound_replayed_and_resumed_to_the_same_bits(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = record(tiny(book), folder)
    fork = forked(folder, parent, 5, learning_rate="0.003", seed="9")
    assert verify_hashes(fork).is_sound
    assert replay(fork, folder).replayed == 25
    at = branch(parent, 5)
    again = prepare_fork(folder, at, fork_request(folder, at, {"learning_rate": "0.003", "seed": "9"}))
    shutil.rmtree(parent.path)
    monkeypatch.setattr(loop, "_STATUS_SECONDS", 0.0)
    continue_run(folder, again, lambda now: request_stop(again.path) if (now.state, now.step) == ("running", 8) else None)
    (again.path / CHECKPOINT_FILE).unlink()
    assert continue_run(folder, again).state == "completed"
    assert recordings(again.path) == recordings(fork.path)


def test_a_first_snapshot_that_was_changed_is_refused(folder: Path, book: Path) -> None:
    fork = forked(folder, record(tiny(book), folder), 5)
    raw = bytearray((fork.path / HISTORY).read_bytes())
    raw[1024] ^= 1
    (fork.path / HISTORY).write_bytes(raw)
    with pytest.raises(RunError, match=r"must be the matrix it was forked with; its SHA-256 is not"):
        replay(fork, folder)


def test_an_exact_fork_of_a_fork_from_a_snapshot_is_replayed_from_the_snapshot(folder: Path, book: Path) -> None:
    first = forked(folder, record(tiny(book), folder), 5, until="6")
    second = forked(folder, first, until="", learning_rate="0.01")
    assert second.origin is not None
    assert second.origin.earlier == first.origin
    assert replay(second, folder).replayed == 25


@pytest.mark.parametrize(("precision", "kept"), [("bf16-weights", np.uint16), ("f32", np.float32), ("mixed", np.float32)])
def test_a_bfloat16_snapshot_is_kept_exactly_in_every_format(folder: Path, book: Path, precision: str, kept: type) -> None:
    parent = record(tiny(book, until=3), folder)
    fork = forked(folder, parent, 3, precision=precision, until="2")
    first, matrix = fork.history().words[0], parent.history().words[3]
    assert first.dtype == kept
    assert values(first).tobytes() == values(matrix).tobytes()
    assert fork.origin is not None
    assert fork.origin.matrix_sha256 == matrix_sha256(first)


def test_a_float32_snapshot_is_not_rounded(folder: Path, book: Path) -> None:
    parent = record(tiny(book, precision="f32", until=3), folder)
    with pytest.raises(
        ConfigError, match=r"precision must keep the snapshot's float32 numbers as they are; pure-bf16 would round"
    ):
        fork_request(folder, branch(parent, 3), {"precision": "pure-bf16"})
    assert forked(folder, parent, 3, precision="mixed", until="1").status().state == "completed"


@pytest.mark.parametrize("step", [7, -1, 10**30])
def test_a_step_that_was_not_recorded_is_refused_with_the_nearest(folder: Path, book: Path, step: int) -> None:
    parent = record(tiny(book, until=12, record="every-5"), folder)
    near = {7: 5, -1: 0}.get(step, 12)
    with pytest.raises(
        HistoryError, match=rf"a fork begins at a recorded step; got {step:,}\. .* nearest to it at step {near}"
    ):
        branch(parent, step)


@pytest.mark.parametrize("field", ["hidden", "vocab", "sigma", "initial_state"])
def test_another_shape_or_another_draw_cannot_go_with_a_snapshot(folder: Path, book: Path, field: str) -> None:
    parent = record(tiny(book, until=3), folder)
    value = {"hidden": "16", "vocab": "200", "sigma": "0.5", "initial_state": "normal"}[field]
    with pytest.raises(ConfigError, match=f"{field} must stay"):
        fork_request(folder, branch(parent, 2), {field: value})


def test_a_matrix_that_is_not_finite_is_no_beginning(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=3), folder)
    raw = bytearray((parent.path / HISTORY).read_bytes())
    raw[1024 + 2 * 128 * 8 * 2 :][:2] = b"\x80\x7f"
    raw[1024 + 2 * 128 * 8 * 2 : 1024 + 2 * 128 * 8 * 2 + 2] = b"\x80\x7f"
    (parent.path / HISTORY).write_bytes(raw)
    at = branch(parent, 2)
    with pytest.raises(RunError, match=r"snapshot 2 \(step 2\) is not what was recorded.* --step 1\)"):
        prepare_fork(folder, at, fork_request(folder, at, {}))
    shutil.rmtree(parent.path / "checkpoint")  # and with it the hash of the snapshot
    with pytest.raises(RunError, match="must start from finite numbers"):
        prepare_fork(folder, at, fork_request(folder, at, {}))
    assert [entry.name for entry in folder.iterdir() if entry.name.startswith("2")] == [parent.id]


def test_a_snapshot_is_no_initial_state_without_a_fork(folder: Path, book: Path) -> None:
    with pytest.raises(ConfigError, match=r"Fork that run at the step you want"):
        request(folder, tiny(book), {"initial_state": "snapshot"})
    given = configured(tiny(book), {"initial_state": "snapshot"})
    with pytest.raises(ConfigError, match=r"Fork that run at the step you want"):
        prepare(folder, given)
    with pytest.raises(RunError, match="needs a recorded matrix"):
        Training(given, checked_corpus(folder, given))
    assert run_paths(folder) == []


# The origin recorded in a fork.


def test_a_fork_says_what_it_took_over_and_what_not(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=6), folder)
    exact, fresh = forked(folder, parent, until="8", beta2="0.99"), forked(folder, parent, 2, until="1", label_shift="1")
    assert (exact.id.endswith("-fork"), fresh.config.name) == (True, "primordial-snowball-fork")
    origin = fresh.origin
    assert origin is not None
    assert (origin.kind, origin.parent, origin.step) == (SNAPSHOT, parent.id, 2)
    assert origin.matrix_sha256 == matrix_sha256(parent.history().words[2])
    assert origin.history_sha256 == parent.manifest["sha256"][HISTORY]
    message = origin_sentence(origin, fresh.config)
    for words in (parent.id, "step 2", "bit for bit", "drawn from seed 42", "moments"):
        assert words in message
    assert "snapshot of another run" in fresh.manifest["consequences"]["initial_state"]
    assert "base" not in fresh.manifest["consequences"]
    assert fresh.manifest["provenance"]["base_length"] is None
    assert "W is the snapshot" in fresh.manifest["provenance"]["seeds"]["initial_state"]
    assert any(fault.startswith("labels shifted twice") and parent.id in fault for fault in fresh.manifest["faults_carried"])
    assert exact.origin is not None
    assert exact.origin.kind == CHECKPOINT
    assert "beta2 0.999 → 0.99" in origin_sentence(exact.origin, exact.config)
    assert changes(exact.origin.before, exact.config) == ["until 6 → 8", "beta2 0.999 → 0.99"]


def test_the_methods_paragraph_names_every_origin_with_its_hash(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=4), folder)
    first = forked(folder, parent, 3, until="2")
    text = methods(observe(forked(folder, first, until="4", learning_rate="0.01")))
    for words in (
        *("initialized with a snapshot of another run", f"snapshot of {parent.id} at step 3", "drawn from seed 42"),
        *(f"checkpoint of {first.id} at step 2", "learning_rate 0.001 → 0.01", matrix_sha256(parent.history().words[3])),
    ):
        assert words in text
    assert "base normal" not in text
    assert "Forked" not in methods(observe(parent))


@pytest.mark.parametrize("damage", [3, [], {}, {"kind": "x"}, "deep"])
def test_a_damaged_fork_entry_is_a_damaged_run(folder: Path, book: Path, damage: object) -> None:
    fork = forked(folder, record(tiny(book, until=2), folder), 1, until="1")
    manifest = json.loads((fork.path / "run.json").read_text())
    if damage == "deep":
        damage = {**manifest["fork"], "step": "one"}
    (fork.path / "run.json").write_text(json.dumps({**manifest, "fork": damage}))
    with pytest.raises(RunError, match=r"damaged run\.json[\s\S]*fork entry"):
        read_run(fork.path)
    assert origin_of({}) is None


def test_while_read_only_nothing_is_forked(folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = record(tiny(book, until=4), folder)
    before = sorted(folder.rglob("*"))
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    for at in (branch(parent), branch(parent, 2)):
        config = fork_request(folder, at, {"until": "8"})
        assert branch_faults(at, config) == []
        with pytest.raises(RunError, match="read-only"):
            prepare_fork(folder, at, config)
        with pytest.raises(RunError, match="read-only"):
            workers.start(folder, config, at)
    assert sorted(folder.rglob("*")) == before


def test_the_command_forks_both_ways_and_refuses_in_words(folder: Path, book: Path, capfd: pytest.CaptureFixture[str]) -> None:
    parent = record(tiny(book, until=6), folder)
    at = ["fork", parent.id, "--runs", str(folder)]
    assert main([*at, "--until", "9", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (answer["kind"], answer["step"], answer["steps"], answer["state"]) == ("checkpoint", 6, 9, "completed")
    assert open_run(folder, answer["run"]).origin is not None
    assert main([*at, "--step", "3", "--until", "2"]) == 0
    assert "drawn from seed 42" in capfd.readouterr().out
    assert main([*at, "--step", "99"]) == 2
    refused = capfd.readouterr().err
    assert refused.count("\n") == 1
    assert "a fork begins at a recorded step" in refused


def test_two_clicks_on_a_fork_start_one_run_and_the_parent_is_not_taken_for_it(folder: Path, book: Path) -> None:
    config = tiny(book, until=4, steps=400_000, record="log", name="x-fork")
    parent = record(config, folder)
    at = branch(parent)
    wanted = fork_request(folder, at, {"until": ""})
    first, second = workers.start(folder, wanted, at), workers.start(folder, wanted, at)
    try:
        assert first.id == second.id != parent.id
    finally:
        request_stop(first.path)
        _wait_until_still(first)


def _wait_until_still(run: Run) -> None:
    until = time.monotonic() + 120
    while run.status().is_alive:
        assert time.monotonic() < until
        time.sleep(0.05)
