"""The library's commands: what a button does, a command does, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from snowball_core.cli.main import main
from snowball_core.store.notes import Notes, read_notes
from snowball_core.store.run_listing import run_paths
from snowball_core.store.trash import trashed


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    monkeypatch.delenv("SNOWBALL_READONLY", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "Traceback" not in output.err
    return output.err


def test_annotate_says_and_list_shows(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = make_run(), make_run(name="other")
    answered(capsys, "annotate", run.id, "--label", "the fall", "--note", "why?", "--tags", "keep, merger")
    assert read_notes(run.path) == Notes("the fall", "why?", ("keep", "merger"))
    assert answered(capsys, "annotate", run.id)["note"] == "why?"
    rows = {row["run"]: row for row in answered(capsys, "list", "--group", "all")["runs"]}
    assert (rows[run.id]["label"], rows[run.id]["tags"], rows[other.id]["label"]) == ("the fall", ["keep", "merger"], "")
    assert rows[run.id]["first"] == {"unique": 16, "black_holes": 0, "population": 0}
    assert rows[run.id]["last"] == {"unique": 11, "black_holes": 1, "population": 6}
    line = next(line for line in printed(capsys, "list").splitlines() if line.startswith(run.id))
    assert "U 6 → 1  C 0 → 1  P 0 → 6" in line
    assert '"the fall"  [keep, merger]' in line
    assert [row["run"] for row in answered(capsys, "list", "--tag", "keep")["runs"]] == [run.id]
    assert answered(capsys, "list", "--tag", "no")["runs"] == []


def test_list_says_what_is_damaged(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    (run.path / "run.json").write_text('{"config": {"ste')
    assert "damaged" in printed(capsys, "list")
    assert "damaged run.json" in answered(capsys, "list")["runs"][0]["damage"]
    assert "a group is one of dead, live, all" in refused(capsys, "list", "--group", "undead")


def test_an_empty_library_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run yet" in printed(capsys, "list")
    assert "the trash is empty" in printed(capsys, "trashed")
    assert answered(capsys, "empty-trash")["deleted"] == []


def test_trash_restore_and_empty(make_run: MakeRun, capsys: pytest.CaptureFixture[str], library: Path) -> None:
    run, other = make_run(), make_run(name="other")
    assert f"restore {run.id}" in printed(capsys, "trash", run.id)
    assert answered(capsys, "trashed")["trashed"] == [run.id]
    assert [row["run"] for row in answered(capsys, "list")["runs"]] == [other.id]
    assert "there is no run" in refused(capsys, "census", run.id)
    printed(capsys, "restore", run.id)
    assert len(run_paths(library)) == 2
    printed(capsys, "trash", run.id)
    assert "must be confirmed; the trash holds 1" in refused(capsys, "empty-trash")
    assert len(trashed(library)) == 1
    assert answered(capsys, "empty-trash", "--yes")["deleted"] == [run.id]
    assert trashed(library) == []


def test_differences_names_the_fields_and_their_values(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = make_run(), make_run(seed=7)
    result = answered(capsys, "differences", one.id, two.id)
    assert result == {"runs": [one.id, two.id], "fields": {"seed": [42, 7]}}
    assert "seed" in printed(capsys, "differences", one.id, two.id)
    assert "no field differs" in printed(capsys, "differences", one.id, one.id)


@pytest.mark.parametrize("verb", [["annotate", "--label", "x"], ["trash"], ["restore"], ["differences"]])
@pytest.mark.parametrize("run", ["gone", "../x", "/etc", "", "UPPER"])
def test_a_run_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str], verb: list[str], run: str) -> None:
    assert refused(capsys, verb[0], run, *verb[1:])


@pytest.mark.parametrize("verb", [["annotate", "--label", "x"], ["trash"]])
def test_a_path_or_a_link_to_a_run_changes_nothing(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], library: Path, verb: list[str]
) -> None:
    run = make_run()
    inside, outside = library / "inside", library / "outside"
    inside.mkdir()
    outside.mkdir()
    moved = run.path.rename(outside / run.id)
    (inside / "link").symlink_to(moved)
    for word in (str(moved), f"../outside/{run.id}", "link", str(inside / "link")):
        assert refused(capsys, verb[0], word, *verb[1:], "--runs", str(inside))
    assert read_notes(moved) == Notes()
    assert (moved / "run.json").is_file()


@pytest.mark.parametrize("words", [["annotate", "RUN", "--label", "x"], ["trash", "RUN"], ["empty-trash", "--yes"]])
def test_a_read_only_library_refuses(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    run = make_run()
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert "read-only" in refused(capsys, *[run.id if word == "RUN" else word for word in words])


def test_a_label_that_turns_the_line_around_is_refused(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert "U+202E" in refused(capsys, "annotate", make_run().id, "--label", "a\u202eb")
