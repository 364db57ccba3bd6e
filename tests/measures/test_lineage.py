"""The lineage of black holes, beside plain bookkeeping and a partition rebuilt from events alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import rebuilt

from snowball_core.measures.biography import Parting, biographies, biography, cause
from snowball_core.measures.census import hidden_leaders
from snowball_core.measures.lineage import KINDS, lineage
from snowball_core.tables.lineage import Account, edge_table, event_rows, event_table, node_table, ytree_csv

STEPS = np.array([0, 10, 20, 30, 40])


def leader_of(*labels):
    """Leaders from one word per snapshot: tokens with one letter share a vector."""
    return np.array([[word.index(letter) for letter in word] for word in labels], np.int32)


def events_of(tree):
    return [(event.snapshot, event.kind, event.tokens) for event in tree.events]


@st.composite
def worlds(draw):
    tokens, snapshots = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    words = draw(st.lists(st.text("abcd", min_size=tokens, max_size=tokens), min_size=snapshots, max_size=snapshots))
    group = np.array(draw(st.lists(st.booleans(), min_size=tokens, max_size=tokens)))
    return leader_of(*words), group


def naive_holes(leader, group):
    """The holes of one snapshot by counting letters."""
    holes = {}
    for token in np.flatnonzero(group).tolist():
        holes.setdefault(int(leader[token]), []).append(token)
    return frozenset(tuple(tokens) for tokens in holes.values() if len(tokens) > 1)


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_the_partition_at_every_snapshot_is_rebuilt_from_the_events_alone(world):
    leader, group = world
    assert rebuilt(lineage(leader, group)) == [naive_holes(row, group) for row in leader]


@given(worlds())
@settings(deadline=None, max_examples=100)
def test_nodes_are_the_longest_intervals_of_equal_token_sets_and_edges_count_shared_members(world):
    leader, group = world
    tree = lineage(leader, group)
    holes = [naive_holes(row, group) for row in leader]
    for node in tree.nodes:
        assert all(node.tokens in holes[t] for t in range(node.first, node.last + 1))
        assert node.first == 0 or node.tokens not in holes[node.first - 1]
        assert node.last == len(leader) - 1 or node.tokens not in holes[node.last + 1]
    assert sum(node.last - node.first + 1 for node in tree.nodes) == sum(map(len, holes))
    for edge in tree.edges:
        parent, child = tree.nodes[edge.parent], tree.nodes[edge.child]
        assert parent.last + 1 == child.first
        assert edge.shared == len(set(parent.tokens) & set(child.tokens)) > 0


@given(worlds())
@settings(deadline=None, max_examples=100)
def test_an_identity_belongs_to_one_hole_at_a_time_and_passes_from_parent_to_child(world):
    tree = lineage(*world)
    for t in range(tree.snapshots):
        alive = [node.hole for node in tree.nodes if node.first <= t <= node.last]
        assert len(alive) == len(set(alive))
    for index, node in enumerate(tree.nodes):
        before = [other for other in tree.nodes[:index] if other.hole == node.hole]
        parents = {edge.parent for edge in tree.edges if edge.child == index}
        assert not before or tree.nodes.index(before[-1]) in parents


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        ("abcd", "aacd", [("formation", (0, 1))]),
        ("aacd", "aaad", [("absorption", (2,))]),
        ("aabb", "aaaa", [("coalescence", (0, 1, 2, 3))]),
        ("aaad", "aacd", [("emission", (2,))]),
        ("aaaa", "aabb", [("fission", (0, 1, 2, 3))]),
        ("aacd", "abcd", [("evaporation", (0, 1))]),
        ("aabb", "aabb", []),
        ("aabbc", "aaaaa", [("absorption", (4,)), ("coalescence", (0, 1, 2, 3))]),
        ("aaabb", "aabbb", [("coalescence", (2, 3, 4)), ("fission", (0, 1, 2))]),
        ("aacd", "bccd", [("absorption", (2,)), ("emission", (0,))]),
    ],
)
def test_each_change_has_its_event(before, after, events):
    happened = [(kind, tokens) for snapshot, kind, tokens in events_of(lineage(leader_of(before, after))) if snapshot]
    assert happened == events


def test_the_holes_of_the_first_snapshot_form_there_the_largest_first():
    tree = lineage(leader_of("abbba"))
    assert events_of(tree) == [(0, "formation", (1, 2, 3)), (0, "formation", (0, 4))]
    assert [node.hole for node in tree.nodes] == [1, 2]


def test_the_child_that_shares_most_keeps_the_identity_and_ties_go_to_the_smallest_token():
    split = lineage(leader_of("aaaaa", "aabbb"))
    assert {node.tokens: node.hole for node in split.nodes[1:]} == {(2, 3, 4): 1, (0, 1): 2}
    tied = lineage(leader_of("aaaa", "abba"))
    assert {node.tokens: node.hole for node in tied.nodes[1:]} == {(0, 3): 1, (1, 2): 2}
    merged = lineage(leader_of("aabbb", "aaaaa"))
    assert merged.nodes[-1].hole == 1
    assert merged.nodes[0].tokens == (2, 3, 4)


def test_a_leader_outside_the_group_may_change_without_an_event():
    leader = np.array([[0, 0, 0, 3], [0, 1, 1, 3]], np.int32)
    assert events_of(lineage(leader, np.array([0, 1, 1, 1], bool))) == [(0, "formation", (1, 2))]


def test_a_biography_lists_the_stays_and_leaves_out_the_time_alone():
    tree = lineage(leader_of("aabc", "aaac", "abcc", "abca"))
    assert [(stay.hole, stay.first, stay.last) for stay in biography(tree, 0)] == [(1, 0, 1), (1, 3, 3)]
    assert [(stay.hole, stay.first, stay.last) for stay in biography(tree, 1)] == [(1, 0, 1)]
    assert [(stay.hole, stay.first, stay.last) for stay in biography(tree, 3)] == [(1, 2, 3)]


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_biographies_of_all_tokens_are_those_of_each(world):
    tree = lineage(*world)
    each = {token: biography(tree, token) for token in range(world[0].shape[1])}
    assert biographies(tree) == {token: stays for token, stays in each.items() if stays}


def told_causes(tree, leader, hidden, moments, dead, jiggled=None):
    """The cause of every event from whole arrays."""
    partings = [Parting(leader[e.snapshot], None if hidden is None else hidden[e.snapshot - 1]) for e in tree.events]
    return [cause(tree, e, p, moments, dead, jiggled) for e, p in zip(tree.events, partings, strict=True)]


def causes_of(words, moments, dead=None, jiggled=None):
    leader = leader_of(*words)
    tokens = leader.shape[1]
    hashes = None if moments is None else np.array([[ord(letter) for letter in word] for word in moments], np.uint64)
    hidden = None if hashes is None else hidden_leaders(leader, hashes)
    mask = np.ones(tokens, bool) if dead is None else np.array(dead, bool)
    tree = lineage(leader)
    return told_causes(tree, leader, hidden, hashes, mask, jiggled)


def test_a_fission_carries_the_hidden_classes_before_it_and_since_when_they_differed():
    causes = causes_of(["abcd", "aaaa", "aaaa", "aabb"], ["xxxx", "xxxx", "xxyy", "xxyy"])[-1]
    assert causes.text == "apparent: 2 hidden classes (2 + 2)"
    assert causes.classes == ((0, 1), (2, 3))
    assert (causes.differed_since, causes.shared_since, causes.violation) == (2, 1, ())


def test_a_fission_inside_one_hidden_class_of_dead_tokens_is_a_violation():
    causes = causes_of(["aaaa", "aabb"], ["xxxx", "xxxx"])[-1]
    assert causes.violation == (0, 1, 2, 3)
    assert causes.text.startswith("violation: tokens 0, 1, 2, 3 with equal rows and equal moments split")
    assert causes.differed_since is None


def test_the_same_fission_among_live_tokens_is_none():
    causes = causes_of(["aaaa", "aabb"], ["xxxx", "xxxx"], dead=[1, 1, 0, 0])[-1]
    assert causes.violation == ()
    assert causes.text == "input: tokens 2, 3 in the text: gradients differ within one hidden class"
    # Token 2, dead, must not leave the dead tokens 0 and 1, whatever the live token 3 does.
    assert causes_of(["aaaa", "aabb"], ["xxxx", "xxxx"], dead=[1, 1, 1, 0])[-1].violation == (0, 1, 2)


def test_without_moments_or_with_noise_the_cause_says_so():
    assert causes_of(["aaaa", "aabb"], None)[-1].text.startswith("unknown: optimizer moments not recorded")
    assert causes_of(["aaaa", "aabb"], ["xxxx", "xxxx"], jiggled=np.ones(4, bool))[-1].text.startswith("noise")
    assert causes_of(["aabb", "aaaa"], ["xxxx", "xxxx"])[-1] is None


@given(worlds(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_a_parting_is_a_violation_exactly_where_one_hidden_class_is_in_two_vectors_afterwards(world, seed):
    leader, _ = world
    moments = np.random.default_rng(seed).integers(0, 2, leader.shape, dtype=np.uint64)
    tree, hidden, dead = lineage(leader), hidden_leaders(leader, moments), np.ones(leader.shape[1], bool)
    flagged = set()
    for event, violation in zip(tree.events, told_causes(tree, leader, hidden, moments, dead), strict=True):
        if violation and violation.violation:
            flagged.add(event.snapshot)
        if violation:
            members, now = list(tree.nodes[event.parents[0]].tokens), event.snapshot
            since = now
            while since and (leader[since - 1, members] == leader[since - 1, members[0]]).all():
                since -= 1
            assert violation.shared_since == since
    tokens = range(leader.shape[1])
    naive = {
        t
        for t in range(1, len(leader))
        for a in tokens
        for b in tokens
        if leader[t - 1, a] == leader[t - 1, b] and moments[t - 1, a] == moments[t - 1, b] and leader[t, a] != leader[t, b]
    }
    assert flagged == naive


def test_the_tables_name_steps_not_snapshots():
    leader = leader_of("abcd", "aacd", "aacc", "aaaa", "aabb")
    tree = lineage(leader)
    account = Account(tree, tuple(told_causes(tree, leader, None, None, None)))
    rows = event_rows(account, STEPS)
    assert [(row["step"], row["kind"], row["previous_step"]) for row in rows] == [
        (10, "formation", 0), (20, "formation", 10), (30, "coalescence", 20), (40, "fission", 30),
    ]  # fmt: skip
    assert rows[2]["parents"] == [[0, 1], [2, 3]]
    assert rows[2]["children"] == [[0, 1, 2, 3]]
    assert rows[3]["shared_since"] == 30
    table = event_table(rows)
    assert table["parents"].tolist() == ["", "", "0 1|2 3", "0 1 2 3"]
    assert node_table(tree, STEPS)["last_step"].tolist() == [20, 20, 30, 40, 40]
    assert edge_table(tree, STEPS).to_numpy().tolist() == [[0, 2, 30, 2], [1, 2, 30, 2], [2, 3, 40, 2], [2, 4, 40, 2]]


def test_the_merger_tree_gives_every_node_one_descendant_under_three_header_lines():
    lines = ytree_csv(lineage(leader_of("aabb", "aaaa", "aabb")), STEPS).splitlines()
    assert [line[0] for line in lines[:3]] == ["#", "#", "#"]
    assert {line.count(",") for line in lines} == {5}
    nodes = {line.split(",")[0]: line.split(",")[1] for line in lines[3:]}
    assert nodes == {"0": "2", "1": "2", "2": "3", "3": "-1", "4": "-1"}


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_every_row_of_the_merger_tree_keeps_the_contract_of_its_reader(world):
    leader, group = world
    tree, steps = lineage(leader, group), np.arange(len(leader)) * 10
    names, kinds, _, *rows = (line.removeprefix("#").split(",") for line in ytree_csv(tree, steps).splitlines())
    assert names[:4] == ["uid", "desc_uid", "mass", "redshift"]
    read = [[{"INT": int, "FLOAT": float}[kind](cell) for kind, cell in zip(kinds, row, strict=True)] for row in rows]
    assert [row[0] for row in read] == list(range(len(tree.nodes)))
    for row, node in zip(read, tree.nodes, strict=True):
        uid, heir, mass, redshift, hole, step = row
        assert (mass, redshift, hole, step) == (node.population, len(leader) - 1 - node.last, node.hole, steps[node.first])
        children = [edge for edge in tree.edges if edge.parent == uid]
        # Of the children that share most the one with the smallest token, later than its progenitor; −1 where there is none.
        best = [edge.child for edge in children if edge.shared == max(child.shared for child in children)]
        assert heir == min(best, key=lambda child: tree.nodes[child].tokens[0], default=-1)
        assert heir == -1 or read[heir][3] < redshift


def test_a_run_without_black_holes_has_an_empty_lineage_with_its_columns():
    tree = lineage(leader_of("abcd", "abcd"))
    account = Account(tree, ())
    assert len(event_table(event_rows(account, STEPS))) == len(node_table(tree, STEPS)) == len(edge_table(tree, STEPS)) == 0
    assert lineage(np.empty((0, 4), np.int32)).events == ()
    assert set(KINDS) == {"formation", "absorption", "coalescence", "emission", "fission", "evaporation"}
