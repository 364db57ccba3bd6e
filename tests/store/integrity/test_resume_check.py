"""Damage before the checkpoint: named, nothing goes on from it, nothing is sealed over it, and no file is changed."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import trained_runs
from killed_runs import contents, copied, flip, without_hashes
from safetensors import safe_open
from safetensors.torch import save_file
from trained_runs import EVERYTHING, numbers, recordings, stopped_at

from snowball_core.errors import RunError
from snowball_core.jobs.fork import prepare_fork
from snowball_core.jobs.fork_points import branch, fork_request
from snowball_core.store.integrity.digests import MOST_MARKS, Tally, summary_of
from snowball_core.store.manifest import sealed
from snowball_core.store.run_folder import CHECKPOINT, HISTORY, METRICS, Run, read_run
from snowball_core.training import recorder
from snowball_core.training.loop import continue_run, record

STEP = 12


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 24 steps that was stopped after 12, and beside it the one that was not."""
    folder = tmp_path_factory.mktemp("stopped")
    config = trained_runs.tiny(trained_runs.write_book(folder / "book.txt"), extra=EVERYTHING)
    shutil.move(record(config, folder).path, folder / "whole")
    with pytest.MonkeyPatch.context() as changed:
        return stopped_at(STEP, folder, config, changed)


def require_refused(run: Run, folder: Path, words: str) -> None:
    """Resume and exact fork say ``words``, and no file of the library is another one afterwards."""
    before = contents(folder)
    with pytest.raises(RunError, match=words):
        continue_run(folder, run)
    assert contents(folder) == before
    if run.checkpoint_step is not None:
        at = branch(run)
        with pytest.raises(RunError, match=words):
            prepare_fork(folder, at, fork_request(folder, at, {"until": "20"}))
        assert contents(folder) == before


def header_of(path: Path) -> tuple[int, dict[str, dict[str, list[int]]]]:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return 8 + length, json.loads(raw[8 : 8 + length])


def test_one_flipped_bit_of_any_tensor_of_a_checkpoint_is_found(stopped: Run, tmp_path: Path) -> None:
    generator = random.Random(13)
    start, header = header_of(stopped.path / CHECKPOINT)
    del header["__metadata__"]
    assert {name.split("/")[0] for name in header} == {"weight", "step", "exp_avg", "exp_avg_sq"}
    run = copied(stopped, tmp_path, "run")
    for name, entry in header.items():
        at, bit = start + generator.randrange(*entry["data_offsets"]), generator.randrange(8)
        flip(run.path / CHECKPOINT, at, bit)
        require_refused(run, tmp_path, rf"checkpoint/state\.safetensors\) .* its tensor {name} is not what was written")
        flip(run.path / CHECKPOINT, at, bit)


def test_one_flipped_bit_of_what_a_checkpoint_says_is_found(stopped: Run, tmp_path: Path) -> None:
    generator = random.Random(14)
    start, _ = header_of(stopped.path / CHECKPOINT)
    run = copied(stopped, tmp_path, "run")
    for _ in range(60):
        at, bit = generator.randrange(start), generator.randrange(8)
        flip(run.path / CHECKPOINT, at, bit)
        before = contents(tmp_path)
        with pytest.raises(RunError, match=r"checkpoint/state\.safetensors|checkpoint of \"run\""):
            continue_run(tmp_path, run)
        assert contents(tmp_path) == before
        flip(run.path / CHECKPOINT, at, bit)


@pytest.mark.parametrize("file", [HISTORY, *(f"{name}.safetensors" for name in EVERYTHING.split(","))])
def test_one_flipped_bit_of_a_recording_is_named_with_its_snapshot(stopped: Run, tmp_path: Path, file: str) -> None:
    generator = random.Random(file)
    run = copied(stopped, tmp_path, "run")
    size = (len((run.path / file).read_bytes()) - 1_024) // (STEP + 1)
    for snapshot in (0, generator.randrange(1, STEP), STEP):
        at, bit = 1_024 + snapshot * size + generator.randrange(size), generator.randrange(8)
        flip(run.path / file, at, bit)
        require_refused(run, tmp_path, rf"{file} of .* snapshot {snapshot} \(step {snapshot}\) is not what was recorded")
        flip(run.path / file, at, bit)


