"""Identity of bits: which rows are one vector, and which snapshots repeat the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import blocks
from .bf16 import Leaders, Truths

Labels = npt.NDArray[np.intp]
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX_1 = np.uint64(0xBF58_476D_1CE4_E5B9)
_MIX_2 = np.uint64(0x94D0_49BB_1331_11EB)
_CACHED_BYTES = 512 * 1024


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
    """A 64-bit hash of the bits of each row (the last axis); of any dtype, so −0 and +0 differ.

    Each 64-bit word is combined with its position, mixed by the finalizer of splitmix64, and the results are added.

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


def _keys(rows: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A quick 64-bit key per row of 64-bit words, with high bits that agree for equal rows and hardly ever for others.

    A sum of odd multiples, half the time of :func:`fingerprints`; callers confirm matches by comparing bits.
    """
    multiples = _mixed(np.arange(1, rows.shape[-1] + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    flat = rows.reshape(-1, rows.shape[-1])
    keys = np.empty(len(flat), np.uint64)
    # Blocks that stay in the processor's cache: twice as fast as one sweep after the other.
    for part in blocks(len(flat), flat[:1].nbytes, _CACHED_BYTES):
        # The shift carries high bits down: without it words that differ at the top alone would collide.
        folded = flat[part] >> np.uint64(29)
        folded ^= flat[part]
        np.einsum("rw,w->r", folded, multiples, out=keys[part])
    return keys.reshape(rows.shape[:-1])


def leaders(frames: npt.NDArray[Any]) -> Leaders:
    """For every row of every matrix, the smallest token whose row has the same bits.

    Rows are sorted by a key of their bits, and every class found is confirmed by comparing bits; a matrix in which two vectors
    share a key is sorted out by its bytes. So the result is exact for all rows. Only bits count: −0 and +0 differ and a
    NaN equals itself.

    Examples
    --------
    >>> leaders(np.array([[[7], [5], [7]], [[5], [5], [7]]], np.uint16)).tolist()
    [[0, 1, 0], [0, 0, 2]]
    """
    words = packed(frames)
    count, tokens = words.shape[:2]
    if not words.size:
        return np.zeros((count, tokens), np.int32)
    width = np.uint64(max(1, (tokens - 1).bit_length()))
    ranked = _keys(words) >> width << width
    ranked |= np.arange(tokens, dtype=np.uint64)
    ranked.sort(axis=1)
    place = (ranked & ((np.uint64(1) << width) - np.uint64(1))).astype(np.int32)
    ranked >>= width
    begins = np.zeros((count, tokens), np.int32)
    begins[:, 1:] = np.where(ranked[:, 1:] != ranked[:, :-1], np.arange(1, tokens, dtype=np.int32), 0)
    np.maximum.accumulate(begins, axis=1, out=begins)
    # From here on one flat array of rows: flat indices are twice as fast as pairs of them.
    base = (np.arange(count, dtype=np.int64) * tokens)[:, None]
    place_flat = (place + base).ravel()
    leader = place_flat[(begins + base).ravel()]
    result = np.empty(count * tokens, np.int64)
    result[place_flat] = leader
    _confirm(words.reshape(count * tokens, -1), result, tokens)
    smallest: Leaders = (result.reshape(count, tokens) - base).astype(np.int32)
    return smallest


def _confirm(rows: npt.NDArray[np.uint64], leader: npt.NDArray[np.int64], tokens: int) -> None:
    """Compare every row with its leader, and classify the rows of a key by their bytes where two of them differ."""
    followers = np.flatnonzero(leader != np.arange(len(leader)))
    collided: set[int] = set()
    for block in blocks(len(followers), rows[:1].nbytes, _CACHED_BYTES):
        part = followers[block]
        own, led = rows[part], rows[leader[part]]
        if not np.array_equal(own, led):
            collided.update(leader[part[(own != led).any(axis=1)]].tolist())
    for first in collided:
        frame = first // tokens * tokens
        members = frame + np.flatnonzero(leader[frame : frame + tokens] == first)
        first_row: dict[bytes, int] = {}
        for row in members.tolist():
            leader[row] = first_row.setdefault(rows[row].tobytes(), row)


def classes(rows: npt.NDArray[Any]) -> Labels:
    """For every row, the number of the vector it is, by bits; vectors are numbered by their first token.

    Examples
    --------
    >>> classes(np.array([[1, 1], [2, 2], [1, 1]], np.uint16)).tolist()
    [0, 1, 0]
    """
    if not rows.size:
        return np.zeros(len(rows), np.intp)
    leader = leaders(rows[None])[0]
    is_first = leader == np.arange(len(leader))
    rank: Labels = np.cumsum(is_first) - 1
    number: Labels = rank[leader]
    return number


def populations(labels: Labels) -> Labels:
    """How many tokens are each vector, indexed by vector number; shape ``(unique,)``."""
    return np.bincount(labels)


def numbered(labels: npt.NDArray[Any]) -> Labels:
    """For every token the number of its vector by population: 0 is the most populous one, ties go to the smallest token.

    Examples
    --------
    >>> numbered(np.array([0, 1, 1, 3, 3])).tolist()
    [2, 0, 0, 1, 1]
    """
    _, first, label, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), np.intp)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    number: Labels = rank[label]
    return number


def moved(frames: npt.NDArray[Any], before: npt.NDArray[Any] | None = None) -> Truths:
    """Whether a bit of each row differs from the frame before, that is whether the token moved; shape ``(frames, tokens)``.

    Without ``before``, the matrix before the first, no token of the first frame has moved.

    Examples
    --------
    >>> moved(np.array([[[1], [1]], [[1], [2]]], np.uint16)).tolist()
    [[False, False], [False, True]]
    """
    words = packed(frames)
    differs = np.zeros(words.shape[:2], np.bool_)
    differs[1:] = (words[1:] != words[:-1]).any(axis=2)
    if before is not None and len(words):
        differs[0] = (words[0] != packed(before)).any(axis=1)
    return differs


def moved_frames(frames: npt.NDArray[Any], before: npt.NDArray[Any] | None = None) -> Truths:
    """Which of consecutive matrices differ in bits from the one before; shape ``(frames,)``.

    Without ``before`` the first counts as different.

    Examples
    --------
    >>> moved_frames(np.array([[[1]], [[1]], [[2]]], np.uint16)).tolist()
    [True, False, True]
    """
    differs: Truths = np.any(moved(frames, before), axis=1)
    if before is None:
        differs[:1] = True
    return differs
