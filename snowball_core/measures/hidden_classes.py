"""Hidden classes: tokens equal in their row and in the optimizer's moments; how many a black hole is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .bf16 import Integers, Leaders, Truths
from .census import sizes_of
from .identity import leaders, numbered

Hashes = npt.NDArray[np.uint64]


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
    # A hidden class lies inside one hole: the hole of its leader.
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
