"""Rows made to collide: different vectors with the same key, found by undoing the arithmetic of the keys themselves."""

from __future__ import annotations

import numpy as np
import oracles
import oracles_of_time
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import rebuilt

from snowball_core.measures import identity
from snowball_core.measures.census import census, census_history, hidden_counts, hidden_leaders, history_leaders
from snowball_core.measures.identity import leaders
from snowball_core.measures.lineage import lineage

WORDS = st.integers(0, 2**64 - 1)


def unfolded(folded):
    """The word w with ``w ^ (w >> 29)`` equal to the one given."""
    return folded ^ (folded >> 29) ^ (folded >> 58)


def colliding(first, second, times):
    """Rows of two 64-bit words whose keys are all equal: what is added to one product is taken from the other."""
    one, two = (int(m) for m in identity._mixed(np.arange(1, 3, dtype=np.uint64) * identity._GOLDEN) | np.uint64(1))
    pairs = [((first + k * two) % 2**64, (second - k * one) % 2**64) for k in range(times)]
    return np.array([[unfolded(word) for word in pair] for pair in pairs], np.uint64)


@given(WORDS, WORDS, st.lists(st.integers(0, 3), min_size=1, max_size=12))
@settings(deadline=None, max_examples=150)
def test_rows_of_one_key_are_distinguished_by_their_bits(first, second, tokens):
    rows = colliding(first, second, 4)[tokens]
    assert len(set(identity._keys(rows).tolist())) == 1
    assert leaders(rows[None])[0].tolist() == [tokens.index(kind) for kind in tokens]


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_history_of_collisions_is_counted_and_followed_like_any_other(data):
    tokens, snapshots = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 4))
    kinds = colliding(data.draw(WORDS), data.draw(WORDS), 3).view(np.uint16)
    drawn = data.draw(st.lists(st.integers(0, 2), min_size=tokens * snapshots, max_size=tokens * snapshots))
    history = kinds[np.array(drawn).reshape(snapshots, tokens)]
    group = np.array(data.draw(st.lists(st.booleans(), min_size=tokens, max_size=tokens)))
    for counts, matrix in zip(census_history(history, group), history, strict=True):
        naive = oracles.counted(matrix[group])
        assert (counts.unique, counts.population, counts.largest) == (naive["unique"], naive["population"], naive["largest"])
        assert counts.effective == pytest.approx(naive["effective"], rel=1e-11)
    assert rebuilt(lineage(history_leaders(history), group)) == [oracles_of_time.holes(matrix, group) for matrix in history]


@given(WORDS, st.lists(st.integers(0, 2**64 - 1).map(lambda n: n << 60 & (2**64 - 1) | n % 3), min_size=1, max_size=9))
@settings(deadline=None, max_examples=100)
def test_hidden_classes_are_exact_for_any_hashes(word, hashes):
    rows, moments = np.full((len(hashes), 4), word % 2**16, np.uint16), np.array(hashes, np.uint64)
    leader = history_leaders(rows[None])
    counts = hidden_counts(leader, hidden_leaders(leader, moments[None]))
    naive = oracles.hidden(rows, moments)
    assert {name: int(getattr(counts, name)[0]) for name in naive} == naive


def test_one_collision_among_many_rows_changes_no_count():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2**63, (3_000, 2), dtype=np.uint64)
    pair = colliding(12_345, 67_890, 2)
    rows[[7, 2_000]], rows[[9, 2_999]] = pair[0], pair[1]
    counts = census(rows)
    assert (counts.unique, counts.sizes) == (2_998, (2, 2))


def test_rows_that_differ_only_in_the_highest_or_the_lowest_bit_of_a_word_differ():
    rows = np.zeros((1, 129, 2), np.uint64)
    for bit in range(64):
        rows[0, 1 + bit, 0] = rows[0, 65 + bit, 1] = np.uint64(1) << np.uint64(bit)
    assert leaders(rows)[0].tolist() == list(range(129))
    assert leaders(rows[:, ::-1])[0].tolist() == list(range(129))
