"""Measures of vectors by which positions may be coloured, in the scrubber and in exported pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Truths, Words, values
from ..measures.census import change_steps
from ..measures.identity import leaders, numbered
from .places import Colouring, points_in
from .scrubber_blob import Reel

# Each measure by its name in the address, with what it is in words; those of cells or weight units follow the unit.
MEASURES = {
    "move": "last move (step)",
    "displacement": "displacement from the start (L∞)",
    "norm": "norm (L2, weight units)",
}
Numbers = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


def frame_measure(history: Words, steps: Steps, group: Truths, made: Reel, measure: str) -> npt.NDArray[np.float32]:
    """A measure of every vector of every frame, in the order of the reel's places."""
    frame, partition, label = (made.arrays[name] for name in ("frame", "partition", "label"))
    label = label.reshape(-1, int(group.sum()))
    of_tokens = token_measure(history, steps, group, made.header["unit"], measure)
    snapshots = np.unique(frame, return_index=True)[1].tolist()
    parts = [of_vectors(of_tokens(snapshot), label[partition[number]]) for number, snapshot in enumerate(snapshots)]
    return np.concatenate(parts).astype(np.float32)


def of_vectors(numbers: Numbers, vector: npt.NDArray[np.integer]) -> Numbers:
    """The measure of each vector from those of its tokens, whose vectors are numbered from 0.

    Of several tokens in one vector the largest: they may have come there at different steps, from different rows. NaN where a
    row is not finite, and for the last move of a token that has not moved yet.
    """
    largest = np.full(int(vector.max()) + 1, -np.inf)
    np.maximum.at(largest, vector, np.where(np.isfinite(numbers), numbers, -np.inf))
    return np.where(np.isinf(largest), np.nan, largest)


def coloured(points: pd.DataFrame, tokens: pd.DataFrame, numbers: Numbers) -> pd.DataFrame:
    """Points of a picture with the ``value`` of their vector; ``numbers`` are those of the rows of the token table."""
    vector = tokens["vector"].to_numpy(np.intp)
    known = dict(zip(tokens["token"], of_vectors(numbers, vector)[vector], strict=True))
    return points.assign(value=points["token"].map(known).astype(np.float64))


def colouring(history: Words, steps: Steps, group: Truths, unit: str, measure: str) -> Colouring:
    """The shades of a measure, from its least to its largest value over all vectors of a run; 0 and 1 where there is none."""
    of_tokens, low, high = token_measure(history, steps, group, unit, measure), np.inf, -np.inf
    for snapshot in change_steps(history, group).tolist():
        known = of_vectors(of_tokens(snapshot), numbered(leaders(history[snapshot][group][None])[0]))
        low, high = np.fmin(low, np.fmin.reduce(known)), np.fmax(high, np.fmax.reduce(known))
    ends = (float(low), float(high)) if low <= high else (0.0, 1.0)
    return Colouring(measure, MEASURES[measure], *ends)


def token_measure(history: Words, steps: Steps, group: Truths, unit: str, measure: str) -> Callable[[int], Numbers]:
    """A measure of the group's tokens at a snapshot; snapshots must be asked for in ascending order."""
    return {"move": _last_move, "displacement": _displacement, "norm": _norm}[measure](history, steps, group, unit)


def _norm(history: Words, steps: Steps, group: Truths, unit: str) -> Callable[[int], Numbers]:
    def norm(snapshot: int) -> Numbers:
        length: Numbers = np.sqrt(np.square(values(history[snapshot][group]).astype(np.float64)).sum(axis=1))
        return length

    return norm


def _displacement(history: Words, steps: Steps, group: Truths, unit: str) -> Callable[[int], Numbers]:
    start = points_in(history[0][group], unit)
    return lambda snapshot: np.asarray(np.abs(points_in(history[snapshot][group], unit) - start).max(axis=1))


def _last_move(history: Words, steps: Steps, group: Truths, unit: str) -> Callable[[int], Numbers]:
    """Every snapshot up to the last is read once."""
    last, read = np.full(int(group.sum()), np.nan), [0, history[0][group]]

    def until(snapshot: int) -> Numbers:
        while read[0] < snapshot:
            number = int(read[0]) + 1
            rows = history[number][group]
            last[(rows != read[1]).any(axis=1)] = steps[number]
            read[:] = [number, rows]
        return last

    return until
