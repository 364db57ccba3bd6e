"""Why holes part, beside loops over snapshots and pairs of tokens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures import biography
from snowball_core.measures.bf16 import from_values
from snowball_core.store.history import History
from snowball_core.tables.lineage import account


@st.composite
def worlds(draw):
    tokens, snapshots = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    history = rng.integers(0, draw(st.integers(1, 3)), (snapshots, tokens, 1)).astype(np.uint16)
    moments = rng.integers(0, draw(st.integers(1, 3)), (snapshots, tokens)).astype(np.uint64)
    for t in range(1, snapshots):
        if draw(st.booleans()):
            history[t] = history[t - 1]
    return history, moments, rng.integers(0, 2, tokens).astype(bool)


def unbroken(now, holds):
    """Since which snapshot something has held without a break up to the one before ``now``; None if it did not hold there."""
    t = now
    while t > 0 and holds(t - 1):
        t -= 1
    return t if t < now else None


def naive_cause(members, now, history, moments, dead):
    """Classes, since when they differed and shared, and the tokens of a violation, by asking every pair of tokens."""
    row = history[:, :, 0].tolist()
    state = [list(zip(row[t], moments[t].tolist(), strict=True)) for t in range(now)]
    classes = {}
    for token in members:
        classes.setdefault(state[now - 1][token], []).append(token)
    ordered = sorted((tuple(tokens) for tokens in classes.values()), key=lambda tokens: (-len(tokens), tokens[0]))
    shared = unbroken(now, lambda t: len({row[t][token] for token in members}) == 1)
    head = ordered[0][0]
    elsewhere = [tokens[0] for tokens in ordered[1:] if row[now][tokens[0]] != row[now][head]]
    differed = unbroken(now, lambda t: all(moments[t, token] != moments[t, head] for token in elsewhere)) if elsewhere else None
    split = [tokens for tokens in ordered if len({row[now][token] for token in tokens}) > 1]
    quiet = [tuple(token for token in tokens if dead[token]) for tokens in split]
    violated = next((tokens for tokens in quiet if len({row[now][token] for token in tokens}) > 1), ())
    word = "violation" if violated else "input" if split else "apparent"
    return ordered, differed, shared, violated, word


def caused(history, moments, dead):
    run_history = History("x", history, np.arange(len(history)), dead, moments)
    lineage = account(run_history, "all")
    return [
        (lineage.tree.nodes[event.parents[0]].tokens if event.parents else (), event, why)
        for event, why in zip(lineage.tree.events, lineage.causes, strict=True)
    ]


@pytest.mark.parametrize("scanned", [1, 2, 1_024])
@given(worlds())
@settings(deadline=None, max_examples=60)
def test_every_parting_has_the_cause_found_by_comparing_every_pair_of_tokens(scanned, world):
    history, moments, dead = world
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(biography, "_SCANNED", scanned)
        for members, event, cause in caused(history, moments, dead):
            assert (cause is None) == (event.kind not in biography.PARTINGS)
            if cause is None:
                continue
            classes, differed, shared, violated, word = naive_cause(members, event.snapshot, history, moments, dead)
            assert cause.classes == tuple(classes)
            assert (cause.differed_since, cause.shared_since, cause.violation) == (differed, shared, violated)
            assert cause.text.split(":")[0] == word


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_without_moments_a_parting_still_says_since_when_its_tokens_shared(world):
    history, moments, dead = world
    for members, event, cause in caused(history, None, dead):
        if cause is not None:
            assert cause.shared_since == naive_cause(members, event.snapshot, history, moments, dead)[2]
            assert cause.text.startswith("unknown")
            assert cause.classes == cause.violation == ()


def test_a_live_token_that_was_not_yet_read_does_not_hide_that_dead_tokens_parted():
    history, same = from_values([[[1.0]] * 4, [[1.0], [1.0], [2.0], [1.0]]]), np.zeros((2, 4), np.uint64)
    live_is_last = np.array([True, True, True, False])
    why = caused(history, same, live_is_last)[-1][2]
    assert (why.violation, why.text.split(":")[0]) == ((0, 1, 2), "violation")
    # Where the live one leaves, its gradient does it.
    why = caused(history, same, np.array([True, True, False, True]))[-1][2]
    assert (why.violation, why.text) == ((), "input: token 2 in the text: gradients differ inside one hidden class")
