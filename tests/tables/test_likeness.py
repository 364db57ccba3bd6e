"""What is said before runs are compared: names that tell them apart, shapes that differ, settings nobody knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MakeRun
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.tables.comparison import footer, line_up, no_differences, setting_names
from snowball_core.tables.draws import ComparedRun, names_apart, shapes, unlike

pytestmark = pytest.mark.usefixtures("library")


def saved(path: Path, *frames: str) -> Path:
    """A history in which equal letters are equal rows: a word for each snapshot, a letter for each token."""
    path.parent.mkdir(exist_ok=True)
    save_file({"h": np.array([[[ord(c), ord(c) ** 2] for c in frame] for frame in frames], np.float32)}, path)
    return path


def lines(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert main(["compare", *map(str, words), "--group", "all"]) == 0
    return capsys.readouterr().out.splitlines()


def recorded(name: str, shape: tuple[int, int, int], kind: type = np.float32, fields: object = None) -> ComparedRun:
    return ComparedRun(name, fields, np.zeros(shape, kind), np.arange(shape[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/x/a/h", "/x/b/h", "/x/b/o"], ["a/h", "b/h", "o"]),
        (["/x/a/h", "/y/a/h", "/y/b/h"], ["x/a/h", "y/a/h", "b/h"]),
        (["/a/h", "/x/a/h"], ["/a/h", "x/a/h"]),
        (["/h", "/a/h"], ["/h", "a/h"]),
        (["/x/one", "/x/two"], ["one", "two"]),
    ],
)
def test_names_are_the_shortest_ends_that_tell_paths_apart(paths: list[str], names: list[str]) -> None:
    assert names_apart([Path(path) for path in paths]) == names


def test_every_difference_of_shapes_is_reported_with_what_follows() -> None:
    one, same = recorded("a", (2, 4, 3)), recorded("b", (2, 4, 3))
    assert shapes([one, same]) == {}
    assert unlike([one, same]) == ""
    assert unlike([one, recorded("c", (5, 4, 3))]) == "2 runs of different lengths: snapshots 2 (a), 5 (c)."
    other = recorded("c", (2, 1_000, 8), np.uint16)
    assert shapes([one, other]) == {
        "tokens": {"a": 4, "c": 1_000},
        "components": {"a": 3, "c": 8},
        "format": {"a": "F32", "c": "BF16"},
    }
    sentence = unlike([one, same, other], {"a": "A", "b": "B", "c": "C"})
    assert sentence.startswith(
        "3 runs of different shapes: tokens 4 (A, B), 1,000 (C); components 3 (A, B), 8 (C); format F32 (A, B), "
    )
    assert "compare weight units, not cells" in sentence
    many = [recorded(f"r{n}", (2, 4, 3)) for n in range(9)]
    assert "snapshots 2 (r0, r1, r2, 6 more), 5 (c)" in unlike([*many, recorded("c", (5, 4, 3))])


def test_two_files_of_one_name_are_two_in_words_json_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [saved(tmp_path / place / "h.safetensors", *frames) for place, frames in (("a", ["AABC"] * 2), ("b", ["AAAC"] * 2))]
    files.append(saved(tmp_path / "other.safetensors", "ABCD", "ABCC"))
    printed = lines(capsys, *files)
    assert printed[0] == "3 runs, at most 3 independent draws, settings unknown."
    assert [line.split(",")[0].strip() for line in printed[2:5]] == [
        "draw 1: a/h.safetensors",
        "draw 2: b/h.safetensors",
        "draw 3: other.safetensors",
    ]
    assert "snapshots 0 to 1, first-merger at snapshot 1" in printed[4]
    csv = tmp_path.with_name(f"{tmp_path.name}.csv")
    assert main(["compare", *map(str, files), "--group", "all", "--csv", str(csv), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    ids = ["a/h.safetensors", "b/h.safetensors", "other.safetensors"]
    assert [row["run"] for row in answer["runs"]] == answer["settings_unknown"] == ids
    table = pd.read_csv(csv)
    assert table.groupby("run", sort=False)["unique"].first().to_dict() == dict(zip(ids, (3, 2, 4), strict=True))


def test_one_file_of_several_spellings_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = saved(tmp_path / "f.safetensors", "AB", "AA"), saved(tmp_path / "g.safetensors", "AB", "AC")
    (tmp_path / "link.safetensors").symlink_to(file)
    monkeypatch.chdir(tmp_path)
    spelled = ["f.safetensors", "./f.safetensors", file, "link.safetensors"]
    for again in spelled[1:]:
        assert main(["compare", "f.safetensors", str(again), "--group", "all"]) == 2
        assert f"got 1. f.safetensors and {again} are the same and count once." in capsys.readouterr().err
    printed = lines(capsys, *spelled, other)
    assert printed[0] == "2 runs, at most 2 independent draws, settings unknown."
    assert "f.safetensors and link.safetensors are the same and count once." in printed


def test_a_run_by_its_id_and_by_its_folder_is_one_and_its_namesake_elsewhere_is_another(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    assert main(["compare", run.id, str(run.path)]) == 2
    assert f"{run.id} and {run.path} are the same and count once." in capsys.readouterr().err
    shutil.copytree(run.path, tmp_path / "elsewhere" / run.id)
    printed = lines(capsys, run.id, tmp_path / "elsewhere" / run.id)
    assert printed[0].startswith("2 runs, one draw: ")
    assert f"draw 1: elsewhere/{run.id}, " in printed[2]
    assert "duplicate: every bit of 21 common steps" in printed[2]


def test_of_files_nothing_is_reported_that_is_unknown(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (
        saved(tmp_path / "one.safetensors", "AABC", "AAAC"),
        saved(tmp_path / "two.safetensors", "AABCD", "AAACC", "AAAAC"),
    )
    printed = lines(capsys, one, two)
    assert printed[0].startswith("2 runs of different shapes: tokens 4 (one.safetensors), 5 (two.safetensors); snapshots 2 ")
    assert printed[1] == "2 runs, at most 2 independent draws, settings unknown."
    assert printed[-1] == "Their configurations are not known: in what they differ cannot be said."
    printed = lines(capsys, one, shutil.copy(one, tmp_path / "copy.safetensors"))
    assert printed[0] == "2 runs, one draw, settings unknown: what is seen here can be chance. Add another draw."
    assert printed[3].endswith("; twin of one.safetensors, same bytes: every bit of 2 snapshots")
    run = make_run()
    printed = lines(capsys, run.id, one)
    assert printed[1] == "2 runs, at most 2 independent draws, of one setting, settings unknown of 1 file."
    assert printed[2] == "The steps of one.safetensors are not known: the numbers of the snapshots, from 0, stand in for them."
    assert printed[-1] == "The configuration of one.safetensors is not known: in what it differs cannot be said."
    history = shutil.copy(run.path / "history.safetensors", tmp_path / "history.safetensors")
    assert "same bytes: every bit of 21 snapshots" in "\n".join(lines(capsys, run.id, history))


def test_a_file_with_unknown_dead_tokens_is_compared_by_all_tokens(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, one = make_run(), saved(tmp_path / "one.safetensors", "AABC", "AAAC")
    assert main(["compare", run.id, str(one)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "All tokens are compared: which are dead is not known of every file."
    assert main(["compare", run.id, str(one), "--group", "dead"]) == 2
    assert "which tokens of one.safetensors are dead is not known. Compare all tokens: --group all." in capsys.readouterr().err
    assert main(["compare", run.id, make_run(name="two").id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["group"] == "dead"


def test_what_has_no_place_on_the_axis_is_named(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, one = make_run(), saved(tmp_path / "one.safetensors", "AABC", "AAAC")
    assert "Not on this axis: one.safetensors. Their learning rates are not known." in lines(
        capsys, run.id, one, "--align", "rates"
    )
    assert main(["compare", run.id, str(one), "--align", "rates", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["not_on_this_axis"] == ["one.safetensors"]


def test_known_differences_stay_beside_a_file_of_unknown_settings(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(name="one"), make_run(name="two", learning_rate=0.5)]
    one = saved(tmp_path / "one.safetensors", "AABC", "AAAC")
    assert main(["compare", *(run.id for run in runs), str(one), "--group", "all", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [list(row.values()) for row in answer["differences"]] == [["learning_rate", "0.001", "0.5", "unknown"]]
    assert answer["unlike"]["tokens"] == {runs[0].id: 16, runs[1].id: 16, "one.safetensors": 4}


def test_legends_and_footers_do_not_call_unknown_settings_one() -> None:
    lined = line_up(
        [recorded("a", (2, 4, 3)), recorded("b", (2, 5, 3)), recorded("c", (2, 4, 3), fields={"seed": 1, "text_sha256": "ab"})]
    )
    assert list(setting_names(lined).values()) == ["setting unknown: a", "setting unknown: b", "one setting"]
    lines = footer(lined, {"a": "A", "b": "B", "c": "C · seed 1"}, "step", "all tokens", "vectors")
    assert lines[1].startswith("3 runs of different shapes: tokens 4 (A, C seed 1), 5 (B).")
    assert "of one setting, settings unknown of 2 files" in lines[2]
    assert lines[3].startswith("The steps of a, b are not known")
    assert no_differences(lined) == "The configuration of a, b is not known: in what it differs cannot be said."


def test_the_columns_of_differences_tell_two_runs_of_one_id_apart(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    shutil.copytree(run.path, tmp_path / "elsewhere" / run.id)
    assert main(["differences", run.id, str(tmp_path / "elsewhere" / run.id), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == [f"{tmp_path.name}/{run.id}", f"elsewhere/{run.id}"]
