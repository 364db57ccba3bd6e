"""Foreign histories at the door: which tensor, which format, who is dead, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import oracles
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import snowball_core
from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.measures.bf16 import from_values, values
from snowball_core.store.foreign.links import Link, link_file, links
from snowball_core.store.foreign.tensor import tokens_of
from snowball_core.store.history import find, foreign
from snowball_core.tables.per_step import step_table

HISTORY = torch.tensor([[[1.0, 2.0], [1.0, 2.0], [3.0, -0.0]], [[1.0, 2.0], [4.0, 2.0], [3.0, 0.0]]])


def saved(path, **tensors):
    save_file(tensors, path)
    return path


@pytest.fixture(autouse=True)
def nothing_is_kept_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "foreign.safetensors"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_history_saved_by_the_stock_library_is_found_and_measured_bit_by_bit(path, dtype):
    saved(path, embedding_history=HISTORY.to(dtype), loss=torch.zeros(2), head=torch.zeros(3, 2))
    history = foreign(path)
    assert history.words.dtype == (np.uint16 if dtype == torch.bfloat16 else np.float32)
    assert np.array_equal(values(np.array(history.words)), HISTORY.numpy())
    for t, row in enumerate(step_table(history).to_dict("records")):
        naive = oracles.counted(np.array(history.words[t])) | oracles.special(np.array(history.words[t]))
        assert {name: row[name] for name in naive} == pytest.approx(naive)
        assert pd.isna(row["hidden_classes"])


def test_of_two_histories_one_must_be_named_and_the_one_named_is_opened(path):
    saved(path, first=HISTORY, second=HISTORY + 1)
    with pytest.raises(HistoryError, match=r"has several tensors of that kind\. Name one with --key. It holds: first F32"):
        foreign(path)
    assert foreign(path, key="second").words[0, 0, 0] == 2.0
    with pytest.raises(HistoryError, match=r"first, second; got third"):
        foreign(path, key="third")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(4),
        torch.zeros(2, 3, 4, 5),
        torch.zeros(2, 3, 4, dtype=torch.float64),
        torch.zeros(2, 0, 4),
        torch.zeros(2, 3, 0),
    ],
)
def test_what_is_no_history_is_refused_by_its_shape_and_name(path, tensor):
    saved(path, odd=tensor)
    with pytest.raises(HistoryError, match=r'must be BF16 or F32 of shape \[T, V, D\] with tokens and components; "odd"'):
        foreign(path, key="odd")
    assert main(["census", str(path), "--key", "odd"]) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.int64, torch.uint8])
def test_other_formats_are_refused_by_name(path, dtype):
    saved(path, odd=torch.zeros(2, 3, 4).to(dtype))
    with pytest.raises(HistoryError, match=r"has no tensor of that kind"):
        foreign(path)
    with pytest.raises(HistoryError, match=r"must be BF16 or F32; it is"):
        foreign(path, key="odd")


def test_a_file_without_snapshots_is_measured_as_nothing_and_has_no_verdict(path):
    saved(path, empty=torch.zeros(0, 3, 2))
    history = foreign(path, dead=[0])
    opened = snowball_core.open_run(path)
    assert len(history.words) == len(opened.steps()) == len(opened.events()) == 0
    with pytest.raises(HistoryError, match=r"a verdict needs a recorded snapshot"):
        opened.verdict()
    assert main(["verdict", str(path)]) == 2


def test_all_tokens_or_none_may_be_dead(path):
    saved(path, history=HISTORY)
    for dead in ([], [0, 1, 2]):
        opened = snowball_core.open_run(path, dead=dead)
        assert opened.steps()["tokens"].tolist() == [3, len(dead), 3 - len(dead)] * 2
        assert opened.verdict("live").group == "live"


@pytest.mark.parametrize("text", ["5-2", "1-", "-1", "a", "1,,x", "0-99999999999"])
def test_a_list_of_dead_tokens_that_means_nothing_is_refused(text):
    with pytest.raises(HistoryError, match=r"dead tokens must be ids and ranges such as 0-9,11"):
        tokens_of(text)


def test_dead_tokens_beyond_the_vocabulary_are_refused(path):
    saved(path, history=HISTORY)
    with pytest.raises(HistoryError, match=r"ids of the vocabulary, 0–2; got 3"):
        foreign(path, dead=[1, 3])


def test_an_answer_about_infinities_and_nan_is_json_all_the_same(path, capsys):
    saved(path, history=torch.tensor([[[1.0], [float("inf")]], [[1.0], [float("nan")]]]))
    for verb in (["distances", "--step", "0"], ["distances", "--step", "1"], ["verdict"], ["motion"], ["census"], ["laws"]):
        assert main([verb[0], str(path), *verb[1:], "--json"]) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        json.loads(line, parse_constant=pytest.fail)


def test_a_bfloat16_history_and_its_float32_copy_have_the_same_measures_in_weight_units(tmp_path):
    words = from_values(np.random.default_rng(5).integers(-3, 3, (4, 6, 2)).astype(np.float32))
    narrow = saved(tmp_path / "narrow.safetensors", h=torch.from_numpy(values(words)).bfloat16())
    wide = saved(tmp_path / "wide.safetensors", h=torch.from_numpy(values(words)))
    one, other = (snowball_core.open_run(path, dead=[0, 1, 2]).steps() for path in (narrow, wide))
    cells = [name for name in one.columns if "cells" in name or name in ("one_cell", "neighbour", "further")]
    assert one.drop(columns=cells).equals(other.drop(columns=cells))
    factor = other["largest_linf_cells"] / one["largest_linf_cells"].where(one["largest_linf_cells"] > 0)
    assert factor.dropna().eq(2**16).all()


def test_an_opened_file_is_found_by_its_id_and_a_changed_link_is_not(tmp_path: Path) -> None:
    save_file({"h": torch.zeros(3, 8, 2)}, tmp_path / "My History.safetensors")
    opened = link_file(tmp_path, Link(str(tmp_path / "My History.safetensors"), dead="0-2"))
    assert re.fullmatch(r"file\.my-history\.[0-9a-f]{8}", opened.id)
    history = find(opened.id, tmp_path)
    assert (history.id, history.words.shape, history.mask("dead").sum()) == (opened.id, (3, 8, 2), 3)
    assert list(links(tmp_path)) == [opened.id]
    (opened.path / "file.json").write_text('{"file": "/etc/passwd"}')
    assert links(tmp_path) == {}
    with pytest.raises(HistoryError, match="must be in the list of the Library"):
        find(opened.id, tmp_path)
