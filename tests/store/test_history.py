"""Runs and foreign histories, their tables in blocks and the cache."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from tiny_run import MOMENTS, STEPS, WORDS, made_run, save

import snowball_core.tables.blocks as walking
import snowball_core.tables.per_step as module
from snowball_core.errors import HistoryError, RunError
from snowball_core.measures.bf16 import values
from snowball_core.measures.census import census
from snowball_core.store.cache import content_key, keep, load
from snowball_core.store.foreign.tensor import tokens_of
from snowball_core.store.history import find, foreign, observe
from snowball_core.store.run_folder import HISTORY
from snowball_core.tables.blocks import history_blocks
from snowball_core.tables.lineage import account
from snowball_core.tables.motion import token_motion
from snowball_core.tables.per_step import CENSUS, CENSUS_COLUMNS, measured, step_table


@pytest.fixture
def run(tmp_path):
    return made_run(tmp_path / "runs")


def test_a_run_is_opened_with_everything_it_recorded(run):
    history = observe(run)
    assert history.steps.tolist() == STEPS.tolist()
    assert history.groups == ("all", "dead", "live")
    assert history.mask("live").tolist() == [True, False, False, False]
    assert np.array_equal(history.moment_hash, MOMENTS)
    assert history.rates[1].tolist() == [0.1] * 4 + [0.0] * 2
    with pytest.raises(HistoryError, match=r"step must be a recorded one; got 3\. The run .* recorded 4 snapshots"):
        history.index(3)


def test_a_foreign_history_is_found_by_its_shape_and_has_only_the_group_all(tmp_path):
    history = foreign(save(tmp_path / "other.safetensors", matrix=WORDS))
    assert (history.groups, history.steps.tolist()) == (("all",), [0, 1, 2, 3])
    assert "dead tokens of a foreign history are unknown" in history.reason
    with pytest.raises(HistoryError, match=r'the group "dead" of "other.safetensors" cannot be measured: dead tokens'):
        history.mask("dead")
    assert history.index(2) == 2


def test_dead_tokens_of_a_foreign_history_come_from_a_list_or_a_text(tmp_path):
    path = save(tmp_path / "other.safetensors", history=values(np.zeros((2, 100, 2), np.uint16)))
    (tmp_path / "text.txt").write_bytes(b"aab\n")
    assert np.flatnonzero(~foreign(path, corpus=str(tmp_path / "text.txt")).dead).tolist() == [10, 97, 98]
    assert np.flatnonzero(foreign(path, dead=tokens_of("0-2,7")).dead).tolist() == [0, 1, 2, 7]
    with pytest.raises(HistoryError, match="dead tokens must be ids of the vocabulary, 0–99; got 100"):
        foreign(path, dead=[100])
    with pytest.raises(HistoryError, match='dead tokens must be ids and ranges such as 0-9,11; got "x"'):
        tokens_of("x")


def test_a_single_matrix_is_a_history_of_one_snapshot(tmp_path):
    path = tmp_path / "matrix.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + np.zeros(4, np.float32).tobytes())
    assert foreign(path).words.shape == (1, 2, 2)


def test_a_file_without_a_history_says_what_it_holds(tmp_path):
    path = tmp_path / "odd.safetensors"
    header = json.dumps({"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(
        HistoryError, match=r"has no tensor of that kind\. Save one in these formats and shapes. It holds: b F32 \[2\]"
    ):
        foreign(path)
    with pytest.raises(HistoryError, match=r"of shape \[T, V, D\]"):
        foreign(path, key="b")


def test_a_word_is_a_run_its_folder_or_a_foreign_path(run, tmp_path):
    folder = run.path.parent
    assert find(run.id, folder).id == find(str(run.path), folder).id == run.id
    assert find(str(run.path / HISTORY), folder).dead is None
    with pytest.raises(RunError):
        find("no-such-run", folder)
    with pytest.raises(HistoryError):
        find(str(tmp_path / "missing.safetensors"), folder)


def test_the_table_of_steps_is_that_of_hand_counting(run):
    table = step_table(observe(run))
    dead = table[table["group"] == "dead"].set_index("step")
    assert dead["sizes"].tolist() == ["", "3", "2", "2"]
    assert dead["hidden_classes"].tolist() == [3, 2, 2, 2]
    assert dead["true_holes"].tolist() == [0, 0, 1, 1]
    assert dead["apparent_holes"].tolist() == [0, 1, 0, 0]
    assert dead["largest_linf_cells"].tolist() == [2, 0, 2, 2]
    assert dead["moved"].tolist() == [0, 2, 1, 0]
    assert dead["bulk_speed_weight"].iloc[3] == 0.0
    assert dead["effective"].iloc[1] == 1.0
    assert table["step"].tolist() == [step for step in STEPS.tolist() for _ in range(3)]


def test_every_row_of_the_table_is_the_census_of_its_matrix(run):
    history = observe(run)
    for row in step_table(history).to_dict("records"):
        result = census(history.words[history.index(row["step"])][history.mask(row["group"])])
        for name in ("tokens", "unique", "black_holes", "population", "singletons", "largest"):
            assert row[name] == getattr(result, name)
        assert row["sizes"] == " ".join(map(str, result.sizes))
    alone = pd.concat([measured(history, slice(t, t + 1), CENSUS) for t in range(len(history.words))], ignore_index=True)
    pd.testing.assert_frame_equal(alone, step_table(history)[list(CENSUS_COLUMNS)])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_table_does_not_depend_on_its_blocks(run, monkeypatch, size):
    history = dataclasses.replace(observe(run), kept_in=None)
    whole, tokens, lineage = step_table(history), token_motion(history), account(history, "dead")
    monkeypatch.setattr(walking, "BLOCK_BYTES", size * WORDS[0].nbytes)
    assert len(list(history_blocks(history))) == -(-4 // size)
    pd.testing.assert_frame_equal(step_table(history), whole)
    pd.testing.assert_frame_equal(token_motion(history), tokens)
    assert account(history, "dead") == lineage


def test_a_cancelled_table_continues_where_it_stopped_and_a_grown_run_measures_only_what_is_new(run, monkeypatch):
    monkeypatch.setattr(walking, "BLOCK_BYTES", WORDS[0].nbytes)
    monkeypatch.setattr(walking, "_WORKERS", 1)
    made, real = [], module.whole_block

    def measure(whole_history, start, stop):
        made.extend(range(start, stop))
        return real(whole_history, start, stop)

    monkeypatch.setattr(module, "whole_block", measure)

    def cancel(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step_table(observe(run), cancel)
    begun = list(made)
    table = step_table(observe(run))
    assert sorted(made) == [0, 1, 2, 3]
    assert begun[:2] == [0, 1]
    pd.testing.assert_frame_equal(step_table(observe(run)), table)
    token_motion(observe(run))
    assert len(made) == 4


def test_a_stale_or_damaged_table_is_never_taken(run):
    before = step_table(observe(run))
    for kept in (run.path / "cache").iterdir():
        kept.write_bytes(b"damaged")
    pd.testing.assert_frame_equal(step_table(observe(run)), before)
    with open(run.path / HISTORY, "r+b") as file:
        file.seek(-2, 2)
        file.write(bytes([1, 2]))
    after = step_table(observe(run))
    assert after["largest_linf_cells"].iloc[-3] != before["largest_linf_cells"].iloc[-3]
    assert sorted(kept.name.split("-")[0] for kept in (run.path / "cache").iterdir()) == ["steps", "tokens"]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    table = pd.DataFrame({"a": [1]})
    keep(tmp_path / "missing", "t", "key", table)
    keep(None, "t", "key", table)
    assert load(tmp_path / "missing", "t", "key", pd.DataFrame()) is None
    assert load(None, "t", "key", pd.DataFrame()) is None
    assert content_key("1", [np.zeros(2, np.uint8)]) != content_key("1", [np.zeros(2, np.uint16)])


def test_the_motion_of_tokens_is_path_and_net(run):
    history = observe(run)
    table = token_motion(history)
    assert table["first_move"].tolist() == [-1, -1, 2, 2]
    assert table["last_move"].tolist() == [-1, -1, 2, 4]
    assert table["group"].tolist() == ["live", "dead", "dead", "dead"]
    assert table["straightness"].iloc[3] == pytest.approx((2 / 128) / (1 / 128 + np.sqrt(5) / 128))
