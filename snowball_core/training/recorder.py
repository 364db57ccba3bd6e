"""The files of one run, open for writing: recordings, numbers per step, checkpoint; and what else decides its bits."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open

from .. import __version__
from ..costs import TENSOR, cpu_features, recordings, state_shapes
from ..errors import RunError
from ..schedules import recorded_steps
from ..store.checkpoint import Piece, write_checkpoint
from ..store.files.tensor_file import TensorWriter
from ..store.integrity.digests import Summary, Tally
from ..store.integrity.resume_check import Prefix, sound_checkpoint, sound_hashes, sound_matrix, sound_prefix
from ..store.manifest import seed_entries
from ..store.metric_rows import MetricsWriter
from ..store.run_folder import CHECKPOINT, METRICS, Run, matrix_sha256
from .precision import dtype_names
from .trainer import Snapshot, Training

_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.float64: "F64", torch.int64: "I64"}

# What files.replacing and a new recording write beside their place, and what older versions did.
_PART = re.compile(r"\.(run|status)\.json-[a-z0-9_]{8}|\.state\.safetensors-[a-z0-9_]{8}|\.[a-z_]+\.safetensors-new|state\.new")


class Recorder:
    """The files of one run, open for writing; a snapshot already there is compared, and rewritten where it differs.

    ``prefix`` is what the run holds up to its checkpoint; finding it out reads all of that.
    """

    def __init__(self, run: Run, prefix: Prefix | None = None) -> None:
        config = run.config
        prefix = sound_prefix(run) if prefix is None else prefix
        self.run, self.path, self.wanted = run, run.path, recorded_steps(config)
        # A checkpoint without hashes does not prove that training repeats the recorded steps: there nothing is overwritten.
        self._is_mended = prefix.is_proved or prefix.step is None
        self._index = {int(step): i for i, step in enumerate(self.wanted)}
        self._files: dict[str, TensorWriter] = {}
        self._tallies: dict[str, Tally] = dict(prefix.tallies)
        metadata = {"format": "snowball-1", "record": config.record, "last_step": str(config.last_step)}
        with contextlib.ExitStack() as stack:
            try:
                for name, (file, dtype, shape) in recordings(config).items():
                    known = prefix.recorded[name]
                    writer = TensorWriter(self.path / file, name, dtype, shape, len(self.wanted), metadata, known)
                    self._files[name] = stack.enter_context(writer)
                self._metrics = stack.enter_context(MetricsWriter(self.path / METRICS, prefix.rows))
            except BaseException:
                # The disk had space for the first file only: free it again.
                for opened in self._files.values():
                    with contextlib.suppress(OSError):
                        opened.trim()
                raise
            self._open = stack.pop_all()

    @property
    def recorded(self) -> int:
        """Snapshots recorded so far."""
        return self._files[TENSOR].recorded

    @property
    def rewritten(self) -> int:
        """Snapshots and rows behind the checkpoint that came out different and were rewritten."""
        return self._metrics.rewritten + sum(file.rewritten for file in self._files.values())

    def write(self, snapshot: Snapshot, seconds: float) -> None:
        """Record what one step gave: further recordings, the matrix, then the step's row of numbers."""
        if (index := self._index.get(snapshot.step)) is not None:
            for name, values in snapshot.extras.items():
                self._put(name, index, values)
            self._put(TENSOR, index, snapshot.words)
        if snapshot.step:
            loss, norm = np.float32(snapshot.loss), np.float32(snapshot.grad_norm)
            self._metrics.write(f"{snapshot.step},{loss!s},{snapshot.learning_rate!r},{norm!s},{seconds:.6f}\n".encode())

    def _put(self, name: str, index: int, values: npt.NDArray[Any]) -> None:
        self._tallies[name].add(self._files[name].put(index, values, self._is_mended))

    def sync(self) -> None:
        """Make everything recorded survive a power failure."""
        self._metrics.sync()
        for file in self._files.values():
            file.sync()

    def trim(self) -> None:
        """Give the space reserved for snapshots that will not come back to the disk."""
        faults: list[OSError] = []
        for trim in (*(file.trim for file in self._files.values()), self._metrics.trim):
            try:
                trim()
            except OSError as error:
                faults.append(error)
        if faults:
            raise faults[0]

    def summaries(self) -> dict[str, Summary]:
        """What identifies each recording up to here, by the name of its tensor."""
        return {name: tally.summary() for name, tally in self._tallies.items()}

    @property
    def rows(self) -> Summary:
        """What identifies the rows of numbers up to here."""
        return self._metrics.tally.summary()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every recording, by file name, after all of the run was compared with what was recorded."""
        return sound_hashes(self.run, self.summaries(), self.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def sweep_parts(path: Path) -> None:
    """Remove half-written files that a killed writer left in a run's folder; the caller holds the run's lock."""
    with contextlib.suppress(OSError):
        for folder in (path, path / "checkpoint"):
            for entry in list(os.scandir(folder)):
                if _PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    os.unlink(entry.path)


def save_checkpoint(path: Path, training: Training, recorder: Recorder) -> None:
    """Replace the checkpoint, after everything recorded before it is safe, with the hashes of both."""
    recorder.sync()
    pieces = {name: _piece(tensor) for name, tensor in training.state().items()}
    matrix = matrix_sha256(training.matrix())
    write_checkpoint(path / CHECKPOINT, pieces, training.step, matrix, recorder.summaries(), recorder.rows)


def _piece(tensor: torch.Tensor) -> Piece:
    data = memoryview(np.asarray(tensor.reshape(-1).view(torch.uint8).numpy()).data)
    return Piece(_NAMES[tensor.dtype], tuple(tensor.shape), data)


def restore_checkpoint(run: Run, training: Training, prefix: Prefix) -> None:
    """Continue from the last checkpoint, if there is one."""
    saved = sound_checkpoint(run)
    if (None if saved is None else saved.step) != prefix.step:
        raise RunError(f'the checkpoint of "{run.id}" must stay as it is while the run waits; it was replaced. Resume again.')
    if saved is None:
        return
    try:
        with safe_open(run.path / CHECKPOINT, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _of_another(run, f"it cannot be read ({str(error)[:200]})") from None
    for name, (dtype, shape) in state_shapes(run.config, saved.step).items():
        kept = tensors.get(name)
        if kept is None or tuple(kept.shape) != shape or _NAMES.get(kept.dtype) != dtype:
            raise _of_another(run, f"{name} is missing or of another shape or format")
    training.restore(saved.step, tensors)
    if saved.recordings is None:
        sound_matrix(run, training.step, matrix_sha256(training.matrix()), saved.matrix_sha256)


def _of_another(run: Run, what: str) -> RunError:
    return RunError(
        f'the checkpoint of "{run.id}" must hold this model; {what}. '
        "It belongs to another run: put the right one back, or fork from a recorded step."
    )


def provenance(training: Training) -> dict[str, Any]:
    """What else decides the bits: versions, device, threads, processor, formats, seeds."""
    config, device = training.config, training.device
    processor = platform.processor() or platform.machine()
    return {
        "snowball": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "numpy", "safetensors")},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else processor,
        "threads": training.threads,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu_features": cpu_features(),
        "dtypes": dtype_names(config),
        "seeds": seed_entries(config),
        "base_length": training.base_length,
        "first_windows": training.order.starts(1)[:10].tolist(),
        "parameters": sum(weight.numel() for weight in training.weights.values()),
    }


def environment_differences(begun: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What of the things that decide the bits differs between two provenances, in words."""
    decisive = ("torch", "transformers", "device", "threads", "cpu_capability")
    old, new = ({**{key: each.get(key) for key in decisive}, "compute": _procedure(each)} for each in (begun, here))
    return [f"{key} {old[key]} → {new[key]}" for key in new if old[key] != new[key]]


def _procedure(kept: Mapping[str, Any]) -> str:
    """How forward and backward were computed, which ``compute`` alone does not say of runs of older versions."""
    return str((kept.get("dtypes") or {}).get("compute", "float32"))
