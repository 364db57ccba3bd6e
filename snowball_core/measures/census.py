"""Who shares a vector with whom: identity of bits, counted at every step."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import release
from .bf16 import Words, is_finite
from .identity import classes, leaders, moved_frames, populations

_CHUNK_BYTES = 1024 * 1024
_BLOCK_NUMBERS = 4_000_000
Integers = npt.NDArray[np.int64]
Group = npt.NDArray[np.bool_]


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


def history_leaders(history: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The leader of every token at every snapshot, :func:`~snowball_core.measures.identity.leaders` of a history of any length.

    Everything the census, the lineage and the hidden classes say follows from this one array.

    Parameters
    ----------
    history : ndarray, shape (snapshots, vocab, hidden)

    Returns
    -------
    ndarray of int32, shape (snapshots, vocab)
    """
    parts = [leaders(chunk) for chunk in _chunks(history, None)]
    return np.concatenate(parts) if parts else np.empty(history.shape[:2], np.int32)


def sizes_of(leader: npt.NDArray[np.int32], group: Group | None = None) -> npt.NDArray[np.int32]:
    """How many tokens of a group follow each leader: the populations of its vectors, 0 where a token leads nobody.

    Parameters
    ----------
    leader : ndarray of int32, shape (snapshots, vocab)
    group : ndarray of bool, shape (vocab,), optional

    Returns
    -------
    ndarray of int32, shape (snapshots, vocab)
    """
    count, vocab = leader.shape
    chosen = leader if group is None else leader[:, group]
    flat = chosen + (np.arange(count, dtype=np.int64) * vocab)[:, None]
    return np.bincount(flat.ravel(), minlength=count * vocab).reshape(count, vocab).astype(np.int32)


