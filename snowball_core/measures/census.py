"""Who shares a vector with whom, counted at every step; hidden classes of equal row and moments inside the holes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import Progress, blocks, silent
from .bf16 import Integers, Leaders, Truths, Words, is_finite
from .identity import classes, leaders, moved_frames, numbered, populations

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

    Census, lineage and hidden classes all follow from this one array.
    """
    return np.concatenate([leaders(np.ascontiguousarray(history[part])) for part in _parts(history)])


def _parts(history: npt.NDArray[Any], progress: Progress = silent) -> Iterator[slice]:
    return blocks(len(history), history[:1].nbytes, _CHUNK_BYTES, progress)


def sizes_of(leader: Leaders, group: Truths | None = None) -> Leaders:
    """How many tokens of a group follow each leader: the populations of its vectors, 0 where a token is no leader."""
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


Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class HiddenCounts:
    """Hidden classes of a group at every snapshot, at least U; black holes of one of them, and of several, together C."""

    hidden_classes: Integers
    true_holes: Integers
    apparent_holes: Integers


@dataclass(frozen=True)
class Hidden:
    """Hidden classes through time: the snapshots at which they changed, 0 always, and their leaders from then on."""

    at: npt.NDArray[np.intp]
    leader: Leaders

    def rows(self, snapshots: npt.NDArray[np.intp]) -> Leaders:
        """The leaders at some snapshots; a copy."""
        rows: Leaders = self.leader[np.searchsorted(self.at, snapshots, "right") - 1]
        return rows


def hidden_leaders(leader: Leaders, moment_hash: Hashes) -> Leaders:
    """For every token the smallest token with the same row and the same moments: its hidden class.

    Moments count as equal where their recorded 64-bit hashes are.
    """
    moments = leaders(moment_hash[:, :, None]).astype(np.int64)
    return leaders((moments * leader.shape[1] + leader)[:, :, None])


def hidden_counts(leader: Leaders, hidden: Leaders, group: Truths | None = None) -> HiddenCounts:
    """How many hidden classes a group has at every snapshot, and how many of its holes are true and apparent."""
    count, vocab = leader.shape
    hidden_sizes, sizes = sizes_of(hidden, group), sizes_of(leader, group)
    # A hidden class is inside one hole: the hole of its leader.
    home = leader + (np.arange(count, dtype=np.int64) * vocab)[:, None]
    classes_of = np.bincount(home[hidden_sizes > 0], minlength=count * vocab).reshape(count, vocab)
    holes, apparent = sizes > 1, (sizes > 1) & (classes_of > 1)
    return HiddenCounts((hidden_sizes > 0).sum(axis=1), (holes & ~apparent).sum(axis=1), apparent.sum(axis=1))


def classes_inside(hidden: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], list[int]]:
    """The hidden class of each token of one black hole, 0 for the largest (ties: smallest token), and the classes' sizes.

    Examples
    --------
    >>> number, sizes = classes_inside(np.array([4, 9, 9]))
    >>> number.tolist(), sizes
    ([1, 0, 0], [2, 1])
    """
    number = numbered(hidden)
    return number, np.bincount(number).tolist()


def class_sizes(rows: npt.NDArray[Any], moment_hash: Hashes) -> list[list[int]]:
    """The sizes of the hidden classes inside each black hole of one matrix, holes in the order of ``Census.sizes``.

    A hole of one class is true, of several apparent. Holes of one population are ordered by their smallest token.

    Examples
    --------
    >>> class_sizes(np.array([[1], [1], [1], [2]], np.uint16), np.array([5, 6, 5, 5], np.uint64))
    [[2, 1]]
    """
    if not len(rows):
        return []
    leader = leaders(rows[None])
    hidden, vector = hidden_leaders(leader, moment_hash[None])[0], numbered(leader[0])
    holes = np.flatnonzero(np.bincount(vector) > 1)
    return [classes_inside(hidden[vector == hole])[1] for hole in holes.tolist()]
