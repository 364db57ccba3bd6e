"""When two rows count as one vector: by bits, by value, after a cast to bfloat16, within one cell; and where these differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bf16 import Words, bits, format_of, from_values
from .identity import classes, leaders
from .pairs import adjacency_components

_CHUNK_BYTES = 512 * 1024
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


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
    within_a_cell : int
        Components of the graph that joins rows at most one cell apart (L∞).
    minus_zero_rows, nan_rows : int
        Rows with a −0, and with a NaN.
    """

    bits: int
    values: int
    bf16: int
    within_a_cell: int
    minus_zero_rows: int
    nan_rows: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the levels differ, one sentence each; empty if they agree."""
        told = []
        if self.values != self.bits:
            told.append(
                f"{self.bits:,} vectors by bits are {self.values:,} by value: {self.minus_zero_rows:,} rows hold a −0, "
                f"{self.nan_rows:,} a NaN."
            )
        if self.bf16 != self.bits:
            told.append(f"{self.bits:,} vectors in float32 are {self.bf16:,} after rounding to bfloat16.")
        if self.within_a_cell != self.bits:
            told.append(f"{self.bits:,} vectors form {self.within_a_cell:,} groups within one cell of a neighbour.")
        return tuple(told)


def levels(rows: Words) -> Levels:
    """The number of vectors of one matrix at each level of identity.

    Raises
    ------
    HistoryError
        If there are too many distinct rows to compare all pairs.

    Examples
    --------
    >>> levels(np.array([[0.0], [-0.0], [1.0]], np.float32)).values
    2
    """
    special = special_rows(rows[None])
    unique = rows[np.unique(classes(rows), return_index=True)[1]] if len(rows) else rows
    finite = unique[~special_rows(unique[None]).nan[0]]
    return Levels(
        len(unique),
        int(values_unique(rows[None], special, np.ones(len(rows), np.bool_))[0]),
        _distinct(rounded(rows)),
        adjacency_components(finite).count + len(unique) - len(finite),
        int(special.minus_zero.sum()),
        int(special.nan.sum()),
    )


def _distinct(rows: Words) -> int:
    return int(classes(rows).max()) + 1 if len(rows) else 0


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
    minus_zero, nan = np.zeros(history.shape[:2], np.bool_), np.zeros(history.shape[:2], np.bool_)
    size = max(1, _CHUNK_BYTES // max(1, history[0].nbytes)) if len(history) else 1
    for start in range(0, len(history), size):
        pattern = bits(history[start : start + size])
        # Asked of the whole chunk first: nearly always nobody is there.
        zeros = pattern == layout.sign_mask
        if zeros.any():
            minus_zero[start : start + size] = zeros.any(axis=2)
        magnitude = pattern & pattern.dtype.type(mask)
        if magnitude.size and magnitude.max() > infinity:
            nan[start : start + size] = (magnitude > infinity).any(axis=2)
    return Special(minus_zero, nan)


def values_unique(history: Words, special: Special, group: Truths) -> Integers:
    """Distinct rows of a group by number at every snapshot; a row with a NaN counts by itself. Shape ``(snapshots,)``."""
    layout = format_of(history)
    counts = np.zeros(len(history), np.int64)
    for t in range(len(history)):
        pattern = bits(history[t][group]).copy()
        pattern[pattern == layout.sign_mask] = 0
        nan = special.nan[t][group]
        counts[t] = len(np.unique(leaders(pattern[None][:, ~nan]))) + nan.sum()
    return counts
