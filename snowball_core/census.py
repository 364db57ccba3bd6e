"""Who shares a vector with whom: identity of bits, counted at every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .identity import classes, fingerprints, moved_frames, packed, populations

_CHUNK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Census:
    """Counts over the rows of one matrix (or of one group of its rows).

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


def census(rows: npt.NDArray[Any]) -> Census:
    """The census of one matrix.

    Examples
    --------
    >>> census(np.array([[1, 1], [2, 2], [1, 1]], np.uint16)).sizes
    (2,)
    """
    return _counted(populations(classes(rows)))


def _counted(sizes: npt.NDArray[np.intp]) -> Census:
    holes = np.sort(sizes[sizes > 1])[::-1]
    tokens, population = int(sizes.sum()), int(holes.sum())
    return Census(tokens, len(sizes), len(holes), population, tokens - population, tuple(holes.tolist()))


def census_history(history: npt.NDArray[Any], group: npt.NDArray[np.bool_] | None = None) -> list[Census]:
    """The census of every snapshot; a snapshot whose bits equal its predecessor's is not counted anew.

    Rows are classed by 64-bit fingerprints, and every class is confirmed by comparing bits; a snapshot in which that fails is
    classed by its bits alone. So the result is exact.

    Parameters
    ----------
    history : ndarray, shape (snapshots, vocab, hidden)
    group : ndarray of bool, shape (vocab,), optional
        Count these tokens only.
    """
    counted: list[Census] = []
    before: npt.NDArray[Any] | None = None
    for chunk in _chunks(history, group):
        moved = moved_frames(chunk, before)
        fresh = iter(_census_frames(packed(chunk[moved])))
        for has_moved in moved.tolist():
            counted.append(next(fresh) if has_moved else counted[-1])
        before = chunk[-1]
    return counted


def _chunks(history: npt.NDArray[Any], group: npt.NDArray[np.bool_] | None) -> Iterator[npt.NDArray[Any]]:
    size = max(1, _CHUNK_BYTES // max(1, history[0].nbytes)) if len(history) else 1
    for start in range(0, len(history), size):
        chunk = history[start : start + size]
        yield np.ascontiguousarray(chunk if group is None else chunk[:, group])


def _census_frames(words: npt.NDArray[np.uint64]) -> list[Census]:
    """The census of each frame ``[frames, tokens, 64-bit words]`` by sorted fingerprints, confirmed by bits."""
    if not words.shape[1]:
        return [_counted(np.empty(0, np.intp))] * len(words)
    prints = fingerprints(words)
    order = np.argsort(prints, axis=1, kind="stable")
    ranked = np.take_along_axis(prints, order, axis=1)
    same = ranked[:, 1:] == ranked[:, :-1]
    frame, place = np.nonzero(same)
    agree = (words[frame, order[frame, place]] == words[frame, order[frame, place + 1]]).all(axis=1)
    collided = set(frame[~agree].tolist())
    results = []
    for index in range(len(words)):
        if index in collided:
            results.append(census(words[index]))
            continue
        starts = np.flatnonzero(np.concatenate([[True], ~same[index]]))
        results.append(_counted(np.diff(np.append(starts, words.shape[1]))))
    return results


def change_steps(history: npt.NDArray[Any], group: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.intp]:
    """Indices of the snapshots whose bits differ from their predecessor's; snapshot 0 always counts."""
    moved: list[npt.NDArray[np.bool_]] = []
    before: npt.NDArray[Any] | None = None
    for chunk in _chunks(history, group):
        moved.append(moved_frames(chunk, before))
        before = chunk[-1]
    return np.flatnonzero(np.concatenate(moved)) if moved else np.empty(0, np.intp)
