"""The census, beside a count with a dictionary, in ordinary and in adversarial worlds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.measures.census as module
from snowball_core.measures import identity
from snowball_core.measures.census import (
    Census,
    census,
    census_history,
    change_steps,
    class_sizes,
    hidden_counts,
    hidden_leaders,
    history_leaders,
)

A, B, C, D = [1, 2], [3, 4], [5, 6], [7, 8]
WORDS = st.sampled_from([0, 0x8000, 1, 0x3F80, 0x7FC0])


def rows(*vectors):
    return np.array(vectors, np.uint16)


def naive(matrix):
    """The census by counting byte strings."""
    counts = Counter(row.tobytes() for row in matrix)
    sizes = sorted((n for n in counts.values() if n > 1), reverse=True)
    return Census(len(matrix), len(counts), len(sizes), sum(sizes), len(matrix) - sum(sizes), tuple(sizes))


@st.composite
def histories(draw):
    snapshots, vocab, hidden = draw(st.integers(0, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    numbers = draw(st.lists(WORDS, min_size=snapshots * vocab * hidden, max_size=snapshots * vocab * hidden))
    history = np.array(numbers, np.uint16).reshape(snapshots, vocab, hidden)
    for t in range(1, snapshots):
        if draw(st.booleans()):
            history[t] = history[t - 1]
    return history, np.array(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab)))


def test_a_world_of_four_tokens_counted_by_hand():
    assert census(rows(A, B, A, A)) == Census(tokens=4, unique=2, black_holes=1, population=3, singletons=1, sizes=(3,))
    assert census(rows(A, B, A, B)) == Census(tokens=4, unique=2, black_holes=2, population=4, singletons=0, sizes=(2, 2))
    assert census(rows(A, B, C, D)) == Census(tokens=4, unique=4, black_holes=0, population=0, singletons=4, sizes=())
    assert census(rows(A, A, A, A)) == Census(tokens=4, unique=1, black_holes=1, population=4, singletons=0, sizes=(4,))


def test_sizes_descend_whatever_the_order_of_the_tokens():
    counted = census(rows(A, A, B, B, B, C))
    assert (counted.sizes, counted.largest) == ((3, 2), 3)
    assert census(rows(A, B)).largest == 0


def test_a_token_alone_is_a_singleton_and_no_tokens_are_nothing():
    assert census(rows(A)) == Census(1, 1, 0, 0, 1, ())
    assert census(np.empty((0, 2), np.uint16)) == Census(0, 0, 0, 0, 0, ())


def test_plus_and_minus_zero_are_two_vectors_of_bits():
    assert census(np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)).unique == 2


def test_rows_of_nan_are_counted_by_their_bits():
    nan, other = 0x7FC0, 0x7FC1
    assert census(rows([nan, 0], [nan, 0], [other, 0])).sizes == (2,)


@given(histories())
@settings(deadline=None, max_examples=100)
def test_the_census_of_a_history_is_that_of_counting_every_snapshot_again(world):
    history, group = world
    assert census_history(history) == [naive(matrix) for matrix in history]
    assert census_history(history, group) == [naive(matrix[group]) for matrix in history]


@given(histories())
@settings(deadline=None, max_examples=60)
def test_the_laws_of_counting_hold(world):
    for counted in census_history(world[0]):
        assert counted.unique == counted.black_holes + counted.singletons
        assert counted.population + counted.singletons == counted.tokens
        assert sum(counted.sizes) == counted.population
        assert len(counted.sizes) == counted.black_holes


@given(histories(), st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_colliding_fingerprints_change_no_count(world, kept_bits):
    history, group = world
    mask = np.uint64(2**kept_bits - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "_keys", lambda words: (words[..., 0] & mask) << np.uint64(62))
        assert census_history(history, group) == [naive(matrix[group]) for matrix in history]


def test_a_constant_fingerprint_changes_no_count(monkeypatch):
    monkeypatch.setattr(identity, "_keys", lambda words: np.zeros(words.shape[:-1], np.uint64))
    history = np.array([[A, B, A, B], [A, A, A, A], [A, B, C, D]], np.uint16)
    assert [counted.sizes for counted in census_history(history)] == [(2, 2), (4,), ()]


@given(histories(), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_a_history_read_in_pieces_has_the_same_census_and_changes(world, snapshots):
    history, group = world
    whole = census_history(history, group), change_steps(history, group).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_BYTES", snapshots * history[:1].nbytes)
        assert (census_history(history, group), change_steps(history, group).tolist()) == whole


@given(histories())
@settings(deadline=None, max_examples=60)
def test_changes_are_the_snapshots_whose_bytes_differ_from_the_one_before(world):
    history, group = world
    for mask in (np.ones(history.shape[1], bool), group):
        raw = [matrix[mask].tobytes() for matrix in history]
        assert change_steps(history, mask).tolist() == [t for t in range(len(raw)) if t == 0 or raw[t] != raw[t - 1]]


def test_only_the_group_is_counted_and_only_its_changes_are():
    history = np.array([[A, A, B, C], [A, D, B, B]], np.uint16)
    first_two, last_two = np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1], bool)
    assert [c.sizes for c in census_history(history, first_two)] == [(2,), ()]
    assert [c.sizes for c in census_history(history, last_two)] == [(), (2,)]
    assert change_steps(history, first_two).tolist() == [0, 1]
    assert change_steps(history[:, ::-1], np.array([0, 0, 0, 1], bool)).tolist() == [0]


def test_a_group_without_tokens_is_counted_as_empty_at_every_snapshot():
    history, nobody = np.array([[A, B], [A, C]], np.uint16), np.zeros(2, bool)
    assert census_history(history, nobody) == [Census(0, 0, 0, 0, 0, ())] * 2
    assert change_steps(history, nobody).tolist() == [0]


def test_snapshots_counted_equally_share_one_census():
    history = np.array([[A, B, A, B], [B, A, B, A], [A, A, A, B]], np.uint16)
    first, second, third = census_history(history)
    assert first is second
    assert third.sizes == (3,)


def test_the_effective_number_of_vectors_is_that_of_equally_populous_ones():
    assert census(rows(A, A, B, B)).effective == 2.0
    assert census(rows(A, B, C, D)).effective == 4.0
    assert census(rows(A, A, A, A)).effective == 1.0
    assert census(np.empty((0, 2), np.uint16)).effective == 0.0
    shares = np.array([3, 1]) / 4
    assert census(rows(A, A, A, B)).effective == pytest.approx(float(np.exp(-(shares * np.log(shares)).sum())), rel=1e-12)


def naive_hidden(matrix, moments, group):
    """Hidden classes, true and apparent holes, by counting pairs of bytes and moments."""
    classes = {}
    for row, moment in zip(matrix[group], moments[group].tolist(), strict=True):
        classes.setdefault(row.tobytes(), []).append(moment)
    holes = [set(members) for members in classes.values() if len(members) > 1]
    pairs = sum(len(set(members)) for members in classes.values())
    return pairs, sum(len(hole) == 1 for hole in holes), sum(len(hole) > 1 for hole in holes)


@given(histories(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_hidden_classes_are_the_distinct_pairs_of_row_and_moments(world, seed):
    history, group = world
    moments = np.random.default_rng(seed).integers(0, 3, history.shape[:2], dtype=np.uint64) << np.uint64(61)
    leader = history_leaders(history)
    counts = hidden_counts(leader, hidden_leaders(leader, moments), group)
    counted = zip(counts.hidden_classes.tolist(), counts.true_holes.tolist(), counts.apparent_holes.tolist(), strict=True)
    assert list(counted) == [naive_hidden(history[t], moments[t], group) for t in range(len(history))]


def test_a_hole_of_two_hidden_classes_is_apparent_and_says_their_sizes():
    matrix, moments = rows(A, A, A, B, B, C), np.array([1, 1, 2, 3, 3, 1], np.uint64)
    assert class_sizes(matrix, moments) == [[2, 1], [2]]
    leader = history_leaders(matrix[None])
    counts = hidden_counts(leader, hidden_leaders(leader, moments[None]))
    assert (counts.hidden_classes[0], counts.true_holes[0], counts.apparent_holes[0]) == (4, 1, 1)
    assert class_sizes(rows(), np.empty(0, np.uint64)) == []


def test_float32_and_bfloat16_histories_of_the_same_rows_have_the_same_census():
    bits = np.array([[A, A, B, C]], np.uint16)
    assert census_history(bits) == census_history((bits.astype(np.uint32) << 16).view(np.float32))


def test_a_history_without_snapshots_has_no_census_and_no_changes():
    empty = np.empty((0, 4, 2), np.uint16)
    assert census_history(empty) == []
    assert change_steps(empty).tolist() == []
