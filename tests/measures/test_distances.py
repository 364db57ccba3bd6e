"""Distances and axes, beside triple loops in plain Python."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.measures.distances as module
from snowball_core.measures.bf16 import from_values, ordinal, values
from snowball_core.measures.distances import distance_matrix, fraction_within, largest, pair_statistics, spread_over_pairs
from snowball_core.measures.principal_axes import axes_of_frames, centroid, principal_axes


@st.composite
def matrices(draw, least=0):
    tokens, hidden = draw(st.integers(least, 5)), draw(st.integers(1, 4))
    near = st.sampled_from([0, 0x8000, 1, 0x8001, 0x3F80, 0x3F81, 0x3F82, 0xBF80]) | st.integers(0, 0x7F7F)
    numbers = draw(st.lists(near, min_size=tokens * hidden, max_size=tokens * hidden))
    words = np.array(numbers, np.uint16).reshape(tokens, hidden)
    return words if draw(st.booleans()) else values(words)


def naive_linf(points):
    """The largest component difference of every pair, by three loops; exact in Python's integers and floats."""
    n, points = len(points), points.tolist()
    table = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            for a, b in zip(points[i], points[j], strict=True):
                table[i][j] = max(table[i][j], abs(a - b))
    return table


def naive_pairs(table):
    return [table[i][j] for i, j in itertools.combinations(range(len(table)), 2)]


@given(matrices())
@settings(deadline=None, max_examples=100)
def test_distances_in_weight_units_are_those_of_three_loops(words):
    assert distance_matrix(words, "weight").tolist() == naive_linf(values(words).astype(np.float64))


@given(matrices())
@settings(deadline=None, max_examples=100)
def test_distances_in_cells_are_those_of_three_loops(words):
    assert distance_matrix(words, "cells").tolist() == naive_linf(ordinal(words))


def test_neighbours_on_the_lattice_are_one_cell_apart_whatever_their_size():
    for pattern in (0x0000, 0x2F00, 0x3F80, 0x4580):
        assert distance_matrix(np.array([[pattern], [pattern + 1]], np.uint16), "cells").tolist() == [[0, 1], [1, 0]]
    near_one, near_a_hundred_thousandth = from_values([[1.0], [1.0 + 2**-7]]), from_values([[1e-5], [1e-5 + 2**-24]])
    assert distance_matrix(near_one, "weight")[0, 1] == 2**-7
    assert distance_matrix(near_a_hundred_thousandth, "weight")[0, 1] == 2**-24


def test_both_zeros_are_zero_cells_and_the_smallest_numbers_of_either_sign_two_cells_apart():
    assert distance_matrix(np.array([[0x0000], [0x8000]], np.uint16), "cells")[0, 1] == 0
    assert distance_matrix(np.array([[0x0001], [0x8001]], np.uint16), "cells")[0, 1] == 2


@given(matrices(least=2))
@settings(deadline=None, max_examples=100)
def test_the_spread_is_that_of_a_list_of_all_pairs_of_tokens(words):
    weight, cells = naive_pairs(naive_linf(values(words).astype(np.float64))), naive_pairs(naive_linf(ordinal(words)))
    result = pair_statistics(words)
    for spread, pairs in ((result.linf, weight), (result.cells, cells)):
        assert (spread.min, spread.max, spread.median) == (min(pairs), max(pairs), statistics.median(pairs))
        assert spread.mean == pytest.approx(math.fsum(pairs) / len(pairs), rel=1e-12)
    assert result.adjacent == sum(c <= 1 for c in cells) / len(cells)
    assert result.touching == sum(c <= 2 for c in cells) / len(cells)