def censuses(leader: npt.NDArray[np.int32], group: Group | None = None) -> list[Census]:
    """The census of a group at every snapshot, from the leaders; equal snapshots share one object."""
    block = max(1, _BLOCK_NUMBERS // max(1, leader.shape[1]))
    parts = [np.sort(sizes_of(leader[start : start + block], group), axis=1) for start in range(0, max(1, len(leader)), block)]
    ranked = np.concatenate(parts)[:, ::-1]
    counted: list[Census] = []
    changed = np.ones(len(ranked), np.bool_)
    changed[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    for row, is_new in zip(ranked, changed.tolist(), strict=True):
        counted.append(_counted(row[row > 0]) if is_new else counted[-1])
    return counted


def census_history(history: npt.NDArray[Any], group: Group | None = None) -> list[Census]:
    """The census of every snapshot, exact.

    Parameters
    ----------
    history : ndarray, shape (snapshots, vocab, hidden)
    group : ndarray of bool, shape (vocab,), optional
        Count these tokens only.
    """
    return censuses(history_leaders(history), group)


def _chunks(history: npt.NDArray[Any], group: Group | None) -> Iterator[npt.NDArray[Any]]:
    size = max(1, _CHUNK_BYTES // max(1, history[:1].nbytes)) if len(history) else 1
    for start in range(0, len(history), size):
        chunk = history[start : start + size]
        yield np.ascontiguousarray(chunk if group is None else chunk[:, group])
        release(history)


def change_steps(history: npt.NDArray[Any], group: Group | None = None) -> npt.NDArray[np.intp]:
    """Indices of the snapshots whose bits differ from their predecessor's; snapshot 0 always counts."""
    moved: list[npt.NDArray[np.bool_]] = []
    before: npt.NDArray[Any] | None = None
    for chunk in _chunks(history, group):
        moved.append(moved_frames(chunk, before))
        before = chunk[-1]
    return np.flatnonzero(np.concatenate(moved)) if moved else np.empty(0, np.intp)


def finite_snapshots(history: Words) -> int:
    """How many snapshots come before the first that holds a NaN or an infinity; all of them where none does.

    Examples
    --------
    >>> finite_snapshots(np.array([[[0x3F80]], [[0x7F80]], [[0x3F80]]], np.uint16))
    1
    """
    start = 0
    for chunk in _chunks(history, None):
        if not is_finite(chunk):
            return start + next(t for t in range(len(chunk)) if not is_finite(chunk[t]))
        start += len(chunk)
    return start


@dataclass(frozen=True)
class HiddenCounts:
    """Hidden classes of a group at every snapshot; each array has shape ``(snapshots,)``.

    Attributes
    ----------
    hidden_classes : ndarray of int64
        Distinct pairs of row and moments; at least U.
    true_holes, apparent_holes : ndarray of int64
        Black holes of one hidden class, and of several; together C.
    """

    hidden_classes: Integers
    true_holes: Integers
    apparent_holes: Integers


def hidden_leaders(leader: npt.NDArray[np.int32], moment_hash: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """For every token the smallest token with the same row and the same moments: its hidden class.

    Moments count as equal where their recorded 64-bit hashes are.

    Parameters
    ----------
    leader : ndarray of int32, shape (snapshots, vocab)
    moment_hash : ndarray of uint64, shape (snapshots, vocab)

    Returns
    -------
    ndarray of int32, shape (snapshots, vocab)
    """
    moments = leaders(moment_hash[:, :, None]).astype(np.int64)
    pairs = moments * leader.shape[1] + leader
    return leaders(pairs[:, :, None])


def hidden_counts(leader: npt.NDArray[np.int32], hidden: npt.NDArray[np.int32], group: Group | None = None) -> HiddenCounts:
    """How many hidden classes a group has at every snapshot, and how many of its holes are true and apparent.

    Parameters
    ----------
    leader, hidden : ndarray of int32, shape (snapshots, vocab)
        From :func:`history_leaders` and :func:`hidden_leaders`.
    group : ndarray of bool, shape (vocab,), optional
    """
    count, vocab = leader.shape
    hidden_sizes, sizes = sizes_of(hidden, group), sizes_of(leader, group)
    # A hidden class lies inside one hole: the hole of its leader.
    home = leader + (np.arange(count, dtype=np.int64) * vocab)[:, None]
    classes_of = np.bincount(home[hidden_sizes > 0], minlength=count * vocab).reshape(count, vocab)
    holes, apparent = sizes > 1, (sizes > 1) & (classes_of > 1)
    return HiddenCounts((hidden_sizes > 0).sum(axis=1), (holes & ~apparent).sum(axis=1), apparent.sum(axis=1))


def class_sizes(rows: npt.NDArray[Any], moment_hash: npt.NDArray[np.uint64]) -> list[list[int]]:
    """The sizes of the hidden classes inside each black hole of one matrix, holes in the order of :attr:`Census.sizes`.

    A hole of one class is true, of several apparent. Holes of one population are ordered by their smallest token.

    Parameters
    ----------
    rows : ndarray, shape (tokens, hidden)
    moment_hash : ndarray of uint64, shape (tokens,)

    Examples
    --------
    >>> class_sizes(np.array([[1], [1], [1], [2]], np.uint16), np.array([5, 6, 5, 5], np.uint64))
    [[2, 1]]
    """
    if not len(rows):
        return []
    leader = leaders(rows[None])
    hidden = hidden_leaders(leader, moment_hash[None])[0]
    holes = [np.flatnonzero(leader[0] == first) for first in np.unique(leader[0])]
    ordered = sorted((hole for hole in holes if len(hole) > 1), key=lambda hole: (-len(hole), hole[0]))
    return [sorted(np.unique(hidden[hole], return_counts=True)[1].tolist(), reverse=True) for hole in ordered]


@dataclass(frozen=True)
class Hidden:
    """Hidden classes through time: where they changed, and what they were from then on.

    Attributes
    ----------
    at : ndarray of intp
        Snapshots at which they changed; 0 always.
    leader : ndarray of int32, shape (len(at), vocab)
        For each token the smallest of its class.
    """

    at: npt.NDArray[np.intp]
    leader: npt.NDArray[np.int32]

    def rows(self, snapshots: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        """The leaders at some snapshots; a copy."""
        found: npt.NDArray[np.int32] = self.leader[np.searchsorted(self.at, snapshots, "right") - 1]
        return found
