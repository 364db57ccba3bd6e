"""Exported tables: read back by pandas, pyarrow and the json module, nothing lost and nothing dangerous."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from conftest import MakeRun
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.export.tables import MOST_PAIRED, OVER_STEPS, PER_RUN, PER_STEP, TABLES, table_of
from snowball_core.export.view import View, footer, identity_line, view_of
from snowball_core.measures.distances import distance_matrix
from snowball_core.store.bookmarks import Bookmark
from snowball_core.store.history import find, observe
from snowball_core.store.manifest import configuration_hash
from snowball_core.store.notes import add_bookmark
from snowball_core.tables.at_step import exact_numbers
from snowball_core.tables.formats import FORMATS, json_bytes


@pytest.fixture
def view(make_run: MakeRun) -> View:
    run = make_run()
    add_bookmark(run.path, Bookmark(7, "=look", "dead", "h0"))
    return view_of(observe(run), 7)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_changes_with_group_and_step_only_if_its_name_says_so(make_run: MakeRun, name: str) -> None:
    history = observe(make_run())
    chosen = ((3, "dead", "cells"), (3, "live", "cells"), (12, "dead", "weight"))
    views = (view_of(history, step, group, unit) for step, group, unit in chosen)
    one, other, later = (FORMATS["csv"](TABLES[name].make(view)) for view in views)
    assert (one == other) == (name in PER_RUN)
    assert (one == later) == (name not in PER_STEP)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_says_the_same_in_three_formats(view: View, name: str) -> None:
    table = TABLES[name].make(view)
    assert len(table) > 0 or name in ("edges",)
    written = {kind: form(table) for kind, form in FORMATS.items()}
    parquet = pyarrow.parquet.read_table(io.BytesIO(written["parquet"]))
    assert parquet.column_names == list(table.columns)
    pd.testing.assert_frame_equal(parquet.to_pandas(), table.reset_index(drop=True), check_dtype=False)
    rows = json.loads(written["json"])
    assert [list(row) for row in rows] == [list(table.columns)] * len(table)
    csv = pd.read_csv(io.BytesIO(written["csv"]), keep_default_na=False, dtype=str)
    assert list(csv.columns) == list(table.columns)
    for column in table:
        cells, texts = [row[column] for row in rows], list(csv[column])
        kind = table[column].dtype
        numbers = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        for cell, text, true in zip(cells, texts, table[column], strict=True):
            if pd.isna(true):
                assert cell is None
                assert text == ""
            elif numbers:
                # Equal, not close: every digit that distinguishes the number from its neighbours is there.
                assert cell == true
                assert float(text) == true
            else:
                assert cell == true
                assert text.removeprefix("'") == str(true).removeprefix("'")


def test_the_tables_of_a_step_are_those_of_the_file(view: View) -> None:
    rows = view.history.words[7][view.history.dead]
    numbers = exact_numbers(rows)
    assert len(TABLES["holes"].make(view)) == numbers["black_holes"]
    assert list(TABLES["tokens"].make(view)["token"]) == list(range(6))
    pairs = TABLES["pairs"].make(view)
    matrix = distance_matrix(rows, "cells")
    assert len(pairs) == 15
    assert all(matrix[row.token, row.other] == row.linf_cells for row in pairs.itertuples())
    assert set(PER_STEP) < set(TABLES)


def test_the_whole_run_tables_are_those_of_the_commands(
    view: View, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("elsewhere") / "out.csv"
    for verb in ("census", "motion"):
        assert main([verb, view.history.id, "--runs", str(tmp_path), "--csv", str(out)]) == 0
        assert out.read_bytes() == FORMATS["csv"](TABLES[verb].make(view))
    assert main(["events", view.history.id, "--runs", str(tmp_path), "--csv", str(out)]) == 0
    assert out.read_bytes() == FORMATS["csv"](TABLES["events"].make(view))


def test_a_spreadsheet_finds_no_formula_in_a_csv(tmp_path: Path) -> None:
    save_file({"W": np.zeros((1, 128, 2), np.float32)}, tmp_path / "bytes.safetensors")
    history = find(str(tmp_path / "bytes.safetensors"), tmp_path)
    tokens = FORMATS["csv"](TABLES["tokens"].make(view_of(history)))
    glyphs = list(pd.read_csv(io.BytesIO(tokens), keep_default_na=False, dtype=str)["glyph"])
    assert [glyphs[ord(sign)] for sign in "=+-@A"] == ["'=", "'+", "'-", "'@", "A"]
    # In JSON, which no spreadsheet evaluates, they stay as they are.
    assert json.loads(json_bytes(TABLES["tokens"].make(view_of(history))))[61]["glyph"] == "="


def test_json_says_what_it_can_of_numbers_it_has_not() -> None:
    rows = json.loads(json_bytes(pd.DataFrame({"x": [np.nan, np.inf, -np.inf, 0.1], "n": pd.array([1, None, 2, 3], "Int64")})))
    assert [row["x"] for row in rows] == [None, "inf", "-inf", 0.1]
    assert [row["n"] for row in rows] == [1, None, 2, 3]
    assert json.loads(json_bytes(pd.DataFrame({"x": []}))) == []


def test_a_foreign_history_is_exported_as_far_as_it_is_known(tmp_path: Path) -> None:
    words = np.random.default_rng(1).standard_normal((3, 5, 2)).astype(np.float32)
    save_file({"W": words}, tmp_path / "foreign.safetensors")
    history = find(str(tmp_path / "foreign.safetensors"), tmp_path)
    view = view_of(history)
    assert view.group == "all"
    assert set(TABLES["tokens"].make(view)["group"]) == {"unknown"}
    assert "configuration unknown" in identity_line(history)
    with pytest.raises(HistoryError, match=r'the group "dead" of "foreign\.safetensors" cannot be measured'):
        view_of(history, group="dead")


def test_all_pairs_of_too_many_tokens_are_refused_and_the_statistics_offered(tmp_path: Path) -> None:
    save_file({"W": np.zeros((1, MOST_PAIRED + 1, 2), np.float32)}, tmp_path / "many.safetensors")
    history = find(str(tmp_path / "many.safetensors"), tmp_path)
    view = view_of(history)
    with pytest.raises(HistoryError, match=r'at most 1,024 tokens; the group all has 1,025\. Choose .* "distances"'):
        TABLES["pairs"].make(view)
    assert len(TABLES["distances"].make(view)) == 7


def test_a_viewpoint_outside_the_run_is_refused_with_what_there_is(make_run: MakeRun) -> None:
    history = observe(make_run())
    for wrong, message in (
        ({"step": 21}, "got 21.*the last at step 20"),
        ({"unit": "miles"}, 'cells, weight; got "miles"'),
        ({"group": "undead"}, "all, dead, live"),
        ({"first": 5, "last": 3}, "got 5 to 3"),
    ):
        with pytest.raises(HistoryError, match=message):
            view_of(history, **wrong)
    assert view_of(history).step == 20
    with pytest.raises(HistoryError, match="has no dead tokens"):
        view_of(observe(make_run(dead=0)), group="dead")


def test_the_configuration_hash_tells_configurations_apart_and_nothing_else(make_run: MakeRun) -> None:
    one, same, other = make_run(), make_run(), make_run(seed=7)
    assert one.id != same.id
    assert configuration_hash(one.config) == configuration_hash(same.config) != configuration_hash(other.config)
    text = json.dumps(one.config.to_json(), sort_keys=True, separators=(",", ":"))
    assert configuration_hash(one.config) == hashlib.sha256(text.encode()).hexdigest()
    assert configuration_hash(None) is None


def test_the_footer_names_run_step_group_unit_and_configuration(view: View) -> None:
    lines = " ".join(footer(view, "cells", note="thinned to 5 of 9 tokens"))
    known = configuration_hash(view.history.config) or ""
    for part in (
        view.history.id,
        "step 7",
        "dead tokens (6 of 16)",
        "unit: cells",
        known[:12],
        "BF16 [21, 16, 4]",
        "thinned to 5",
    ):
        assert part in lines


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_has_the_rows_of_the_range_if_it_is_over_steps_and_else_is_the_same(view: View, name: str) -> None:
    every, some = table_of(view, name), table_of(view_of(view.history, 7, first=4, last=9), name)
    pd.testing.assert_frame_equal(every, TABLES[name].make(view))
    if name not in OVER_STEPS:
        pd.testing.assert_frame_equal(some, every)
        return
    lasting = {"nodes": ("first_step", "last_step"), "biographies": ("joined", "left")}
    begins, ends = (every[column].to_list() for column in lasting.get(name, ("step", "step")))
    # Step by step, as one would do it by hand: at how many steps of the range each row holds.
    held = [
        any(begin <= step and (pd.isna(end) or step < end if name == "biographies" else step <= end) for step in range(4, 10))
        for begin, end in zip(begins, ends, strict=True)
    ]
    assert 0 < sum(held) < len(held) or name in ("edges", "bookmarks")
    pd.testing.assert_frame_equal(some, every[held].reset_index(drop=True))