def test_a_world_of_four_tokens_measured_by_hand():
    one, next_up, third_up = 0x3F80, 0x3F81, 0x3F83
    words = np.array([[one, one], [one, one], [one, next_up], [one, third_up]], np.uint16)
    result = pair_statistics(words)  # pairs: 0, 1, 1, 3, 3, 2 cells, each cell 2^-7 wide
    assert (result.cells.min, result.cells.max, result.cells.mean, result.cells.median) == (0, 3, 10 / 6, 1.5)
    assert (result.linf.max, result.linf.median) == (3 / 128, 1.5 / 128)
    assert (result.adjacent, result.touching) == (3 / 6, 4 / 6)


def test_the_pairs_inside_a_black_hole_count_as_pairs_at_distance_zero():
    spread = spread_over_pairs(np.array([5.0]), np.array([3, 1]))
    assert (spread.min, spread.max, spread.mean, spread.median) == (0.0, 5.0, 2.5, 2.5)
    assert fraction_within(np.array([5.0]), np.array([3, 1]), 2) == 0.5


@pytest.mark.parametrize("tokens", [0, 1])
def test_fewer_than_two_tokens_have_no_pair_and_so_no_number(tokens):
    result = pair_statistics(np.zeros((tokens, 2), np.uint16))
    numbers = [
        result.linf.min,
        result.linf.max,
        result.linf.mean,
        result.linf.median,
        result.cells.max,
        result.adjacent,
        result.touching,
    ]
    assert all(math.isnan(number) for number in numbers)


def test_one_black_hole_of_all_tokens_is_one_place():
    result = pair_statistics(np.full((4, 2), 0x3F80, np.uint16))
    assert (result.linf.max, result.cells.max, result.adjacent, result.touching) == (0, 0, 1.0, 1.0)


@given(st.lists(matrices(least=1), min_size=1, max_size=1), st.data())
@settings(deadline=None, max_examples=80)
def test_the_largest_distance_without_pairs_is_the_largest_over_pairs(matrix, data):
    other = np.roll(matrix[0], 1, axis=1)
    history = np.stack([matrix[0], other, matrix[0][::-1]])
    group = np.array(data.draw(st.lists(st.booleans(), min_size=len(other), max_size=len(other))))
    weight, cells = largest(history, group)
    for t, frame in enumerate(history):
        assert weight[t] == max(naive_pairs(naive_linf(values(frame[group]).astype(np.float64))), default=0)
        assert cells[t] == max(naive_pairs(naive_linf(ordinal(frame[group]))), default=0)


def test_the_largest_distance_does_not_depend_on_how_many_snapshots_are_taken_at_once(monkeypatch):
    history, group = np.arange(120, dtype=np.uint16).reshape(5, 4, 6) ** 2, np.array([1, 0, 1, 1], bool)
    whole = largest(history, group)
    monkeypatch.setattr(module, "_BLOCK_BYTES", 8 * 24 * 2)
    for part, all_at_once in zip(largest(history, group), whole, strict=True):
        assert np.array_equal(part, all_at_once)


def test_a_history_without_snapshots_has_no_largest_distance():
    weight, cells = largest(np.empty((0, 4, 2), np.uint16), np.ones(4, bool))
    assert (len(weight), len(cells)) == (0, 0)


def test_the_centroid_is_summed_exactly_where_float32_would_lose_the_small_row():
    rows = np.array([[2.0**24], [1.0]], np.float32)
    assert centroid(rows).tolist() == [(2**24 + 1) / 2]


def test_axes_of_a_cross_are_its_arms_longest_first_with_positive_signs():
    axes = principal_axes(np.array([[1, -3, 0], [1, 3, 0], [0, 0, 0], [2, 0, 0]], np.float64))
    assert axes.origin.tolist() == [1, 0, 0]
    assert axes.axes == pytest.approx(np.array([[0, 1, 0], [1, 0, 0]]), abs=1e-12)
    assert axes.explained == pytest.approx([0.9, 0.1])
    assert axes.coordinates(np.array([[1, 3, 9]], np.float32)) == pytest.approx(np.array([[3.0, 0.0]]))


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_axes_are_those_of_scikit_learn(seed, tokens, hidden):
    from sklearn.decomposition import PCA

    points = np.random.default_rng(seed).standard_normal((tokens, hidden)) * 3.0 ** -np.arange(hidden) + 7
    count = min(2, tokens - 1, hidden)
    fitted = PCA(count, svd_solver="full").fit(points)
    axes = principal_axes(points)
    assert axes.origin == pytest.approx(fitted.mean_)
    assert axes.explained[:count] == pytest.approx(fitted.explained_variance_ratio_, abs=1e-9)
    if fitted.explained_variance_ratio_[0] < 1 - 1e-6 and np.ptp(fitted.explained_variance_ratio_) > 0.01:
        assert np.abs(axes.axes[:count]) == pytest.approx(np.abs(fitted.components_), abs=1e-6)


