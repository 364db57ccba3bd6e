"""All pairs of rows at one step: L∞, L1, L2 and Hamming distance, in weight units and in cells, and who touches whom.

Only distinct rows are compared; statistics over pairs of tokens weight them by population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import HistoryError
from .bf16 import Words, nan_rows, ordinal, values
from .distances import Spread, fraction_within, spread_over_pairs
from .identity import classes, populations

MOST_PAIRS = 12_500_000
METRICS = {"linf": "chebyshev", "l1": "cityblock", "l2": "euclidean", "hamming": "hamming"}
_SEEDS_EPSILON = 1e-5
_SEEDS_FACTOR = 10
# Farther than any sum of float32 differences; stands for infinity, so that two equal infinities are no distance apart.
_BEYOND = 1e300
Floats = npt.NDArray[np.float64]


def are_comparable(unique: int) -> bool:
    """Whether all pairs of so many rows can be compared."""
    return unique * (unique - 1) // 2 <= MOST_PAIRS


def require_pairs(unique: int, hidden: int) -> None:
    """Refuse to compare more pairs of rows than memory and patience allow, and say what it would cost.

    Raises
    ------
    HistoryError
    """
    pairs = unique * (unique - 1) // 2
    if not are_comparable(unique):
        raise HistoryError(
            f"distances need at most {MOST_PAIRS:,} pairs of distinct rows; {unique:,} rows are {pairs:,} pairs of {hidden:,} "
            f"components: {8 * pairs / 1e9:,.1f} GB a measure and about {pairs * hidden / 1e9:,.0f} s each. "
            "Ask for a smaller group; census and extents need no pairs."
        )


def points_of(rows: Words, unit: str) -> Floats:
    """The rows as float64 points in ``weight`` units or in ``cells`` (ordinals, exact); infinities as ±1e300."""
    with np.errstate(invalid="ignore"):  # a NaN may signal when it is widened
        points = (ordinal(rows) if unit == "cells" else values(rows)).astype(np.float64)
    return np.nan_to_num(points, copy=False, nan=np.nan, posinf=_BEYOND, neginf=-_BEYOND)


def pairwise(rows: Words, metric: str, unit: str) -> Floats:
    """Distances between all pairs of rows, the upper triangle row after row; shape ``(n (n − 1) / 2,)``.

    Parameters
    ----------
    rows : Words, shape (n, hidden)
    metric : {"linf", "l1", "l2", "hamming"}
        Hamming counts the components that differ (±0 do not).
    unit : {"weight", "cells"}

    Returns
    -------
    ndarray of float64
        NaN for a pair of which a row holds a NaN, in either unit: a number that is none has no place.

    Raises
    ------
    HistoryError
        If there are too many rows.

    Examples
    --------
    >>> pairwise(np.array([[0.0, 0.0], [3.0, 4.0]], np.float32), "l2", "weight").tolist()
    [5.0]
    """
    from scipy.spatial.distance import pdist

    require_pairs(*rows.shape)
    if len(rows) < 2:
        return np.zeros(0)
    found: Floats = pdist(points_of(rows, unit), METRICS[metric])
    if metric == "hamming":
        found = np.rint(found * rows.shape[1])
    found[found > _BEYOND / 2] = np.inf
    # The library's maximum skips a NaN, and in cells a NaN has an ordinal; a distance to one is none.
    broken = nan_rows(rows)
    if broken.any():
        first, second = np.triu_indices(len(rows), 1)
        found[broken[first] | broken[second]] = np.nan
    return found


@dataclass(frozen=True)
class Components:
    """Connected components of the graph that joins rows at most so many cells apart.

    Attributes
    ----------
    count : int
    label : ndarray of int32, shape (rows,)
    """

    count: int
    label: npt.NDArray[np.int32]


def adjacency_components(rows: Words, cells: int = 1) -> Components:
    """The components of the adjacency graph of distinct rows: an edge where L∞ is at most ``cells``.

    Raises
    ------
    HistoryError
        If there are too many rows.
    """
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
    found, label = connected_components(graph, directed=False)
    return Components(int(found), label)


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
    """All pairwise statistics over unordered pairs of tokens; those of distances are NaN where a row holds a NaN.

    Parameters
    ----------
    rows : Words, shape (tokens, hidden)

    Raises
    ------
    HistoryError
        If there are too many distinct rows; the message says what it would cost.
    """
    label = classes(rows)
    population = populations(label) if len(label) else np.empty(0, np.intp)
    require_pairs(len(population), rows.shape[1])
    unique = rows[np.unique(label, return_index=True)[1]]
    found = {(m, u): pairwise(unique, m, u) for u in ("weight", "cells") for m in ("linf", "l1", "l2")}
    lost = nan_rows(unique)
    spread = {key: spread_over_pairs(apart, population, lost) for key, apart in found.items()}
    near = found["linf", "cells"]
    graph = _components(near, len(unique), 1)
    tokens = np.bincount(graph.label, weights=population) if len(unique) else np.zeros(1)
    place = ordinal(unique).astype(np.int64)
    spanned = place.max(axis=0) - place.min(axis=0) if len(unique) else np.zeros(rows.shape[1], np.int64)
    everyone, inside = len(rows) * (len(rows) - 1) // 2, int((population * (population - 1) // 2)[~lost].sum())
    return PairStatistics(
        spread["linf", "weight"], spread["linf", "cells"],
        fraction_within(near, population, 1, lost), fraction_within(near, population, 2, lost),
        spread["l1", "weight"], spread["l1", "cells"], spread["l2", "weight"], spread["l2", "cells"],
        spread_over_pairs(pairwise(unique, "hamming", "cells"), population, lost),
        graph.count, int(tokens.max()), int((spanned > 0).sum()), tuple(spanned.tolist()),
        everyone, inside,
    )  # fmt: skip


def seed_criterion(linf_weight: float, linf_cells: float, sigma: float = _SEEDS_EPSILON) -> dict[str, Any]:
    """The seed's question whether a group is compact, beside the same question asked of the lattice.

    The seed asked whether the largest L∞ is below ten ε with ε = σ, a number that says nothing of the lattice. Asked in
    cells: is it below ten cells? Where the largest L∞ is no number, or there is no pair, neither can be told: None.

    Examples
    --------
    >>> seed_criterion(9.8e-4, 1)["seed"]["holds"], seed_criterion(9.8e-4, 1)["cells"]["holds"]
    (False, True)
    """
    bound = _SEEDS_FACTOR * sigma
    is_told = not np.isnan(linf_weight)
    return {
        "seed": {
            "largest_linf_weight": linf_weight,
            "below": bound,
            "holds": linf_weight < bound if is_told else None,
            "ratio": linf_weight / sigma,
        },
        "cells": {
            "largest_linf_cells": int(linf_cells) if is_told else linf_cells,
            "below": _SEEDS_FACTOR,
            "holds": linf_cells < _SEEDS_FACTOR if is_told else None,
        },
    }
