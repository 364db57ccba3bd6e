"""Bases for pictures, beside scikit-learn fitted on every step repeated as often as it lasted."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.measures.principal_axes as module
from snowball_core.measures.bf16 import from_narrow_ordinal, from_values, narrow_ordinal, values
from snowball_core.measures.census import change_steps
from snowball_core.measures.principal_axes import (
    axes_of_run,
    covariances,
    difference_basis,
    durations,
    explained_variance,
    participation_ratio,
    principal_axes,
    step_basis,
)

EVERYONE = np.ones(4, bool)


def drifting(seed, snapshots=6):
    rng = np.random.default_rng(seed)
    history = rng.standard_normal((snapshots, 4, 3)).astype(np.float32) + 5
    history[2] = history[1]
    return history


def participation_of(history):
    return participation_ratio(covariances(history)["all"])


@given(st.integers(0, 1_000))
@settings(deadline=None, max_examples=30)
def test_the_basis_of_a_run_is_that_of_every_step_repeated_as_long_as_it_lasted(seed):
    history, steps = drifting(seed), np.array([0, 1, 2, 5, 9, 10])
    changed = change_steps(history)
    weights = durations(changed, steps)
    assert weights.sum() == 11
    axes = axes_of_run(history, EVERYONE, changed, weights)
    naive = principal_axes(np.repeat(history[changed], weights, axis=0).reshape(-1, 3))
    assert axes.origin == pytest.approx(naive.origin)
    assert axes.explained == pytest.approx(naive.explained, abs=1e-9)
    if naive.explained[0] - naive.explained[1] > 0.01 and naive.explained[1] * 2 + naive.explained[0] > 1.02:
        assert np.abs(axes.axes) == pytest.approx(np.abs(naive.axes), abs=1e-6)


def test_the_basis_does_not_depend_on_how_much_is_taken_at_once(monkeypatch):
    history = drifting(1)
    changed = change_steps(history)
    whole = axes_of_run(history, EVERYONE, changed, np.ones(len(changed), np.int64))
    monkeypatch.setattr(module, "_BLOCK_BYTES", 1)
    assert axes_of_run(history, EVERYONE, changed, np.ones(len(changed), np.int64)).axes == pytest.approx(whole.axes)


def test_a_group_in_one_place_or_without_tokens_has_no_axes():
    still = np.ones((3, 4, 2), np.float32)
    assert not axes_of_run(still, EVERYONE, np.array([0]), np.array([3])).axes.any()
    assert not axes_of_run(still, ~EVERYONE, np.array([0]), np.array([3])).axes.any()


def test_the_basis_of_one_step_sees_its_arms():
    assert step_basis(np.array([[0, -2], [0, 2], [1, 0], [-1, 0]], np.float32)).axes.tolist() == [[0, 1], [1, 0]]


def test_the_basis_of_a_difference_shows_who_parted_and_not_where_all_went():
    first = np.zeros((3, 2), np.float32)
    second = np.array([[5, 1], [5, -1], [5, 0]], np.float32)
    basis = difference_basis(first, second)
    assert basis.axes[0].tolist() == [0, 1]
    assert not difference_basis(first, first + 5).axes.any()


def test_what_a_basis_explains_and_misses_is_one_and_no_variance_is_no_number():
    rows = np.array([[[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], [[7, 7, 7]] * 4], np.float32)
    basis = step_basis(np.array([[1, 0, 0], [-1, 0, 0]], np.float32))
    explained, missed = explained_variance(basis, rows, np.ones(rows.shape[1], bool))
    assert explained[0].tolist() == pytest.approx([0.5, 0.0])
    assert missed[0] == pytest.approx(0.5)
    assert math.isnan(missed[1])


def test_durations_add_up_to_the_steps_recorded():
    assert durations(np.array([0, 1, 2]), np.array([0, 10, 11])).tolist() == [10, 1, 1]
    assert durations(np.empty(0, np.intp), np.empty(0, np.int64)).tolist() == []


def test_numbers_that_are_not_finite_do_not_spoil_the_basis():
    history = drifting(2)
    spoiled = np.concatenate([history, np.full((1, 4, 3), np.nan, np.float32)])
    frames, ones = np.arange(6), np.ones(7, np.int64)
    whole = axes_of_run(history, EVERYONE, frames, ones[:6])
    assert np.array_equal(axes_of_run(spoiled, EVERYONE, np.arange(7), ones).axes, whole.axes)
    assert values(history).shape == history.shape


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 6), st.sampled_from([1.0, 1e-30, 1e30]))
@settings(deadline=None, max_examples=80)
def test_the_participation_ratio_is_that_of_the_eigenvalues_of_the_covariance(seed, tokens, hidden, scale):
    rng = np.random.default_rng(seed)
    words = (scale * (5 + rng.standard_normal((3, tokens, hidden)) * 3.0 ** -np.arange(hidden))).astype(np.float32)
    words[2] = from_narrow_ordinal(narrow_ordinal(words[1]))
    for result, rows in zip(participation_of(words), words, strict=True):
        variance = np.linalg.eigvalsh(
            np.cov(values(rows).astype(np.float64) / scale, rowvar=False, bias=True).reshape(hidden, hidden)
        )
        assert result == pytest.approx(variance.sum() ** 2 / (variance**2).sum(), rel=1e-9)
        assert result == pytest.approx(oracles.participation_ratio(rows), rel=1e-9)
        assert 1 - 1e-9 <= result <= min(hidden, tokens - 1) + 1e-9


def test_rows_without_spread_or_with_a_number_that_is_not_finite_have_no_participation_ratio():
    for rows in (np.zeros((0, 3)), np.ones((1, 3)), np.full((5, 3), 0.1), [[np.nan, 1], [0, 0]], [[np.inf, 1], [0, 0]]):
        assert np.isnan(participation_of(np.array([rows], np.float32))).tolist() == [True]
    finite_then_not = np.array([[[1, 0], [-1, 0]], [[np.nan, 0], [-1, 0]]], np.float32)
    assert participation_of(finite_then_not)[0] == 1.0
    assert participation_of(np.zeros((0, 4, 2), np.uint16)).tolist() == []


def test_the_participation_ratio_depends_neither_on_the_format_nor_on_other_snapshots():
    words = from_values(np.random.default_rng(5).standard_normal((7, 4, 3)))
    whole = participation_of(words)
    assert np.array_equal(participation_of(values(words)), whole)
    assert np.array_equal(np.concatenate([participation_of(words[[t]]) for t in range(7)]), whole)
    repeated = [0, 0, 1, 2, 2, 2, 3, 0, 4, 5, 6, 6]
    assert np.array_equal(participation_of(words[repeated]), whole[repeated])


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 6))
@settings(deadline=None, max_examples=80)
def test_covariances_of_groups_have_the_eigenvalues_of_each_group_by_itself(seed, tokens, hidden):
    rng = np.random.default_rng(seed)
    dead = rng.random(tokens) < 0.5
    words = from_values(rng.standard_normal((4, tokens, hidden)) + 1e3 * dead[:, None])
    words[2] = words[1]
    for group, mask in (("all", np.ones(tokens, bool)), ("dead", dead), ("live", ~dead)):
        for matrix, rows in zip(covariances(words, dead)[group], values(words)[:, mask].astype(np.float64), strict=True):
            expected = np.cov(rows, rowvar=False, bias=True).reshape(hidden, hidden) if len(rows) else np.zeros((1, 1))
            result, wanted = np.linalg.eigvalsh(matrix)[::-1], np.linalg.eigvalsh(expected)[::-1]
            both = max(len(result), len(wanted))
            result, wanted = (np.pad(each, (0, both - len(each))) for each in (result, wanted))
            assert np.allclose(result, wanted, rtol=1e-9, atol=1e-9 * wanted[0] + 1e-30)
