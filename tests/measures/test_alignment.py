"""Alignment, ribbons and differences: by hand, and against loops that take one number at a time."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowball_core.errors import HistoryError
from snowball_core.measures.alignment import Entrant, anchors, differing_fields, held, overlay, places, ribbon, ribbons, spent

NAN = float("nan")


def entrant(
    name: str, steps: list[int], values: list[float], draw: int, anchor: int | None = None, setting: str = "s"
) -> Entrant:
    table = pd.DataFrame({"step": steps, "unique": values, "learning_rate_sum": [0.5 * step for step in steps]})
    return Entrant(name, setting, draw, table, {"first-merger": anchor, "last-change": anchor})


def test_the_first_merger_is_where_u_first_fell_and_the_last_change_where_sizes_last_changed() -> None:
    table = pd.DataFrame({"step": [0, 2, 4, 8, 9], "unique": [3, 4, 3, 3, 3], "sizes": ["2", "", "2", "3", "3"]})
    assert anchors(table) == {"first-merger": 4, "last-change": 8}
    assert anchors(table[:1]) == {"first-merger": None, "last-change": None}
    assert anchors(table[:2]) == {"first-merger": None, "last-change": 2}


def test_the_sum_of_rates_stops_where_no_rate_is_known() -> None:
    rates = (np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]))
    assert spent(np.array([0, 1, 3, 4]), rates).tolist()[:3] == [0.0, 0.1, 0.1 + 0.2 + 0.3]
    assert np.isnan(spent(np.array([0, 1, 3, 4]), rates)[3])
    assert np.isnan(spent(np.array([0, 1]), None)).all()


def test_runs_are_placed_by_step_by_event_and_by_rates() -> None:
    run = entrant("a", [0, 2, 6], [3, 2, 1], 1, anchor=2)
    assert places(run, "step").tolist() == [0, 2, 6]  # type: ignore[union-attr]
    assert places(run, "first-merger").tolist() == [-2, 0, 4]  # type: ignore[union-attr]
    assert places(run, "rates").tolist() == [0, 1, 3]  # type: ignore[union-attr]
    assert places(entrant("a", [0], [1], 1), "last-change") is None
    with pytest.raises(HistoryError, match='aligned by step, first-merger, last-change, rates; got "moon"'):
        places(run, "moon")


def test_a_ribbon_by_hand() -> None:
    one, two = (np.array([0.0, 2.0]), np.array([10.0, 4.0])), (np.array([0.0, 1.0, 3.0]), np.array([6.0, 8.0, 2.0]))
    # At 3 the first run is over, so one value alone is left: no ribbon there.
    assert ribbon([one, two]).to_numpy().tolist() == [[0, 6, 8, 10, 2], [1, 8, 9, 10, 2], [2, 4, 6, 8, 2]]


def test_a_ribbon_needs_two_values_and_does_not_bridge_what_is_not_a_number() -> None:
    one = (np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    assert ribbon([one]).empty
    assert ribbon([]).empty
    with_gap = (np.array([0.0, 1.0]), np.array([NAN, 4.0]))
    assert ribbon([one, with_gap]).to_numpy().tolist() == [[1, 2, 3, 4, 2]]


curve = st.dictionaries(st.integers(-5, 15), st.integers(-100, 100) | st.just(NAN), min_size=1, max_size=8)


@given(st.lists(curve, min_size=2, max_size=5))
def test_a_ribbon_equals_a_loop_that_takes_one_place_at_a_time(worlds: list[dict[int, float]]) -> None:
    curves = [(np.array(sorted(world), float), np.array([world[x] for x in sorted(world)], float)) for world in worlds]
    expected = []
    for x in sorted({x for world in worlds for x in world}):
        now = []
        for world in worlds:
            before = [place for place in world if place <= x]
            if before and x <= max(world) and (value := world[max(before)]) == value:
                now.append(value)
        if len(now) >= 2:
            expected.append([x, min(now), statistics.median(now), max(now), len(now)])
    assert ribbon(curves).to_numpy().tolist() == expected


def test_what_is_held_ends_with_the_run() -> None:
    assert np.isnan(held(np.zeros(0), np.zeros(0), np.array([0.0]))).all()


def test_a_duplicate_does_not_count_in_the_median() -> None:
    runs = [entrant("a", [0], [1.0], 1), entrant("b", [0], [5.0], 2), entrant("c", [0], [1.0], 1)]
    assert ribbons(runs, "unique", "step")[["median", "draws"]].to_numpy().tolist() == [[3.0, 2.0]]
    # The failing side: were the twin a separate draw, the median would be its value.
    free = [*runs[:2], entrant("c", [0], [1.0], 3)]
    assert ribbons(free, "unique", "step")["median"].tolist() == [1.0]


def test_of_twins_the_longer_run_counts() -> None:
    runs = [entrant("a", [0], [1.0], 1), entrant("a-longer", [0, 1], [1.0, 3.0], 1), entrant("b", [0, 1], [5.0, 7.0], 2)]
    assert ribbons(runs, "unique", "step")["median"].tolist() == [3.0, 5.0]


def test_ribbons_are_made_for_each_setting_with_two_draws_and_runs_without_the_event_are_left_out() -> None:
    runs = [entrant("a", [0, 1], [4, 2], 1, 1), entrant("b", [0, 3], [4, 2], 2, 3), entrant("c", [0], [4], 3, None)]
    other = entrant("d", [0], [9], 4, 0, setting="t")
    assert set(ribbons([*runs, other], "unique", "step")["setting"]) == {"s"}
    aligned = ribbons([*runs, other], "unique", "first-merger")
    assert aligned[["x", "median"]].to_numpy().tolist() == [[-1, 4], [0, 2]]
    assert overlay(runs, ["unique"], "first-merger")["run"].unique().tolist() == ["a", "b"]
    assert ribbons(runs, "loss", "step").empty


def test_the_overlay_keeps_every_recorded_step() -> None:
    table = overlay([entrant("a", [0, 2], [3, 1], 1)], ["unique", "loss"], "rates")
    assert table.columns.tolist() == ["run", "setting", "draw", "step", "x", "unique", "loss"]
    assert table[["step", "x", "unique"]].to_numpy().tolist() == [[0, 0, 3], [2, 1, 1]]
    assert table["loss"].isna().all()


def test_only_what_differs_is_listed_and_an_unknown_configuration_says_so() -> None:
    table = differing_fields({"a": {"seed": 1, "clip": 1.0, "new": 3}, "b": {"seed": 2, "clip": 1.0}, "c": None})
    assert table.to_numpy().tolist() == [
        ["seed", "1", "2", "unknown"],
        ["clip", "1.0", "1.0", "unknown"],
        ["new", "3", "unknown", "unknown"],
    ]
    assert differing_fields({"a": {"seed": 1}, "b": {"seed": 1}}).empty
    assert differing_fields({}).empty
