"""Runs that end in the middle, as a kill or a power failure leaves them, and what of their folders to compare."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from snowball_core.config import RunConfig
from snowball_core.jobs.prepare import prepare
from snowball_core.store.run_folder import CHECKPOINT, Run, read_run
from snowball_core.training import loop
from snowball_core.training.loop import continue_run


class Killed(BaseException):
    """What no handler of the product catches: nothing is trimmed, no last word is said."""


def killed_at(step: int, saved: int | None, folder: Path, config: RunConfig) -> Run:
    """A run whose worker died after ``step``, with its checkpoint of step ``saved``."""
    with pytest.MonkeyPatch.context() as changed:
        save = loop.save_checkpoint
        changed.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
        changed.setattr(
            loop, "save_checkpoint", lambda path, training, rest: training.step == saved and save(path, training, rest)
        )
        run, calls = prepare(folder, config), []

        def should_stop(*_: object) -> bool:
            calls.append(1)
            if len(calls) > step:
                raise Killed
            return False

        changed.setattr(loop, "_should_stop", should_stop)
        with pytest.raises(Killed):
            continue_run(folder, run, is_new=True)
    return read_run(run.path)


def copied(run: Run, folder: Path, name: str) -> Run:
    """A copy of a run under another id."""
    return read_run(Path(shutil.copytree(run.path, folder / name)))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def flip(path: Path, at: int, bit: int) -> None:
    """Change one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1 << bit
    path.write_bytes(raw)


def without_hashes(run: Run, drop: str = "", **metadata: str) -> None:
    """Write a run's checkpoint as older versions did, without hashes, one kind of tensor left out."""
    file = run.path / CHECKPOINT
    with safe_open(file, "pt") as saved:
        facts = {key: saved.metadata()[key] for key in ("step", "matrix_sha256")}
        tensors = {name: saved.get_tensor(name) for name in saved.keys() if not drop or drop not in name}  # noqa: SIM118
    save_file(tensors, file, {**facts, **metadata})
