"""The accelerator's benchmark on a tiny model: its laws hold here, and each of them can fail; nothing ends the sitting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch.autograd import DeviceType

from benchmarks.accelerator import checks, command, kernels, kill, many, times
from benchmarks.accelerator.sitting import (
    BROKEN,
    FAILS,
    HOLDS,
    MEASURED,
    NOT_RUN,
    Clock,
    Row,
    Sitting,
    checked,
    not_run,
)
from snowball_core.config_checks import configured, preset
from snowball_core.store.corpus import from_bytes
from snowball_core.training import trainer
from snowball_core.training.loop import record
from snowball_core.training.trainer import Snapshot, Training

TEXT = b"the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 12
TINY = {"context": 16, "batch": 4, "hidden": 8, "layers": 1, "heads": 2, "threads": 1, "device": "cpu"}


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    place = tmp_path / "text.txt"
    place.write_bytes(TEXT)
    config = configured(preset("primordial-snowball"), {**TINY, "corpus": str(place)})
    return Sitting(config, from_bytes(TEXT, "test"), Clock(60.0), tmp_path, window=5, windows=2)


def states(rows: Iterator[Row]) -> list[str]:
    return [row.state for row in rows]


def test_step_0_is_what_the_cpu_draws_and_another_draw_is_told_apart(sitting: Sitting, monkeypatch: Any) -> None:
    assert states(checks.initial_state(sitting)) == [HOLDS, NOT_RUN]
    build = checks.build
    monkeypatch.setattr(checks, "build", lambda config: build(replace(config, seed=43)))
    first = next(checks.initial_state(sitting))
    assert first.state == FAILS
    assert "transformer.wte.weight" in first.numbers["differing"]


def test_step_0_is_compared_with_the_shipped_run(sitting: Sitting) -> None:
    same = record(replace(sitting.config, until=0), sitting.folder / "runs")
    other = record(replace(sitting.config, until=0, seed=43), sitting.folder / "runs")
    for run, state in ((same, HOLDS), (other, FAILS)):
        sitting.shipped = run.path
        assert states(checks.initial_state(sitting)) == [HOLDS, state]


def test_losses_are_compared_with_the_published_means(sitting: Sitting, monkeypatch: Any) -> None:
    sitting.is_published = True
    losses = [snapshot.loss for snapshot in sitting.snapshots("f32", 10)[1:]]
    means = (float(np.mean(losses[:5])), float(np.mean(losses[5:])))
    for shift, state in ((0.0, HOLDS), (0.0019, HOLDS), (0.0021, FAILS)):
        monkeypatch.setattr(checks, "PUBLISHED", (means[0], means[1] + shift))
        (row,) = checks.losses(sitting, "f32")
        assert (row.state, row.value) == (state, pytest.approx(shift))


def test_without_the_published_text_losses_are_compared_with_the_cpus(sitting: Sitting) -> None:
    (reference,) = checks.losses(sitting, "f32")
    assert (reference.state, "they are the reference" in reference.note) == (NOT_RUN, True)
    (row,) = checks.losses(sitting, "bf16")
    assert "against those of the CPU in float32" in row.what
    assert row.value is not None
    assert row.state == (HOLDS if row.value <= 0.002 else FAILS)
    assert 0 < row.value < 0.02
    assert len(row.numbers["losses"]) == 10


@pytest.mark.parametrize("compute", ["f32", "bf16"])
def test_two_trainings_are_equal_and_another_one_is_not(sitting: Sitting, compute: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(checks, "_REPEATED_STEPS", 5)
    (row,) = checks.determinism(sitting, compute)
    assert (row.state, row.numbers) == (HOLDS, {"steps": 5})
    sitting.config = replace(sitting.config, learning_rate=2e-3)
    (row,) = checks.determinism(sitting, compute)
    assert (row.state, row.note) == (FAILS, "embedding_history differs at step 1")


@pytest.mark.parametrize("compute", ["f32", "bf16"])
def test_equal_rows_get_equal_gradients_and_another_bit_is_found(sitting: Sitting, compute: str, monkeypatch: Any) -> None:
    assert states(checks.equal_rows(sitting, compute)) == [HOLDS, HOLDS]
    advance = Training.advance

    def altered(training: Training, wanted: bool = True) -> Snapshot:
        snapshot = advance(training, wanted)
        snapshot.extras["gradient"][np.flatnonzero(training.dead.numpy())[-1], 0] ^= 1
        return snapshot

    monkeypatch.setattr(Training, "advance", altered)
    assert list(checks.equal_rows(sitting, compute))[1].note == "1 rows got another gradient at step 1"


def test_separated_rows_are_counted() -> None:
    rows = np.array([[1, 1], [1, 1], [2, 2]], np.uint16)
    assert checks.separated_rows(rows, np.array([[5, 5], [5, 5], [5, 5]], np.uint16)) == (0, 1)
    assert checks.separated_rows(rows, np.array([[5, 5], [5, 6], [5, 5]], np.uint16)) == (1, 1)


def test_files_of_a_run_are_compared_with_the_unbroken_training(sitting: Sitting) -> None:
    whole = sitting.snapshots("f32", 8)
    run = record(replace(sitting.config, until=8), sitting.folder / "runs")
    assert kill.first_difference(run, whole) == ""
    assert kill.first_difference(run, whole[:-1]) == "9 snapshots are recorded instead of 8"
    other = [*whole[:-1], replace(whole[-1], grad_norm=whole[-1].grad_norm * 1.001)]
    assert kill.first_difference(run, other) == "metrics.csv differs at step 8"
    for name in ("history", "moment_hash"):
        file = run.path / f"{name}.safetensors"
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 1
        file.write_bytes(raw)
        tensor = "embedding_history" if name == "history" else name
        assert kill.first_difference(run, whole) == f"{tensor} differs at step 8"
        raw[-1] ^= 1
        file.write_bytes(raw)


WRITER = """
import sys, time
from pathlib import Path
run = Path(sys.argv[1])
(run / "checkpoint").mkdir(exist_ok=True)
(run / "checkpoint" / "state.safetensors").touch()
with open(run / "metrics.csv", "w", buffering=1) as file:
    file.write("step\\n")
    for step in range(1, STEPS):
        file.write(f"{step}\\n")
        time.sleep(0.002)
