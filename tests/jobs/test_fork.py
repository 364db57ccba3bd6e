"""Exact forks: they repeat the parent's bits, are self-contained, and refuse what would make them inexact."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from trained_runs import EVERYTHING, forked, numbers, recordings, stopped_at, tiny

from snowball_core.config import FIELDS
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs.fork import prepare_fork
from snowball_core.jobs.fork_points import FIXED, branch, fork_request
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.history import observe
from snowball_core.store.manifest import sealed
from snowball_core.store.origin import SNAPSHOT, segments
from snowball_core.store.run_folder import CHECKPOINT as CHECKPOINT_FILE
from snowball_core.store.run_folder import HISTORY, read_run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import request_stop
from snowball_core.tables.lineage import jiggled
from snowball_core.tables.verdict import law_rows
from snowball_core.training.loop import continue_run, record
from snowball_core.training.verification import replay, verify_hashes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.mark.parametrize("record_every", ["every", "every-5", "log"])
def test_an_exact_fork_with_nothing_changed_equals_the_unbroken_parent_bit_for_bit(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch, record_every: str
) -> None:
    config = tiny(book, record=record_every, extra=EVERYTHING)
    whole = record(config, folder / "whole")
    parent = stopped_at(13, folder, config, monkeypatch)
    before = recordings(parent.path)
    fork = forked(folder, parent)
    assert fork.status().state == "completed"
    assert recordings(fork.path) == recordings(whole.path)
    assert numbers(fork.path) == numbers(whole.path)
    assert recordings(parent.path) == before
    assert fork.manifest["sha256"] == whole.manifest["sha256"]


def test_an_exact_fork_is_self_contained_when_its_parent_is_gone(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(book)
    parent = stopped_at(9, folder, config, monkeypatch)
    at = branch(parent)
    fork = prepare_fork(folder, at, fork_request(folder, at, {}))
    shutil.rmtree(parent.path)
    assert len(fork.history().words) == 10
    assert fork.metrics()["step"].tolist() == list(range(1, 10))
    assert continue_run(folder, fork).state == "completed"
    assert len(observe(read_run(fork.path)).words) == 25


def test_an_exact_fork_follows_its_own_rate_from_the_checkpoint_on(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = stopped_at(9, folder, tiny(book), monkeypatch)
    fork = forked(folder, parent, learning_rate="0.01", schedule="constant", until="20")
    rates = fork.metrics()["learning_rate"]
    assert rates[:9].tolist() == parent.metrics()["learning_rate"].tolist()
    assert rates[9:].tolist() == [0.01] * 11
    assert (fork.history().words[:10] == parent.history().words).all()
    assert fork.config.last_step == 20
    # The failing side: the parent's own next step is another one.
    going_on = forked(folder, parent)
    assert (going_on.history().words[10] != fork.history().words[10]).any()


def test_a_completed_run_is_extended_by_a_later_until(folder: Path, book: Path) -> None:
    parent = record(tiny(book, steps=24, until=12), folder)
    whole = record(tiny(book, steps=24), folder)
    with pytest.raises(ConfigError, match=r"must train beyond its checkpoint; .* is at step 12 .* Raise until or steps"):
        fork_request(folder, branch(parent), {})
    fork = forked(folder, parent, until="")
    assert recordings(fork.path) == recordings(whole.path)
    assert fork.origin is not None
    assert fork.origin.history_sha256 == file_sha256(parent.path / HISTORY)


def test_a_killed_exact_fork_is_resumed_to_the_same_bits(folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(book, extra=EVERYTHING)
    whole = record(config, folder / "whole")
    parent = stopped_at(7, folder, config, monkeypatch)
    at = branch(parent)
    fork = prepare_fork(folder, at, fork_request(folder, at, {}))
    inherited = (fork.path / CHECKPOINT_FILE).read_bytes()
    continue_run(folder, fork, lambda now: request_stop(fork.path) if (now.state, now.step) == ("running", 15) else None)
    # Killed before its first own checkpoint: the inherited one is all there is.
    (fork.path / CHECKPOINT_FILE).write_bytes(inherited)
    assert continue_run(folder, fork).state == "completed"
    assert recordings(fork.path) == recordings(whole.path)


def test_a_fork_of_a_fork_is_replayed_through_every_part(folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stopped_at(6, folder, tiny(book), monkeypatch)
    second = forked(folder, first, learning_rate="0.02", until="12")
    third = forked(folder, second, jiggle_sigma="0.01", until="18")
    assert [(start, part.learning_rate, part.last_step) for start, part in segments(third.config, third.origin)] == [
        (0, 0.001, 6),
        (6, 0.02, 12),
        (12, 0.02, 18),
    ]
    assert verify_hashes(third).is_sound
    report = replay(third, folder)
    assert (report.replayed, report.first_difference) == (19, None)
    assert jiggled(observe(third)) is not None
    raw = bytearray((third.path / HISTORY).read_bytes())
    raw[1024 + 3 * 128 * 8 * 2] ^= 1
    (third.path / HISTORY).write_bytes(raw)
    assert replay(third, folder).first_difference == 3


def test_noise_in_an_earlier_part_is_not_forgotten(folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = stopped_at(6, folder, tiny(book, jiggle_sigma="0.01"), monkeypatch)
    quiet = forked(folder, noisy, jiggle_sigma="0", until="9")
    assert quiet.config.jiggle_sigma == 0
    assert jiggled(observe(quiet)) is not None
    assert jiggled(observe(forked(folder, quiet, 0, until="2"))) is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("batch", "8", "batch must stay 4 in this fork .*determines the windows of each step.; got 8"),
        ("seed", "7", "seed must stay 42"),
        ("precision", "f32", "precision must stay pure-bf16"),
        ("initial_state", "normal", "initial_state must stay snowball"),
        ("record", "every", "record must not ask for steps the parent did not record; every asks for 8 of them up to step 10"),
        ("extra", "gradient", "extra must not name what the parent did not record; got gradient"),
        ("until", "10", "must train beyond its checkpoint"),
        ("sigma", "-1", "sigma must be at least 0"),
        ("nonsense", "1", "Unknown field"),
    ],
)
def test_what_an_exact_fork_cannot_change_is_refused_with_the_reason(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: str, words: str
) -> None:
    parent = stopped_at(10, folder, tiny(book, record="every-5"), monkeypatch)
    with pytest.raises(ConfigError, match=words):
        fork_request(folder, branch(parent), {field: value})
    assert run_paths(folder) == [parent.path]


def test_faults_of_fields_and_of_the_branch_are_reported_together(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=5), folder)
    with pytest.raises(ConfigError) as caught:
        fork_request(folder, branch(parent), {"batch": "8", "hidden": "16"})
    assert len(caught.value.faults) == 3


def test_a_thinner_history_and_fewer_recordings_are_taken_over(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = stopped_at(10, folder, tiny(book), monkeypatch)
    fork = forked(folder, parent, record="every-4", extra="moment_hash")
    assert fork.steps(99).tolist() == [0, 4, 8, 12, 16, 20, 24]
    assert (fork.history().words[:3] == parent.history().words[[0, 4, 8]]).all()
    assert set(recordings(fork.path)) == {HISTORY, "moment_hash.safetensors"}
    assert replay(fork, folder).is_sound


def test_every_field_is_either_fixed_in_an_exact_fork_or_acts_on_each_step_by_itself() -> None:
    free = set(FIELDS) - set(FIXED)
    assert free == {
        *("name", "steps", "until", "label_shift", "loss_over", "learning_rate", "schedule", "warmup", "weight_decay"),
        *("decay_on", "beta1", "beta2", "eps", "clip", "jiggle_sigma", "jiggle_rows", "record", "extra", "device", "threads"),
    }
    assert set(FIXED) < set(FIELDS)


def test_a_run_without_a_checkpoint_is_forked_from_a_step_only(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=4), folder)
    shutil.rmtree(parent.path / "checkpoint")
    with pytest.raises(
        RunError, match=r"an exact fork needs a checkpoint; .* has none .* from a recorded step instead: --step T"
    ):
        branch(parent)
    assert branch(parent, 4).kind == SNAPSHOT


def test_a_checkpoint_of_another_run_is_refused(folder: Path, book: Path) -> None:
    parent, other = record(tiny(book, until=4), folder), record(tiny(book, until=4, seed=7), folder)
    (parent.path / CHECKPOINT_FILE).write_bytes((other.path / CHECKPOINT_FILE).read_bytes())
    at = branch(parent)
    with pytest.raises(RunError, match=r"must go with what is recorded up to step 4; .* belongs to another run"):
        prepare_fork(folder, at, fork_request(folder, at, {"until": "8"}))
    assert len(run_paths(folder)) == 2


def test_a_checkpoint_of_another_shape_is_refused_when_the_run_continues(folder: Path, book: Path) -> None:
    parent, other = record(tiny(book, until=4), folder), record(tiny(book, until=4, hidden=16), folder)
    at = branch(parent)
    fork = prepare_fork(folder, at, fork_request(folder, at, {"until": "8"}))
    (fork.path / CHECKPOINT_FILE).write_bytes((other.path / CHECKPOINT_FILE).read_bytes())
    with pytest.raises(RunError, match=r"must go with what is recorded up to step 4; .* belongs to another run"):
        continue_run(folder, fork)
    assert fork.status().state == "failed"


def test_an_exact_fork_that_lost_its_checkpoint_does_not_start_over(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=4), folder)
    at = branch(parent)
    fork = prepare_fork(folder, at, fork_request(folder, at, {"until": "8"}))
    (fork.path / CHECKPOINT_FILE).unlink()
    with pytest.raises(RunError, match="has lost it"):
        continue_run(folder, fork)


def test_an_exact_fork_under_other_versions_or_another_text_is_refused(folder: Path, book: Path) -> None:
    parent = record(tiny(book, until=4), folder)
    manifest = json.loads((parent.path / "run.json").read_text())
    manifest["provenance"]["torch"] = "1.0"
    (parent.path / "run.json").write_text(json.dumps(sealed(manifest)))
    with pytest.raises(RunError, match=r"changed since it started: torch 1\.0 → "):
        forked(folder, read_run(parent.path), until="8")
    book.write_text(book.read_text() + "!")
    at = branch(parent)
    with pytest.raises(RunError, match="needs the text of its parent"):
        prepare_fork(folder, at, fork_request(folder, at, {"until": "8"}))


def test_a_fork_with_other_betas_has_its_past_and_breaks_no_law(
    folder: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = stopped_at(13, folder, tiny(book, extra=EVERYTHING), monkeypatch)
    fork = forked(folder, parent, beta2=0.9)
    assert [(part.beta2, part.last_step) for part in branch(fork).past] == [(0.999, 13), (0.9, 24)]
    assert branch(fork, 0).past == ()
    assert [row["law"] for row in law_rows(observe(fork)) if row["violations"]] == []