def test_a_changed_number_of_the_metrics_is_named_with_its_row_but_not_its_seconds(stopped: Run, tmp_path: Path) -> None:
    run = copied(stopped, tmp_path, "run")
    file = run.path / METRICS
    lines = file.read_text().splitlines()
    for column in range(4):
        cells = lines[5].split(",")
        digit = cells[column][-1]
        cells[column] = cells[column][:-1] + ("7" if digit != "7" else "8")
        file.write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:]]) + "\n")
        require_refused(run, tmp_path, r"metrics\.csv of .* row [56]")
    file.write_text("\n".join(lines[:-1]) + "\n")
    require_refused(run, tmp_path, r"metrics\.csv of .* row 12 of 12")
    file.write_text("\n".join([*lines[:5], lines[5].rpartition(",")[0] + ",123.0", *lines[6:]]) + "\n")
    assert continue_run(tmp_path, run).state == "completed"
    assert numbers(run.path) == numbers(stopped.path.parent / "whole")


@pytest.mark.parametrize("file", [HISTORY, "gradient.safetensors", METRICS])
def test_a_recording_that_is_gone_or_cut_is_damage(stopped: Run, tmp_path: Path, file: str) -> None:
    run = copied(stopped, tmp_path, "run")
    raw = (run.path / file).read_bytes()
    (run.path / file).write_bytes(raw[: len(raw) // 2])
    before = contents(tmp_path)
    with pytest.raises(RunError, match=rf"{file} of"):
        continue_run(tmp_path, run)
    (run.path / file).unlink()
    with pytest.raises(RunError, match=rf"{file} of"):
        continue_run(tmp_path, run)
    (run.path / file).write_bytes(raw[: len(raw) // 2])
    assert contents(tmp_path) == before


def test_a_damaged_header_of_a_recording_is_written_again_over_sound_snapshots(stopped: Run, tmp_path: Path) -> None:
    run = copied(stopped, tmp_path, "run")
    raw = (run.path / HISTORY).read_bytes()
    (run.path / HISTORY).write_bytes(bytes(1_024) + raw[1_024:])
    assert continue_run(tmp_path, run).state == "completed"
    assert recordings(run.path) == recordings(stopped.path.parent / "whole")


def test_without_its_checkpoint_a_damaged_run_is_trained_again_and_mended(stopped: Run, tmp_path: Path) -> None:
    run = copied(stopped, tmp_path, "run")
    flip(run.path / HISTORY, 1_024 + 40, 3)
    with pytest.raises(RunError, match=r"move checkpoint/state\.safetensors away and resume"):
        continue_run(tmp_path, run)
    (run.path / CHECKPOINT).unlink()
    ended = continue_run(tmp_path, run)
    assert (ended.state, ended.step, ended.message[:2]) == ("completed", 24, "1 ")
    assert recordings(run.path) == recordings(stopped.path.parent / "whole")


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def as_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("make", [as_folder, as_pipe, lambda file: file.write_bytes(b""), lambda file: os.truncate(file, 900)])
def test_a_checkpoint_that_is_no_file_or_half_of_one_is_refused(
    stopped: Run, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    run = copied(stopped, tmp_path, "run")
    make(run.path / CHECKPOINT)
    require_refused(run, tmp_path, r"checkpoint/state\.safetensors\) must hold what was written there; it ")
    with pytest.raises(RunError, match="an exact fork needs a checkpoint"):
        branch(run)


@pytest.mark.parametrize("step", ["", "-1", "1e3", "12.0", "25", "99999999999999999999", "NaN", "１２"])
def test_a_checkpoint_without_hashes_must_say_a_step_of_its_run(stopped: Run, tmp_path: Path, step: str) -> None:
    run = copied(stopped, tmp_path, "run")
    without_hashes(run, step=step)
    require_refused(run, tmp_path, "it must say a step from 0 to 24; it says")


@pytest.mark.parametrize("kind", ["weight/", "exp_avg/", "exp_avg_sq/", "step/"])
def test_a_checkpoint_without_hashes_must_hold_every_tensor_of_its_model(stopped: Run, tmp_path: Path, kind: str) -> None:
    run = copied(stopped, tmp_path, "run")
    without_hashes(run, drop=kind)
    before = contents(run.path)
    with pytest.raises(RunError, match=f"must hold this model; {kind}.* is missing or of another shape or format"):
        continue_run(tmp_path, run)
    assert contents(run.path) == before


def test_a_checkpoint_of_an_older_version_is_resumed_unless_its_matrix_is_another(stopped: Run, tmp_path: Path) -> None:
    run, damaged = copied(stopped, tmp_path, "run"), copied(stopped, tmp_path, "damaged")
    for each in (run, damaged):
        without_hashes(each)
    assert continue_run(tmp_path, run).state == "completed"
    assert recordings(run.path) == recordings(stopped.path.parent / "whole")
    file = damaged.path / CHECKPOINT
    with safe_open(file, "pt") as saved:
        metadata, tensors = saved.metadata(), {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
    tensors["weight/transformer.wte.weight"][3, 2] *= torch.tensor(-1.0)
    save_file(tensors, file, metadata)
    before = contents(damaged.path)
    with pytest.raises(RunError, match=r"must hold the matrix recorded at step 12; it holds another \(SHA-256\)"):
        continue_run(tmp_path, damaged)
    assert contents(damaged.path) == before


def test_a_run_whose_files_change_while_it_is_trained_is_not_sealed(
    stopped: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trim = recorder.Recorder.trim
    for file, at in ((HISTORY, 1_500), ("exp_avg.safetensors", 1_030), (METRICS, 60), (str(CHECKPOINT), -30)):

        def trim_and_damage(self: recorder.Recorder, file: str = file, at: int = at) -> None:
            trim(self)
            flip(self.path / file, at, 1)

        run = copied(stopped, tmp_path, file.replace("/", "-").split(".")[0].replace("_", "-"))
        monkeypatch.setattr(recorder.Recorder, "trim", trim_and_damage)
        with pytest.raises(RunError, match=file):
            continue_run(tmp_path, run)
        assert run.status().state == "failed"
        assert "sha256" not in read_run(run.path).manifest


def test_what_cannot_continue_for_another_reason_changes_no_file_either(stopped: Run, tmp_path: Path) -> None:
    run = copied(stopped, tmp_path, "run")
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["provenance"]["torch"] = "1.0"
    (run.path / "run.json").write_text(json.dumps(sealed(manifest)))
    before = contents(run.path)
    with pytest.raises(RunError, match=r"these changed: torch 1\.0 → "):
        continue_run(tmp_path, read_run(run.path))
    assert contents(run.path) == before


def test_an_exact_fork_has_hashes_of_its_own_and_they_are_compared(stopped: Run, tmp_path: Path) -> None:
    parent = copied(stopped, tmp_path, "parent")
    at = branch(parent)
    run = prepare_fork(tmp_path, at, fork_request(tmp_path, at, {"record": "every-5", "extra": "gradient", "until": "20"}))
    flip(run.path / "gradient.safetensors", 1_024 + 2 * 2 * 128 * 8 + 9, 0)
    with pytest.raises(RunError, match=r"gradient\.safetensors of .* snapshot 2 \(step 10\) is not what was recorded"):
        continue_run(tmp_path, run)
    flip(run.path / "gradient.safetensors", 1_024 + 2 * 2 * 128 * 8 + 9, 0)
    assert continue_run(tmp_path, run).state == "completed"
    flip(run.path / "gradient.safetensors", 1_024 + 2 * 2 * 128 * 8 + 9, 0)
    done = branch(read_run(run.path))
    with pytest.raises(RunError, match=r"gradient\.safetensors of"):
        prepare_fork(tmp_path, done, fork_request(tmp_path, done, {"until": "24"}))


def test_digests_place_damage_in_the_entry_or_its_block() -> None:
    entries = [str(number).encode() for number in range(3 * MOST_MARKS)]
    few, many = Tally(entries[:MOST_MARKS]).summary(), Tally(entries).summary()
    assert (few.every, many.every) == (1, 4)
    assert len(many.marks) == 8 * 768
    damaged = [b"x" if number in (9, 1_000) else entry for number, entry in enumerate(entries)]
    assert Tally(entries).damage(many) == []
    assert Tally(damaged[:MOST_MARKS]).damage(few) == [range(9, 10), range(1_000, 1_001)]
    assert Tally(damaged).damage(many) == [range(8, 12), range(1_000, 1_004)]
    assert Tally(entries[:-1]).damage(many) == [range(3_068, 3_072)]
    assert Tally().damage(Tally().summary()) == []
    assert summary_of(json.loads(json.dumps(many._asdict()))) == many
    for wrong in (
        None,
        [],
        {},
        many._asdict() | {"entries": -1},
        many._asdict() | {"marks": "0"},
        many._asdict() | {"every": 0},
    ):
        with pytest.raises(ValueError, match="digests"):
            summary_of(wrong)
