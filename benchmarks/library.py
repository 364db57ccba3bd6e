"""How fast a library of many runs is listed: the third part of the benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from snowball_core.config import RunConfig
from snowball_core.costs import HISTORY, TENSOR
from snowball_core.schedules import recorded_steps
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.metric_rows import METRIC_COLUMNS
from snowball_core.store.run_folder import METRICS, create
from snowball_core.store.status import Status, write_status
from snowball_core.tables.library import run_rows

from .training import Timing

_TOKENS, _HIDDEN, _DEAD = 16, 4, 6


def made_library(folder: Path, runs: int, steps: int = 20) -> None:
    """Fill a folder with small made-up runs of different bits, whose dead tokens merge one by one."""
    rng = np.random.default_rng(1)
    for number in range(runs):
        config = RunConfig(name=f"made-{number}", seed=number, steps=steps, vocab=_TOKENS, hidden=_HIDDEN, extra="")
        corpus = {"name": "made up", "bytes": 1_000, "sha256": "0" * 64, "byte_counts": [0] * _DEAD + [100] * (_TOKENS - _DEAD)}
        known = {"dead_ids": list(range(_DEAD)), "corpus": corpus, "faults_carried": [], "sha256": {HISTORY: "0" * 64}}
        run = create(folder, config, known)
        words = rng.integers(0, 0x7F80, (_TOKENS, _HIDDEN), dtype=np.uint16)  # finite numbers
        with TensorWriter(run.path / HISTORY, TENSOR, "BF16", words.shape, len(recorded_steps(config)), {}) as writer:
            for step in recorded_steps(config).tolist():
                words[: min(_DEAD, 1 + step // 3)] = words[0]
                writer.append(words)
        rows = [f"{step},{5 - 0.01 * step},0.001,1.0,0.1" for step in range(1, steps + 1)]
        (run.path / METRICS).write_text("\n".join([",".join(METRIC_COLUMNS), *rows]) + "\n")
        write_status(run.path, Status("completed", steps, steps))


def library_rows(runs: int = 1_000) -> Iterator[Timing]:
    """Rows about listing so many runs: for the first time, after another process, and again in this one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_library(folder, runs)
        time.sleep(2.5)  # the listing of files changed a moment ago is not cached
        took = [_listed(folder) for _ in range(2)]
        yield Timing(f"{runs:,} runs listed for the first time", took[0], "s")
        yield Timing(f"{runs:,} runs listed from their caches, by a fresh process", took[1], "s", "≤ 1", took[1] <= 1)
        run_rows(folder)
        began = time.perf_counter()
        run_rows(folder)
        again = time.perf_counter() - began
        yield Timing(f"{runs:,} runs listed again, by the same process", again, "s", "≤ 1", again <= 1)


def _listed(folder: Path) -> float:
    """Seconds a separate process takes to list a folder, without its start-up and imports."""
    code = (
        "import json, sys, time; from pathlib import Path; from snowball_core.tables.library import run_rows; "
        "began = time.perf_counter(); "
        "rows = run_rows(Path(sys.argv[1])); print(json.dumps([time.perf_counter() - began, len(rows)]))"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=root, capture_output=True, text=True, check=True)
    seconds: float = json.loads(done.stdout)[0]
    return seconds
