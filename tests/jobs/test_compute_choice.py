"""``compute = auto``: the faster arithmetic, measured once, and written into the run instead of the word."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from trained_runs import tiny

from snowball_core.cli.main import main
from snowball_core.config import RunConfig
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs import compute_choice
from snowball_core.jobs.compute_choice import chosen
from snowball_core.jobs.prepare import prepare
from snowball_core.store.run_folder import read_run
from snowball_core.training import step_times

AUTO = RunConfig(compute="auto", context=16, batch=4, hidden=8, layers=1, threads=1)


@pytest.fixture(autouse=True)
def fresh() -> None:
    compute_choice._measured.cache_clear()


def answers(monkeypatch: pytest.MonkeyPatch, answer: str, status: int = 0) -> list[str]:
    """Replace the measuring process; the shapes it is started with."""
    shapes: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        shapes.append(command[-1])
        if status:
            raise subprocess.CalledProcessError(status, command, "", answer)
        return subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(subprocess, "run", run)
    return shapes


@pytest.mark.parametrize(("f32", "bf16", "faster"), [(0.02, 0.01, "bf16"), (0.02, 0.03, "f32")])
def test_the_faster_arithmetic_is_chosen_with_both_times_and_measured_once_for_a_shape(
    monkeypatch: pytest.MonkeyPatch, f32: float, bf16: float, faster: str
) -> None:
    shapes = answers(monkeypatch, json.dumps({"f32": f32, "bf16": bf16}))
    choice = chosen(AUTO)
    assert choice.config == RunConfig(**{**AUTO.to_json(), "compute": faster})
    assert choice.reason == (
        f"compute auto: {faster}; measured here, a step takes 20.0 ms with f32, {1e3 * bf16:.1f} ms with bf16"
    )
    assert chosen(RunConfig(**{**AUTO.to_json(), "seed": 7, "steps": 3})).config.compute == faster
    assert len(shapes) == 1
    chosen(RunConfig(**{**AUTO.to_json(), "hidden": 16}))
    assert len(shapes) == 2


def test_nothing_is_measured_where_the_arithmetic_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = answers(monkeypatch, "{}")
    for compute in ("f32", "bf16"):
        assert chosen(RunConfig(compute=compute)) == (RunConfig(compute=compute), "")
    assert not shapes


def test_float32_is_chosen_without_a_measurement_on_a_processor_without_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times, "has_bf16_units", lambda: False)
    assert step_times.step_seconds(AUTO) == {}
    answers(monkeypatch, "{}")
    assert chosen(AUTO) == (
        RunConfig(**{**AUTO.to_json(), "compute": "f32"}),
        ("compute auto: f32, since the processor lists no bfloat16 units"),
    )


def test_steps_of_the_shape_are_measured_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_times, "has_bf16_units", lambda: True)
    seconds = step_times.step_seconds(RunConfig(**{**AUTO.to_json(), "vocab": 20, "extra": ""}))
    assert list(seconds) == ["f32", "bf16"]
    assert all(0 < taken < 60 for taken in seconds.values())


def test_a_device_that_is_not_there_and_steps_that_cannot_be_run_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, json.dumps({"error": "device must exist on this machine; got cuda. Use auto or cpu."}))
    with pytest.raises(ConfigError, match="device must exist on this machine; got cuda"):
        chosen(RunConfig(compute="auto", device="cuda"))
    answers(monkeypatch, "Traceback:\nMemoryError: 9 GB", status=1)
    with pytest.raises(RunError, match=r"they failed \(MemoryError: 9 GB\)\. Choose f32 or bf16\."):
        chosen(AUTO)


@pytest.mark.processes
def test_a_recorded_run_names_what_was_chosen_before_it_began(
    tmp_path: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ["record", "--corpus", str(book), "--steps", "2", "--compute", "auto", "--runs", str(tmp_path / "runs")]
    assert main([*text, "--context", "16", "--batch", "4", "--hidden", "8", "--layers", "1", "--threads", "1"]) == 0
    (path,) = (tmp_path / "runs").glob("*/run.json")
    compute = read_run(path.parent).config.compute
    assert compute in ("f32", "bf16")
    assert capsys.readouterr().out.startswith(f"compute auto: {compute}")


def test_a_prepared_run_never_keeps_the_word(tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, json.dumps({"f32": 0.02, "bf16": 0.01}))
    run = prepare(tmp_path / "runs", tiny(book, compute="auto"))
    assert read_run(run.path).config.compute == "bf16"
    assert "bfloat16 products" in run.manifest["consequences"]["compute"]
