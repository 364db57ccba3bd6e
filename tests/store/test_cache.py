"""Derived tables and answers: whatever happened to their files, what is said is what the history says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun

from snowball_core.store.cache import keep, keep_answer, load, load_answer
from snowball_core.store.history import History, observe
from snowball_core.tables import blocks
from snowball_core.tables.motion import token_motion
from snowball_core.tables.per_step import step_table, whole_block
from snowball_core.tables.run_summary import glance, measured

TABLE = pd.DataFrame({"count": [1, 2, 3], "share": [0.5, 0.25, np.nan], "sizes": ["2", "", "3 2"]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(tmp_path / ".foreign" / "place", "steps", "key", TABLE)
    return tmp_path / ".foreign" / "place"


def the_file(folder: Path, name: str = "steps") -> Path:
    (file,) = (folder / "cache").glob(f"{name}-*.parquet")
    return file


def test_a_kept_table_comes_back_as_it_was_under_its_name_and_key_alone(folder: Path) -> None:
    pd.testing.assert_frame_equal(load(folder, "steps", "key", TABLE), TABLE)
    assert [load(folder, *words, TABLE) for words in (("steps", "other"), ("tokens", "key"), ("step", "s-key"))] == [None] * 3


def test_no_flipped_bit_of_a_kept_table_is_believed(folder: Path) -> None:
    file = the_file(folder)
    whole = file.read_bytes()
    for offset in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[offset] ^= 1 << offset % 8
        file.write_bytes(changed)
        assert load(folder, "steps", "key", TABLE) is None
    for length in (0, 4, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert load(folder, "steps", "key", TABLE) is None
    file.write_bytes(whole)
    assert load(folder, "steps", "key", TABLE) is not None


@pytest.mark.parametrize(
    "other",
    [
        TABLE.rename(columns={"share": "part"}),
        TABLE[["share", "count", "sizes"]],
        TABLE.drop(columns="sizes"),
        TABLE.assign(more=0),
        TABLE.astype({"count": "float64"}),
        TABLE.astype({"count": "int32"}),
    ],
    ids=["renamed", "reordered", "fewer", "more", "float", "narrower"],
)
def test_a_whole_table_of_other_columns_or_types_is_not_taken(tmp_path: Path, other: pd.DataFrame) -> None:
    keep(tmp_path / ".foreign" / "place", "steps", "key", other)
    folder = tmp_path / ".foreign" / "place"
    assert load(folder, "steps", "key", other) is not None
    assert load(folder, "steps", "key", TABLE) is None


@pytest.mark.parametrize("moments", [None, np.zeros((21, 16), np.uint64)], ids=["plain", "moments"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("is_known", [True, False], ids=["dead", "unknown"])
def test_a_block_without_snapshots_has_the_columns_and_types_of_any(
    make_run: MakeRun, moments: Any, dtype: type, is_known: bool
) -> None:
    history = observe(make_run())
    words = np.asarray(history.words).astype(dtype)
    history = replace(history, words=words, moment_hash=moments, dead=history.dead if is_known else None)
    for name, empty in whole_block(history, 0, 0).items():
        pd.testing.assert_series_equal(empty.dtypes, whole_block(history, 0, 2)[name].dtypes)


def test_a_cached_table_of_another_kind_is_measured_again(make_run: MakeRun) -> None:
    history = observe(make_run())
    right = step_table(history)
    file = the_file(history.kept_in)
    name, key, _ = file.stem.rsplit("-", 2)
    for other in (right.drop(columns="unique"), right.astype({"unique": "float64"})):
        keep(history.kept_in, name, key, other)
        pd.testing.assert_frame_equal(step_table(history), right)


def to_folder(file: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def to_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def to_another_table(file: Path) -> None:
    other = next(each for each in file.parent.glob("*.parquet") if each.name[:5] != file.name[:5])
    shutil.copyfile(other, file)


def to_a_table_of_other_columns(file: Path) -> None:
    TABLE.to_parquet(file)


def to_other_bits(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3] ^= 4
    file.write_bytes(raw)


def to_loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


DAMAGES = [to_folder, to_pipe, to_another_table, to_a_table_of_other_columns, to_other_bits, to_loop]


@pytest.mark.parametrize("damage", DAMAGES)
def test_numbers_are_equal_whatever_was_done_to_every_cached_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 7 * 16 * 4 * 2)
    history = observe(make_run())
    right = step_table(replace(history, kept_in=None)), token_motion(replace(history, kept_in=None))
    step_table(history)
    kept = sorted((history.kept_in / "cache").glob("*.parquet"))
    assert len(kept) == 6
    for file in kept:
        damage(file)
    for _ in range(2):
        for made, table in zip((step_table(history), token_motion(history)), right, strict=True):
            pd.testing.assert_frame_equal(made, table)


def test_a_rebuilt_table_is_kept_again_and_the_damaged_one_goes(make_run: MakeRun) -> None:
    history = observe(make_run())
    step_table(history)
    whole = {file.name: file.read_bytes() for file in (history.kept_in / "cache").iterdir()}
    to_other_bits(the_file(history.kept_in))
    step_table(history)
    assert {file.name: file.read_bytes() for file in (history.kept_in / "cache").iterdir()} == whole


@pytest.mark.parametrize("what", ["file", "unreadable"])
def test_where_no_cache_can_be_kept_the_numbers_are_the_same(make_run: MakeRun, what: str) -> None:
    history: History = observe(make_run())
    (history.kept_in / "cache").write_text("no folder") if what == "file" else (history.kept_in / "cache").symlink_to("cache")
    pd.testing.assert_frame_equal(step_table(history), step_table(replace(history, kept_in=None)))


def test_no_changed_letter_of_a_kept_answer_is_believed(tmp_path: Path) -> None:
    key, answer = [2, "run.json", 17], {"counts": {"dead": [51, [14, 12], []]}, "name": "a"}
    keep_answer(tmp_path, "glance", key, answer)
    file = tmp_path / "cache" / "glance.json"
    whole = file.read_bytes()
    assert load_answer(tmp_path, "glance", key) == answer
    for offset, byte in enumerate(whole):
        file.write_bytes(whole[:offset] + bytes([byte ^ 1]) + whole[offset + 1 :])
        assert load_answer(tmp_path, "glance", key) is None
    keep_answer(tmp_path, "other", key, answer)
    (tmp_path / "cache" / "other.json").replace(file)
    assert load_answer(tmp_path, "glance", key) is None


GLANCES = {
    "a count that is text": ("dead", [6, ["1", 1, 6], [1, 1, 6], [1]]),
    "a count that is true": ("dead", [6, [True, 1, 6], [1, 1, 6], [1]]),
    "a count below 0": ("dead", [6, [7, 0, -1], [1, 1, 6], [1]]),
    "counts that do not add up": ("dead", [6, [2, 1, 6], [1, 1, 6], [1]]),
    "a curve beyond the tokens": ("dead", [6, [1, 1, 6], [1, 1, 6], [7]]),
    "a curve without points": ("dead", [6, [1, 1, 6], [1, 1, 6], []]),
    "another group": ("others", [6, [1, 1, 6], [1, 1, 6], [1]]),
    "a number in place of counts": ("dead", 6),
}


@pytest.mark.parametrize("name", GLANCES)
def test_a_glance_of_wrong_types_or_bounds_is_measured_again(make_run: MakeRun, name: str) -> None:
    path = make_run().path
    for file in path.iterdir():
        os.utime(file, (1_600_000_000, 1_600_000_000))
    right = glance(path)
    assert right == measured(path)
    content = json.loads((path / "cache" / "glance.json").read_text())
    group, counts = GLANCES[name]
    # With the digest of what it says now: as a fault of the program would keep it.
    keep_answer(path, "glance", content["key"], content["answer"] | {"counts": {group: counts}})
    assert glance(path) == right
