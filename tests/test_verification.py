"""Verifying: a sound run is called sound, a changed bit is found, and a replay that cannot be fair is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from snowball_core.config import configured, preset
from snowball_core.errors import RunError
from snowball_core.preparing import prepare
from snowball_core.recording import record
from snowball_core.runs import HISTORY, Run
from snowball_core.verification import replay, verify_hashes


@pytest.fixture
def run(tmp_path: Path) -> Run:
    book = tmp_path / "book.txt"
    book.write_text("the quick brown fox jumps over the lazy dog. " * 40)
    shape = {"context": 16, "batch": 4, "hidden": 8, "layers": 1, "heads": 2, "steps": 12, "threads": 1, "corpus": str(book)}
    return record(configured(preset("primordial-snowball"), {**shape, "record": "every-5"}), tmp_path / "runs")


def flip(path: Path, position: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1
    path.write_bytes(raw)


def test_an_untouched_run_is_sound_and_repeats_every_bit(run: Run) -> None:
    assert verify_hashes(run).is_sound
    found = replay(run, run.path.parent)
    assert found.is_sound
    assert (found.replayed, found.first_difference) == (4, None)


@pytest.mark.parametrize(("index", "step"), [(0, 0), (2, 10), (3, 12)])
def test_one_changed_bit_is_found_by_its_hash_and_by_the_step_it_is_in(run: Run, index: int, step: int) -> None:
    flip(run.path / HISTORY, 1024 + index * 128 * 8 * 2 + 100)
    found = verify_hashes(run)
    assert not found.is_sound
    assert found.files[HISTORY] == "differs"
    assert found.files["moment_hash.safetensors"] == "same"
    again = replay(run, run.path.parent)
    assert (again.first_difference, again.what_differs) == (step, "embedding_history")


def test_a_missing_recording_is_called_missing(run: Run) -> None:
    (run.path / "hidden_mean.safetensors").unlink()
    assert verify_hashes(run).files["hidden_mean.safetensors"] == "missing"


def test_a_replay_under_other_versions_threads_or_text_is_refused_politely(run: Run) -> None:
    for key, value in (("torch", "1.0"), ("threads", 64), ("device", "cuda:0")):
        manifest = {**run.manifest, "provenance": {**run.manifest["provenance"], key: value}}
        with pytest.raises(RunError, match=f"here these differ: {key} {value} → "):
            replay(dataclasses.replace(run, manifest=manifest), run.path.parent)
    Path(run.config.corpus).write_text("another text " * 90)
    with pytest.raises(RunError, match="a replay needs the text of the run"):
        replay(run, run.path.parent)


def test_a_run_that_is_not_complete_has_no_hashes_to_compare(run: Run, tmp_path: Path) -> None:
    unfinished = prepare(tmp_path / "other", run.config)
    with pytest.raises(RunError, match="hashes are written when a run completes"):
        verify_hashes(unfinished)
