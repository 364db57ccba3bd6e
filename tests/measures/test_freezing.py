"""When motion ends, beside sums of exact fractions; among them numbers of tokens at which rounding decides."""

from __future__ import annotations

import math

import numpy as np
import oracles_of_time
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures.freezing import freezing


@st.composite
def worlds(draw):
    snapshots, tokens = draw(st.integers(1, 12)), draw(st.sampled_from([0, 1, 2, 3, 7, 10, 20]))
    gaps = draw(st.lists(st.sampled_from([1, 2, 50, 100, 300]), min_size=snapshots - 1, max_size=snapshots - 1))
    steps = np.cumsum([draw(st.sampled_from([0, 5])), *gaps])
    drawn = draw(st.lists(st.sampled_from([0, 0, 0, 0, 1, 2]), min_size=snapshots * tokens, max_size=snapshots * tokens))
    cells = np.array(drawn, np.int64).reshape(snapshots, tokens)
    cells[0] = 0
    moved = cells > 0
    if draw(st.booleans()) and snapshots > 1 and tokens:
        moved[-1, 0] = True  # a zero that changed its sign moves by no cell
    rates = np.array(draw(st.lists(st.sampled_from([0.0, 1e-3]), min_size=len(steps), max_size=len(steps))))
    return moved, cells, steps, (steps.astype(np.float64), rates)


def ended(moved, cells, steps, rates=None):
    """The freezing of tokens given one by one, as the table of steps adds them up."""
    tokens = moved.shape[1]
    return freezing(moved.sum(axis=1), tokens, cells.sum(axis=1) / max(1, tokens), steps, rates)


def freezing_fields(result):
    return (
        *(result.last_move, result.mostly_still, result.slow, result.is_frozen),
        *(result.learning_rate_after, result.is_by_learning_rate),
    )


@given(worlds())
@settings(deadline=None, max_examples=200)
def test_freezing_is_that_of_adding_up_exact_fractions(world):
    moved, cells, steps, rates = world
    pairs = list(zip(rates[0].tolist(), rates[1].tolist(), strict=True))
    naive = oracles_of_time.freezing(moved.tolist(), cells.tolist(), steps.tolist(), pairs)
    assert freezing_fields(ended(moved, cells, steps, rates)) == pytest.approx(naive, abs=0, nan_ok=True)


def test_exactly_nine_of_ten_still_is_not_under_ninety_percent():
    moved = np.zeros((3, 10), bool)
    moved[1, 0] = True
    steps = np.array([0, 1, 2])
    assert ended(moved, moved.astype(np.int64), steps).mostly_still == 0
    moved[1, 1] = True
    assert ended(moved, moved.astype(np.int64), steps).mostly_still == 1


def test_no_rounding_hides_a_mean_path_of_exactly_one_cell():
    steps, cells = np.array([0, 100, 200, 300]), np.array([[0, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 0]])
    assert (2 / 3 + 3 / 3) - 2 / 3 < 1
    assert ended(cells > 0, cells, steps).slow == 200
    cells[2, 2] = 0
    assert ended(cells > 0, cells, steps).slow == 0


def test_rates_after_the_last_recorded_step_say_nothing():
    moved = np.array([[0], [1], [0]], bool)
    rates = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.0, 0.5])
    assert ended(moved, moved.astype(np.int64), np.array([0, 1, 2]), rates).is_by_learning_rate is True


def test_one_snapshot_and_a_group_without_tokens_end_where_they_begin_and_nothing_shows_that_they_are_frozen():
    for tokens in (0, 2):
        result = ended(np.zeros((1, tokens), bool), np.zeros((1, tokens), np.int64), np.array([7]))
        assert (result.last_move, result.mostly_still, result.slow, result.is_frozen) == (7, 7, 7, False)
        assert math.isnan(result.learning_rate_after)
