"""How tokens move: displacements in weight units and in cells, who is frozen, and the group's drift apart from its heat.

Between two snapshots several optimizer steps may have passed; a *speed* is a displacement divided by their number.
Displacements in cells are differences of ordinals, never ΔW / ULP: that ratio explodes where a number crosses zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..memory import blocks
from .bf16 import Floats, Integers, Truths, Words, narrow_ordinal, values
from .identity import moved as moved_rows

_CHUNK_BYTES = 512 * 1024
# Below this share of the mean squared displacement the difference of two sums loses digits: the tokens are computed one by one.
_NEARLY_RIGID = 1e-6
# Below this share of it the square of the centroid's displacement is lost in the rounding of a sum of parts that cancel:
# they are summed exactly.
_NEARLY_AT_REST = 1e-8
# A snapshot in which at most one token in so many moved is measured on the few that did.
_FEW = 8


@dataclass(frozen=True)
class Displacement:
    """How far each token moved from the snapshot before; the first snapshot has none and is all zeros.

    Attributes
    ----------
    moved : ndarray of bool, shape (snapshots, vocab)
        Whether a bit of the row changed.
    weight : ndarray of float64, shape (snapshots, vocab)
        Euclidean length of W[t] − W[t−1], weight units.
    cells : ndarray of int64, shape (snapshots, vocab)
        L∞ in cells: the farthest that any component moved.
    cells_sum : ndarray of int64, shape (snapshots, vocab)
        L1 in cells: cells moved by all components together.
    """

    moved: Truths
    weight: Floats
    cells: Integers
    cells_sum: Integers


@dataclass(frozen=True)
class Drift:
    """The motion of one group as a whole, from each snapshot to the next; the first is all zeros, its coherence NaN.

    Attributes
    ----------
    bulk : ndarray of float64, shape (snapshots,)
        Length of the centroid's displacement, weight units.
    thermal : ndarray of float64, shape (snapshots,)
        Root mean square over tokens of the displacement relative to the centroid's, weight units.
    coherence : ndarray of float64, shape (snapshots,)
        Mean cosine between the displacement of each token that has one and the centroid's; NaN if no token or no centroid
        moved. A token in which only a zero changed its sign has no displacement.
    """

    bulk: Floats
    thermal: Floats
    coherence: Floats


def motion(history: Words, groups: Mapping[str, Truths], before: Words | None = None) -> tuple[Displacement, dict[str, Drift]]:
    """Displacements of all tokens and the drift of each group, in one sweep.

    ``before`` is the snapshot before the first, where the history is a part of a longer one.

    Examples
    --------
    >>> found, drift = motion(np.array([[[1.0], [2.0]], [[1.0], [2.5]]], np.float32), {"all": np.array([True, True])})
    >>> found.weight[1].tolist(), drift["all"].bulk.tolist()
    ([0.0, 0.5], [0.0, 0.25])
    """
    moves: list[Displacement] = []
    drifts: dict[str, list[Drift]] = {name: [] for name in groups}
    for part in blocks(len(history), history[:1].nbytes, _CHUNK_BYTES):
        first = history[part.start - 1] if part.start else before
        now: Any = np.asarray(history[part])
        frames = np.concatenate([now[:1] if first is None else first[None], now])
        move, drift = _chunk(frames, groups)
        moves.append(move)
        for name, each in drift.items():
            drifts[name].append(each)
    return together(moves), {name: together(parts) for name, parts in drifts.items()}


Part = TypeVar("Part", bound=Any)


def together(parts: Sequence[Part]) -> Part:
    """What was measured of one or more parts of a history, one after the other: a dataclass of arrays by snapshot."""
    names = [field.name for field in fields(parts[0])]
    whole: Part = type(parts[0])(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    return whole


def _chunk(frames: Words, groups: Mapping[str, Truths]) -> tuple[Displacement, dict[str, Drift]]:
    """The motion between consecutive frames: one less than there are frames."""
    moved = moved_rows(frames)[1:]
    count, vocab = moved.shape
    members = np.array(list(groups.values()), np.float64).reshape(len(groups), vocab)
    length, far, total = np.zeros((count, vocab)), np.zeros((count, vocab), np.int64), np.zeros((count, vocab), np.int64)
    drift = np.zeros((3, count, len(groups)))
    # Decided snapshot by snapshot, so that the bits do not depend on how a history is divided into parts.
    is_quiet = moved.sum(axis=1) <= vocab // _FEW
    for at in (np.flatnonzero(~is_quiet), np.flatnonzero(is_quiet)):
        if not len(at):
            continue
        # Those that moved first, then as many others as make the number even: at rest, they add nothing.
        place: tuple[npt.NDArray[np.intp], ...] = (at,)
        inside = members[None]
        if is_quiet[at[0]]:
            token = np.argsort(~moved[at], axis=1, kind="stable")[:, : vocab // _FEW]
            place, inside = (at[:, None], token), members[:, token].transpose(1, 0, 2)
        was, now, has_moved = frames[:-1][place], frames[1:][place], moved[place]
        cells = _cells_apart(narrow_ordinal(was), narrow_ordinal(now))
        far[place], total[place] = cells.max(axis=2, initial=0), cells.sum(axis=2, dtype=np.int64)
        with np.errstate(invalid="ignore", over="ignore"):
            delta = values(now).astype(np.float64) - values(was)
            # A row whose bits did not change has not moved, also where infinity − infinity is no number.
            delta[~has_moved] = 0.0
            length[place] = apart = np.sqrt(np.einsum("tvd,tvd->tv", delta, delta))
            drift[:, at] = _drifts(delta, apart, inside, members.sum(axis=1))
    return Displacement(moved, length, far, total), {name: Drift(*drift[:, :, i]) for i, name in enumerate(groups)}


def _cells_apart(was: npt.NDArray[Any], now: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Absolute differences of ordinals, unsigned: a difference of two signed ones could overflow, this cannot."""
    unsigned = np.uint16 if was.itemsize == 2 else np.uint32
    apart: npt.NDArray[Any] = np.maximum(was, now).view(unsigned) - np.minimum(was, now).view(unsigned)
    return apart


