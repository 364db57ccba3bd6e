"""Time and memory of the tables and the lineage of a history larger than memory, measured in a separate process.

``python -m benchmarks.long_history FILE`` measures one; :func:`write_long_history` makes one of any length.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from snowball_core.errors import RunError
from snowball_core.measures.bf16 import from_values
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import foreign
from snowball_core.tables.lineage import account
from snowball_core.tables.motion import token_motion
from snowball_core.tables.per_step import CENSUS, measured, step_table

VOCAB, HIDDEN, DEAD = 8_192, 128, 2_048
_MOVERS = 256


def write_long_history(path: Path, snapshots: int, seed: int = 1) -> int:
    """Write a made-up history of 8,192 tokens in 128 dimensions, of which no matrix repeats another; the file's bytes.

    Live tokens drift a cell at a time, some of them in every frame; dead tokens fall into holes, and some of them out again.
    """
    draw = np.random.default_rng(seed)
    frame = from_values(draw.standard_normal((VOCAB, HIDDEN)).astype(np.float32))
    frame[:DEAD] = frame[draw.integers(0, 64, DEAD)]
    with TensorWriter(path, "embedding_history", "BF16", (VOCAB, HIDDEN), snapshots, {}) as file:
        for _ in range(snapshots):
            frame[draw.integers(DEAD, VOCAB, _MOVERS), draw.integers(0, HIDDEN, _MOVERS)] += np.uint16(1)
            frame[draw.integers(0, DEAD, 2)] = frame[draw.integers(0, DEAD, 2)]
            frame[draw.integers(0, DEAD), 0] ^= np.uint16(1)
            file.append(frame)
    return path.stat().st_size


def endure(path: Path) -> dict[str, float]:
    """Seconds for all tables and the lineage of a foreign history, and how far this process's memory rose for them (MB).

    Of a single matrix: seconds for its census, and the most memory this process ever held.
    """
    before = _peak_megabytes()
    began = time.perf_counter()
    history = foreign(path)
    if len(history.words) == 1:
        return {
            "unique": int(measured(history, slice(0, 1), CENSUS)["unique"][0]),
            "seconds": time.perf_counter() - began,
            "peak": _peak_megabytes(),
        }
    history = foreign(path, dead=range(DEAD))
    rows, tokens, lineage = len(step_table(history)), len(token_motion(history)), account(history, "dead")
    taken = time.perf_counter() - began
    grown = _peak_megabytes() - before
    return {"seconds": taken, "megabytes": grown, "rows": rows, "tokens": tokens, "events": len(lineage.tree.events)}


def endured(path: Path) -> dict[str, float]:
    """The same in a fresh process, for its memory."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.long_history", str(path)], capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"a long history could not be measured: {done.stderr.strip()[-300:]}")
    numbers: dict[str, float] = json.loads(done.stdout)
    return numbers


def _peak_megabytes() -> float:
    """The most memory this process ever held, MB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not ru_maxrss: on Linux a new program inherits there what the one that started it had held.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    print(json.dumps(endure(Path(sys.argv[1]))))
