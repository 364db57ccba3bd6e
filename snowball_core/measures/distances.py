"""Where the rows lie and how far apart: distances in weight units and in cells, centroid, principal axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..memory import release
from .bf16 import Words, nan_rows, ordinal, values
from .identity import classes, populations

Floats = npt.NDArray[np.float64]
_BLOCK_BYTES = 4 * 1024 * 1024
_MOST_BASIS_FRAMES = 500
_MOST_BASIS_ROWS = 100_000
_MOST_BASIS_NUMBERS = 12_800_000
# Farther than any two float32 numbers; stands for infinity, so that two equal infinities are no distance apart.
_BEYOND = 1e300


@dataclass(frozen=True)
class Spread:
    """Minimum, maximum, mean and median over unordered pairs of tokens, in the unit of the distances given."""

    min: float
    max: float
    mean: float
    median: float


def linf_weight(rows: Words) -> Floats:
    """Pairwise L∞ distance in weight units: the largest component difference, exact in float64.

    NaN for a pair of which a row holds a NaN, also of a row with itself; equal infinities are no distance apart.

    Parameters
    ----------
    rows : Words, shape (rows, hidden)

    Returns
    -------
    ndarray of float64, shape (rows, rows)

    Examples
    --------
    >>> linf_weight(np.array([[1.0, 2.0], [1.5, 0.0]], np.float32)).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    with np.errstate(invalid="ignore"):  # a NaN may signal when it is widened
        points = values(rows).astype(np.float64)
    found = _largest_difference(np.nan_to_num(points, copy=False, nan=np.nan, posinf=_BEYOND, neginf=-_BEYOND))
    found[found > _BEYOND / 2] = np.inf
    return found


def linf_cells(rows: Words) -> npt.NDArray[np.int64]:
    """Pairwise L∞ lattice distance: the largest difference of ordinals over the components, in cells.

    Of a row that holds a NaN it is a number without meaning: :func:`~snowball_core.tables.census.distance_matrix` has none
    there.

    Examples
    --------
    >>> linf_cells(np.array([[0x3F80, 0], [0x3F82, 0]], np.uint16)).tolist()
    [[0, 2], [2, 0]]
    """
    return _largest_difference(ordinal(rows).astype(np.int64))


