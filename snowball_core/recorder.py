"""The files of one run, open for writing: recordings, numbers per step, checkpoint."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file

from .errors import RunError
from .recordings import TENSOR, recordings
from .runs import CHECKPOINT, METRIC_COLUMNS, METRICS, Run, file_sha256, matrix_sha256, read_metrics
from .schedules import recorded_steps
from .tensorfile import TensorWriter
from .training import Snapshot, Training


class Recorder:
    """The files of one run, open for writing; a snapshot already there is compared, not written again.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run) -> None:
        config = run.config
        self.path, self.wanted = run.path, recorded_steps(config)
        self._index = {int(step): i for i, step in enumerate(self.wanted)}
        self._files: dict[str, TensorWriter] = {}
        metadata = {"format": "snowball-1", "record": config.record, "last_step": str(config.last_step)}
        with contextlib.ExitStack() as stack:
            for name, (file, dtype, shape) in recordings(config).items():
                writer = TensorWriter(self.path / file, name, dtype, shape, len(self.wanted), metadata)
                self._files[name] = stack.enter_context(writer)
            self._metrics = stack.enter_context(_open_metrics(self.path / METRICS))
            self.last_metric = int(max(read_metrics(self.path / METRICS)["step"], default=0))
            self._open = stack.pop_all()

    @property
    def recorded(self) -> int:
        """Snapshots recorded so far."""
        return self._files[TENSOR].recorded

    def write(self, snapshot: Snapshot, seconds: float) -> None:
        """Record what one step gave: further recordings, the matrix, then the step's row of numbers."""
        if (index := self._index.get(snapshot.step)) is not None:
            for name, values in snapshot.extras.items():
                self._files[name].put(index, values)
            self._files[TENSOR].put(index, snapshot.words)
        if snapshot.step > self.last_metric:
            loss, norm = np.float32(snapshot.loss), np.float32(snapshot.grad_norm)
            row = f"{snapshot.step},{loss!s},{snapshot.learning_rate!r},{norm!s},{seconds:.6f}\n".encode()
            if self._metrics.write(row) != len(row):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.last_metric = snapshot.step

    def sync(self) -> None:
        """Make everything recorded survive a power failure."""
        os.fsync(self._metrics.fileno())
        for file in self._files.values():
            file.sync()

    def trim(self) -> None:
        """Give the space reserved for snapshots that will not come back to the disk."""
        for file in self._files.values():
            file.trim()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every recording, by file name."""
        return {file.path.name: file_sha256(file.path) for file in self._files.values()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()


def _open_metrics(path: Path) -> Any:
    """``metrics.csv`` open for appending, with its header, a torn last line cut off."""
    file = open(path, "ab", buffering=0)  # noqa: SIM115 - the recorder closes it
    whole = path.read_bytes()
    file.truncate(whole.rfind(b"\n") + 1)
    if b"\n" not in whole:
        file.write(",".join(METRIC_COLUMNS).encode() + b"\n")
    return file


def save_checkpoint(path: Path, training: Training, recorder: Recorder) -> None:
    """Replace the checkpoint, after everything recorded before it is safe."""
    recorder.sync()
    file = path / CHECKPOINT
    file.parent.mkdir(exist_ok=True)
    fresh = file.with_suffix(".new")
    save_file(training.state(), fresh, {"step": str(training.step), "matrix_sha256": matrix_sha256(training.matrix())})
    with open(fresh, "rb") as written:
        os.fsync(written.fileno())
    os.replace(fresh, file)


def restore_checkpoint(path: Path, training: Training) -> None:
    """Continue from the last checkpoint, if there is one.

    Raises
    ------
    RunError
        If it holds the state of another model.
    """
    file = path / CHECKPOINT
    if not file.is_file():
        return
    with safe_open(file, "pt") as saved:
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        step = int(saved.metadata()["step"])
    wrong = [
        name
        for name, weight in training.weights.items()
        if (kept := tensors.get(f"weight/{name}")) is None or kept.shape != weight.shape
    ]
    if wrong:
        raise RunError(
            f'the checkpoint of "{path.name}" must hold this model; {wrong[0]} is missing or of another shape. '
            "It belongs to another run: put the right one back, or fork from a recorded step."
        )
    training.restore(step, tensors)
