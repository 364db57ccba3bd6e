"""Following a run under way: what is read piece by piece equals what is read at once, and only what is new is read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun, falling_together

from snowball_core.charts.counts_and_sizes import counts_data, loss_data, rate_spec
from snowball_core.charts.step_axis import step_axis
from snowball_core.errors import RunError
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import History
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, Run
from snowball_core.tables import live
from snowball_core.tables.live import Seen, follow
from snowball_core.tables.per_step import step_table


def grow(run: Run, upto: int) -> None:
    """Record the snapshots and the numbers up to a step."""
    words = falling_together(21)
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for snapshot in words[writer.recorded : upto + 1]:
            writer.append(snapshot)
    have = (run.path / METRICS).read_text().count("\n")
    with open(run.path / METRICS, "a") as file:
        file.write("".join(f"{step},{5 - 0.01 * step},0.001,1.0,0.1\n" for step in range(have, upto + 1)))


def same(one: Seen, other: Seen) -> None:
    assert (one.group, one.position, one.snapshots) == (other.group, other.position, other.snapshots)
    for name, column in one.metrics.items():
        assert column.tolist() == other.metrics[name].tolist()
    pd.testing.assert_frame_equal(one.counts, other.counts, check_dtype=False)


def test_piece_by_piece_is_the_same_as_at_once_and_as_the_tables_of_the_whole(make_run: MakeRun) -> None:
    run, whole = make_run(snapshots=1, state="running"), make_run()
    history = follow(run)
    for upto in (1, 2, 7, 8, 8, 20):
        grow(run, upto)
        history = follow(run, history)
        same(history, follow(run))
    same(history, follow(whole))
    table = step_table(History("whole", whole.history().words, whole.steps(21), whole.dead))
    drawn, expected = counts_data(history.counts, "dead"), counts_data(table, "dead")
    pd.testing.assert_frame_equal(drawn, expected, check_dtype=False)


def test_only_new_snapshots_are_counted(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(snapshots=1, state="running")
    result, counted = follow(run), []
    real = live.step_table
    monkeypatch.setattr(live, "step_table", lambda history, **rest: counted.append(len(history.words)) or real(history, **rest))
    for upto in (5, 5, 9):
        grow(run, upto)
        result = follow(run, result)
    assert counted == [5, 4]


def test_a_line_half_written_is_read_when_it_is_whole(make_run: MakeRun) -> None:
    run = make_run(snapshots=3, state="running")
    with open(run.path / METRICS, "a") as file:
        file.write("3,4.9")
        file.flush()
        history = follow(run)
        assert history.metrics["step"].tolist() == [1, 2]
        file.write("7,0.001,1.0,0.1\n")
    assert follow(run, history).metrics["loss"].tolist() == [4.99, 4.98, 4.97]


def test_files_that_became_shorter_are_read_from_their_beginning(make_run: MakeRun) -> None:
    long, short = make_run(), make_run(snapshots=4)
    same(follow(short, follow(long)), follow(short))


def test_a_run_without_files_and_one_without_dead_tokens_are_followed(make_run: MakeRun) -> None:
    empty = make_run(snapshots=0, state="queued")
    (empty.path / METRICS).unlink()
    assert (follow(empty).snapshots, follow(empty).position, len(follow(empty).counts)) == (0, 0, 0)
    alive = follow(make_run(dead=0))
    assert alive.group == "all"
    assert set(alive.counts["group"]) == {"all"}


def test_a_damaged_line_is_reported(make_run: MakeRun) -> None:
    run = make_run(snapshots=3)
    history = follow(run)
    with open(run.path / METRICS, "a") as file:
        file.write("nonsense\n")
    with pytest.raises(RunError, match="must hold 5 numbers a line"):
        follow(run, history)


def test_loss_and_rate_are_means_over_the_same_steps(make_run: MakeRun) -> None:
    steps = np.array([1.0, 2.0, 3_000.0, 3_001.0, 3_002.0])
    metrics = {"step": steps, "loss": steps * 2, "learning_rate": steps / 8}
    table, width = loss_data(metrics, step_axis("linear", 6_000))
    assert width == 3
    assert table.to_numpy().tolist() == [[1.5, 3.0, 0.1875], [3001.0, 6002.0, 375.125]]
    # Where the axis is wide, every step is a point of its own.
    table, _ = loss_data(metrics, step_axis("symlog", 6_000))
    assert table["step"].tolist() == [1.0, 2.0, 3001.0]
    assert rate_spec(step_axis("symlog", 10), 100)["layer"][0]["encoding"]["y"]["field"] == "learning_rate"


def test_a_history_and_losses_put_in_place_of_others_are_read_from_the_beginning(make_run: MakeRun) -> None:
    run, other = make_run(snapshots=9, state="running"), make_run(snapshots=0)
    history = follow(run)
    with TensorWriter(other.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for snapshot in falling_together(12)[::-1]:
            writer.append(snapshot)
    for name in (HISTORY, METRICS):
        (other.path / name).replace(run.path / name)
    same(follow(run, history), follow(run))
    assert follow(run, history).counts["unique"].tolist()[0] < history.counts["unique"].tolist()[0]


def test_a_run_that_diverges_is_counted_to_its_last_finite_snapshot(make_run: MakeRun) -> None:
    run = make_run(snapshots=0, state="running")
    words = falling_together(12)
    words[7:, 2] = 0x7FC0
    history = None
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for number, snapshot in enumerate(words):
            writer.append(snapshot)
            if number % 3 == 2:
                history = follow(run, history)
    assert history is not None
    assert (history.snapshots, history.counts["step"].iloc[-1]) == (12, 6)
    same(history, follow(run))
