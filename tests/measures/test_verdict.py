"""Verdicts beside partitions compared by hand and by loops; laws at rates and in worlds where sums and NaN mislead."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import oracles
import oracles_of_time
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures.census import Census, census, history_leaders
from snowball_core.measures.laws import idle_snapshots
from snowball_core.measures.lineage import lineage
from snowball_core.measures.verdict import flows, outcome, seeds_outcome
from snowball_core.store.history import History
from snowball_core.tables.verdict import law_rows, verdict_of

KINDS = ("formation", "absorption", "coalescence", "emission", "fission", "evaporation")


@st.composite
def worlds(draw):
    tokens, snapshots = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    drawn = draw(st.lists(st.integers(0, 3), min_size=tokens * snapshots, max_size=tokens * snapshots))
    return np.array(drawn, np.uint16).reshape(snapshots, tokens, 1), np.array(
        draw(st.lists(st.booleans(), min_size=tokens, max_size=tokens))
    )


def partitions_of(history, group):
    return [oracles_of_time.holes(matrix, group) for matrix in history]


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_flows_are_those_of_comparing_partitions(world):
    history, group = world
    flow = flows(lineage(history_leaders(history), group))
    naive = oracles_of_time.flows(partitions_of(history, group))
    assert flow.tokens == {kind: naive[kind] for kind in KINDS}


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_identities_are_those_of_choosing_the_largest_shared_membership_again_and_again(world):
    history, group = world
    tree = lineage(history_leaders(history), group)
    for t, named in enumerate(oracles_of_time.names(partitions_of(history, group))):
        assert {node.tokens: node.hole for node in tree.nodes if node.first <= t <= node.last} == named


@given(worlds())
@settings(deadline=None, max_examples=100)
def test_the_outcome_is_decided_by_who_moved_and_the_seeds_by_the_count_of_all_tokens(world):
    history, group = world
    everyone = partitions_of(history, np.ones(len(group), bool))
    seeds_first, seeds_last = len(everyone[0]), len(everyone[-1])
    partitions = partitions_of(history, group)
    moved = oracles_of_time.flows(partitions)
    first, last = len(partitions[0]), len(partitions[-1])
    balance = sum(moved[kind] for kind in KINDS[:3]) - sum(moved[kind] for kind in KINDS[3:])
    words = {True: "consolidation", False: "fragmentation"}
    gone = first > 0 == last
    flow = verdict_of(History("x", history, np.arange(len(history)), group), "dead")
    assert flow.outcome == ("dispersed" if gone else "stable" if balance == 0 else words[balance > 0])
    few = "collapsed" if seeds_last else "dispersed"
    many = "stable" if seeds_last == seeds_first else words[seeds_last < seeds_first]
    assert flow.seeds_outcome == (few if seeds_last < 2 else many)
    several, tight, lasting = flow.criteria
    assert (several.seed.holds, several.corrected.holds) == (seeds_first > 1, first > 1)
    assert (several.seed.numbers["black_holes"], several.corrected.numbers["black_holes"]) == (seeds_first, first)
    assert (several.corrected.numbers["population"], several.corrected.numbers["tokens"]) == (
        sum(map(len, partitions[0])),
        group.sum(),
    )
    rows = history[-1][group]
    largest = max(oracles.pairs(rows, "linf", "cells"), default=0)
    assert tight.corrected.numbers["largest_linf_cells"] == largest
    assert tight.corrected.numbers["touching_everywhere"] == (largest <= 2)
    assert tight.corrected.numbers["components_within_a_cell"] == len(oracles.flooded(rows))
    assert lasting.seed.holds == (1 <= seeds_last <= seeds_first)
    assert lasting.corrected.holds == (last > 0 and balance >= 0)
    assert lasting.corrected.numbers["joining_tokens"] - lasting.corrected.numbers["parting_tokens"] == balance
    assert lasting.corrected.numbers["sizes_last"] == sorted(map(len, partitions[-1]), reverse=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("aabb", "aaaa"), "consolidation"),
        (("aabb", "aabc"), "fragmentation"),
        (("aabb", "abab"), "stable"),
        (("aabb", "aabb"), "stable"),
        (("abcd", "aabb", "abcd"), "stable"),
        (("aabb", "abcd"), "dispersed"),
        (("aaaab", "aabbb"), "fragmentation"),
    ],
)
def test_outcomes_worked_out_by_hand(words, expected):
    history = np.array([[[ord(letter)] for letter in word] for word in words], np.uint16)
    ends = census(history[0]), census(history[-1])
    assert outcome(*ends, flows(lineage(history_leaders(history)))) == expected


def test_the_seeds_word_for_more_fewer_and_as_many_holes():
    none, one = Census(6, 6, 0, 0, 6, ()), Census(6, 5, 1, 2, 4, (2,))
    two, three = Census(6, 4, 2, 4, 2, (2, 2)), Census(6, 3, 3, 6, 0, (2, 2, 2))
    pairs = [(three, two), (two, three), (two, two), (two, one), (one, one), (one, none), (none, none)]
    assert [seeds_outcome(*pair) for pair in pairs] == [
        "consolidation", "fragmentation", "stable", "collapsed", "collapsed", "dispersed", "dispersed",
    ]  # fmt: skip


@pytest.mark.parametrize(("near", "holds"), [(9, True), (10, False)])
def test_compactness_is_under_ten_cells_and_the_seeds_under_ten_sigma(near, holds):
    words = np.array([[[0x3F80], [0x3F80 + near]]], np.uint16)
    compact = verdict_of(History("x", words, np.arange(1)), "all").criteria[1]
    assert (compact.seed.holds, compact.corrected.holds) == (False, holds)
    small = np.array([[[0.0], [9.9e-5]]], np.float32)
    compact = verdict_of(History("x", small, np.arange(1)), "all").criteria[1]
    assert (compact.seed.holds, compact.corrected.holds) == (True, False)


def test_whether_a_run_that_diverged_is_compact_cannot_be_told():
    words = np.full((2, 3, 1), np.nan, np.float32)
    compact = verdict_of(History("x", words, np.arange(2)), "all").criteria[1]
    assert (compact.seed.holds, compact.corrected.holds) == (None, None)
    assert math.isnan(compact.seed.numbers["largest_linf_weight"])


def test_true_holes_at_the_end_are_those_whose_tokens_agree_in_their_moments_too():
    history = np.array([[[1], [1], [2], [2]]], np.uint16)
    for moments, count in (([5, 6, 7, 8], 0), ([5, 6, 7, 7], 1), ([5, 5, 7, 7], 2)):
        history_ = History("x", history, np.arange(1), np.ones(4, bool), np.array([moments], np.uint64))
        assert verdict_of(history_, "dead").criteria[2].corrected.numbers["true_holes_last"] == count
    without = dataclasses.replace(history_, moment_hash=None)
    assert verdict_of(without, "dead").criteria[2].corrected.numbers["true_holes_last"] is None


def test_a_rate_too_small_for_a_sum_is_still_a_rate():
    rates = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1e-20, 0.0])
    assert 1.0 + 1e-20 == 1.0
    assert idle_snapshots(np.arange(4), rates).tolist() == [3]


def test_a_zero_that_changes_its_sign_moves_at_rate_zero_and_nothing_is_checked_where_the_first_step_is_not_finite():
    words = np.array([[[3.0], [1.0], [0.0]], [[3.0], [2.0], [-0.0]]], np.float32)
    rates = {"step": np.array([1.0]), "learning_rate": np.array([0.0])}
    rows = {row["law"]: row for row in law_rows(History("x", words, np.arange(2), metrics=rates))}
    assert [each["tokens"] for each in rows["zero-rate-is-rest"]["violations"]] == [[1, 2]]
    words[:, 0] = np.nan
    assert not any(row["checked"] for row in law_rows(History("x", words, np.arange(2), metrics=rates)))


def test_laws_of_a_run_of_one_snapshot_hold():
    history_ = History("x", np.zeros((1, 3, 2), np.uint16), np.arange(1), np.ones(3, bool), np.zeros((1, 3), np.uint64))
    assert all(row["violations"] == [] for row in law_rows(history_))