def test_a_small_cloud_far_from_zero_keeps_its_own_axes():
    far, cell = np.sqrt(np.arange(64.0)), 1e-7
    cloud = np.tile(far, (5, 1))
    cloud[0, 3] += 2 * cell
    cloud[1, 3] -= 2 * cell
    cloud[2, 7] += cell
    cloud[3, 7] -= cell
    axes = principal_axes(cloud)
    assert np.abs(axes.axes).argmax(axis=1).tolist() == [3, 7]
    assert axes.axes.max(axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert axes.explained == pytest.approx([0.8, 0.2], abs=1e-6)


@given(matrices(least=1))
@settings(deadline=None, max_examples=50)
def test_axes_are_orthonormal_or_zero_and_their_largest_component_is_positive(words):
    points = np.clip(values(words), -1e3, 1e3)
    axes = principal_axes(points)
    gram = axes.axes @ axes.axes.T
    for i, axis in enumerate(axes.axes):
        assert gram[i, i] == pytest.approx(1) or not axis.any()
        assert axis[np.abs(axis).argmax()] >= 0
    assert gram[0, 1] == pytest.approx(0, abs=1e-9)
    assert 0 <= axes.explained.sum() <= 1 + 1e-9


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.ones((1, 3)), np.ones((4, 3))])
def test_points_in_one_place_have_an_origin_and_no_axes(points):
    axes = principal_axes(points)
    assert not axes.axes.any()
    assert not axes.explained.any()


def test_points_on_a_line_have_one_axis_and_a_missing_one():
    axes = principal_axes(np.array([[0.1, 0.2, 0.4], [0.2, 0.4, 0.8], [0.4, 0.8, 1.6]]))
    assert axes.axes[0] == pytest.approx(np.array([1, 2, 4]) / math.sqrt(21))
    assert axes.axes[1].tolist() == [0, 0, 0]
    assert axes.explained.tolist() == pytest.approx([1, 0])


def test_rows_of_one_component_have_one_axis():
    axes = principal_axes(np.array([[1.0], [3.0]]))
    assert axes.axes.tolist() == [[1.0], [0.0]]
    assert axes.coordinates(np.array([[3.0]], np.float32)).tolist() == [[1.0, 0.0]]


def test_points_that_are_not_finite_do_not_spoil_the_axes_of_the_others():
    good = np.array([[0, 1], [0, -1], [0.5, 0], [-0.5, 0]])
    spoiled = principal_axes(np.vstack([good, [[np.nan, 1]], [[np.inf, 1]]]))
    assert np.array_equal(spoiled.axes, principal_axes(good).axes)


def test_the_axes_of_a_run_come_from_the_group_over_the_chosen_snapshots_together():
    history = values(np.zeros((3, 2, 2), np.uint16))
    history[:, 0, 1] = [-1, 0, 1]
    history[:, 1, 0] = [-9, 0, 9]
    first_token = axes_of_frames(history, np.array([True, False]), np.array([0, 1, 2]))
    assert first_token.axes[0].tolist() == [0, 1]
    assert axes_of_frames(history, np.array([True, True]), np.array([0, 2])).axes[0].tolist() == [1, 0]
    assert not axes_of_frames(history, np.array([True, False]), np.array([1])).axes.any()
