"""When two rows count as one vector: by bits, by value, after a cast to bfloat16, within one cell; and where these differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import blocks
from .bf16 import Integers, Truths, Words, bits, format_of, from_values
from .distances import adjacency_components, are_comparable
from .identity import classes, fingerprints, populations

_CHUNK_BYTES = 512 * 1024


@dataclass(frozen=True)
class Levels:
    """How many vectors one matrix has at four levels of identity, and what makes the levels differ.

    Attributes
    ----------
    bits : int
        Distinct rows by bits: the definition everywhere else.
    values : int
        Distinct rows by number: −0 equals +0, and a row with a NaN equals nothing, not even itself.
    bf16 : int
        Distinct rows, by bits, after rounding to bfloat16; the same as ``bits`` where the rows are bfloat16.
    within_a_cell : int or None
        Components of the graph that joins rows at most one cell apart (L∞); None where there are too many pairs to compare.
    minus_zero_rows, nan_rows : int
        Rows with a −0, and with a NaN.
    """

    bits: int
    values: int
    bf16: int
    within_a_cell: int | None
    minus_zero_rows: int
    nan_rows: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the levels differ, one sentence each; empty if they agree."""
        lines = []
        if self.values != self.bits:
            lines.append(
                f"{self.bits:,} vectors by bits are {self.values:,} by value: {self.minus_zero_rows:,} rows hold a −0, "
                f"{self.nan_rows:,} a NaN."
            )
        if self.bf16 != self.bits:
            lines.append(f"{self.bits:,} vectors in float32 are {self.bf16:,} after rounding to bfloat16.")
        if self.within_a_cell not in (None, self.bits):
            lines.append(f"{self.bits:,} vectors form {self.within_a_cell:,} groups within one cell of a neighbour.")
        return tuple(lines)


def levels(rows: Words) -> Levels:
    """The number of vectors of one matrix at each level of identity.

    Examples
    --------
    >>> levels(np.array([[0.0], [-0.0], [1.0]], np.float32)).values
    2
    """
    special = special_rows(rows[None])
    label = classes(rows)
    distinct = len(populations(label))
    odd = bool(special.minus_zero.any() or special.nan.any())
    everyone = np.ones(len(rows), np.bool_)
    return Levels(
        distinct,
        int(values_unique(rows[None], special, everyone)[0]) if odd else distinct,
        distinct if format_of(rows).name == "BF16" else len(populations(classes(rounded(rows)))),
        adjacency_components(rows[np.unique(label, return_index=True)[1]]).count if are_comparable(distinct) else None,
        int(special.minus_zero.sum()),
        int(special.nan.sum()),
    )


def rounded(rows: Words) -> Words:
    """The rows rounded to bfloat16, ties to even; as they are if they are bfloat16."""
    return rows if format_of(rows).name == "BF16" else from_values(rows)


@dataclass(frozen=True)
class Special:
    """Which rows hold numbers whose bits and values disagree; both of shape ``(snapshots, vocab)``."""

    minus_zero: Truths
    nan: Truths


def special_rows(history: Words) -> Special:
    """The rows with a −0 and the rows with a NaN at every snapshot."""
    layout = format_of(history)
    mask, infinity = layout.sign_mask - 1, ((1 << (8 * history.itemsize - 1 - layout.mantissa)) - 1) << layout.mantissa
    rows = history.reshape(-1, history.shape[2])
    minus_zero, nan = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    for part in blocks(len(rows), rows[:1].nbytes, _CHUNK_BYTES):
        pattern = bits(rows[part])
        # Tested for the whole chunk first: nearly always there is none.
        zeros = pattern == layout.sign_mask
        if zeros.any():
            minus_zero[part] = zeros.any(axis=1)
        magnitude = pattern & pattern.dtype.type(mask)
        if magnitude.size and magnitude.max() > infinity:
            nan[part] = (magnitude > infinity).any(axis=1)
    return Special(minus_zero.reshape(history.shape[:2]), nan.reshape(history.shape[:2]))


def values_unique(history: Words, special: Special, group: Truths) -> Integers:
    """Distinct rows of a group by number at every snapshot; a row with a NaN counts by itself. Shape ``(snapshots,)``."""
    counts = np.zeros(len(history), np.int64)
    for t in range(len(history)):
        nan = special.nan[t] & group
        counts[t] = _distinct_values(history[t], np.flatnonzero(group & ~nan)) + nan.sum()
    return counts


def _distinct_values(rows: Words, chosen: npt.NDArray[np.intp]) -> int:
    """How many different rows there are among the chosen, −0 taken for +0; no copy of the matrix is made."""
    keys, each = np.empty(len(chosen), np.uint64), rows[:1].nbytes
    for part in blocks(len(chosen), each, _CHUNK_BYTES):
        keys[part] = fingerprints(_unsigned_zeros(rows[chosen[part]]))
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=keys[order[:1]] ^ np.uint64(1)))
    leader = np.repeat(order[begins], np.diff(begins, append=len(order)))
    followers = np.flatnonzero(order != leader)
    collided: set[int] = set()
    for part in blocks(len(followers), each, _CHUNK_BYTES):
        some = followers[part]
        own, led = (_unsigned_zeros(rows[chosen[places[some]]]) for places in (order, leader))
        collided.update(leader[some[(own != led).any(axis=1)]].tolist())
    # Two vectors under one key: those rows are distinguished by their bytes.
    extra = sum(
        len({_unsigned_zeros(rows[chosen[[place]]]).tobytes() for place in order[leader == first].tolist()}) - 1
        for first in collided
    )
    return len(begins) + extra


def _unsigned_zeros(rows: Words) -> npt.NDArray[Any]:
    """The bits of a copy of the rows, +0 for every −0."""
    pattern = bits(rows.copy())
    pattern[pattern == format_of(rows).sign_mask] = 0
    return pattern
