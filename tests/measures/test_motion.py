"""Motion and extent, beside loops over tokens and components in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.measures.extent as extent_room
import snowball_core.measures.motion as motion_room
from snowball_core.measures.bf16 import from_values, ordinal, values
from snowball_core.measures.distances import distance_matrix
from snowball_core.measures.extent import extents, separation
from snowball_core.measures.freezing import freezing
from snowball_core.measures.motion import first_moves, last_moves, motion, regimes

NEAR = st.sampled_from([0, 0x8000, 1, 0x8001, 0x3F80, 0x3F81, 0x3F82, 0xBF80, 0x4000]) | st.integers(0x3F00, 0x4100)


@st.composite
def histories(draw, least=1):
    snapshots, vocab, hidden = draw(st.integers(least, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    numbers = draw(st.lists(NEAR, min_size=snapshots * vocab * hidden, max_size=snapshots * vocab * hidden))
    words = np.array(numbers, np.uint16).reshape(snapshots, vocab, hidden)
    group = np.array(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab)))
    return (words if draw(st.booleans()) else values(words)), group


def naive_displacement(then, now):
    """Length, farthest and summed cells of one token's displacement."""
    length = math.sqrt(math.fsum((float(b) - float(a)) ** 2 for a, b in zip(values(then), values(now), strict=True)))
    cells = [abs(int(b) - int(a)) for a, b in zip(ordinal(then), ordinal(now), strict=True)]
    return length, max(cells), sum(cells)


@given(histories())
@settings(deadline=None, max_examples=100)
def test_displacements_are_those_of_every_token_by_itself(world):
    history, group = world
    displacement, _ = motion(history, {"some": group})
    assert not displacement.moved[0].any()
    for t in range(1, len(history)):
        for v in range(history.shape[1]):
            length, far, total = naive_displacement(history[t - 1, v], history[t, v])
            assert displacement.weight[t, v] == pytest.approx(length, rel=1e-12)
            assert (displacement.cells[t, v], displacement.cells_sum[t, v]) == (far, total)
            assert displacement.moved[t, v] == (history[t - 1, v].tobytes() != history[t, v].tobytes())


@given(histories(least=2))
@settings(deadline=None, max_examples=100)
def test_bulk_is_the_centroids_motion_and_thermal_what_is_left(world):
    history, group = world
    drift = motion(history, {"some": group})[1]["some"]
    numbers = values(history).astype(np.float64)[:, group]
    for t in range(1, len(history)):
        moves = numbers[t] - numbers[t - 1]
        mean = moves.mean(axis=0) if len(moves) else np.zeros(history.shape[2])
        rest = math.sqrt(((moves - mean) ** 2).sum() / len(moves)) if len(moves) else 0.0
        assert drift.bulk[t] == pytest.approx(math.sqrt((mean**2).sum()), rel=1e-9, abs=1e-15)
        assert drift.thermal[t] == pytest.approx(rest, rel=1e-5, abs=2e-6 * math.sqrt((moves**2).sum() + 1e-30))


def test_a_hole_that_moves_as_one_has_no_heat_and_full_coherence():
    history = from_values(np.repeat(np.array([[[1.0, 2.0]], [[1.5, 2.25]]]), 3, axis=1))
    drift = motion(history, {"all": np.ones(3, bool)})[1]["all"]
    assert drift.bulk[1] == math.sqrt(0.5**2 + 0.25**2)
    assert drift.thermal[1] == 0.0
    assert drift.coherence[1] == pytest.approx(1.0)


def test_two_tokens_that_part_have_heat_and_no_bulk():
    history = np.array([[[0.0], [0.0]], [[1.0], [-1.0]]], np.float32)
    drift = motion(history, {"all": np.ones(2, bool)})[1]["all"]
    assert (drift.bulk[1], drift.thermal[1]) == (0.0, 1.0)
    assert math.isnan(drift.coherence[1])


def test_crossing_zero_is_two_cells_however_large_the_ratio_to_the_ulp():
    displacement, _ = motion(np.array([[[0x0001]], [[0x8001]]], np.uint16), {})
    assert (displacement.cells[1, 0], displacement.cells_sum[1, 0]) == (2, 2)


def test_the_longest_displacement_does_not_overflow():
    displacement, _ = motion(np.array([[[0x7F7F]], [[0xFF7F]]], np.uint16), {})
    assert displacement.cells[1, 0] == 2 * 0x7F7F
    single = np.array([[[3e38]], [[-3e38]]], np.float32)
    assert motion(single, {})[0].cells[1, 0] == int(ordinal(single[:1])[0, 0, 0]) * 2


def test_a_row_of_infinity_that_does_not_move_has_not_moved():
    history = np.full((2, 1, 1), np.inf, np.float32)
    displacement, drift = motion(history, {"all": np.ones(1, bool)})
    assert (displacement.weight[1, 0], drift["all"].bulk[1]) == (0.0, 0.0)


