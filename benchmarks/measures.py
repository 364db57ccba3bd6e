"""The benchmark's second half: how fast a whole history is measured, beside the obvious way of doing it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from snowball_core.measures.census import census, census_history
from snowball_core.measures.distances import pair_statistics
from snowball_core.measures.principal_axes import axes_of_frames
from snowball_core.memory import keep_memory
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import foreign
from snowball_core.tables.lineage import account
from snowball_core.tables.per_step import step_table

from .long_history import endured, write_long_history
from .training import Timing

_SHAPE = (10_001, 128, 64)
_LARGE = (151_936, 2_560)
_DEAD = 51
_LENGTHS = (100, 400)
_TURNS = 2


def seed_sized_history(source: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """A history of 10,001 matrices in which every one differs from the one before.

    The frames of a recorded run, each repeated, with one component of one row set to the frame's number: no frame can be
    skipped as a repetition.
    """
    frames = np.repeat(source, -(-_SHAPE[0] // len(source)), axis=0)[: _SHAPE[0]].copy()
    frames[:, -1, 0] = np.arange(len(frames)) & 0x7FFF
    return frames


def _median(action: Callable[[], object], rounds: int = 5) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def measure_rows(source: npt.NDArray[np.uint16]) -> Iterator[Timing]:
    """Rows about a seed-sized history made from ``source``, shape ``(snapshots, 128, 64)``, and about one large matrix."""
    keep_memory(1 << 30)
    history = seed_sized_history(source)
    yield from _census_rows(history)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.safetensors"
        with TensorWriter(path, "embedding_history", "BF16", _SHAPE[1:], _SHAPE[0], {}) as file:
            for frame in history:
                file.append(frame)
        tables = _median(lambda: step_table(foreign(path, dead=range(_DEAD))), 3)
        yield Timing("all per-step tables of 10,001 steps, cold", tables, "s", "≤ 2", tables <= 2)
        result = foreign(path, dead=range(_DEAD))
        events = _median(lambda: account(result, "dead"), 3)
        yield Timing("lineage of dead tokens over 10,001 steps", events, "s", "≤ 1", events <= 1)
    yield from _step_rows(history)
    yield from _large_matrix_rows()
    yield from _long_rows()


def _census_rows(history: npt.NDArray[np.uint16]) -> Iterator[Timing]:
    ours = _median(lambda: census_history(history))
    some = torch.from_numpy(history[::10].view(np.int16))

    def loop() -> list[int]:
        return [len(torch.unique(frame, dim=0, return_counts=True)[1]) for frame in some]

    began = time.perf_counter()
    counted = loop()
    theirs = (time.perf_counter() - began) * len(history) / len(some)
    if counted != [counts.unique for counts in census_history(history[::10])]:
        raise AssertionError("the census and torch.unique disagree")
    ratio, speed = theirs / ours, history.nbytes / ours / 1e9
    yield Timing("census of 10,001 × 128 × 64", 1e3 * ours, "ms")
    yield Timing("a torch.unique loop / our census", ratio, "×", "≥ 20", ratio >= 20)
    yield Timing("census speed from page cache", speed, "GB/s", "≥ 1", speed >= 1)


def _step_rows(history: npt.NDArray[np.uint16]) -> Iterator[Timing]:
    group = np.arange(_SHAPE[1]) < _DEAD
    axes = axes_of_frames(history, group, np.arange(0, len(history), 50))

    def one_step() -> Any:
        rows = history[5_000][group]
        return pair_statistics(rows), census(rows), axes.coordinates(rows)

    taken = 1e3 * _median(one_step, 50)
    yield Timing("one step: distances, sizes, principal coordinates", taken, "ms", "≤ 10", taken <= 10)


def _large_matrix_rows() -> Iterator[Timing]:
    matrix = np.random.default_rng(1).integers(0, 0x7F80, _LARGE, dtype=np.uint16)
    matrix[1::3] = matrix[0]
    # Some −0: the census by value has to look at the rows again.
    matrix[::50, 7] = 0x8000
    taken = _median(lambda: census(matrix), 3)
    yield Timing("census of one matrix of 151,936 × 2,560", taken, "s", "≤ 2", taken <= 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.safetensors"
        with TensorWriter(path, "matrix", "BF16", _LARGE, 1, {}) as file:
            file.append(matrix)
        numbers = endured(path)
    yield Timing("the same from its file, by bits, value and hidden class, in a process of its own", numbers["seconds"], "s")
    peak = numbers["peak"] / 1e3
    yield Timing("all memory of that process, the matrix's 0.78 GB included", peak, "GB", "≤ 1.2", peak <= 1.2)


def _long_rows() -> Iterator[Timing]:
    """Time and memory of a history of 8,192 tokens in two lengths, each in a separate process."""
    rates, grown = [float("inf"), float("inf")], 0.0
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{length}.safetensors" for length in _LENGTHS]
        sizes = [write_long_history(path, length) / 1e9 for path, length in zip(paths, _LENGTHS, strict=True)]
        # In turns, the best of each: one alone may fall into a busy minute.
        for _ in range(_TURNS):
            for place, (path, size) in enumerate(zip(paths, sizes, strict=True)):
                numbers = endured(path)
                rates[place] = min(rates[place], numbers["seconds"] / size)
                grown = max(grown, numbers["megabytes"])
    ratio = rates[1] / rates[0]
    yield Timing(f"all tables and lineage of {size:.2f} GB (8,192 × 128 × {_LENGTHS[1]}), a GB", rates[1], "s")
    yield Timing("time per byte, four times as long / as long", ratio, "×", "≤ 1.2", ratio <= 1.2)
    yield Timing("its memory above the interpreter", grown, "MB", "≤ 500", grown <= 500)
