"""Tables of a tiny world, cell by cell."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from snowball_core.config import RunConfig
from snowball_core.errors import HistoryError
from snowball_core.measures.bf16 import values
from snowball_core.measures.distances import distance_matrix
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import GROUPS, History
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, create
from snowball_core.store.status import Status, hold, write_status
from snowball_core.tables.at_step import exact_numbers, group_table, holes_at, token_table
from snowball_core.tables.formats import csv_bytes, parquet_bytes
from snowball_core.tables.live import group_mask, recorded_at, recorded_snapshots, settled
from snowball_core.tables.per_step import COUNTED, last_hole_change, step_table, with_metrics
from snowball_core.tables.text import glyph

ONE, NEXT, THIRD = 0x3F80, 0x3F81, 0x3F82  # 1, and one and two cells of 1/128 above it
A, B, C = [ONE, ONE], [ONE, NEXT], [THIRD, ONE]
HISTORY_WORDS = np.array([[A, B, C, A], [A, B, B, B], [A, B, B, B]], np.uint16)
DEAD = np.array([False, False, True, True])
STEPS = np.array([0, 2, 3])


def table_of(words, steps, dead, families=("counts", "extent")):
    return step_table(History("by hand", words, steps, dead), families=families)


def summary_table(run, history):
    """Every measure and loss of some snapshots, as the pages make it."""
    return with_metrics(table_of(history, run.steps(len(history)), run.dead), run.metrics())


@pytest.fixture
def run(tmp_path):
    config = RunConfig(vocab=4, hidden=2, heads=1, context=2, steps=3, record="every-2")
    run = create(tmp_path / "runs", config, {"dead_ids": [2, 3]})
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (4, 2), 3, {}) as file:
        for words in HISTORY_WORDS:
            file.append(words)
    numbers = "1,3.5,0.5,9,0.1\n2,3.25,0.25,8,0.1\n3,3.125,0.125,7,0.1\n"
    (run.path / METRICS).write_text("step,loss,learning_rate,grad_norm,seconds\n" + numbers)
    return run


def test_the_census_table_is_ordered_by_step_then_group_and_counted_by_hand():
    table = table_of(HISTORY_WORDS, STEPS, DEAD, ("counts",)).drop(columns="effective")
    assert list(table.columns) == ["step", "group", *COUNTED, "sizes"]
    assert table.to_numpy().tolist() == [
        [0, "all", 4, 3, 1, 2, 2, 2, "2"],
        [0, "dead", 2, 2, 0, 0, 2, 0, ""],
        [0, "live", 2, 2, 0, 0, 2, 0, ""],
        [2, "all", 4, 2, 1, 3, 1, 3, "3"],
        [2, "dead", 2, 1, 1, 2, 0, 2, "2"],
        [2, "live", 2, 2, 0, 0, 2, 0, ""],
        [3, "all", 4, 2, 1, 3, 1, 3, "3"],
        [3, "dead", 2, 1, 1, 2, 0, 2, "2"],
        [3, "live", 2, 2, 0, 0, 2, 0, ""],
    ]


def test_the_summary_has_the_distances_in_both_units_and_the_numbers_of_each_recorded_step(run):
    table = summary_table(run, run.history().words)
    dead = table[table["group"] == "dead"]
    assert dead["step"].tolist() == [0, 2, 3]
    assert dead["largest_linf_cells"].tolist() == [2, 0, 0]
    assert dead["largest_linf_weight"].tolist() == [2 / 128, 0, 0]
    assert dead["learning_rate"].tolist()[1:] == [0.25, 0.125]
    assert dead[["loss", "learning_rate", "grad_norm"]].iloc[0].isna().all()
    assert len(table) == 9
    assert list(table.columns)[-3:] == ["loss", "learning_rate", "grad_norm"]


def test_the_summary_of_a_run_still_before_its_first_step_has_only_its_initial_state(run):
    (run.path / METRICS).unlink()
    table = summary_table(run, run.history().words[:1])
    assert table["step"].tolist() == [0, 0, 0]
    assert table["loss"].isna().all()


def test_the_summary_of_no_snapshots_is_an_empty_table_with_the_same_columns(run):
    words = run.history().words
    assert list(summary_table(run, words[:0]).columns) == list(summary_table(run, words).columns)
    assert len(summary_table(run, words[:0])) == 0


def test_without_a_dead_token_the_dead_are_counted_as_empty():
    table = table_of(HISTORY_WORDS, STEPS, np.zeros(4, bool))
    assert table[table["group"] == "dead"][["tokens", "unique", "largest_linf_cells"]].to_numpy().tolist() == [[0, 0, 0]] * 3


def test_groups_part_the_tokens_and_an_unknown_group_lists_the_known_ones():
    assert (group_mask(DEAD, "dead") ^ group_mask(DEAD, "live")).all()
    assert group_mask(DEAD, "all").all()
    with pytest.raises(HistoryError, match=r'a group is one of all, dead, live; got "undead"\.'):
        group_mask(DEAD, "undead")


def test_the_token_table_ranks_holes_by_population_and_then_by_smallest_token():
    words = np.array([C, B, A, B, C, [0, 0], A, A], np.uint16)
    table = token_table(words, np.zeros(8, bool))
    assert table["hole"].tolist() == [2, 3, 1, 3, 2, 0, 1, 1]
    assert table["vector"].tolist() == [0, 1, 2, 1, 0, 3, 2, 2]
    assert table["population"].tolist() == [2, 2, 3, 2, 2, 1, 3, 3]


def hole_table(words, group):
    mask = group_mask(DEAD, group)
    return holes_at(group_table(words[mask], DEAD, mask))[["hole", "population", "tokens", "glyphs"]]


def test_the_hole_table_names_the_tokens_of_the_whole_vocabulary_also_for_a_group():
    assert hole_table(HISTORY_WORDS[1], "dead").to_numpy().tolist() == [[1, 2, "2 3", "STX ETX"]]
    assert hole_table(HISTORY_WORDS[1], "all").to_numpy().tolist() == [[1, 3, "1 2 3", "SOH STX ETX"]]


def test_without_black_holes_the_hole_table_is_empty_with_its_columns():
    table = hole_table(HISTORY_WORDS[0], "dead")
    assert (len(table), list(table.columns)) == (0, ["hole", "population", "tokens", "glyphs"])


def test_every_byte_has_a_glyph_of_its_own_that_can_be_printed():
    glyphs = [glyph(token) for token in range(128)]
    assert len(set(glyphs)) == 128
    assert all(text.isprintable() and text.strip() for text in glyphs)
    assert [glyphs[i] for i in (0, 9, 10, 13, 27, 31, 32, 65, 126, 127)] == [
        "NUL",
        "TAB",
        "LF",
        "CR",
        "ESC",
        "US",
        "space",
        "A",
        "~",
        "DEL",
    ]
    assert glyph(500) == "500"


def test_the_matrix_of_distances_is_in_the_unit_requested():
    assert distance_matrix(HISTORY_WORDS[0], "cells")[0].tolist() == [0, 1, 2, 0]
    assert distance_matrix(HISTORY_WORDS[0], "weight")[0].tolist() == [0, 1 / 128, 2 / 128, 0]


def test_exact_numbers_are_the_census_and_the_farthest_pair():
    numbers = exact_numbers(HISTORY_WORDS[0][DEAD])
    assert numbers == {
        "tokens": 2, "unique": 2, "black_holes": 0, "population": 0, "singletons": 2, "largest": 0,
        "linf_weight": 2 / 128, "linf_cells": 2,
    }  # fmt: skip
    assert exact_numbers(HISTORY_WORDS[0][:0])["tokens"] == exact_numbers(HISTORY_WORDS[0][:0])["linf_cells"] == 0


def test_the_last_change_is_that_of_the_group_requested():
    table = table_of(HISTORY_WORDS, STEPS, DEAD)
    assert [last_hole_change(table, group) for group in GROUPS] == [2, 2, 0]


def test_the_snapshot_shown_for_a_step_is_the_last_one_at_or_before_it():
    assert [recorded_at(STEPS, wanted) for wanted in (-5, 0, 1, 2, 3, 99)] == [0, 0, 0, 1, 2, 2]


def test_a_growing_frame_holds_more_than_seven_eighths_and_never_shrinks():
    frames = [settled(n) for n in range(3_000)]
    assert all(7 * n / 8 < frame <= n or n == 0 for n, frame in enumerate(frames))
    assert frames == sorted(frames)
    assert len(set(frames[100:])) < 100


def test_both_exports_hold_the_whole_summary(run):
    table = summary_table(run, run.history().words)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(parquet_bytes(table))), table)
    text = pd.read_csv(io.BytesIO(csv_bytes(table)), dtype={"sizes": str}, keep_default_na=False, na_values={"loss": ""})
    for column in ("step", "group", "unique", "sizes", "largest_linf_weight", "largest_linf_cells"):
        assert text[column].tolist() == table[column].tolist()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_run_is_written_as_text(cell):
    assert f"'{cell}" in csv_bytes(pd.DataFrame({"glyph": [cell]})).decode()
    assert csv_bytes(pd.DataFrame({"glyph": ["a=1"], "n": [-1]})) == b"glyph,n\na=1,-1\n"


def test_float32_rows_are_measured_in_their_own_cells():
    single = values(HISTORY_WORDS[0])
    assert distance_matrix(single, "weight").tolist() == distance_matrix(HISTORY_WORDS[0], "weight").tolist()
    assert distance_matrix(single, "cells")[0].tolist() == [0, 2**16, 2**17, 0]


def test_a_run_without_a_history_has_no_snapshots_and_a_damaged_history_is_reported_only_without_a_worker(run):
    assert recorded_snapshots(run) == 3
    (run.path / HISTORY).write_bytes(b"damaged")
    write_status(run.path, Status("running", 1, 3))
    with hold(run.path):
        assert recorded_snapshots(run) == 0
    with pytest.raises(HistoryError, match=r"must be a safetensors file; .* is a text file"):
        recorded_snapshots(run)
    (run.path / HISTORY).unlink()
    assert recorded_snapshots(run) == 0