def _drifts(delta: Floats, length: Floats, members: Floats, everyone: Floats) -> tuple[Floats, Floats, Floats]:
    """Bulk, thermal and coherence of groups, each of shape ``(frames, groups)``, from some rows; all others are at rest.

    ``members``, of shape (frames or 1, groups, rows), is 1 where a row is of a group; ``everyone`` counts a group's tokens.
    """
    tokens = np.maximum(everyone, 1)
    lost = ~np.isfinite(length)
    if lost.any():
        # Left out of the sums, where they would affect groups without them; groups with them have no number.
        delta[lost], length = 0.0, np.where(lost, 0.0, length)
    inside = np.broadcast_to(members, (len(delta), *members.shape[1:]))
    # Snapshot by snapshot: a product of matrices would add in another order where a block has another length.
    squared = np.matmul(members, (length * length)[:, :, None])[:, :, 0] / tokens
    # Summed, then divided: displacements that cancel leave a centroid at rest.
    mean = np.matmul(members, delta) / tokens[:, None]
    for t, g in np.argwhere(np.einsum("tgd,tgd->tg", mean, mean) < _NEARLY_AT_REST * squared).tolist():
        mean[t, g] = [math.fsum(column) / tokens[g] for column in delta[t, inside[t, g] > 0].T.tolist()]
    bulk = np.sqrt(np.einsum("tgd,tgd->tg", mean, mean))
    thermal = squared - bulk * bulk
    for t, g in np.argwhere(thermal < _NEARLY_RIGID * squared).tolist():
        heat = delta[t, inside[t, g] > 0] - mean[t, g]
        others = everyone[g] - len(heat)
        thermal[t, g] = (np.einsum("vd,vd->", heat, heat) + others * bulk[t, g] ** 2) / tokens[g]
    along = np.matmul(delta, mean.transpose(0, 2, 1))
    cosine = along / (length[:, :, None] * bulk[:, None, :])
    cosine[~np.isfinite(cosine)] = 0.0
    movers = np.matmul(inside, (length > 0).astype(np.float64)[:, :, None])[:, :, 0]
    coherence = np.where((movers > 0) & (bulk > 0), np.einsum("tvg,tgv->tg", cosine, inside) / movers, np.nan)
    spoiled = np.matmul(inside, lost.astype(np.float64)[:, :, None])[:, :, 0] > 0
    # A mean of cosines outside −1 to 1 is rounding.
    columns = bulk, np.sqrt(thermal), np.clip(coherence, -1.0, 1.0)
    bulk, thermal, coherence = (np.where(spoiled, np.nan, column) for column in columns)
    return bulk, thermal, coherence


REGIMES = ("frozen", "one_cell", "neighbour", "further")


def regimes(displacement: Displacement, group: Truths) -> dict[str, Integers]:
    """How many tokens of a group are in each regime of motion at every snapshot.

    ``frozen``: no bit changed. ``one_cell``: one component moved, by one cell (or only a zero changed its sign). ``neighbour``:
    several components moved, none by more than a cell. ``further``: some component moved by more.
    """
    moved, far, total = (part[:, group] for part in (displacement.moved, displacement.cells, displacement.cells_sum))
    kinds = {
        "frozen": ~moved,
        "one_cell": moved & (total <= 1),
        "neighbour": moved & (far <= 1) & (total > 1),
        "further": far > 1,
    }
    return {name: kinds[name].sum(axis=1) for name in REGIMES}


PERCENTILES = (10, 50, 90, 100)


def percentiles(amounts: npt.NDArray[Any], group: Truths) -> dict[int, npt.NDArray[Any]]:
    """For each of :data:`PERCENTILES` the displacement that so many per cent of the group's tokens do not exceed, per snapshot.

    Amounts are ``cells`` or ``weight`` of a :class:`Displacement`. It is always the displacement of one of the tokens (nearest
    rank), so that cells stay whole. Empty groups give zeros.

    Examples
    --------
    >>> {p: v.tolist() for p, v in percentiles(np.array([[4, 1, 3, 2]]), np.ones(4, bool)).items()}
    {10: [1], 50: [2], 90: [4], 100: [4]}
    """
    ordered = amounts[:, group]
    count = ordered.shape[1]
    # Where no token moved there is nothing to sort.
    stirred = np.flatnonzero(ordered.any(axis=1))
    ordered[stirred] = np.sort(ordered[stirred], axis=1)
    if not count:
        return {share: np.zeros(len(amounts), amounts.dtype) for share in PERCENTILES}
    return {share: ordered[:, max(0, -(-share * count // 100) - 1)] for share in PERCENTILES}


def first_moves(moved: Truths, steps: Integers) -> Integers:
    """The first recorded step at which each token had moved; −1 if it never did. Shape ``(vocab,)``."""
    return np.where(moved.any(axis=0), steps[moved.argmax(axis=0)], -1) if len(moved) else np.full(moved.shape[1], -1)


def last_moves(moved: Truths, steps: Integers) -> Integers:
    """The last recorded step at which each token had moved; −1 if it never did. Shape ``(vocab,)``."""
    if not len(moved):
        return np.full(moved.shape[1], -1)
    return np.where(moved.any(axis=0), steps[len(moved) - 1 - moved[::-1].argmax(axis=0)], -1)
