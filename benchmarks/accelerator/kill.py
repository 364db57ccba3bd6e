"""A recording process killed with SIGKILL, resumed, and compared bit for bit with the training that nothing interrupted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from snowball_core.costs import TENSOR, recordings
from snowball_core.jobs.prepare import prepare
from snowball_core.store.files.tensor_file import open_tensor
from snowball_core.store.integrity.resume_check import sound_checkpoint
from snowball_core.store.run_folder import CHECKPOINT, METRICS, Run, read_run
from snowball_core.training.trainer import Snapshot

from .checks import difference
from .sitting import Row, Sitting, checked, not_run

_PART, _WHAT = "kill and resume", "a run killed with SIGKILL and resumed has the bits of the unbroken one"
_STEPS, _LEAST_STEPS = 100, 20
_ROOT = Path(__file__).resolve().parents[2]
# Checkpoints twenty times a second instead of every five seconds: the process is killed long before that.
_WORKER = """
import sys
from pathlib import Path
from snowball_core.store.run_folder import read_run
from snowball_core.training import loop
loop.CHECKPOINT_SECONDS = 0.05
loop.continue_run(Path(sys.argv[1]).parent, read_run(Path(sys.argv[1])), is_new=sys.argv[2] == "new")
"""


def killed_and_resumed(sitting: Sitting) -> Iterator[Row]:
    """Whether a run, killed in its second half and resumed, equals the unbroken training as far as that has come."""
    whole = sitting.snapshots(sitting.config.compute, _STEPS)
    steps = len(whole) - 1
    if steps < _LEAST_STEPS:
        yield not_run(_PART, _WHAT, f"{_LEAST_STEPS} steps did not fit into the time")
        return
    run = prepare(sitting.folder, replace(sitting.config, until=steps, record="every"))
    began = time.monotonic()
    reached = _killed(run, steps // 2, sitting)
    took = time.monotonic() - began
    if reached is None:
        yield not_run(_PART, _WHAT, f"the process had ended, or the time had, before step {steps // 2} was written")
        return
    saved = sound_checkpoint(run)
    if sitting.clock.left < took:
        yield not_run(_PART, _WHAT, f"resuming takes about {took:.0f} s, which did not fit into the time")
        return
    resumed = subprocess.run(_command(run, "resumed"), cwd=_ROOT, capture_output=True, text=True, timeout=2 * took + 60)
    if resumed.returncode:
        yield checked(_PART, _WHAT, False, f"resuming failed: {resumed.stderr.strip()[-300:]}")
        return
    place = f"killed after step {reached}, resumed from {'the start' if saved is None else f'step {saved.step}'} to {steps}"
    name = first_difference(run, whole)
    yield checked(_PART, _WHAT, not name, name or place, killed=reached, checkpoint=saved and saved.step, steps=steps)


def _command(run: Run, state: str) -> list[str]:
    return [sys.executable, "-c", _WORKER, str(run.path), state]


def _killed(run: Run, step: int, sitting: Sitting) -> int | None:
    """Steps written when the process was killed, which is after ``step`` and a checkpoint; None if it never came to that."""
    with subprocess.Popen(_command(run, "new"), cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and sitting.clock.left > 0:
                if (run.path / CHECKPOINT).is_file() and _steps_written(run) >= step:
                    break
                time.sleep(0.001)
            is_training = process.poll() is None and sitting.clock.left > 0
        finally:
            process.kill()
    return _steps_written(run) if is_training and process.returncode < 0 else None


def _steps_written(run: Run) -> int:
    file = run.path / METRICS
    return max(0, file.read_bytes().count(b"\n") - 1) if file.is_file() else 0


def first_difference(run: Run, whole: list[Snapshot]) -> str:
    """The first thing in a run's files that differs from the snapshots of a training; empty if nothing does."""
    run = read_run(run.path)
    recorded = {name: open_tensor(run.path / made.file, name).words for name, made in recordings(run.config).items()}
    if len(recorded[TENSOR]) != len(whole):
        return f"{len(recorded[TENSOR])} snapshots are recorded instead of {len(whole)}"
    numbers = run.metrics()
    for step, snapshot in enumerate(whole):
        extras = {name: words[step] for name, words in recorded.items() if name != TENSOR}
        kept = replace(snapshot, words=recorded[TENSOR][step], extras=extras)
        name = difference(snapshot, kept)
        if not name and step and not _is_same_row(numbers, snapshot):
            name = METRICS
        if name:
            return f"{name} differs at step {step}"
    return ""


def _is_same_row(numbers: dict[str, np.ndarray], snapshot: Snapshot) -> bool:
    """Whether ``metrics.csv`` has what a step gave: float32 numbers there, read back as they were written."""
    row = {name: column[snapshot.step - 1] for name, column in numbers.items()}
    return bool(
        row["step"] == snapshot.step
        and np.float32(row["loss"]) == np.float32(snapshot.loss)
        and row["learning_rate"] == snapshot.learning_rate
        and np.float32(row["grad_norm"]) == np.float32(snapshot.grad_norm)
    )
