"""Full checks of a run: checkpoints of this version and of older ones, forks, and runs that are not complete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from damaging import DEAD, HIDDEN, MOMENTS, STATE, edit, flip, flip_tensor, holds, lines, listed, without_hashes
from trained_runs import forked, stopped_at, tiny, write_book

from snowball_core.cli.main import main
from snowball_core.config_checks import configured
from snowball_core.costs import HISTORY, parameter_shapes, recorded_name
from snowball_core.costs import recorded_name as name_of_the_model
from snowball_core.measures.bf16 import from_values
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import METRICS, Run, matrix_sha256, read_run
from snowball_core.store.status import hold
from snowball_core.training.loop import record
from snowball_core.training.model import build
from snowball_core.training.verification import verify_hashes

ALL = (HISTORY, MOMENTS, HIDDEN, DEAD, METRICS, STATE)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A completed run of twelve steps whose snapshots are those of steps 0, 5, 10 and 12."""
    folder = tmp_path_factory.mktemp("trained")
    return record(tiny(write_book(folder / "book.txt"), steps=12, record="every-5"), folder / "runs")


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    return read_run(Path(shutil.copytree(trained.path, tmp_path / "runs" / trained.id)))


@pytest.fixture(scope="module")
def halted(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run stopped at step 7 of twelve: snapshots 0 and 5."""
    with pytest.MonkeyPatch.context() as patch:
        return stopped_at(7, tmp_path_factory.mktemp("stopped"), trained.config, patch)


@pytest.fixture
def stopped(halted: Run, tmp_path: Path) -> Run:
    return read_run(Path(shutil.copytree(halted.path, tmp_path / "runs" / halted.id)))


@pytest.mark.parametrize(
    "fields",
    [
        {"tied": False, "matrix": "unembedding"},
        {"norm_layer": "rmsnorm", "layers": 2, "precision": "f32"},
        {"precision": "mixed", "decay_on": "all"},
        {"precision": "bf16-weights"},
        {"optimizer": "sgd", "extra": "hidden_mean"},
    ],
)
def test_the_state_that_a_checkpoint_must_hold_is_that_of_the_model(
    trained: Run, tmp_path: Path, fields: dict[str, object]
) -> None:
    config = configured(trained.config, {"steps": "2", **fields})
    model, _ = build(config)
    assert parameter_shapes(config) == {name: tuple(each.shape) for name, each in model.named_parameters()}
    assert recorded_name(config) == name_of_the_model(config)
    run = record(config, tmp_path)
    assert verify_hashes(run).files[STATE] == "same"
    without_hashes(run.path)
    assert verify_hashes(run).files[STATE] == "agrees"
    flip_tensor(run.path / STATE, f"weight/{recorded_name(config)}")
    assert verify_hashes(run).files[STATE] == "differs"


def test_a_checkpoint_of_an_older_version_is_compared_with_what_else_is_known(run: Run) -> None:
    """It has no hash but that of its matrix: its step, shapes and matrix must be those of the run."""
    without_hashes(run.path)
    report = verify_hashes(run)
    assert report.is_sound
    assert (report.files[STATE], report.files[METRICS], report.files[HISTORY]) == ("agrees", "agrees", "same")
    kept = (run.path / STATE).read_bytes()
    for change, problem in (
        (lambda file: flip_tensor(file, "weight/transformer.wte.weight"), "the matrix whose SHA-256 is beside it"),
        (lambda file: flip_tensor(file, "step/transformer.wte.weight", 2, 4), "step/transformer.wte.weight says another"),
        (lambda file: file.write_bytes(kept.replace(b'"12"', b'"11"')), "12 if it is completed; it says 11"),
        (lambda file: file.write_bytes(kept.replace(b"exp_avg/transformer.wpe", b"exp_avg/transformer.wpf")), "wpe.weight is"),
    ):
        (run.path / STATE).write_bytes(kept)
        change(run.path / STATE)
        report = verify_hashes(run)
        assert report.files[STATE] == "differs"
        assert problem in " ".join(report.problems)


def test_a_checkpoint_must_hold_the_matrix_that_the_history_recorded(run: Run) -> None:
    """Also where the history was changed and everything that names its hash with it."""
    without_hashes(run.path)
    flip(run.path / HISTORY, 1024 + 3 * 128 * 8 * 2)
    listed(run.path, HISTORY)
    assert verify_hashes(read_run(run.path)).problems == (
        f"{STATE} must hold the matrix recorded at step 12; the history holds another (SHA-256).",
    )


def test_a_fork_holds_the_matrix_it_was_forked_with(trained: Run, tmp_path: Path) -> None:
    child = forked(tmp_path / "runs", trained, 5)
    assert verify_hashes(child).is_sound
    (child.path / STATE).unlink()
    flip(child.path / HISTORY, 1_100)
    listed(child.path, HISTORY)
    assert verify_hashes(read_run(child.path)).problems == (
        f"the matrix at step 0 must be the one forked from {trained.id}; its SHA-256 is another than run.json says.",
    )


def test_a_stopped_run_is_compared_with_the_hashes_of_its_checkpoint(stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_hashes(stopped).files == dict.fromkeys(ALL, "same")
    assert main(["verify", stopped.id, "--runs", str(stopped.path.parent)]) == 0
    capsys.readouterr()
    with hold(stopped.path):
        assert verify_hashes(stopped).is_sound
    for name in (HISTORY, MOMENTS, HIDDEN, DEAD):
        kept = (stopped.path / name).read_bytes()
        flip(stopped.path / name, len(kept) - 1)
        report = verify_hashes(stopped)
        assert report.files == {**dict.fromkeys(ALL, "same"), name: "differs"}
        assert report.problems[0].startswith(f"{name} up to the checkpoint: snapshot 1 (step 5) is not what was recorded")
        assert main(["verify", stopped.id, "--runs", str(stopped.path.parent), "--json"]) == 2
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["sound"] is False
        (stopped.path / name).write_bytes(kept)
    lines(stopped.path / METRICS, lambda old: [*old[:3], old[3].replace(",4.", ",5."), *old[4:]])
    assert verify_hashes(stopped).files == {**dict.fromkeys(ALL, "same"), METRICS: "differs"}


def test_a_stopped_run_without_hashes_is_not_called_sound(stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    without_hashes(stopped.path)
    assert main(["verify", stopped.id, "--runs", str(stopped.path.parent)]) == 2
    assert "hashes are written when a run completes" in capsys.readouterr().err
    holds(stopped.path / MOMENTS, 1)
    assert main(["verify", stopped.id, "--runs", str(stopped.path.parent)]) == 2
    assert "moment_hash.safetensors must hold 2 snapshots" in capsys.readouterr().err


def test_a_matrix_with_nan_is_compared_by_its_other_numbers(stopped: Run) -> None:
    """Which bits of bfloat16 a NaN of float32 becomes depends on the processor."""
    from safetensors.torch import load_file, save_file

    edit(stopped.path / "run.json", config={**stopped.config.to_json(), "precision": "bf16-weights", "record": "every"})
    run = read_run(stopped.path)
    tensors = load_file(run.path / STATE)
    weight = tensors["weight/transformer.wte.weight"].float()
    weight[0, 0] = float("nan")
    words = from_values(weight.numpy())
    words[0, 0] = 0xFFFF
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, "embedding_history", "BF16", words.shape, 8, {}) as history:
        for _ in range(8):
            history.append(words)
        history.trim()
    kept = {name: each if name.startswith("step/") else each.float() for name, each in tensors.items()}
    for other, state in ((0.0, "agrees"), (1.0, "differs")):
        weight[1, 1] += other
        facts = {"step": "7", "matrix_sha256": matrix_sha256(words)}
        save_file({**kept, "weight/transformer.wte.weight": weight.bfloat16().float()}, run.path / STATE, facts)
        assert verify_hashes(run).files[STATE] == state
    assert np.isnan(weight.numpy()).any()
