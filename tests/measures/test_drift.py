"""The motion of groups beside loops that add up exactly: bulk, thermal, coherence, and the worlds where sums mislead."""

from __future__ import annotations

import itertools
import math

import numpy as np
import oracles_of_time
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures.bf16 import from_values, values
from snowball_core.measures.motion import first_moves, last_moves, motion, regimes

# Zeros of both signs with subnormals and the first normal numbers; both sides of an exponent change near one.
SMALL = st.sampled_from([0, 0x8000, 1, 0x8001, 0x007F, 0x0080, 0x8080])
NEAR_ONE = st.sampled_from([0, 0x8000, 0x3F7F, 0x3F80, 0x3F81, 0xBF80, 0x4000])
# What is left where ones cancel may be as small as numbers are.
BOTH = st.one_of(SMALL, NEAR_ONE)
EVERYONE = {"all": np.ones(2, bool)}


@st.composite
def worlds(draw):
    snapshots, vocab, hidden = draw(st.integers(2, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    count = snapshots * vocab * hidden
    numbers = draw(st.sampled_from([SMALL, NEAR_ONE, BOTH]))
    words = np.array(draw(st.lists(numbers, min_size=count, max_size=count)), np.uint16).reshape(snapshots, vocab, hidden)
    # In a crowd at rest the few that move are measured without the others.
    crowd = draw(st.sampled_from([0, 40]))
    words = np.concatenate([words, np.repeat(words[:1, :1].repeat(crowd, axis=1), snapshots, axis=0)], axis=1)
    group = np.array(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab)) + [True, False] * (crowd // 2))
    return (words if draw(st.booleans()) else values(words)), group


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_bulk_thermal_and_coherence_are_those_of_exact_sums(world):
    history, group = world
    displacement = motion(history, {"some": group, "others": ~group})[1]
    for name, mask in (("some", group), ("others", ~group)):
        for t in range(1, len(history)):
            bulk, thermal, coherence = oracles_of_time.drift(history[t - 1][mask], history[t][mask])
            assert displacement[name].bulk[t] == pytest.approx(bulk, rel=1e-12, abs=0)
            assert displacement[name].thermal[t] == pytest.approx(thermal, rel=1e-7, abs=1e-15 * bulk)
            assert displacement[name].coherence[t] == pytest.approx(coherence, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_two_moves_that_cancel_leave_is_not_rounded_away_in_any_order(order):
    then, now = np.array([[0, 0, 0x3F80], [1, 0x3F80, 0]], np.uint16)[:, list(order), None]
    drift = motion(np.stack([then, now]), {"all": np.ones(3, bool)})[1]["all"]
    assert oracles_of_time.drift(then, now)[0] > 0
    assert drift.coherence[1] == pytest.approx(oracles_of_time.drift(then, now)[2])


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_regimes_and_moves_are_those_of_every_token_by_itself(world):
    history, group = world
    displacement, steps = motion(history, {})[0], np.arange(len(history)) * 7
    naive = [oracles_of_time.displaced(then, now) for then, now in itertools.pairwise(history)]
    for t, moves in enumerate(naive, 1):
        kinds = [oracles_of_time.regime(move) for move, is_in in zip(moves, group, strict=True) if is_in]
        assert {name: count[t] for name, count in regimes(displacement, group).items()} == {
            name: kinds.count(name) for name in ("frozen", "one_cell", "neighbour", "further")
        }
    for token in range(history.shape[1]):
        when = [int(steps[t]) for t, moves in enumerate(naive, 1) if moves[token][0]]
        assert first_moves(displacement.moved, steps)[token] == (when[0] if when else -1)
        assert last_moves(displacement.moved, steps)[token] == (when[-1] if when else -1)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=8))
@settings(deadline=None, max_examples=60)
def test_displacements_that_cancel_leave_the_centroid_at_rest_and_no_coherence(shifts):
    history = np.zeros((2, len(shifts) + 1, 1), np.float32)
    history[1, :, 0] = [*shifts, -sum(shifts)]
    drift = motion(history, {"all": np.ones(len(shifts) + 1, bool)})[1]["all"]
    assert drift.bulk[1] == 0.0
    assert math.isnan(drift.coherence[1])


def test_heat_of_one_float32_cell_in_a_move_of_one_is_reported():
    above = np.nextafter(np.float32(1), np.float32(2))
    history = np.array([[[0.0], [0.0]], [[1.0], [above]]], np.float32)
    assert motion(history, EVERYONE)[1]["all"].thermal[1] == pytest.approx(2.0**-24, rel=1e-6)


def test_a_zero_that_changes_its_sign_moves_and_has_no_direction():
    history = from_values(np.array([[[0.0], [1.0]], [[-0.0], [2.0]]]))
    displacement, drift = motion(history, EVERYONE)
    assert displacement.moved[1].tolist() == [True, True]
    assert drift["all"].coherence[1] == 1.0


@pytest.mark.parametrize("spoiled", [np.nan, np.inf])
def test_a_token_that_is_no_number_spoils_only_its_own_groups(spoiled):
    history = np.array([[[0.0], [0.0], [0.0]], [[1.0], [3.0], [spoiled]]], np.float32)
    sound = np.array([True, True, False])
    displacement = motion(history, {"dead": sound, "live": ~sound, "all": sound | ~sound})[1]
    assert (displacement["dead"].bulk[1], displacement["dead"].thermal[1], displacement["dead"].coherence[1]) == (2.0, 1.0, 1.0)
    assert all(math.isnan(displacement[name].bulk[1]) and math.isnan(displacement[name].thermal[1]) for name in ("live", "all"))
