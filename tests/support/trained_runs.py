"""Runs small enough to be trained in a test, and what to compare of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.jobs.fork import prepare_fork
from snowball_core.jobs.fork_points import branch, fork_request
from snowball_core.jobs.prepare import prepare
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.run_folder import Run, read_run
from snowball_core.store.status import request_stop
from snowball_core.training import loop
from snowball_core.training.loop import continue_run

EVERYTHING = "moment_hash,hidden_mean,dead_probability,gradient,exp_avg,exp_avg_sq"


def write_book(path: Path) -> Path:
    """A text of 28 live tokens."""
    path.write_text("the quick brown fox jumps over the lazy dog. " * 40)
    return path


def tiny(book: Path, **fields: object) -> RunConfig:
    shape = {"context": 16, "batch": 4, "hidden": 8, "layers": 1, "heads": 2, "steps": 24, "threads": 1, "corpus": str(book)}
    return configured(preset("primordial-snowball"), {**shape, **fields})


def recordings(path: Path) -> dict[str, str]:
    return {file.name: file_sha256(file) for file in sorted(path.glob("*.safetensors"))}


def numbers(path: Path) -> list[str]:
    return [line.rsplit(",", 1)[0] for line in (path / "metrics.csv").read_text().splitlines()]


def stopped_at(step: int, folder: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of a configuration, stopped after a step."""
    monkeypatch.setattr(loop, "_STATUS_SECONDS", 0.0)
    run = prepare(folder, config)
    status = continue_run(
        folder, run, lambda now: request_stop(run.path) if (now.state, now.step) == ("running", step) else None
    )
    assert (status.state, status.step) == ("stopped", step)
    return read_run(run.path)


def forked(folder: Path, parent: Run, step: int | None = None, **fields: object) -> Run:
    """A fork, trained to its end."""
    at = branch(parent, step)
    run = prepare_fork(folder, at, fork_request(folder, at, fields))
    continue_run(folder, run)
    return read_run(run.path)
