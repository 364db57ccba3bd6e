"""Tables too long to hold, and the commands about space, on a small run with answers worked out by hand."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pandas as pd
import pytest

import snowball_core.cli.common as common
import snowball_core.tables.blocks as walking
from benchmarks.long_history import endure, write_long_history
from snowball_core.cli.main import main
from snowball_core.measures.bf16 import from_values, ordinal, values
from snowball_core.measures.census import change_steps
from snowball_core.store.history import History, foreign
from snowball_core.tables.long import dimension_tables, displacement_tables


@pytest.fixture(params=[1, 2, 100])
def history(request, monkeypatch):
    """Seven snapshots of six tokens, the first two dead, some repeated; taken in blocks of one, two and all of them."""
    draw = np.random.default_rng(3)
    words = from_values(draw.standard_normal((7, 6, 3)))
    words[3], words[5, 2:] = words[2], words[4, 2:]
    monkeypatch.setattr(walking, "BLOCK_BYTES", request.param * words[0].nbytes)
    return History("x", words, np.arange(7) * 10, np.arange(6) < 2)


def test_every_displacement_is_the_difference_of_two_rows_written_out(history):
    table = pd.concat(displacement_tables(history), ignore_index=True)
    expected = []
    for t in range(1, 7):
        for token in range(6):
            before, after = history.words[t - 1, token], history.words[t, token]
            if before.tobytes() != after.tobytes():
                cells = [abs(int(a) - int(b)) for a, b in zip(ordinal(after), ordinal(before), strict=True)]
                length = sum((float(a) - float(b)) ** 2 for a, b in zip(values(after), values(before), strict=True)) ** 0.5
                expected.append((10 * t, token, pytest.approx(length, rel=1e-12), max(cells), sum(cells)))
    assert [tuple(row) for row in table.itertuples(index=False)] == expected


def test_every_dimension_has_its_mean_deviation_and_cells(history):
    table = pd.concat(dimension_tables(history, ("all", "dead")), ignore_index=True)
    assert len(table) == 7 * 2 * 3
    for row in table.itertuples(index=False):
        rows = history.words[row.step // 10][history.mask(row.group)]
        column = values(rows).astype(np.float64)[:, row.dimension]
        assert row.centroid_weight == pytest.approx(column.mean(), rel=1e-12, abs=1e-15)
        assert row.spread_weight == pytest.approx(column.std(), rel=1e-9, abs=1e-12)
        places = ordinal(rows).astype(int)[:, row.dimension]
        assert row.cells_spanned == places.max() - places.min()
    one = pd.concat(dimension_tables(history, ["dead"], 4, 5))
    assert (one["step"].unique().tolist(), len(one)) == ([40], 3)


def test_change_steps_are_the_snapshots_whose_bits_differ_in_a_group(history):
    assert change_steps(history.words, history.mask("live")).tolist() == [0, 1, 2, 4, 6]
    assert change_steps(history.words, history.mask("dead")).tolist() == [0, 1, 2, 4, 5, 6]


@pytest.fixture
def run_command(tmp_path, capsys):
    """A function that runs a command on a long history of four snapshots and returns its JSON."""
    path = tmp_path / "long.safetensors"
    write_long_history(path, 4)

    def tell(*words):
        assert main([words[0], str(path), "--runs", str(tmp_path / "runs"), "--json", *words[1:]]) == 0
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return tell


def test_the_commands_about_space_print_steps_dimensions_and_axes(run_command, tmp_path):
    rows = run_command("distances", "--dead", "0-2047", "--dimensions", str(tmp_path / "d.csv"))["rows"]
    assert [(row["step"], row["group"]) for row in rows[:4]] == [(0, "all"), (0, "dead"), (0, "live"), (1, "all")]
    assert {"largest_linf_weight", "largest_linf_cells", "radius_rms_weight"} <= set(rows[0])
    assert len(pd.read_csv(tmp_path / "d.csv")) == 4 * 3 * 128
    axes = run_command("axes", "--dead", "0-2047")
    assert (axes["group"], axes["fitted_on"], len(axes["rows"])) == ("dead", "run", 4)
    assert np.linalg.norm(axes["axes"], axis=1) == pytest.approx([1, 1])
    assert len(run_command("axes", "--of", "0,3", "--step", "2")["places"]) == 8_192


def test_an_impossible_basis_is_refused_with_what_to_type(tmp_path, capsys):
    path = tmp_path / "long.safetensors"
    write_long_history(path, 2)
    for word, text in (("1,2,3", "one recorded step or two"), ("x", "Try --of 0,140"), ("7", "step must be a recorded one")):
        assert main(["axes", str(path), "--runs", str(tmp_path), "--of", word]) == 2
        assert text in capsys.readouterr().err


def test_motion_writes_every_displacement(run_command, tmp_path):
    answer = run_command("motion", "--displacements", str(tmp_path / "m.csv"))
    table = pd.read_csv(tmp_path / "m.csv")
    moved = {row["step"]: row["moved"] for row in answer["steps"] if row["group"] == "all"}
    assert table.groupby("step").size().to_dict() == {step: count for step, count in moved.items() if count}


def test_a_foreign_history_keeps_its_tables_in_the_runs_folder(run_command, tmp_path):
    first = run_command("motion")
    kept = list((tmp_path / "runs" / ".foreign").glob("*/cache/*.parquet"))
    assert {path.name.split("-")[0] for path in kept} == {"steps", "tokens"}
    assert run_command("motion") == first
    assert run_command("census")["change_steps"] == {"all": [1, 2, 3]}


@pytest.mark.parametrize(("verb", "kept"), [("motion", 2), ("census", 0)])
def test_a_cancelled_command_says_what_is_kept_and_continues(run_command, tmp_path, capsys, monkeypatch, verb, kept):
    monkeypatch.setattr(walking, "BLOCK_BYTES", 8_192 * 128 * 2)
    monkeypatch.setattr(walking, "_WORKERS", 1)

    @contextlib.contextmanager
    def interrupted(**bar):
        def draw(now, of, what):
            if now == 2:
                raise KeyboardInterrupt

        yield draw

    with monkeypatch.context() as patched:
        patched.setattr(common, "progress_bar", interrupted)
        assert main([verb, str(tmp_path / "long.safetensors"), "--runs", str(tmp_path / "runs")]) == 130
    error = capsys.readouterr().err
    assert f"{verb} was cancelled after 2 of 4 snapshots" in error
    assert ("kept block by block" in error) == bool(kept)
    assert len(list((tmp_path / "runs" / ".foreign").glob("*/cache/steps-*.parquet"))) >= kept
    assert len(run_command("census")["rows"]) == 4


def test_a_long_history_is_measured_to_its_end(tmp_path):
    path = tmp_path / "long.safetensors"
    assert write_long_history(path, 3) > 3 * 8_192 * 128 * 2
    numbers = endure(path)
    assert (numbers["rows"], numbers["tokens"]) == (9, 8_192)
    words = foreign(path).words
    assert all((words[t] != words[t - 1]).any() for t in (1, 2))
