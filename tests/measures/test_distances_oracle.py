"""Distances, pair statistics, components, levels and extents beside loops, with NaN, infinities, zeros and subnormals."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.errors import HistoryError
from snowball_core.measures.bf16 import values
from snowball_core.measures.distances import adjacency_components, largest, pair_statistics, require_pairs
from snowball_core.measures.extent import extents, separation
from snowball_core.measures.identity_levels import levels

FINITE = st.sampled_from([0, 0x8000, 1, 0x8001, 0x007F, 0x0080, 0x3F7F, 0x3F80, 0x3F81, 0x3F84, 0xBF80, 0x7F7F, 0xFF7F])
ANY = FINITE | st.sampled_from([0x7F80, 0xFF80, 0x7FC0, 0x7FC1, 0xFFC0])


@st.composite
def matrices(draw, numbers=ANY, least=0):
    tokens, hidden = draw(st.integers(least, 6)), draw(st.integers(1, 3))
    drawn = draw(st.lists(numbers, min_size=tokens * hidden, max_size=tokens * hidden))
    words = np.array(drawn, np.uint16).reshape(tokens, hidden)
    if draw(st.booleans()):
        return words
    # Bits below the sixteenth, so that float32 rows differ where their bfloat16 neighbours do not.
    low = draw(st.lists(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0x8001]), min_size=words.size, max_size=words.size))
    return (words.astype(np.uint32) << 16 | np.array(low, np.uint32).reshape(words.shape)).view(np.float32)


def is_close(result, naive):
    return result == pytest.approx(naive, rel=1e-9, nan_ok=True)


@given(matrices())
@settings(deadline=None, max_examples=100)
def test_every_statistic_over_pairs_is_that_of_the_list_of_all_pairs_of_tokens(rows):
    statistics = pair_statistics(rows)
    for name, metric, unit in (
        *(("linf", "linf", "weight"), ("l1", "l1", "weight"), ("l2", "l2", "weight"), ("hamming", "hamming", "cells")),
        *(("cells", "linf", "cells"), ("l1_cells", "l1", "cells"), ("l2_cells", "l2", "cells")),
    ):
        naive = oracles.spread(oracles.pairs(rows, metric, unit))
        assert is_close(list(dataclasses.astuple(getattr(statistics, name))), naive), name
    cells = oracles.pairs(rows, "linf", "cells")
    for share, most in ((statistics.adjacent, 1), (statistics.touching, 2)):
        assert is_close(share, sum(c <= most for c in cells) / len(cells) if cells else math.nan)
    components = oracles.flooded(rows)
    assert (statistics.components, statistics.largest_component) == (len(components), max(map(len, components), default=0))


@given(matrices())
@settings(deadline=None, max_examples=100)
def test_the_four_levels_are_those_of_comparing_rows_one_by_one(rows):
    level = levels(rows)
    naive = oracles.special(rows)
    assert (level.minus_zero_rows, level.nan_rows) == (naive["minus_zero_rows"], naive["nan_rows"])
    assert level.bits == oracles.counted(rows)["unique"]
    assert level.values == oracles.by_value(rows)
    assert level.bf16 == oracles.by_cast(rows)
    assert level.within_a_cell == len(oracles.flooded(rows))
    assert bool(level.warnings) == (len({level.bits, level.values, level.bf16, level.within_a_cell}) > 1)


@given(matrices(FINITE, least=1), st.data())
@settings(deadline=None, max_examples=80)
def test_every_part_of_the_extent_is_that_of_loops_over_tokens_and_components(rows, data):
    dead = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    history = np.stack([rows, rows[::-1], rows[::-1]])
    extent = extents(history, dead)
    scale = float(np.abs(values(rows)).max())
    # The last repeats the one before it.
    for t, matrix in ((0, rows), (2, rows[::-1])):
        for name, mask in (("all", np.ones(len(rows), bool)), ("dead", dead), ("live", ~dead)):
            naive, at = oracles.extent(np.ascontiguousarray(matrix[mask])), extent[name]
            assert at.largest_linf_weight[t] == naive["largest_linf_weight"]
            assert at.largest_linf_cells[t] == naive["largest_linf_cells"]
            assert at.active_dimensions[t] == naive["active_dimensions"]
            assert at.spanned_cells[t].tolist() == naive["spanned_cells"]
            assert at.centroid[t].tolist() == pytest.approx(naive["centroid"], rel=1e-12, abs=1e-15 * scale, nan_ok=True)
            assert at.spread[t].tolist() == pytest.approx(naive["spread"], rel=1e-9, abs=1e-15 * scale)
            assert at.radius_rms[t] == pytest.approx(naive["radius_rms_weight"], rel=1e-9, abs=1e-15 * scale)
        apart = oracles.separation(matrix[dead], matrix[~dead])
        assert separation(extent["dead"], extent["live"])[t] == pytest.approx(apart, rel=1e-9, abs=1e-14 * scale, nan_ok=True)


@given(matrices(least=1))
@settings(deadline=None, max_examples=100)
def test_the_largest_distance_of_all_pairs_is_that_of_the_bounds_infinities_included(rows):
    naive = oracles.pairs(rows, "linf", "weight")
    if oracles.special(rows)["nan_rows"]:
        return
    everyone = np.ones(len(rows), bool)
    assert extents(rows[None])["all"].largest_linf_weight[0] == largest(rows[None], everyone)[0][0] == max(naive, default=0)


def test_equal_infinities_are_no_distance_apart_and_a_nan_is_nowhere_in_either_unit():
    infinite = np.array([[np.inf, 0.0], [np.inf, 1.0], [0.0, 0.0]], np.float32)
    statistics = pair_statistics(infinite)
    assert (statistics.linf.min, statistics.l1.min, statistics.l2.min, statistics.linf.max) == (1.0, 1.0, 1.0, math.inf)
    nan = np.array([[0x7FC0], [0x7FC1], [0x3F80]], np.uint16)
    assert math.isnan(pair_statistics(nan).cells.median)
    assert pair_statistics(nan).adjacent == 0.0
    assert adjacency_components(nan).count == levels(nan).within_a_cell == 3


def test_an_oversize_request_says_what_it_would_cost_and_where_the_limit_is():
    require_pairs(5_000, 64)
    with pytest.raises(HistoryError) as refused:
        require_pairs(151_936, 2_560)
    for words in ("at most 12,500,000 pairs", "11,542,198,080 pairs of 2,560 components", "92.3 GB a measure", "29,548 s each"):
        assert words in str(refused.value)
    assert "Ask for a smaller group" in str(refused.value)


def test_a_matrix_of_many_rows_has_every_measure_that_needs_no_pairs():
    rows = np.arange(12_000, dtype=np.uint16).reshape(6_000, 2)
    assert levels(rows).within_a_cell is None
    assert extents(rows[None])["all"].largest_linf_cells[0] == 11_998
    with pytest.raises(HistoryError, match=r"6,000 rows are 17,997,000 pairs"):
        pair_statistics(rows)
    assert pair_statistics(np.repeat(rows[:3], 4_000, axis=0)).cells.max == 4


@pytest.mark.parametrize("hidden", [1, 2, 64])
def test_a_snapshot_has_the_same_extent_alone_and_among_others_bit_for_bit(hidden):
    rng = np.random.default_rng(hidden)
    history, dead = rng.integers(0x3C00, 0x4000, (40, 30, hidden)).astype(np.uint16), rng.random(30) < 0.6
    together = extents(history, dead)
    for t in range(len(history)):
        for group, alone in extents(history[t : t + 1], dead).items():
            for field in dataclasses.fields(alone):
                assert np.array_equal(getattr(alone, field.name)[0], getattr(together[group], field.name)[t])
