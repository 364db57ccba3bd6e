"""The time that training takes: a range that contains the truth, from recorded steps or from the processor's speed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as st

from snowball_core.config import RunConfig
from snowball_core.costs import cost
from snowball_core.jobs.pace import Pace, expected_pace, own_pace, pace_of, recorded_pace
from snowball_core.store.metric_rows import METRIC_COLUMNS
from snowball_core.store.run_folder import METRICS, Run

SECONDS = st.lists(st.floats(1e-4, 10.0), min_size=51, max_size=400)


@given(SECONDS)
def test_the_range_contains_the_time_that_the_recorded_steps_took(seconds: list[float]) -> None:
    taken = np.array([seconds[0], *seconds[1:][: (len(seconds) - 1) // 50 * 50]])
    pace = pace_of(taken)
    assert pace is not None
    least, most = pace.seconds(len(taken) - 1)
    assert least <= taken[1:].sum() * (1 + 1e-4)
    assert most >= taken[1:].sum() * (1 - 1e-4)


def test_a_machine_that_was_busy_for_a_while_widens_the_range_and_a_slow_first_step_does_not() -> None:
    even = np.full(201, 0.1)
    even[0] = 30.0
    assert pace_of(even) == Pace(0.1, 0.1)
    even[101:151] = 0.5
    assert pace_of(even) == Pace(0.1, 0.5)


def test_without_a_step_there_is_no_pace() -> None:
    assert pace_of(np.empty(0)) is None
    assert pace_of(np.array([2.0])) == Pace(2.0, 2.0)


def took(run: Run, seconds: float) -> Run:
    rows = [f"{step},5.0,0.001,1.0,{seconds}" for step in range(1, 21)]
    (run.path / METRICS).write_text("\n".join([",".join(METRIC_COLUMNS), *rows]) + "\n")
    return run


def test_runs_of_the_same_shape_that_were_trained_here_give_the_range(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [took(make_run(name="fast"), 0.2), took(make_run(name="slow", seed=7), 0.6), took(make_run(batch=64), 9.0)]
    config = runs[0].config
    assert recorded_pace(tmp_path, config) is None, "they came from elsewhere"
    for run in runs:
        (run.path / "worker.log").touch()
    assert recorded_pace(tmp_path, config) == Pace(0.2, 0.6)
    assert own_pace(runs[2]) == Pace(9.0, 9.0)


def test_an_idle_machine_keeps_to_what_was_recorded_and_a_busy_one_may_be_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert expected_pace(RunConfig(), 1e9, Pace(0.1, 0.4)) == Pace(0.1, 0.4)
    quiet = expected_pace(RunConfig(), 1e9)
    assert quiet.seconds(10_000)[0] == pytest.approx(cost(RunConfig(), 1e9).seconds)
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0 * (os.cpu_count() or 1), 0.0, 0.0))
    assert expected_pace(RunConfig(), 1e9, Pace(0.1, 0.4)) == pytest.approx(Pace(0.1, 1.3))
    assert expected_pace(RunConfig(), 1e9).slowest > quiet.slowest
