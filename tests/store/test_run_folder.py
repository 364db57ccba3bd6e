"""Run folders: their ids, and their files in good and bad condition."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snowball_core.config import RunConfig
from snowball_core.errors import HistoryError, RunError
from snowball_core.store.files.regular_files import file_sha256, write_json
from snowball_core.store.files.tensor_file import TensorWriter, open_tensor
from snowball_core.store.metric_rows import METRIC_COLUMNS, read_metrics
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, create, open_run, read_run, run_path, runs_folder
from snowball_core.store.run_listing import run_paths

CONFIG = RunConfig(name="tiny", vocab=4, hidden=2, heads=1, context=2, steps=3)
HEADER = ",".join(METRIC_COLUMNS) + "\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def run(folder):
    return create(folder, CONFIG, {"dead_ids": [2, 3]})


# Ids.


@pytest.mark.parametrize(
    "climbing",
    ["../x", "..", ".", "/etc", "a/../b", "a/b", "", " ", "-a", "a-", "A", "Upper", "a_b", "a.b", "a\0b", "a\nb", "a\n", "ä",
     "x" * 103, "x" * 100_000, "~", "C:\\x", "%2e%2e"],
)  # fmt: skip
def test_an_id_of_another_form_is_refused_before_any_folder_is_touched(folder, run, climbing):
    with pytest.raises(
        RunError, match=r'a run id is made of a-z, 0-9 and -; got ".*"\. "python -m snowball_core list"'
    ) as caught:
        run_path(folder, climbing) if "\n" not in climbing else refuse_on_one_line(folder, climbing)
    assert len(str(caught.value)) < 250


def refuse_on_one_line(folder, run_id):
    try:
        run_path(folder, run_id)
    except RunError as error:
        raise RunError(str(error).replace("\n", " ")) from None


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_id_no_path_outside_the_folder_comes_back(tmp_path, run_id):
    with pytest.raises(RunError):
        run_path(tmp_path / "none", run_id)


def test_a_run_that_does_not_exist_is_refused_with_the_newest_there_are(folder, run):
    with pytest.raises(RunError, match=rf'there is no run "snow" in .*\. The newest are: {run.id}\.'):
        open_run(folder, "snow")


def test_in_an_empty_or_missing_folder_the_next_step_is_named(folder):
    with pytest.raises(RunError, match=r"There is none yet: record one\."):
        open_run(folder, "snow")
    assert run_paths(folder) == []


def test_a_link_is_no_run_wherever_it_leads(folder, run):
    (folder / "link").symlink_to(run.path)
    with pytest.raises(RunError, match='there is no run "link"'):
        open_run(folder, "link")
    assert run_paths(folder) == [run.path]


def test_runs_are_listed_newest_first_and_other_folders_are_not(folder):
    for name in ("2026-01-02-000000", "2026-01-01-000000-b", "corpora", ".turns", "Other"):
        (folder / name).mkdir(parents=True)
    for name in ("2026-01-02-000000", "2026-01-01-000000-b", "Other"):
        (folder / name / "run.json").write_text("{}")
    assert [path.name for path in run_paths(folder)] == ["2026-01-02-000000", "2026-01-01-000000-b"]


def test_the_runs_folder_is_the_one_given_then_the_environments_then_the_one_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path / "env"))
    assert runs_folder(tmp_path / "given") == tmp_path / "given"
    assert runs_folder() == tmp_path / "env"
    monkeypatch.delenv("SNOWBALL_RUNS")
    assert runs_folder() == Path(__file__).resolve().parents[2] / "runs"


# Creating.


def test_a_created_run_is_read_back_with_everything_it_was_given(folder, run):
    again = open_run(folder, run.id)
    assert (again.config, again.manifest, again.id) == (CONFIG, run.manifest, run.id)
    assert again.dead.tolist() == [False, False, True, True]
    assert run.id.endswith("-tiny")


def test_the_longest_name_still_makes_an_id_that_can_be_opened(folder):
    config = dataclasses.replace(CONFIG, name="x" * 60)
    for _ in range(3):
        run = create(folder, config, {"dead_ids": []})
        assert open_run(folder, run.id).config == config


def test_runs_created_at_the_same_moment_never_share_a_folder(folder):
    made, ready = [], threading.Barrier(8)

    def make():
        ready.wait()
        made.extend(create(folder, CONFIG, {"dead_ids": []}).id for _ in range(5))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(made) == Counter(path.name for path in run_paths(folder))
    assert len(set(made)) == 40


def test_a_folder_that_is_a_file_is_refused_with_the_ways_out(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"the runs folder must be writable; .* Choose another with --runs or SNOWBALL_RUNS\."):
        create(tmp_path / "runs", CONFIG, {})


# run.json in bad condition.


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "3", '"config"', "{}", '{"config": {}}', '{"config": [], "dead_ids": []}', "[" * 100_000, "\udcff",
     '{"config": {"steps": -1}, "dead_ids": []}', '{"config": {"unknown": 1}, "dead_ids": []}', '{"config": {}, "dead_ids": 5}',
     '{"config": {}, "dead_ids": null}', '{"config": {}, "dead_ids": ["a"]}', '{"config": {}, "dead_ids": [128]}',
     '{"config": {}, "dead_ids": [-1]}', '{"config": {}, "dead_ids": [1.5]}', '{"config": {}, "dead_ids": [true]}',
     '{"config": {}, "dead_ids": [[1]]}', '{"config": {}, "dead_ids": [1e400]}',
     '{"config": {}, "dead_ids": [1000000000000000000000000000000]}'],
)  # fmt: skip
def test_a_damaged_manifest_is_reported_and_the_way_to_the_history_named(folder, run, content):
    (run.path / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(
        RunError, match=r"has a damaged run\.json[\s\S]*Its history\.safetensors may still be whole: open that file"
    ):
        open_run(folder, run.id)


def test_a_manifest_cut_in_half_is_reported_without_the_words_of_a_parser(folder, run):
    whole = (run.path / "run.json").read_text()
    for kept in (len(whole) // 2, len(whole) // 3, 30, len(whole) - 3):
        (run.path / "run.json").write_text(whole[:kept])
        with pytest.raises(RunError, match=f"must hold everything that decides the run, and it breaks off after {kept:,} char"):
            open_run(folder, run.id)
    faults = {"": "it is empty", "{}": "'config' is missing", "3": "something else was written", "{,}": "line 1 of it is not"}
    for content, fault in faults.items():
        (run.path / "run.json").write_text(content)
        with pytest.raises(RunError, match=rf"{fault}.*\. Put it back from a copy\."):
            open_run(folder, run.id)


def test_a_history_cut_short_in_a_run_folder_is_to_be_put_back_and_a_foreign_one_copied_again(run, tmp_path):
    path = run.path / HISTORY
    with TensorWriter(path, TENSOR, "BF16", (4, 2), 1, {}) as file:
        file.append(np.zeros((4, 2), np.uint16))
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(HistoryError, match=rf'put it back from a copy, then run "python -m snowball_core verify {run.id}"'):
        run.history()
    foreign = Path(shutil.copy(path, tmp_path / "foreign.safetensors"))
    with pytest.raises(HistoryError, match=r"is cut off.*Copy the whole file here once more"):
        open_tensor(foreign)


def test_a_manifest_that_is_a_folder_is_reported(run):
    os.unlink(run.path / "run.json")
    (run.path / "run.json").mkdir()
    with pytest.raises(RunError, match=r"damaged run\.json.*it cannot be read \(Is a directory"):
        read_run(run.path)


def test_a_json_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


# History and numbers.


def test_a_run_that_recorded_nothing_says_so(run):
    with pytest.raises(HistoryError, match=r"must be a readable file; .*No such file"):
        run.history()
    assert {name: len(column) for name, column in run.metrics().items()} == dict.fromkeys(METRIC_COLUMNS, 0)


def test_the_history_of_another_run_is_refused(run):
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (5, 2), 1, {}) as file:
        file.append(np.zeros((5, 2), np.uint16))
    with pytest.raises(HistoryError, match=r"must be of 4 tokens with 2 components; it is \[1, 5, 2\]"):
        run.history()


def test_steps_name_the_snapshots_there_are(folder):
    run = create(folder, dataclasses.replace(CONFIG, steps=10, record="every-4"), {"dead_ids": []})
    assert run.steps(4).tolist() == [0, 4, 8, 10]
    assert run.steps(2).tolist() == [0, 4]
    assert run.steps(0).tolist() == []


@given(st.integers(0, 60))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_last_line_is_ignored_wherever_it_is_torn(tmp_path, torn):
    lines = "1,3.5,0.001,0.9,0.1\n2,3.25,0.001,nan,0.2\n3,3.125,0.001,0.7,0.3\n"
    (tmp_path / METRICS).write_text(HEADER + lines[:torn])
    metrics = read_metrics(tmp_path / METRICS)
    assert metrics["step"].tolist() == list(range(1, lines[:torn].count("\n") + 1))
    assert metrics["loss"].tolist() == [3.5, 3.25, 3.125][: len(metrics["step"])]


def test_a_file_with_a_torn_header_or_none_has_no_numbers(tmp_path):
    for content in ("", "step,lo", HEADER):
        (tmp_path / METRICS).write_text(content)
        assert [column.tolist() for column in read_metrics(tmp_path / METRICS).values()] == [[]] * 5


@pytest.mark.parametrize(
    "line", ["1,2,3\n", "1,2,3,4,5,6\n", "a,b,c,d,e\n", "\n", "\0\0\0\n", "1,2,3,4,\n", "1,2,3,4,5,1,2,3,4,5\n"]
)
def test_a_damaged_line_in_the_middle_is_reported(tmp_path, line):
    (tmp_path / METRICS).write_text(HEADER + "1,3.5,0.001,0.9,0.1\n" + line + "3,3.5,0.001,0.9,0.1\n")
    with pytest.raises(
        RunError, match=r"must hold 5 numbers a line; it is damaged\. Put it back from a copy; the history does not need it\."
    ):
        read_metrics(tmp_path / METRICS)


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