sys.exit("no training here")
"""


def test_a_process_is_killed_in_the_middle_and_a_failed_resume_fails_the_check(sitting: Sitting, monkeypatch: Any) -> None:
    monkeypatch.setattr(kill, "_WORKER", WRITER.replace("STEPS", "10_000"))
    run = kill.prepare(sitting.folder, sitting.config)
    reached = kill._killed(run, 30, sitting)
    assert reached is not None
    assert 30 <= reached < 9_999
    monkeypatch.setattr(kill, "_WORKER", WRITER.replace("STEPS", "20"))
    assert kill._killed(kill.prepare(sitting.folder, sitting.config), 30, sitting) is None


class Watched:
    """What a trainer that has been built later offers: a training, or several, advanced by one call."""

    def __init__(self, configs: Any, corpus: Any) -> None:
        self.training = Training(configs[0], corpus)

    def advance(self) -> None:
        self.training.advance(wanted=False)


def test_speeds_are_measured_in_turns_and_what_is_not_built_is_said(sitting: Sitting, monkeypatch: Any) -> None:
    sitting.clock = Clock(1.5)
    monkeypatch.setattr(times, "_ROUND_SECONDS", 0.005)
    rows = {row.what: row for row in times.speeds(sitting)}
    assert rows["CUDA graph, recorded at every step"].note == "a CUDA graph needs a GPU under CUDA; the device is cpu"
    for compute in ("f32", "bf16"):
        row = rows[f"eager, recorded at every step, compute {compute}"]
        assert row.state == MEASURED
        assert row.value == pytest.approx(1 / np.median(row.numbers["seconds"]))
    assert rows["recording, share of a step, compute f32"].target == ""
    monkeypatch.setattr(times, "find_spec", lambda name: None)
    assert "accelerate, which is not installed" in times._why_not_original(sitting)


def test_the_original_procedure_takes_its_turns(sitting: Sitting) -> None:
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate (requirements-checks.txt)")
    sitting.clock = Clock(30.0)
    calls: list[int] = []
    ways = [times.Timed("ours", lambda: calls.append(1))]

    def stop_after(number: int) -> Callable[..., bool]:
        return lambda *_: bool(ways[0].round()) or len(calls) < number

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(times, "take_turns", stop_after(5))
        theirs = times._in_turns_with_the_original(sitting, ways)
    assert isinstance(theirs, times.Timed)
    assert theirs.error is None
    assert len(theirs.seconds) == 4


def test_many_runs_and_a_captured_step_are_timed_once_the_trainer_has_them(sitting: Sitting, monkeypatch: Any) -> None:
    assert states(many.many_runs(sitting)) == [NOT_RUN] * 4
    sitting.clock = Clock(0.6)
    monkeypatch.setattr(times, "_ROUND_SECONDS", 0.005)
    monkeypatch.setattr(trainer, many.MANY, Watched, raising=False)
    rows = list(many.many_runs(sitting))
    assert [row.what for row in rows] == [f"{size} in one pass" for size in ("1 run", "8 runs", "64 runs", "256 runs")]
    assert rows[2].value == pytest.approx(64 / np.median(rows[2].numbers["seconds"]))
    monkeypatch.setattr(Sitting, "is_cuda", property(lambda _: True))
    monkeypatch.setattr(Sitting, "is_target_card", property(lambda _: False))
    with times.ExitStack() as stack:
        with pytest.raises(times.NotBuiltError, match="captures no graph"):
            times._captured(sitting, stack)
        monkeypatch.setattr(trainer, times.CAPTURED, Training, raising=False)
        times._captured(sitting, stack)()


def test_a_way_that_fails_has_its_row_and_the_others_go_on(sitting: Sitting) -> None:
    sitting.clock = Clock(0.2)
    good, bad = times.Timed("good", lambda: None), times.Timed("bad", lambda: 1 / 0)
    for way in (good, bad):
        way.warm_up()
    while times.take_turns([good, bad], sitting):
        pass
    assert (good.row().state, bad.row().state) == (MEASURED, BROKEN)
    assert bad.row().note == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aten::addmm", "matrix products"),
        ("sm90_xmma_gemm_f32f32_tf32f32", "matrix products"),
        ("aten::_log_softmax", "loss"),
        ("aten::_softmax_backward_data", "attention"),
        ("aten::native_layer_norm_backward", "norms"),
        ("aten::_fused_adamw_", "optimizer and clipping"),
        ("aten::_foreach_copy_", "copies"),
        ("aten::embedding_dense_backward", "embedding"),
        ("Memcpy DtoH (Device -> Pinned)", "copies"),
        ("aten::sigmoid_backward", "elementwise and sums"),
        ("void at::native::vectorized_elementwise_kernel<4>", "elementwise and sums"),
        ("aten::as_strided", "other operations"),
    ],
)
def test_kernels_are_grouped_by_name(name: str, expected: str) -> None:
    assert kernels.kind(name) == expected


def test_shares_are_those_of_operations_or_of_kernels_where_operations_have_none(sitting: Sitting) -> None:
    def event(key: str, device: Any, host: float, card: float) -> Any:
        return SimpleNamespace(key=key, device_type=device, self_cpu_time_total=host, self_device_time_total=card)

    operation, kernel = event("aten::mm", DeviceType.CPU, 1e6, 2e6), event("a_gemm_b", DeviceType.CUDA, 0, 2e6)
    assert kernels.grouped([operation, kernel], 3.0, False) == {"matrix products": 1.0, kernels.IDLE: 2.0}
    assert kernels.grouped([operation, kernel], 3.0, True) == {"matrix products": 2.0, kernels.IDLE: 1.0}
    operation.self_device_time_total = 0
    assert kernels.grouped([operation, kernel], 3.0, True) == {"matrix products": 2.0, kernels.IDLE: 1.0}
    (row,) = kernels.shares(sitting, "f32")
    assert sum(row.numbers["milliseconds"].values()) == pytest.approx(row.value)
    assert row.numbers["milliseconds"]["matrix products"] > 0


def test_an_exception_or_no_time_becomes_a_row_and_the_next_part_runs(sitting: Sitting) -> None:
    def raising(_: Sitting) -> Iterator[Row]:
        yield checked("a", "first", True)
        raise RuntimeError("no such\nkernel")

    rows: list[Row] = []
    parts = [command.Step("a", raising, 1.0), command.Step("b", raising, 0.0)]
    parts.append(command.Step("c", lambda _: iter([not_run("c", "it", "a reason")]), 1.0))
    command.run(sitting, parts, rows.append)
    assert [(row.part, row.state) for row in rows] == [("a", HOLDS), ("a", BROKEN), ("b", NOT_RUN), ("c", NOT_RUN)]
    assert rows[1].note == "RuntimeError: no such kernel"
    assert command.exit_status(rows) == 1
    assert command.exit_status([rows[0], *rows[2:]]) == 0
    assert command.exit_status([checked("a", "first", False)]) == 1
