"""How large a group is at every step: farthest pair, centroid, radius, spread, and how far the living are from the dead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..memory import blocks
from .bf16 import Floats, Integers, Truths, Words, narrow_ordinal, values
from .distances import linf_between
from .identity import moved_frames
from .motion import together

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Extent:
    """The size of one group at every snapshot.

    Attributes
    ----------
    largest_linf_weight : ndarray of float64, shape (snapshots,)
        The largest L∞ of any pair, weight units: ``max over components of (max − min)``. No pair is formed.
    largest_linf_cells : ndarray of int64, shape (snapshots,)
        The same in cells of the lattice.
    active_dimensions : ndarray of int64, shape (snapshots,)
        Components in which not all tokens have the same number.
    spanned_cells : ndarray of int64, shape (snapshots, hidden)
        Cells between the smallest and the largest number of each component.
    centroid : ndarray of float64, shape (snapshots, hidden)
        Mean row, weight units.
    radius_rms : ndarray of float64, shape (snapshots,)
        Root of the mean squared Euclidean distance from the centroid, weight units.
    spread : ndarray of float64, shape (snapshots, hidden)
        Standard deviation of each component over the tokens (dividing by their number), weight units.
    """

    largest_linf_weight: Floats
    largest_linf_cells: Integers
    active_dimensions: Integers
    spanned_cells: Integers
    centroid: Floats
    radius_rms: Floats
    spread: Floats


def extents(history: Words, dead: Truths | None = None) -> dict[str, Extent]:
    """The extent of the groups all, dead and live at every snapshot, in one pass; only of all where the dead are unknown.

    A group without tokens has zeros, and NaN for its centroid.

    Examples
    --------
    >>> found = extents(np.array([[[1.0], [3.0]]], np.float32))["all"]
    >>> found.largest_linf_weight.tolist(), found.radius_rms.tolist(), found.centroid.tolist()
    ([2.0], [1.0], [[2.0]])
    """
    parts: dict[str, list[Extent]] = {}
    for part in blocks(len(history), history[:1].nbytes, _CHUNK_BYTES):
        chunk: Any = np.asarray(history[part])
        measured = {"all": _held(chunk)} if dead is None else {"dead": _held(chunk[:, dead]), "live": _held(chunk[:, ~dead])}
        if dead is not None:
            measured = {"all": _joined(measured["dead"], measured["live"]), **measured}
        for name, sums in measured.items():
            parts.setdefault(name, []).append(_extent(sums))
    return {name: together(rows) for name, rows in parts.items()}


class _Sums(NamedTuple):
    """What one group's extent follows from: tokens, bounds as narrow ordinals, mean and variance of each component."""

    tokens: int
    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    mean: Floats
    variance: Floats


def _held(rows: Words) -> _Sums:
    """The sums of every snapshot, made once for those that repeat the one before."""
    changed = moved_frames(rows)
    if changed.all():
        return _sums(rows)
    sums, held = _sums(rows[changed]), np.cumsum(changed) - 1
    return _Sums(sums.tokens, *(column[held] for column in sums[1:]))


def _sums(rows: Words) -> _Sums:
    count, tokens, hidden = rows.shape
    place = narrow_ordinal(rows)
    if not tokens:
        zeros = np.zeros((count, hidden))
        return _Sums(0, zeros.astype(place.dtype), zeros.astype(place.dtype), np.full_like(zeros, np.nan), zeros)
    with np.errstate(invalid="ignore", over="ignore"):
        # Rows of a group lie token by token in memory; sums in that order depend on how many snapshots there are.
        points = values(rows).astype(np.float64, order="C")
        # Relative to one of the rows: a hole of all tokens is exactly 0 wide, and a small cloud far away keeps its digits.
        reference = points[:, :1].copy()
        points -= reference
        mean = points.mean(axis=1)
        points -= mean[:, None]
        variance = np.einsum("tvd,tvd->td", points, points) / tokens
        return _Sums(tokens, place.min(axis=1), place.max(axis=1), mean + reference[:, 0], variance)


def _joined(first: _Sums, second: _Sums) -> _Sums:
    """The sums of two disjoint groups together."""
    if not (first.tokens and second.tokens):
        return first if first.tokens else second
    tokens = first.tokens + second.tokens
    share = second.tokens / tokens
    with np.errstate(invalid="ignore", over="ignore"):
        apart = second.mean - first.mean
        variance = first.variance * (1 - share) + second.variance * share + share * (1 - share) * apart * apart
        mean = first.mean + share * apart
    return _Sums(tokens, np.minimum(first.low, second.low), np.maximum(first.high, second.high), mean, variance)


def _extent(sums: _Sums) -> Extent:
    weight, cells = linf_between(sums.low, sums.high)
    spanned = sums.high.astype(np.int64) - sums.low
    with np.errstate(invalid="ignore"):
        radius = np.sqrt(sums.variance.sum(axis=1))
    return Extent(weight, cells, (spanned > 0).sum(axis=1), spanned, sums.mean, radius, np.sqrt(sums.variance))


def separation(first: Extent, second: Extent) -> Floats:
    """Euclidean distance between two groups' centroids at every snapshot, weight units; NaN where a group is empty."""
    distance: Floats = np.sqrt(((first.centroid - second.centroid) ** 2).sum(axis=1))
    return distance
