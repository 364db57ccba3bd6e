"""Shares of the matrix-product floor by shape; ``python -m benchmarks.shares SECONDS`` prints a Markdown table.

``SECONDS`` are spent on each shape, 4 if not given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product

import numpy as np
import torch

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.memory import keep_memory
from snowball_core.store.corpus import Corpus
from snowball_core.training.precision import resolve_threads
from snowball_core.training.trainer import Training

from .training import interleaved, machine, matrix_products, median

_SHAPES = [(2, 64, 32), *product((3, 4), (128, 256), (8, 64))]
_LEAST_ROUNDS = 3


def shares(config: RunConfig, seconds: float) -> tuple[float, float, float]:
    """Median seconds of a step, of its matrix products alone, and the median of their ratio, both taking turns."""
    ids = np.random.default_rng(0).integers(0, config.vocab, 100_000, dtype=np.uint8)
    training, floor = Training(config, Corpus("measurement", ids, sha256="")), matrix_products(config)
    actions: dict[str, Callable[[], object]] = {"step": lambda: training.advance(wanted=False), "floor": floor}
    first = interleaved(actions, 1)
    rounds = max(_LEAST_ROUNDS, int(seconds / (first["step"][0] + first["floor"][0])))
    taken = interleaved(actions, rounds)
    ratio = median([f / s for f, s in zip(taken["floor"], taken["step"], strict=True)])
    return median(taken["step"]), median(taken["floor"]), ratio


def main() -> None:
    """Print the machine and one row per shape."""
    keep_memory(1 << 30)
    torch.set_num_threads(resolve_threads(0))
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    print(f"{machine()}\n\n| layers | hidden | batch | step, ms | floor, ms | share |\n|---|---|---|---|---|---|", flush=True)
    for layers, hidden, batch in _SHAPES:
        shape = {"layers": layers, "hidden": hidden, "batch": batch, "initial_state": "normal", "extra": ""}
        step, floor, share = shares(configured(preset("primordial-snowball"), shape), seconds)
        print(f"| {layers} | {hidden} | {batch} | {1e3 * step:.1f} | {1e3 * floor:.1f} | {100 * share:.0f} % |", flush=True)


if __name__ == "__main__":
    main()
