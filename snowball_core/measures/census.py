"""Who shares a vector with whom: identity of bits, counted at every step."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import Progress, blocks, silent
from .bf16 import Leaders, Truths, Words, is_finite
from .identity import classes, leaders, moved_frames, populations

_CHUNK_BYTES = 1024 * 1024
_BLOCK_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Census:
    """Integers over the rows of one matrix (or of one group of its rows).

    Attributes
    ----------
    tokens : int
        Rows counted, V of the group.
    unique : int
        Distinct rows by bits, U = C + S.
    black_holes : int
        Vectors shared by two or more tokens, C.
    population : int
        Tokens in black holes, P.
    singletons : int
        Rows no other token shares, S; P + S = V.
    sizes : tuple of int
        Population of each black hole, descending.
    """

    tokens: int
    unique: int
    black_holes: int
    population: int
    singletons: int
    sizes: tuple[int, ...]

    @property
    def largest(self) -> int:
        """Population of the largest black hole; 0 if there is none."""
        return self.sizes[0] if self.sizes else 0

    @functools.cached_property
    def effective(self) -> float:
        """Effective number of vectors: ``exp(−Σ p ln p)``, p the share of tokens of each of the U vectors; 0 without tokens.

        Hill's number of order 1: U where all vectors are equally populous, near 1 where one hole holds nearly everyone.

        Examples
        --------
        >>> Census(4, 2, 2, 4, 0, (2, 2)).effective
        2.0
        """
        if not self.tokens:
            return 0.0
        share = np.array(self.sizes) / self.tokens
        alone = self.singletons / self.tokens * np.log(self.tokens)
        # Rounded where the logarithms of exact halves and quarters leave a last bit.
        return round(float(np.exp(alone - (share * np.log(share)).sum())), 12)


def census(rows: npt.NDArray[Any]) -> Census:
    """The census of one matrix.

    Examples
    --------
    >>> census(np.array([[1, 1], [2, 2], [1, 1]], np.uint16)).sizes
    (2,)
    """
    return _counted(populations(classes(rows)))


def _counted(sizes: npt.NDArray[np.integer[Any]]) -> Census:
    holes = np.sort(sizes[sizes > 1])[::-1]
    tokens, population = int(sizes.sum()), int(holes.sum())
    return Census(tokens, len(sizes), len(holes), population, tokens - population, tuple(holes.tolist()))


def history_leaders(history: npt.NDArray[Any]) -> Leaders:
    """The leader of every token at every snapshot, :func:`~snowball_core.measures.identity.leaders` of a history of any length.

    Everything the census, the lineage and the hidden classes say follows from this one array.
    """
    return np.concatenate([leaders(np.ascontiguousarray(history[part])) for part in _parts(history)])


def _parts(history: npt.NDArray[Any], progress: Progress = silent) -> Iterator[slice]:
    return blocks(len(history), history[:1].nbytes, _CHUNK_BYTES, progress)


def sizes_of(leader: Leaders, group: Truths | None = None) -> Leaders:
    """How many tokens of a group follow each leader: the populations of its vectors, 0 where a token leads nobody."""
    count, vocab = leader.shape
    chosen = leader if group is None else leader[:, group]
    flat = chosen + (np.arange(count, dtype=np.int64) * vocab)[:, None]
    return np.bincount(flat.ravel(), minlength=count * vocab).reshape(count, vocab).astype(np.int32)


def censuses(leader: Leaders, group: Truths | None = None) -> list[Census]:
    """The census of a group at every snapshot, from the leaders; equal snapshots share one object."""
    parts = blocks(len(leader), leader.shape[1], _BLOCK_NUMBERS)
    ranked = np.concatenate([np.sort(sizes_of(leader[part], group), axis=1) for part in parts])[:, ::-1]
    counted: list[Census] = []
    changed = np.ones(len(ranked), np.bool_)
    changed[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    for row, is_new in zip(ranked, changed.tolist(), strict=True):
        counted.append(_counted(row[row > 0]) if is_new else counted[-1])
    return counted


def census_history(history: npt.NDArray[Any], group: Truths | None = None) -> list[Census]:
    """The census of a group at every snapshot, exact."""
    return censuses(history_leaders(history), group)


def change_steps(history: npt.NDArray[Any], group: Truths | None = None, progress: Progress = silent) -> npt.NDArray[np.intp]:
    """Indices of the snapshots in which a bit of a group differs from the one before; snapshot 0 always counts."""
    moved: list[Truths] = []
    before: npt.NDArray[Any] | None = None
    for part in _parts(history, progress):
        chunk = np.asarray(history[part]) if group is None else history[part][:, group]
        moved.append(moved_frames(chunk, before))
        before = chunk[-1] if len(chunk) else None
    return np.flatnonzero(np.concatenate(moved))


def finite_snapshots(history: Words) -> int:
    """How many snapshots come before the first that holds a NaN or an infinity; all of them where none does.

    Examples
    --------
    >>> finite_snapshots(np.array([[[0x3F80]], [[0x7F80]], [[0x3F80]]], np.uint16))
    1
    """
    for part in _parts(history):
        chunk: Any = np.asarray(history[part])
        if not is_finite(chunk):
            return int(part.start) + next(t for t in range(len(chunk)) if not is_finite(chunk[t]))
    return len(history)