def _largest_difference(points: npt.NDArray[Any]) -> npt.NDArray[Any]:
    count = len(points)
    result = np.zeros((count, count), points.dtype)
    block = max(1, _BLOCK_BYTES // max(1, points.nbytes))
    for start in range(0, count, block):
        np.abs(points[start : start + block, None] - points).max(axis=2, initial=0, out=result[start : start + block])
    return result


def spread_over_pairs(
    distances: npt.NDArray[Any], population: npt.NDArray[np.intp], lost: npt.NDArray[np.bool_] | None = None
) -> Spread:
    """Statistics over unordered pairs of *tokens*, from distances between *unique* rows weighted by population.

    Parameters
    ----------
    distances : ndarray, shape (unique, unique) or (unique (unique − 1) / 2,)
        The whole matrix, or its upper triangle row after row.
    population : ndarray of intp, shape (unique,)
        Tokens per unique row; two tokens of one row are a pair at distance 0.
    lost : ndarray of bool, shape (unique,), optional
        Rows that hold a NaN: no pair with one of them has a distance, also not of two tokens that share it.

    Returns
    -------
    Spread
        NaN throughout if there are fewer than two tokens, or if a distance is NaN.
    """
    first, second = np.triu_indices(len(population), 1)
    pairs = np.concatenate([population[first] * population[second], population * (population - 1) // 2])
    upper = distances if distances.ndim == 1 else distances[first, second]
    apart = np.concatenate([upper, np.zeros(len(population), distances.dtype)]).astype(np.float64)
    if lost is not None:
        apart[len(upper) :][lost] = np.nan
        apart[: len(upper)][lost[first] | lost[second]] = np.nan
    apart, pairs = apart[pairs > 0], pairs[pairs > 0]
    # Sorting puts a NaN last, where it would leave a median that looks like a number.
    if not len(apart) or np.isnan(apart).any():
        return Spread(*[float("nan")] * 4)
    mean = float((apart * pairs).sum() / pairs.sum())
    return Spread(float(apart.min()), float(apart.max()), mean, _weighted_median(apart, pairs))


def _weighted_median(numbers: Floats, weights: npt.NDArray[np.intp]) -> float:
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(weights[order])
    total = int(reached[-1])
    middle = [np.searchsorted(reached, (total - 1) // 2, side="right"), np.searchsorted(reached, total // 2, side="right")]
    return float(numbers[order[middle]].mean())


def fraction_within(
    distances: npt.NDArray[Any], population: npt.NDArray[np.intp], cells: int, lost: npt.NDArray[np.bool_] | None = None
) -> float:
    """Share of unordered token pairs at most ``cells`` apart, arguments as above; NaN with fewer than two tokens.

    A pair without a distance is not within any.
    """
    first, second = np.triu_indices(len(population), 1)
    upper = distances if distances.ndim == 1 else distances[first, second]
    inside, pairs = population * (population - 1) // 2, population[first] * population[second]
    near, total = upper <= cells, int(inside.sum()) + int(pairs.sum())
    if lost is not None:
        inside, near = inside[~lost], near & ~lost[first] & ~lost[second]
    return (int(inside.sum()) + int(pairs[near].sum())) / total if total else float("nan")


@dataclass(frozen=True)
class Distances:
    """All pairwise statistics of one group of rows at one step: L∞ in weight units and in cells."""

    linf: Spread
    cells: Spread
    adjacent: float
    touching: float


def distances(rows: Words) -> Distances:
    """Distance statistics over unordered pairs of tokens.

    ``adjacent`` is the share of pairs at most one cell apart (L∞), ``touching`` at most two.

    Parameters
    ----------
    rows : Words, shape (tokens, hidden)
    """
    label = classes(rows)
    population = populations(label) if len(label) else np.empty(0, np.intp)
    unique = rows[np.unique(label, return_index=True)[1]]
    cells, lost = linf_cells(unique), nan_rows(unique)
    return Distances(
        spread_over_pairs(linf_weight(unique), population, lost),
        spread_over_pairs(cells, population, lost),
        fraction_within(cells, population, 1, lost),
        fraction_within(cells, population, 2, lost),
    )


def largest_linf(history: Words, group: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The largest pairwise L∞ of a group at every snapshot, in weight units and in cells.

    It is ``max over components of (max − min)``, so no pair is formed. Zero for a group of fewer than two tokens.
    """
    weight, cells = np.zeros(len(history)), np.zeros(len(history), np.int64)
    if not group.any():
        return weight, cells
    block = max(1, _BLOCK_BYTES // max(1, 8 * history[:1].size)) if len(history) else 1
    for start in range(0, len(history), block):
        chunk = history[start : start + block][:, group]
        for result, points in ((weight, values(chunk)), (cells, ordinal(chunk))):
            # The ends are exact in the narrow format; their difference needs the wide one.
            with np.errstate(invalid="ignore"):
                high, low = points.max(axis=1).astype(result.dtype), points.min(axis=1).astype(result.dtype)
                # Equal infinities are no distance apart.
                apart = np.subtract(high, low, out=np.zeros_like(high), where=high != low)
            result[start : start + block] = apart.max(axis=1, initial=0)
        release(history)
    return weight, cells


def centroid(rows: Words) -> Floats:
    """The mean of the rows in weight units, accumulated in float64; shape ``(hidden,)``."""
    with np.errstate(invalid="ignore"):
        mean: Floats = values(rows).astype(np.float64).mean(axis=0)
    return mean


@dataclass(frozen=True)
class PrincipalAxes:
    """A basis for pictures: origin, two axes, and the share of variance each explains.

    Attributes
    ----------
    origin : ndarray of float64, shape (hidden,)
    axes : ndarray of float64, shape (2, hidden)
        Orthonormal; each axis's largest component is positive, so that pictures do not flip.
    explained : ndarray of float64, shape (2,)
    """

    origin: Floats
    axes: Floats
    explained: Floats

    def coordinates(self, rows: Words) -> Floats:
        """Places of the rows in the basis, weight units; shape ``(..., 2)``. Those of a row that is not finite are NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            points = values(rows).astype(np.float64) - self.origin
            points[~np.isfinite(points).all(axis=-1)] = np.nan
            return points @ self.axes.T


def principal_axes(points: npt.NDArray[np.floating[Any]]) -> PrincipalAxes:
    """The two principal axes of points in weight units, in float64 with fixed signs.

    Points that are not finite are left out. Where the points span fewer than two dimensions the missing axes are zero. They are
    those of scikit-learn's ``PCA``, which the tests hold beside them; importing it would take longer than the app's first page.

    Parameters
    ----------
    points : ndarray, shape (points, hidden)
    """
    with np.errstate(invalid="ignore"):
        points = np.asarray(points, np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    origin = points.mean(axis=0) if len(points) else np.zeros(points.shape[1])
    if not len(points) or (points == points[0]).all():
        return axes_of_covariance(origin, np.zeros((len(origin), len(origin))))
    # Centred first: subtracting the mean from the covariance instead would drown a small spread far from 0 in rounding.
    centred = points - origin
    return axes_of_covariance(origin, centred.T @ centred / len(points))


def axes_of_covariance(origin: Floats, covariance: Floats) -> PrincipalAxes:
    """The two axes of largest variance of a covariance matrix; an axis below the rounding of its sums is zero."""
    variance, vectors = np.linalg.eigh(covariance)
    count = min(2, len(variance))
    axes, explained = np.zeros((2, len(origin))), np.zeros(2)
    largest, whole = vectors[:, ::-1][:, :count].T, float(np.maximum(variance, 0).sum())
    share = variance[::-1][:count] / whole if whole > 0 else np.zeros(count)
    sign = np.sign(np.take_along_axis(largest, np.abs(largest).argmax(axis=1)[:, None], axis=1))
    # An axis below the rounding of the sums is not a direction of the points.
    real = share > len(origin) * np.finfo(np.float64).eps
    axes[:count][real], explained[:count][real] = (largest * sign)[real], share[real]
    return PrincipalAxes(origin, axes, explained)


def basis_frames(frames: int, tokens: int, hidden: int = 1) -> npt.NDArray[np.intp]:
    """Which of a run's frames a basis is made from: evenly spread, at most 500 and about 100,000 rows, fewer if these are long.

    Examples
    --------
    >>> len(basis_frames(100, 51)), len(basis_frames(10_000, 51)), len(basis_frames(10_000, 2_000))
    (100, 500, 50)
    """
    rows = min(_MOST_BASIS_ROWS, _MOST_BASIS_NUMBERS // max(1, hidden))
    most = max(2, min(_MOST_BASIS_FRAMES, rows // max(1, tokens)))
    return np.unique(np.linspace(0, frames - 1, min(frames, most)).astype(np.intp))


def run_axes(history: Words, group: npt.NDArray[np.bool_], frames: npt.NDArray[np.intp]) -> PrincipalAxes:
    """The principal axes of a group's rows over the given snapshots together: one basis for the whole run."""
    return principal_axes(values(history[frames][:, group]).reshape(-1, history.shape[2]))
