"""The benchmark's third part: how fast the app is for a visitor.

Two histories are made here; the app on them is started, visited and watched by ``benchmarks.app_visits``, in a process of its
own: it uses Streamlit's protocol and drives a browser.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snowball_core.costs import HISTORY, TENSOR
from snowball_core.measures.bf16 import Words, from_values
from snowball_core.store.files.tensor_file import TensorWriter, open_tensor
from snowball_core.store.history import MOMENT_HASH
from snowball_core.store.metric_rows import METRIC_COLUMNS
from snowball_core.store.run_folder import METRICS, Run, create, read_run
from snowball_core.store.status import Status, write_status

from .measures import seed_sized_history
from .training import Timing

_ROOT = Path(__file__).resolve().parent.parent
_MANY, _MANY_SNAPSHOTS = (2_048, 64), 201
_MANY_DEAD = 2_000


def app_rows(example: Path, rounds: int) -> Iterator[Timing]:
    """Rows about the app on the shipped run, on a seed-sized history, and on one of 2,000 dead tokens.

    Parameters
    ----------
    example : Path
        The folder of the shipped run.
    rounds : int
        Timed moves of the slider in each history; at least 50 are made.
    """
    if find_spec("streamlit") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder)
        seed_sized = seed_sized_run(library, read_run(example))
        many = many_dead_run(library, read_run(example))
        command = [
            sys.executable,
            "-m",
            "benchmarks.app_visits",
            str(example),
            str(seed_sized.path),
            str(many.path),
            str(max(50, rounds)),
        ]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as visiting:
            assert visiting.stdout is not None
            for line in visiting.stdout:
                yield Timing(**json.loads(line))
        if visiting.returncode:
            raise RuntimeError("the app's benchmark did not end well: see above")


def seed_sized_run(library: Path, example: Run) -> Run:
    """A run of 10,001 snapshots made from the frames of a shorter one, every snapshot different from the one before."""
    history = seed_sized_history(example.history().words)
    config = replace(example.config, name="seed-sized", record="every", extra=MOMENT_HASH)
    kept = {name: example.manifest[name] for name in ("corpus", "dead_ids", "faults_carried")}
    run = _run(library, config, kept, history)
    moments = open_tensor(example.path / f"{MOMENT_HASH}.safetensors", MOMENT_HASH).words
    repeated = np.repeat(moments, -(-len(history) // len(moments)), axis=0)[: len(history)]
    _write(run.path / f"{MOMENT_HASH}.safetensors", MOMENT_HASH, "U64", repeated)
    (run.path / METRICS).write_bytes((example.path / METRICS).read_bytes())
    return run


def many_dead_run(library: Path, example: Run) -> Run:
    """A run of 2,000 dead tokens that begin apart from each other and fall together one after another."""
    (vocab, hidden), snapshots = _MANY, _MANY_SNAPSHOTS
    rng = np.random.default_rng(5)
    start = rng.standard_normal((vocab, hidden)).astype(np.float32)
    start[:_MANY_DEAD] = start[0] + 1e-2 * rng.standard_normal((_MANY_DEAD, hidden)).astype(np.float32)
    history = np.empty((snapshots, vocab, hidden), np.uint16)
    for snapshot in range(snapshots):
        frame = start + np.float32(1e-2 * snapshot)
        frame[: snapshot * _MANY_DEAD // snapshots] = frame[0]
        history[snapshot] = from_values(frame)
    config = replace(example.config, name="many-dead", record="every", steps=snapshots - 1, vocab=vocab, extra="")
    text = {"name": "made up", "bytes": 1, "sha256": "0" * 64}  # its tokens are no bytes, which could be counted
    run = _run(library, config, {"corpus": text, "dead_ids": list(range(_MANY_DEAD)), "faults_carried": []}, history)
    lines = [f"{step},{5 - 0.01 * step},0.001,1.0,0.1" for step in range(1, snapshots)]
    (run.path / METRICS).write_text("\n".join([",".join(METRIC_COLUMNS), *lines]) + "\n")
    return run


def _run(library: Path, config: Any, manifest: Mapping[str, Any], history: Words) -> Run:
    run = create(library, config, {**manifest, "sha256": {HISTORY: "0" * 64}})
    _write(run.path / HISTORY, TENSOR, "BF16", history)
    write_status(run.path, Status("completed", config.last_step, config.last_step))
    return run


def _write(path: Path, name: str, dtype: str, snapshots: npt.NDArray[Any]) -> None:
    with TensorWriter(path, name, dtype, snapshots.shape[1:], len(snapshots), {}) as file:
        for snapshot in snapshots:
            file.append(snapshot)
