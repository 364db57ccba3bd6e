"""All pairs at one step and four levels of identity, beside plain loops."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.measures.distances as module
from snowball_core.errors import HistoryError
from snowball_core.measures.bf16 import from_values, ordinal, values
from snowball_core.measures.distances import adjacency_components, pair_statistics, pairwise
from snowball_core.measures.identity_levels import levels
from snowball_core.measures.verdict import seed_criterion

NEAR = st.sampled_from([0, 0x8000, 1, 0x8001, 0x3F80, 0x3F81, 0x3F82, 0x3F84, 0xBF80])


@st.composite
def matrices(draw, numbers=NEAR):
    tokens, hidden = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    drawn = draw(st.lists(numbers, min_size=tokens * hidden, max_size=tokens * hidden))
    words = np.array(drawn, np.uint16).reshape(tokens, hidden)
    return words if draw(st.booleans()) else values(words)


NAIVE = {
    "linf": lambda d: max(d),
    "l1": lambda d: math.fsum(d),
    "l2": lambda d: math.sqrt(math.fsum(x * x for x in d)),
    "hamming": lambda d: sum(x != 0 for x in d),
}


def naive(rows, metric, unit):
    """Distances of all pairs by loops over pairs and components."""
    points = (ordinal(rows) if unit == "cells" else values(rows).astype(np.float64)).tolist()
    return [NAIVE[metric]([abs(a - b) for a, b in zip(p, q, strict=True)]) for p, q in itertools.combinations(points, 2)]


@given(matrices(), st.sampled_from(list(NAIVE)), st.sampled_from(["weight", "cells"]))
@settings(deadline=None, max_examples=150)
def test_pairwise_distances_are_those_of_loops(rows, metric, unit):
    assert pairwise(rows, metric, unit).tolist() == pytest.approx(naive(rows, metric, unit), rel=1e-12)
    if metric in ("linf", "hamming"):
        assert pairwise(rows, metric, unit).tolist() == naive(rows, metric, unit)


@given(matrices())
@settings(deadline=None, max_examples=60)
def test_statistics_are_those_of_all_pairs_of_tokens(rows):
    result = pair_statistics(rows)
    for spread, pairs in ((result.l1_cells, naive(rows, "l1", "cells")), (result.hamming, naive(rows, "hamming", "cells"))):
        assert (spread.min, spread.max, spread.median) == (min(pairs), max(pairs), statistics.median(pairs))
    assert result.l2.mean == pytest.approx(statistics.fmean(naive(rows, "l2", "weight")), rel=1e-9)


def naive_components(rows):
    """Components of the adjacency graph by flooding."""
    places = ordinal(rows).astype(np.int64)
    left, count = set(range(len(rows))), 0
    while left:
        count, open_ = count + 1, [left.pop()]
        while open_:
            here = open_.pop()
            near = {other for other in left if np.abs(places[here] - places[other]).max() <= 1}
            left -= near
            open_ += near
    return count


@given(matrices())
@settings(deadline=None, max_examples=80)
def test_components_are_those_of_flooding(rows):
    assert adjacency_components(rows).count == naive_components(rows)


def test_a_chain_of_neighbours_is_one_component_though_its_ends_do_not_touch():
    rows = np.array([[0x3F80], [0x3F81], [0x3F82], [0x3F90]], np.uint16)
    result = pair_statistics(rows)
    assert (result.components, result.largest_component, result.cells_spanned) == (2, 3, (16,))
    assert pair_statistics(rows[:1]).components == 1
    assert pair_statistics(rows[:0]).components == 0


def test_too_many_pairs_are_refused_with_their_cost(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 5)
    with pytest.raises(HistoryError, match=r"at most 5 pairs of distinct rows; 4 rows are 6 pairs of 2 components"):
        pair_statistics(np.arange(8, dtype=np.uint16).reshape(4, 2))
    assert pair_statistics(np.zeros((4, 2), np.uint16)).cells.max == 0


def test_a_row_with_nan_is_at_no_distance():
    rows = np.array([[np.nan, 0.0], [1.0, 0.0], [2.0, 0.0]], np.float32)
    assert np.isnan(pairwise(rows, "linf", "weight")).tolist() == [True, True, False]


def test_the_seeds_question_and_the_same_in_cells_can_have_two_answers():
    criterion = seed_criterion(9.765625e-4, 2)
    assert (criterion["seed"]["holds"], criterion["cells"]["holds"]) == (False, True)
    assert criterion["seed"]["ratio"] == pytest.approx(97.65625)


@given(matrices(NEAR | st.just(0x7FC0)))
@settings(deadline=None, max_examples=100)
def test_levels_are_those_of_comparing_every_pair(rows):
    result = levels(rows)
    numbers = values(rows)
    alike = [[bool((p == q).all()) for q in numbers] for p in numbers]
    distinct = len(rows) - sum(any(alike[i][j] for j in range(i)) for i in range(len(rows)))
    assert result.values == distinct
    assert result.bits == len({row.tobytes() for row in rows})
    assert result.nan_rows == int(np.isnan(numbers).any(axis=1).sum())
    assert result.minus_zero_rows == int((np.signbit(numbers) & (numbers == 0)).any(axis=1).sum())


def test_levels_that_differ_are_warned_of():
    assert levels(from_values([[1.0], [2.0]])).warnings == ()
    close = levels(np.array([[1.0], [1.0 + 2**-20], [5.0]], np.float32))
    assert (close.bits, close.bf16) == (3, 2)
    assert close.warnings[0] == "3 vectors in float32 are 2 after rounding to bfloat16."
    assert "by value: 1 rows hold a −0" in levels(np.array([[0.0], [-0.0]], np.float32)).warnings[0]
    assert "within one cell" in levels(np.array([[0x3F80], [0x3F81]], np.uint16)).warnings[-1]
