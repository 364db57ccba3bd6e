"""The Motion page without a browser: its numbers, its definitions of the end of motion, and what it says of odd runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import MakeRun
from damaging import lines
from paging import opened, sound, specs, texts
from streamlit.testing.v1 import AppTest

from snowball_core.store.metric_rows import METRIC_COLUMNS
from snowball_core.store.run_folder import HISTORY, METRICS
from snowball_core.store.status import lock_of

pytestmark = pytest.mark.usefixtures("library")


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.parametrize("step", [1, 7, 20])
def test_the_numbers_are_those_of_the_file(make_run: MakeRun, step: int) -> None:
    run = make_run()
    words = run.history().words
    moved = int((words[step][run.dead] != words[step - 1][run.dead]).any(axis=1).sum())
    numbers = metrics(opened("motion", step=str(step)))
    assert (numbers["Moved"], numbers["Frozen"]) == (str(moved), str(6 - moved))
    assert numbers["Learning rate"] == "0.001"


def test_the_learning_rate_is_the_one_that_was_recorded(make_run: MakeRun) -> None:
    run = make_run()  # of an exact fork the steps before it have rates of another schedule
    lines(run.path / METRICS, lambda rows: [row.replace(",0.001,", ",0.25,") if row.startswith("7,") else row for row in rows])
    assert [metrics(opened("motion", step=step))["Learning rate"] for step in ("6", "7")] == ["0.001", "0.25"]


def test_four_pictures_are_above_the_learning_rate_and_do_not_depend_on_the_step(make_run: MakeRun) -> None:
    make_run()
    before = specs(opened("motion", step="2"))
    assert len(before) == 9
    assert sum('"rate:Q"' in spec or '"field": "rate"' in spec for spec in before) == 4
    assert specs(opened("motion", step="17")) == before


def test_a_run_of_one_step_moved_at_it_and_no_token_is_called_frozen_before(make_run: MakeRun) -> None:
    make_run(steps=1)
    moved = metrics(opened("motion", group="live"))
    assert (moved["Moved"], moved["Frozen"], moved["Learning rate"]) == ("10", "0", "0.001")
    app = opened("motion", group="live", step="0")
    assert set(metrics(app).values()) == {"–"}
    assert "the first recorded step" in texts(app.markdown)


def test_displacements_are_drawn_in_cells_and_in_weight_units(make_run: MakeRun) -> None:
    make_run()
    for unit, words in (("weight", "weight units (Euclidean)"), ("cells", "cells (L∞)")):
        app = opened("motion", unit=unit)
        assert words in texts(app.markdown)
        assert sum(words in json.dumps(json.loads(spec), ensure_ascii=False) for spec in specs(app)) == 1


def test_the_three_ends_of_motion_stand_side_by_side_and_lead_there(make_run: MakeRun) -> None:
    make_run()
    app = opened("motion", step="2", group="live")
    labels = [app.button(key=f"freeze-{name}").label for name in ("last_move", "mostly_still", "slow")]
    assert labels == ["Last move: step 20", "90 % still: step 20", "Under a cell in 100 steps: step 20"]
    sound(app.button(key="freeze-last_move").click().run())
    assert app.query_params["step"] == "20"
    assert "At step 20" in texts(app.markdown)


def test_a_rate_of_zero_is_warned_of_and_a_rate_that_is_not_known_is_reported(make_run: MakeRun) -> None:
    run = make_run()
    rows = [f"{step},5,{0.001 if step < 15 else 0.0},1.0,0.1" for step in range(1, 21)]
    (run.path / METRICS).write_text("\n".join([",".join(METRIC_COLUMNS), *rows]) + "\n")
    assert "The learning rate was 0 at steps 15 to 20" in texts(opened("motion").warning)
    run = make_run(name="unknown-rate")
    (run.path / METRICS).write_text(",".join(METRIC_COLUMNS) + "\n")
    assert "learning rate of this run is not known" in texts(opened("motion", run=run.id).caption)


def test_unequal_steps_between_snapshots_are_reported(make_run: MakeRun) -> None:
    run = make_run(steps=300, record="log")
    gaps = np.diff(run.steps(1_000))
    assert f"{gaps.min():,} to {gaps.max():,} steps apart" in texts(opened("motion").markdown)
    run = make_run(name="even")
    assert "1 step apart" in texts(opened("motion", run=run.id).markdown)


def test_odd_runs_get_a_friendly_answer(make_run: MakeRun) -> None:
    run = make_run(steps=1, until=0, name="just-begun")
    app = opened("motion", run=run.id)
    assert "this run has one snapshot" in texts(app.info)
    assert "last moved" not in texts(app.markdown)
    run = make_run(snapshots=0, state="failed", name="empty")
    assert "Nothing was recorded in this run" in texts(opened("motion", run=run.id).warning)
    run = make_run(dead=0, name="all-live")
    assert "no dead tokens" in texts(opened("motion", run=run.id).info)
    run = make_run(snapshots=9, state="running", name="growing")
    with lock_of(run.path):
        assert "still being recorded" in texts(opened("motion", run=run.id).info)
    (run.path / HISTORY).write_bytes(b"not a tensor at all" * 100)
    assert "must be a safetensors file" in texts(opened("motion", run=run.id).error)