@pytest.mark.parametrize("snapshots", [1, 2])
def test_motion_and_extent_do_not_depend_on_how_much_is_taken_at_once(monkeypatch, snapshots):
    history = from_values(np.random.default_rng(3).standard_normal((7, 5, 3)))
    groups = {"a": np.array([1, 0, 1, 0, 1], bool)}
    whole, wide = motion(history, groups), extents(history, groups["a"])
    monkeypatch.setattr(motion_room, "_CHUNK_BYTES", snapshots * history[:1].nbytes)
    monkeypatch.setattr(extent_room, "_CHUNK_BYTES", snapshots * history[:1].nbytes)
    parts = motion(history, groups)
    for name in ("moved", "weight", "cells", "cells_sum"):
        assert np.array_equal(getattr(parts[0], name), getattr(whole[0], name))
    assert np.array_equal(parts[1]["a"].bulk, whole[1]["a"].bulk)
    for group, result in extents(history, groups["a"]).items():
        assert np.array_equal(result.radius_rms, wide[group].radius_rms)
    later = motion(history[3:], groups, history[2])[0]
    assert np.array_equal(later.cells, whole[0].cells[3:])


def test_regimes_are_reported_by_the_cells_moved():
    then = np.full((5, 2), 0x3F80, np.uint16)
    now = then + np.array([[0, 0], [1, 0], [1, 1], [2, 0], [0, 3]], np.uint16)
    displacement, _ = motion(np.stack([then, now]), {})
    kinds = regimes(displacement, np.ones(5, bool))
    assert {name: int(count[1]) for name, count in kinds.items()} == {"frozen": 1, "one_cell": 1, "neighbour": 1, "further": 2}
    sign = motion(np.array([[[0]], [[0x8000]]], np.uint16), {})[0]
    assert regimes(sign, np.ones(1, bool))["one_cell"][1] == 1


@given(histories())
@settings(deadline=None, max_examples=60)
def test_every_token_is_in_one_regime(world):
    history, group = world
    counts = regimes(motion(history, {})[0], group)
    assert (sum(counts.values()) == group.sum()).all()


def test_first_and_last_moves_are_steps_and_minus_one_for_a_token_that_never_moved():
    moved = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]], bool)
    steps = np.array([0, 10, 20, 30])
    assert first_moves(moved, steps).tolist() == [10, -1, 20]
    assert last_moves(moved, steps).tolist() == [30, -1, 20]


def test_three_definitions_of_freezing_can_disagree():
    tokens, steps = 20, np.arange(0, 1001, 10)
    cells = np.zeros((len(steps), tokens), np.int64)
    cells[1:21] = 5
    cells[21:41, :1] = 1
    end = freezing((cells > 0).sum(axis=1), tokens, cells.mean(axis=1), steps)
    assert (end.last_move, end.mostly_still) == (400, 200)
    assert 200 < end.slow <= 300
    assert end.is_frozen
    assert end.is_by_learning_rate is None


def test_a_group_frozen_because_the_rate_is_zero_is_flagged_and_another_is_not():
    moved, steps = np.array([0, 1, 0, 0]), np.array([0, 1, 2, 3])
    rates = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.0, 0.0])
    assert freezing(moved, 1, moved.astype(float), steps, rates).is_by_learning_rate is True
    end = freezing(moved, 1, moved.astype(float), steps, (rates[0], np.array([0.1, 0.0, 0.05])))
    assert (end.is_by_learning_rate, end.learning_rate_after) == (False, 0.05)


def test_a_group_that_still_moves_at_the_end_is_not_frozen():
    moved = np.array([0, 1])
    assert not freezing(moved, 1, moved.astype(float), np.array([0, 1])).is_frozen
    assert freezing(moved[:1], 1, moved[:1].astype(float), np.array([0])).last_move == 0


@given(histories())
@settings(deadline=None, max_examples=100)
def test_the_extent_of_a_group_is_that_of_all_its_pairs_and_rows(world):
    history, dead = world
    extent = extents(history, dead)
    for name, mask in (("all", np.ones(len(dead), bool)), ("dead", dead), ("live", ~dead)):
        if not mask.any():
            assert not extent[name].largest_linf_cells.any()
            continue
        for t, frame in enumerate(history):
            rows = frame[mask]
            points = values(rows).astype(np.float64)
            middle = points.mean(axis=0)
            assert extent[name].largest_linf_weight[t] == distance_matrix(rows, "weight").max()
            assert extent[name].largest_linf_cells[t] == distance_matrix(rows, "cells").max()
            assert extent[name].centroid[t] == pytest.approx(middle, rel=1e-12, abs=1e-12)
            assert extent[name].radius_rms[t] == pytest.approx(math.sqrt(((points - middle) ** 2).sum() / len(rows)), abs=1e-9)
            assert extent[name].active_dimensions[t] == (ordinal(rows) != ordinal(rows[:1])).any(axis=0).sum()


def test_a_hole_of_all_tokens_is_exactly_nothing_wide_wherever_it_is():
    row = from_values(np.random.default_rng(0).standard_normal((1, 1, 64)))
    extent = extents(np.repeat(row, 51, axis=1), np.arange(51) % 3 == 0)
    for group in ("all", "dead", "live"):
        assert extent[group].radius_rms.tolist() == [0.0]
        assert extent[group].largest_linf_weight.tolist() == [0.0]
    assert separation(extent["dead"], extent["live"]).tolist() == [0.0]


def test_the_separation_is_the_distance_of_the_centroids():
    extent = extents(np.array([[[0.0, 0.0], [6.0, 8.0], [0.0, 0.0]]], np.float32), np.array([1, 0, 1], bool))
    assert separation(extent["dead"], extent["live"]).tolist() == [10.0]
