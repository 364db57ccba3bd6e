"""Measures of the distinct vectors of every frame, by which the scrubber may colour its positions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..measures.bf16 import Truths, Words, finite_rows, ordinal, values
from .scrubber_blob import Reel

# Each measure by its name in the address, with what it is in words; those of cells or weight units follow the unit.
MEASURES = {
    "move": "last move (step)",
    "displacement": "displacement from the start (L∞)",
    "norm": "norm (L2, weight units)",
}
Numbers = npt.NDArray[np.float64]


def frame_measure(
    history: Words, steps: npt.NDArray[np.int64], group: Truths, made: Reel, measure: str
) -> npt.NDArray[np.float32]:
    """A measure of every vector of every frame, in the order of the reel's places.

    Of several tokens in one vector the largest: they may have come there at different steps, from different rows. NaN where a
    row is not finite, and for the last move of a token that has not moved yet.
    """
    frame, partition, label = (made.arrays[name] for name in ("frame", "partition", "label"))
    label = label.reshape(-1, int(group.sum()))
    of_tokens = {"move": _last_move, "displacement": _displacement, "norm": _norm}[measure](history, steps, group, made)
    parts = []
    for number, snapshot in enumerate(np.unique(frame, return_index=True)[1].tolist()):
        own = label[partition[number]]
        largest = np.full(int(own.max()) + 1, -np.inf)
        numbers = of_tokens(snapshot)
        np.maximum.at(largest, own, np.where(np.isfinite(numbers), numbers, -np.inf))
        parts.append(np.where(np.isinf(largest), np.nan, largest))
    return np.concatenate(parts).astype(np.float32)


def _norm(history: Words, steps: npt.NDArray[np.int64], group: Truths, made: Reel) -> Callable[[int], Numbers]:
    def norm(snapshot: int) -> Numbers:
        length: Numbers = np.sqrt(np.square(values(history[snapshot][group]).astype(np.float64)).sum(axis=1))
        return length

    return norm


def _displacement(history: Words, steps: npt.NDArray[np.int64], group: Truths, made: Reel) -> Callable[[int], Numbers]:
    def points(snapshot: int) -> Numbers:
        rows = history[snapshot][group]
        numbers: Numbers = (ordinal(rows) if made.header["unit"] == "cells" else values(rows)).astype(np.float64)
        numbers[~finite_rows(rows)] = np.nan
        return numbers

    start = points(0)
    return lambda snapshot: np.asarray(np.abs(points(snapshot) - start).max(axis=1))


def _last_move(history: Words, steps: npt.NDArray[np.int64], group: Truths, made: Reel) -> Callable[[int], Numbers]:
    """Snapshots must be asked for in ascending order: every one up to the last is read once."""
    last, read = np.full(int(group.sum()), np.nan), [0, history[0][group]]

    def until(snapshot: int) -> Numbers:
        while read[0] < snapshot:
            number = int(read[0]) + 1
            rows = history[number][group]
            last[(rows != read[1]).any(axis=1)] = steps[number]
            read[:] = [number, rows]
        return last

    return until
