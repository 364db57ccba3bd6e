"""Identity of bits: which rows are one vector, and which snapshots repeat the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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


def _keys(rows: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A quick 64-bit key per row of 64-bit words, in whose high bits equal rows agree and others hardly ever do.

    A sum of odd multiples, half as dear as :func:`fingerprints`; whoever uses it confirms by comparing bits.
    """
    multiples = _mixed(np.arange(1, rows.shape[-1] + 1, dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    flat = rows.reshape(-1, rows.shape[-1])
    keys = np.empty(len(flat), np.uint64)
    # Blocks that stay in the processor's cache: twice as fast as one sweep after the other.
    block = max(1, _CACHED_BYTES // max(1, flat[:1].nbytes))
    for start in range(0, len(flat), block):
        part = flat[start : start + block]
        # The shift carries high bits down: without it words that differ at the top alone would collide.
        folded = part >> np.uint64(29)
        folded ^= part
        np.einsum("rw,w->r", folded, multiples, out=keys[start : start + block])
    return keys.reshape(rows.shape[:-1])


def leaders(frames: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """For every row of every matrix, the smallest token whose row has the same bits.

    Rows are sorted by a key of their bits, and every class found is confirmed by comparing bits; a matrix in which two vectors
    share a key is sorted out by its bytes. So the result is exact whatever the rows.

    Parameters
    ----------
    frames : ndarray, shape (frames, tokens, components)
        Any dtype; only its bits count, so −0 and +0 differ and a NaN equals itself.

    Returns
    -------
    ndarray of int32, shape (frames, tokens)

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
    smallest: npt.NDArray[np.int32] = (result.reshape(count, tokens) - base).astype(np.int32)
    return smallest


def _confirm(rows: npt.NDArray[np.uint64], leader: npt.NDArray[np.int64], tokens: int) -> None:
    """Compare every row with its leader, and class the rows of a key anew by their bytes where two of them differ."""
    followers = np.flatnonzero(leader != np.arange(len(leader)))
    block = max(1, _CACHED_BYTES // rows[:1].nbytes)
    collided: set[int] = set()
    for start in range(0, len(followers), block):
        part = followers[start : start + block]
        own, led = rows[part], rows[leader[part]]
        if not np.array_equal(own, led):
            collided.update(leader[part[(own != led).any(axis=1)]].tolist())
    for first in collided:
        frame = first // tokens * tokens
        members = frame + np.flatnonzero(leader[frame : frame + tokens] == first)
        seen: dict[bytes, int] = {}
        for row in members.tolist():
            leader[row] = seen.setdefault(rows[row].tobytes(), row)


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
    if not rows.size:
        return np.zeros(len(rows), np.intp)
    leader = leaders(rows[None])[0]
    is_first = leader == np.arange(len(leader))
    rank: Labels = np.cumsum(is_first) - 1
    number: Labels = rank[leader]
    return number


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
