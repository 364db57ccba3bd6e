"""Bases beside scikit-learn's own PCA of every step repeated as often as it lasted, and what they miss beside a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from snowball_core.measures.bf16 import from_values, values
from snowball_core.measures.census import change_steps
from snowball_core.measures.principal_axes import axes_of_run, difference_basis, durations, explained_variance, step_basis


@st.composite
def worlds(draw):
    """A drifting history with repeated snapshots, log-spaced steps and a group of at least two tokens."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    snapshots, vocab, hidden = draw(st.integers(1, 7)), draw(st.integers(2, 6)), draw(st.integers(2, 5))
    cloud = rng.standard_normal((snapshots, vocab, hidden)) * draw(st.sampled_from([1.0, 1e-3])) + draw(st.sampled_from([0, 9]))
    words = cloud.astype(np.float32) if draw(st.booleans()) else from_values(cloud)
    for t in range(1, snapshots):
        if draw(st.booleans()):
            words[t] = words[t - 1]
    group = np.array(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab)))
    group[:2] = True
    return words, group, np.cumsum([0, *draw(st.lists(st.integers(1, 40), min_size=snapshots - 1, max_size=snapshots - 1))])


def compare(axes, points):
    """A basis beside scikit-learn's by singular values, where two axes are well apart; its largest components are positive."""
    if not np.ptp(points, axis=0).any():
        assert not axes.axes.any()
        return
    stock = PCA(min(points.shape), svd_solver="full").fit(points)
    ratio = np.append(stock.explained_variance_ratio_, [0.0, 0.0])
    scale = np.abs(points).max()
    assert axes.origin == pytest.approx(points.mean(axis=0), abs=1e-12 * scale)
    assert axes.explained == pytest.approx(ratio[:2], abs=1e-6)
    for i in range(min(2, len(stock.components_))):
        if ratio[i] - ratio[i + 1] > 0.02 and (i == 0 or ratio[0] - ratio[1] > 0.02):
            axis, own = stock.components_[i], axes.axes[i]
            # Of two components of one size rounding decides which is the largest, here and there.
            assert own == pytest.approx(axis * np.sign(axis @ own), abs=1e-5)
            assert own[np.abs(own).argmax()] > 0


TIED = np.array([[[16652, 16670, 16664], [16664, 16681, 16652]]] * 2, np.uint16)


@given(worlds())
@example((TIED, np.array([True, True]), np.array([0, 1])))
@settings(deadline=None, max_examples=60)
def test_the_basis_of_a_run_is_scikit_learns_of_every_step_repeated_as_long_as_it_lasted(world):
    history, group, steps = world
    changed = change_steps(history, group)
    axes = axes_of_run(history, group, changed, durations(changed, steps))
    every = [values(history[np.flatnonzero(steps <= step)[-1]][group]) for step in range(int(steps[-1]) + 1)]
    points = np.concatenate(every).astype(np.float64)
    compare(axes, points)


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_the_bases_of_one_step_and_of_a_difference_are_scikit_learns(world):
    history, group, _ = world
    first, last = (values(history[t][group]).astype(np.float64) for t in (0, -1))
    compare(step_basis(history[0][group]), first)
    axes = difference_basis(history[0][group], history[-1][group])
    assert axes.origin == pytest.approx(first.mean(axis=0))
    moves = last - first
    if np.ptp(moves, axis=0).any():
        stock = PCA(min(moves.shape), svd_solver="full").fit(moves)
        assert axes.explained[0] == pytest.approx(stock.explained_variance_ratio_[0], abs=1e-6)
    else:
        assert not axes.axes.any()


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_what_a_basis_shows_and_misses_of_a_step_is_that_of_a_loop_over_tokens(world):
    history, group, _ = world
    basis = step_basis(history[0][group])
    explained, missed = explained_variance(basis, history, group)
    for t, rows in enumerate(values(history[:, group]).astype(np.float64).tolist()):
        middle = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
        about = [[x - m for x, m in zip(row, middle, strict=True)] for row in rows]
        whole = math.fsum(x * x for row in about for x in row)
        along = [
            math.fsum(sum(x * a for x, a in zip(row, axis, strict=True)) ** 2 for row in about) for axis in basis.axes.tolist()
        ]
        if whole:
            assert explained[t] == pytest.approx([part / whole for part in along], rel=1e-6, abs=1e-9)
            assert missed[t] == pytest.approx(1 - sum(along) / whole, abs=1e-6)
        else:
            assert math.isnan(missed[t])


def test_turning_all_points_round_does_not_turn_the_axes():
    points = from_values(np.random.default_rng(1).standard_normal((9, 4)))
    other = from_values(-values(points))
    assert step_basis(points).axes == pytest.approx(step_basis(other).axes)
    assert (step_basis(points).axes.max(axis=1) >= -step_basis(points).axes.min(axis=1)).all()
