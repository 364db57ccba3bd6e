"""How far apart rows are: L∞, L1, L2 and Hamming of all pairs, the largest L∞ over a history, and who touches whom.

In weight units and in cells. Only distinct rows are compared; statistics over pairs of tokens weight them by population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import HistoryError
from ..memory import blocks
from .bf16 import Floats, Integers, Truths, Words, from_narrow_ordinal, nan_rows, narrow_ordinal, ordinal, values
from .identity import classes, populations

MOST_PAIRS = 12_500_000
TOUCHING_CELLS = 2
METRICS = {"linf": "chebyshev", "l1": "cityblock", "l2": "euclidean", "hamming": "hamming"}
_BLOCK_BYTES = 1024 * 1024
_FEW = 32
# Farther than any sum of float32 differences; replaces infinity, so that two equal infinities have distance 0.
_BEYOND = 1e300


def largest(history: Words, group: Truths) -> tuple[Floats, Integers]:
    """The largest pairwise L∞ of a group at every snapshot, in weight units and in cells: NaN in weight with a NaN.

    It is ``max over components of (max − min)``, so no pair is formed. Zero for a group of fewer than two tokens.
    """
    if not group.any():
        return np.zeros(len(history)), np.zeros(len(history), np.int64)
    parts = []
    for part in blocks(len(history), history[:1].nbytes, _BLOCK_BYTES):
        rows: Any = np.ascontiguousarray(history[part][:, group])
        place = narrow_ordinal(rows)
        parts.append(linf_between(place.min(axis=1), place.max(axis=1)))
    weight, cells = zip(*parts, strict=True)
    return np.concatenate(weight), np.concatenate(cells)


def linf_between(low: npt.NDArray[Any], high: npt.NDArray[Any]) -> tuple[Floats, Integers]:
    """The largest L∞ of rows whose components reach from one narrow ordinal to another, in weight units and in cells.

    ``low`` and ``high`` have shape (snapshots, hidden). The ends are exact in the narrow format, their difference needs a wide
    one.
    """
    cells = high.astype(np.int64) - low
    with np.errstate(invalid="ignore"):
        most, least = (from_narrow_ordinal(end).astype(np.float64) for end in (high, low))
        # Equal infinities are no distance apart; a NaN is unequal to itself.
        weight: Floats = np.subtract(most, least, out=np.zeros_like(most), where=most != least).max(axis=1, initial=0)
    return weight, cells.max(axis=1, initial=0)


def are_comparable(unique: int) -> bool:
    """Whether all pairs of so many rows can be compared."""
    return unique * (unique - 1) // 2 <= MOST_PAIRS


def require_pairs(unique: int, hidden: int) -> None:
    """Raise if there are too many pairs of rows; the message gives their memory."""
    pairs = unique * (unique - 1) // 2
    if not are_comparable(unique):
        raise HistoryError(
            f"distances need at most {MOST_PAIRS:,} pairs of distinct rows; {unique:,} rows are {pairs:,} pairs of "
            f"{hidden:,} components: {8 * pairs / 1e9:,.1f} GB a measure and about {pairs * hidden / 1e9:,.0f} s each. "
            "Choose a smaller group; census and extents need no pairs."
        )


def points_of(rows: Words, unit: str) -> Floats:
    """The rows as float64 points in ``weight`` units or in ``cells`` (ordinals, exact); infinities as ±1e300.

    A row that holds a NaN has no position, in either unit: NaN throughout.
    """
    with np.errstate(invalid="ignore"):  # a NaN may signal when it is widened
        points = (ordinal(rows) if unit == "cells" else values(rows)).astype(np.float64)
    points = np.nan_to_num(points, copy=False, nan=np.nan, posinf=_BEYOND, neginf=-_BEYOND)
    points[nan_rows(rows)] = np.nan
    return points


def pairs(points: Floats, metric: str = "linf") -> Floats:
    """Distances of all pairs of points, (0, 1), (0, 2), …, (1, 2), …; NaN for a pair of which a point has a NaN.

    Few are compared here: importing the library would take a fifth of the app's first page. Many are quicker there.
    """
    if len(points) < 2:
        return np.zeros(0)
    if metric == "linf" and len(points) <= _FEW:
        return np.concatenate([np.abs(points[i + 1 :] - points[i]).max(axis=1, initial=0) for i in range(len(points) - 1)])
    from scipy.spatial.distance import pdist

    apart: Floats = pdist(points, METRICS[metric])
    undefined: Truths = np.any(np.isnan(points), axis=1)
    if undefined.any():  # the library's maximum skips a NaN
        first, second = np.triu_indices(len(points), 1)
        apart[undefined[first] | undefined[second]] = np.nan
    return apart


def pairwise(rows: Words, metric: str, unit: str) -> Floats:
    """Distances between all pairs of rows by one of :data:`METRICS`, in the order of :func:`pairs`; NaN with a NaN.

    Hamming counts the components that differ (±0 do not). Raises as :func:`require_pairs`.

    Examples
    --------
    >>> pairwise(np.array([[0.0, 0.0], [3.0, 4.0]], np.float32), "l2", "weight").tolist()
    [5.0]
    """
    require_pairs(*rows.shape)
    return _distances(points_of(rows, unit), metric)


def _distances(points: Floats, metric: str) -> Floats:
    apart = pairs(points, metric)
    if metric == "hamming":
        apart = np.rint(apart * points.shape[1])
    apart[apart > _BEYOND / 2] = np.inf
    return apart


def distance_matrix(rows: Words, unit: str) -> Floats:
    """L∞ between any two rows, in ``weight`` units or ``cells``; NaN for a row that holds a NaN, also with itself.

    Examples
    --------
    >>> distance_matrix(np.array([[0x3F80, 0], [0x3F82, 0]], np.uint16), "cells").tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    apart = np.zeros((len(rows), len(rows)))
    apart[np.triu_indices(len(rows), 1)] = pairwise(rows, "linf", unit)
    apart += apart.T
    np.fill_diagonal(apart, np.where(nan_rows(rows), np.nan, 0.0))
    return apart


