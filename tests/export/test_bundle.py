"""An export as a folder: every file listed with its hash, the zip of the same bytes, and nothing of others overwritten."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.errors import HistoryError, RunError
from snowball_core.export.bundle import export_to, folder_zip
from snowball_core.export.files import PARTS, USUAL, chosen, items
from snowball_core.export.methods import methods
from snowball_core.export.view import View, view_of
from snowball_core.store.history import find, observe
from snowball_core.store.manifest import configuration_hash
from snowball_core.store.run_folder import Run

pytestmark = pytest.mark.processes


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The folder of the made runs."""
    return tmp_path


@pytest.fixture
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside") / "taken"


def shown_of(run: Run, **view: int | str) -> View:
    history = observe(run)
    return view_of(history, **{"step": 7, **view})  # type: ignore[arg-type]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_holds_every_file_with_the_hash_its_index_gives(make_run: MakeRun, library: Path, target: Path) -> None:
    run = make_run()
    view = shown_of(run, first=2, last=6)
    export_to(view, target, library, ["all"])
    files = files_of(target)
    index = json.loads(files.pop("index.json"))
    assert {row["name"]: row["sha256"] for row in index["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert all(len(files[row["name"]]) == row["bytes"] for row in index["files"])
    assert set(files) == {each.name for each in items(view)}
    assert (index["run"], index["step"], index["group"], index["unit"]) == (run.id, 7, "dead", "cells")
    assert index["range"] == [2, 6]
    assert index["configuration_sha256"] == configuration_hash(run.config)
    assert not list(target.glob(".snowball-export-*"))


def test_the_command_the_page_and_the_zip_give_the_same_bytes(make_run: MakeRun, library: Path, target: Path) -> None:
    run = make_run()
    some = ["methods", "tables", "pictures/counts.svg", "pictures/counts.png"]
    arguments = ["export", run.id, "--to", str(target), "--step", "7", "--runs", str(library), "--only", ",".join(some)]
    assert main(arguments) == 0
    written = files_of(target)
    zipped, again = io.BytesIO(), io.BytesIO()
    for file in (zipped, again):
        folder_zip(shown_of(run), file, some)
    with zipfile.ZipFile(zipped) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == written
    assert again.getvalue() == zipped.getvalue()


def test_the_usual_parts_are_all_but_the_animation_and_the_run(make_run: MakeRun) -> None:
    view = shown_of(make_run())
    assert {each.part for each in chosen(view)} == set(USUAL) == set(PARTS) - {"animation", "parcel"}
    assert [each.name for each in chosen(view, ["report", "tables/census.csv"])] == ["tables/census.csv", "report.html"]
    with pytest.raises(HistoryError, match=r'one of all, tables, .*; got "tabels"'):
        chosen(view, ["tabels"])
    with pytest.raises(HistoryError, match=r'got "no\.csv"'):
        chosen(view, ["no.csv"])


def test_files_that_no_export_wrote_are_not_overwritten(make_run: MakeRun, library: Path, target: Path) -> None:
    view = shown_of(make_run())
    target.mkdir()
    (target / "methods.txt").write_text("mine")
    (target / "notes.txt").write_text("mine too")
    with pytest.raises(RunError, match=r"has its own methods\.txt\. Choose another folder, or overwrite them with --force"):
        export_to(view, target, library, ["methods"])
    assert files_of(target) == {"methods.txt": b"mine", "notes.txt": b"mine too"}
    export_to(view, target, library, ["methods"], force=True)
    assert (target / "methods.txt").read_text() == methods(view.history) + "\n"
    assert (target / "notes.txt").read_text() == "mine too"


def test_an_export_adds_to_one_of_the_same_place_and_refuses_another(make_run: MakeRun, library: Path, target: Path) -> None:
    run = make_run()
    export_to(shown_of(run), target, library, ["methods"])
    export_to(shown_of(run), target, library, ["tables/tokens.csv"])
    names = [row["name"] for row in json.loads((target / "index.json").read_text())["files"]]
    assert sorted(names) == ["methods.md", "methods.tex", "methods.txt", "tables/tokens.csv"]
    with pytest.raises(RunError, match=r"has its own .*index\.json"):
        export_to(shown_of(run, step=8), target, library, ["tables/tokens.csv"])
    # What was changed since is its owner's: it is neither overwritten nor listed any longer.
    (target / "methods.md").write_text("edited")
    with pytest.raises(RunError, match=r"has its own methods\.md"):
        export_to(shown_of(run), target, library, ["methods"])
    export_to(shown_of(run), target, library, ["methods.txt"])
    assert "methods.md" not in [row["name"] for row in json.loads((target / "index.json").read_text())["files"]]


def test_another_file_of_the_same_name_or_of_other_dead_tokens_is_another_place(target: Path, tmp_path: Path) -> None:
    files = [tmp_path / name / "h.safetensors" for name in "ab"]
    for number, file in enumerate(files):
        file.parent.mkdir()
        save_file({"h": np.eye(4, 3, dtype=np.float32)[None] + number}, file)
    one = ["export", str(files[0]), "--to", str(target), "--only", "tables", "--step", "0"]
    assert main([*one, "--group", "all"]) == main([*one, "--group", "all"]) == 0
    before = (target / "index.json").read_bytes()
    for other in (["export", str(files[1]), *one[2:], "--group", "all"], [*one, "--group", "all", "--dead", "0"]):
        assert main(other) == 2
    assert (target / "index.json").read_bytes() == before


def test_a_link_is_not_written_through(make_run: MakeRun, library: Path, target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target.mkdir()
    (target / "tables").symlink_to(elsewhere)
    with pytest.raises(RunError, match=r"has its own tables/tokens\.csv"):
        export_to(shown_of(make_run()), target, library, ["tables/tokens.csv"])
    assert list(elsewhere.iterdir()) == []


def test_the_library_is_never_written_to_and_read_only_forbids_nothing_else(
    make_run: MakeRun, library: Path, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    before = files_of(library)
    for inside in (library, library / "taken", run.path):
        assert main(["export", run.id, "--to", str(inside), "--runs", str(library)]) == 2
        assert "outside the library of runs" in capsys.readouterr().err
    assert main(["export", run.id, "--to", str(target), "--only", "methods", "--runs", str(library)]) == 0
    assert (target / "methods.txt").exists()
    assert files_of(library) == before


def test_what_cannot_be_made_is_left_out_with_its_reason(
    library: Path, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = np.ones((3, 3, 2), np.float32)
    words[2, 0, 0] = np.nan
    save_file({"W": words}, tmp_path / "foreign.safetensors")
    arguments = ["export", str(tmp_path / "foreign.safetensors"), "--runs", str(library), "--to", str(target), "--step", "2"]
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    names = ("vectors.tsv", "metadata.tsv", "projector_config.json", "projector_config.pbtxt")
    projector = {f"projector/{name}" for name in names}
    assert set(answer["left_out"]) == {"pictures/loss.svg", "pictures/loss.png"} | projector
    index = json.loads((target / "index.json").read_text())
    assert {row["name"]: row["why"] for row in index["left_out"]} == answer["left_out"]
    assert not (target / "projector" / "vectors.tsv").exists()
    history = find(arguments[1], library)
    assert not any(each.part == "parcel" for each in items(view_of(history)))


def test_an_exported_folder_that_cannot_be_written_says_so(make_run: MakeRun, library: Path, target: Path) -> None:
    target.write_text("a file, not a folder")
    with pytest.raises(RunError, match="needs a folder it can write"):
        export_to(shown_of(make_run()), target, library, ["methods"])
