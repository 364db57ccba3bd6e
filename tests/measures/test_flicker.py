"""Flicker against a definition written out by hand, and the lanes against the partition of every snapshot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles import rebuilt

from snowball_core.charts.lineage_layout import lanes
from snowball_core.measures.census import Hidden
from snowball_core.measures.flicker import Excursion, excursions, folded, is_folded, partitions
from snowball_core.measures.lineage import hole_ranks, lineage

VOCAB = 5


def leaders_of(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Any labels as leaders: for every token the smallest with the same label."""
    return np.array([[int(np.flatnonzero(row == name)[0]) for name in row] for row in labels], np.int32)


histories = arrays(np.int64, st.tuples(st.integers(1, 9), st.just(VOCAB)), elements=st.integers(0, VOCAB - 1)).map(leaders_of)


def partition(leader: npt.NDArray[np.int32]) -> frozenset[tuple[int, ...]]:
    holes = [tuple(np.flatnonzero(leader == first).tolist()) for first in np.unique(leader)]
    return frozenset(hole for hole in holes if len(hole) > 1)


def holes_of(partition: frozenset[tuple[int, ...]], tokens: set[int]) -> set[tuple[int, ...]]:
    return {hole for hole in partition if tokens & set(hole)}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([[0, 0, 2, 3], [0, 0, 0, 3], [0, 0, 2, 3]], [(1, 2, (0, 1, 2))]),
        ([[0, 1, 2, 3], [0, 0, 2, 3], [0, 1, 2, 3]], [(1, 2, (0, 1))]),
        ([[0, 0, 0, 0], [0, 0, 2, 2], [0, 0, 0, 0]], [(1, 2, (0, 1, 2, 3))]),
        # Two changes at once are distinguished, and only the one that was undone is found.
        ([[0, 0, 2, 3], [0, 1, 2, 2], [0, 0, 2, 2]], [(1, 2, (0, 1))]),
        # Undone only after others had joined: no flicker.
        ([[0, 1, 2, 3], [0, 0, 2, 3], [0, 0, 0, 3], [0, 1, 2, 3]], []),
        ([[0, 0, 2, 3], [0, 0, 0, 3], [0, 0, 0, 3]], []),
    ],
)
def test_a_change_that_is_undone_is_found(labels: list[list[int]], expected: list[tuple[int, int, tuple[int, ...]]]) -> None:
    tree = lineage(leaders_of(np.array(labels)))
    flickers = excursions(tree, np.arange(len(labels)))
    assert [(each.first, each.back, each.tokens) for each in flickers] == expected


def test_a_change_undone_too_late_is_no_flicker() -> None:
    tree = lineage(np.array([[0, 1], [0, 0], [0, 1]], np.int32))
    assert excursions(tree, np.array([0, 5, 15]), within=10) == (Excursion(1, 2, (0, 1)),)
    assert excursions(tree, np.array([0, 5, 16]), within=10) == ()


@settings(max_examples=300, deadline=None)
@given(histories)
def test_partitions_of_a_lineage_are_those_of_the_leaders(leader: npt.NDArray[np.int32]) -> None:
    tree = lineage(leader)
    at, tokens, label = partitions(tree)
    for row, snapshot in zip(label, at, strict=True):
        holes = {tuple(tokens[row == first].tolist()) for first in set(row.tolist())}
        assert {hole for hole in holes if len(hole) > 1} == set(partition(leader[snapshot]))


@settings(max_examples=300, deadline=None)
@given(histories)
def test_folding_restores_what_was_before_and_changes_nothing_else(
    leader: npt.NDArray[np.int32],
) -> None:
    tree = lineage(leader)
    flickers = excursions(tree, np.arange(len(leader)), within=3)
    before, after = rebuilt(tree), rebuilt(folded(tree, flickers))
    for snapshot in range(len(leader)):
        touched = {token for each in flickers if each.first <= snapshot < each.back for token in each.tokens}
        untouched = set(range(VOCAB)) - touched
        assert holes_of(after[snapshot], untouched) == holes_of(before[snapshot], untouched)
    for each in flickers:
        assert each.back - each.first <= 3
        assert holes_of(after[each.back], set(each.tokens)) == holes_of(after[each.first - 1], set(each.tokens))


@settings(max_examples=300, deadline=None)
@given(histories)
def test_what_is_not_folded_is_every_event_of_the_calm_lineage(leader: npt.NDArray[np.int32]) -> None:
    tree = lineage(leader)
    flickers = excursions(tree, np.arange(len(leader)), within=3)
    if not flickers:
        assert not any(is_folded(tree, event, flickers) for event in tree.events)
        return
    assert len(folded(tree, flickers).events) < len(tree.events)
    assert any(is_folded(tree, event, flickers) for event in tree.events)


@settings(max_examples=200, deadline=None)
@given(histories, st.integers(0, 3))
def test_blocks_of_the_lanes_cover_exactly_the_holes_of_every_snapshot(leader: npt.NDArray[np.int32], seed: int) -> None:
    tree, count = lineage(leader), len(leader)
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 2, (count, VOCAB))
    hidden = leaders_of(leader * 2 + own)
    drawn = lanes(tree, Hidden(np.arange(count), hidden), np.arange(count), np.arange(count) / count)
    for snapshot in range(count):
        now = drawn.blocks[(drawn.blocks["first"] <= snapshot) & (drawn.blocks["last"] >= snapshot)]
        tokens_of: dict[int, set[int]] = {}
        for block in now.itertuples():
            inside = drawn.order[block.top : block.bottom].tolist()
            assert len({int(hidden[snapshot, token]) for token in inside}) == 1
            assert not tokens_of.setdefault(block.node, set()) & set(inside)
            tokens_of[block.node] |= set(inside)
            sizes = np.unique(hidden[snapshot, list(tree.nodes[block.node].tokens)], return_counts=True)[1]
            assert block.classes == tuple(sorted(sizes.tolist(), reverse=True))
        assert {tuple(sorted(tokens)) for tokens in tokens_of.values()} == set(partition(leader[snapshot]))


def test_a_hole_that_takes_another_over_keeps_its_rows_together() -> None:
    leader = leaders_of(np.array([[0, 1, 0, 1, 4], [0, 1, 0, 1, 4], [0, 0, 0, 0, 4]]))
    drawn = lanes(lineage(leader), None, np.arange(3), np.arange(3) / 3)
    assert drawn.order.tolist() == [0, 2, 1, 3]
    assert len(drawn.blocks) == 3
    assert (drawn.blocks["shade"] == -1).all()


def test_more_changes_than_can_be_drawn_are_thinned_to_the_last_of_every_column_and_counted() -> None:
    leader = leaders_of(np.array([[0, step % 2] for step in range(100)]))
    drawn = lanes(lineage(leader), None, np.arange(100), np.arange(100) / 100, most=10)
    assert drawn.changes == 100
    assert drawn.drawn == 11


def test_holes_are_ranked_by_their_population_at_the_end() -> None:
    tree = lineage(np.array([[0, 0, 0, 3, 3], [0, 1, 2, 3, 3]], np.int32))
    assert hole_ranks(tree) == {2: 0, 1: 1}
