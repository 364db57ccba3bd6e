"""Identity of bits: which rows are one vector, and which snapshots repeat the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.intp]
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_1 = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_2 = np.uint64(0x94D0_49BB_1331_11EB)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX_1
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX_2
    return numbers ^ (numbers >> np.uint64(31))


def packed(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """The last axis of ``rows`` as 64-bit words, padded with zero bytes; shape ``(..., ceil(bytes / 8))``."""
    rows = np.ascontiguousarray(rows)
    size = rows.shape[-1] * rows.itemsize
    raw = rows.view(np.uint8).reshape(*rows.shape[:-1], size)
    if size % 8:
        raw = np.concatenate([raw, np.zeros((*rows.shape[:-1], 8 - size % 8), np.uint8)], axis=-1)
    return raw.view(np.uint64)


def fingerprints(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of the bits of each row.

    Each 64-bit word is combined with its position, mixed by the finalizer of splitmix64, and the results are added.

    Parameters
    ----------
    rows : ndarray, shape (..., components)
        Any dtype; only its bits count, so −0 and +0 differ.

    Returns
    -------
    ndarray of uint64, shape (...)

    References
    ----------
    Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014 (the finalizer, Stafford's variant 13).

    Examples
    --------
    >>> same, other, again = fingerprints(np.array([[1, 2], [2, 1], [1, 2]], np.uint16))
    >>> bool(same == again), bool(same == other)
    (True, False)
    """
    words = packed(rows)
    with np.errstate(over="ignore"):
        positions = np.arange(1, words.shape[-1] + 1, dtype=np.uint64) * _GOLDEN
        return _mixed(_mixed(words + positions).sum(axis=-1, dtype=np.uint64))


def classes(rows: npt.NDArray[Any]) -> Labels:
    """For every row, the number of the vector it is, by bits; vectors are numbered by their first token.

    Parameters
    ----------
    rows : ndarray, shape (tokens, components)

    Returns
    -------
    ndarray of intp, shape (tokens,)

    Examples
    --------
    >>> classes(np.array([[1, 1], [2, 2], [1, 1]], np.uint16)).tolist()
    [0, 1, 0]
    """
    words = packed(rows)
    if not words.size:
        return np.zeros(len(rows), np.intp)
    raw = words.view(np.dtype((np.void, words.shape[1] * 8))).ravel()
    _, first, label = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[label]


def populations(labels: Labels) -> npt.NDArray[np.intp]:
    """How many tokens are each vector, indexed by vector number; shape ``(unique,)``."""
    return np.bincount(labels)


def moved_frames(frames: npt.NDArray[Any], before: npt.NDArray[Any] | None = None) -> npt.NDArray[np.bool_]:
    """Which of consecutive matrices differ in bits from the one before; shape ``(frames,)``.

    Parameters
    ----------
    frames : ndarray, shape (frames, tokens, components)
    before : ndarray, shape (tokens, components), optional
        The matrix before the first; without it the first counts as moved.

    Examples
    --------
    >>> moved_frames(np.array([[[1]], [[1]], [[2]]], np.uint16)).tolist()
    [True, False, True]
    """
    words = packed(frames)
    moved = np.ones(len(words), np.bool_)
    moved[1:] = (words[1:] != words[:-1]).any(axis=(1, 2))
    if before is not None and len(words):
        moved[0] = not np.array_equal(words[0], packed(before))
    return moved