@dataclass(frozen=True)
class Spread:
    """Minimum, maximum, mean and median over unordered pairs of tokens, in the unit of the distances given."""

    min: float
    max: float
    mean: float
    median: float


def spread_over_pairs(distances: Floats, population: npt.NDArray[np.intp], lost: Truths | None = None) -> Spread:
    """Statistics over unordered pairs of *tokens*, from distances between *unique* rows weighted by population.

    Two tokens of one row are a pair at distance 0, of one of the rows ``lost``, which hold a NaN, a pair without a distance.
    NaN throughout if there are fewer than two tokens, or if a distance is NaN.
    """
    first, second = np.triu_indices(len(population), 1)
    count = np.concatenate([population[first] * population[second], population * (population - 1) // 2])
    apart = np.concatenate([distances, np.zeros(len(population))])
    if lost is not None:
        apart[len(distances) :][lost] = np.nan
    apart, count = apart[count > 0], count[count > 0]
    # Sorting puts a NaN last, where the median would look like a number.
    if not len(apart) or np.isnan(apart).any():
        return Spread(*[float("nan")] * 4)
    mean = float((apart * count).sum() / count.sum())
    return Spread(float(apart.min()), float(apart.max()), mean, _weighted_median(apart, count))


def _weighted_median(numbers: Floats, weights: npt.NDArray[np.intp]) -> float:
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(weights[order])
    total = int(reached[-1])
    middle = [np.searchsorted(reached, (total - 1) // 2, side="right"), np.searchsorted(reached, total // 2, side="right")]
    return float(numbers[order[middle]].mean())


def fraction_within(distances: Floats, population: npt.NDArray[np.intp], cells: int, lost: Truths | None = None) -> float:
    """Share of unordered token pairs at most ``cells`` apart, arguments as above; NaN with fewer than two tokens.

    A pair without a distance is not within any.
    """
    first, second = np.triu_indices(len(population), 1)
    inside, count = population * (population - 1) // 2, population[first] * population[second]
    total = int(inside.sum()) + int(count.sum())
    if lost is not None:
        inside = inside[~lost]
    return (int(inside.sum()) + int(count[distances <= cells].sum())) / total if total else float("nan")


@dataclass(frozen=True)
class Components:
    """Connected components of the graph that joins rows at most so many cells apart: how many, and the one of each row."""

    count: int
    label: npt.NDArray[np.int32]


def adjacency_components(rows: Words, cells: int = 1) -> Components:
    """The components of the adjacency graph of distinct rows: an edge where L∞ is at most ``cells``."""
    return _components(pairwise(rows, "linf", "cells"), len(rows), cells)


def _components(apart: Floats, count: int, cells: int) -> Components:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return Components(0, np.zeros(0, np.int32))
    near = np.flatnonzero(apart <= cells)
    # The flat index of a pair, undone: rows begin at multiples of a falling sum.
    begins = np.cumsum(np.arange(count - 1, 0, -1)) - np.arange(count - 1, 0, -1)
    first = np.searchsorted(begins, near, side="right") - 1
    second = near - (begins[first] if len(first) else 0) + first + 1
    graph = coo_array((np.ones(len(near), np.int8), (first, second)), shape=(count, count))
    components, label = connected_components(graph, directed=False)
    return Components(int(components), label)


@dataclass(frozen=True)
class PairStatistics:
    """Everything about the pairs of tokens of one group at one step.

    Attributes
    ----------
    linf, l1, l2 : Spread
        Weight units.
    cells, l1_cells, l2_cells : Spread
        L∞, L1 and L2 in cells.
    hamming : Spread
        Components that differ.
    adjacent, touching : float
        Shares of pairs at most one, and at most two, cells apart (L∞).
    components, largest_component : int
        Components of the adjacency graph of distinct rows, and the tokens in its most populous one; a row with a NaN touches
        no other.
    active_dimensions : int
        Components in which not all tokens have the same number.
    cells_spanned : tuple of int
        Cells between the smallest and the largest number, component by component.
    pairs, pairs_in_holes : int
        Unordered pairs of tokens; those of one black hole, which are at distance 0 and count in every statistic. Tokens that
        share a row with a NaN are no such pair: they have no distance.
    """

    linf: Spread
    cells: Spread
    adjacent: float
    touching: float
    l1: Spread
    l1_cells: Spread
    l2: Spread
    l2_cells: Spread
    hamming: Spread
    components: int
    largest_component: int
    active_dimensions: int
    cells_spanned: tuple[int, ...]
    pairs: int
    pairs_in_holes: int


def pair_statistics(rows: Words) -> PairStatistics:
    """All pairwise statistics over unordered pairs of tokens; those of distances are NaN where a row holds a NaN."""
    label = classes(rows)
    population = populations(label) if len(label) else np.empty(0, np.intp)
    require_pairs(len(population), rows.shape[1])
    unique = rows[np.unique(label, return_index=True)[1]]
    points = {unit: points_of(unique, unit) for unit in ("weight", "cells")}
    lost, near = nan_rows(unique), _distances(points["cells"], "linf")

    def spread(metric: str, unit: str) -> Spread:
        return spread_over_pairs(_distances(points[unit], metric), population, lost)

    graph = _components(near, len(unique), 1)
    tokens = np.bincount(graph.label, weights=population) if len(unique) else np.zeros(1)
    place = ordinal(unique).astype(np.int64)
    spanned = place.max(axis=0) - place.min(axis=0) if len(unique) else np.zeros(rows.shape[1], np.int64)
    everyone, inside = len(rows) * (len(rows) - 1) // 2, int((population * (population - 1) // 2)[~lost].sum())
    return PairStatistics(
        spread("linf", "weight"), spread_over_pairs(near, population, lost),
        fraction_within(near, population, 1, lost), fraction_within(near, population, TOUCHING_CELLS, lost),
        spread("l1", "weight"), spread("l1", "cells"), spread("l2", "weight"), spread("l2", "cells"),
        spread("hamming", "cells"),
        graph.count, int(tokens.max()), int((spanned > 0).sum()), tuple(spanned.tolist()),
        everyone, inside,
    )  # fmt: skip
