"""What a RUN on the command line names, and what is said of a word that names none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.errors import SnowballError
from snowball_core.store.files.tensor_header import history_file
from snowball_core.store.history import find
from snowball_core.store.run_folder import Run
from snowball_core.store.run_names import named, named_id, named_run

HISTORY = np.zeros((2, 3, 2), np.float32)


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return make_run()


def refused(word: str, folder: Path) -> str:
    with pytest.raises(SnowballError) as caught:
        named(word, folder)
    return str(caught.value)


def test_a_run_is_any_path_a_shell_would_complete(run: Run, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = run.path.parent
    (elsewhere / "link").symlink_to(run.path)
    for word in (run.id, f"{run.id}/", f"./{run.id}", str(run.path), f"{run.path}/", "link", "./link/"):
        assert named(word, library) == named_run(word, library) == run.path
    os.chdir(library)
    for word in (run.id, f"{run.id}/", f"./{run.id}", f"./{run.id}//", f"../{library.name}/{run.id}"):
        assert named(word, library / "another library") == run.path
    os.chdir(run.path)
    assert named(".", library) == run.path
    monkeypatch.setenv("HOME", str(library))
    assert named(f"~/{run.id}", elsewhere) == run.path


def test_every_verb_takes_the_path_a_shell_completes(run: Run, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["census", "--step", "3"], ["differences"], ["stop"], ["resume"], ["annotate", "--label", "x"], ["fork"]):
        for word in (f"{run.id}/", f"./{run.id}", f"{run.path}/"):
            main([words[0], word, *words[1:]])
            output = capsys.readouterr()
            assert "no run" not in output.err
            assert "a run id is made of" not in output.err
    assert main(["trash", f"{run.id}/"]) == 0
    assert main(["restore", f"./{run.id}/"]) == 0
    assert run.path.is_dir()


def test_an_id_that_is_taken_alone_is_never_that_of_another_library(run: Run, elsewhere: Path) -> None:
    other = elsewhere / run.id
    other.mkdir()
    assert named_id(f"{run.path}/", run.path.parent) == run.id
    assert named_id(str(other), run.path.parent) == str(other)
    assert named_id("..", run.path.parent) == ".."


def test_a_file_named_in_capitals_is_opened(run: Run, elsewhere: Path) -> None:
    save_file({"h": HISTORY}, elsewhere / "MODEL.SAFETENSORS")
    save_file({"h": HISTORY}, elsewhere / os.fsdecode(b"not-utf-8-\xff.SafeTensors"))
    for path in elsewhere.iterdir():
        history = find(path.name, run.path.parent)
        assert history.words.shape == HISTORY.shape
        history.id.encode()
    assert history_file(str(elsewhere / "MODEL.SAFETENSORS")) == elsewhere / "MODEL.SAFETENSORS"


def test_a_word_that_names_nothing_is_neither_a_run_nor_a_file(run: Run, elsewhere: Path) -> None:
    library = run.path.parent
    for word in ("nobody", "./nobody", "some/where/x.safetensors", "x" * 300, "/tmp/" * 2_000, "UPPER", "a\0b", "bad\udcff"):
        message = refused(word, library)
        assert f"in {library}: it is neither a run there nor a file or folder here. The newest are: {run.id}" in message
    assert "no name was given" in refused("", library)
    assert "There is none yet" in refused("nobody", elsewhere)


def test_a_folder_a_link_and_a_file_that_are_no_run_are_named_for_what_they_are(run: Run, elsewhere: Path) -> None:
    library = run.path.parent
    (elsewhere / "empty").mkdir()
    (elsewhere / "loop").symlink_to("loop")
    os.mkfifo(elsewhere / "pipe.safetensors")
    (library / "linked").symlink_to(run.path)
    (elsewhere / "files").mkdir()
    save_file({"h": HISTORY}, elsewhere / "files" / "h.safetensors")
    for word, words in (
        ("empty", "that folder holds no run.json"),
        ("files", "Name a file in it, such as files/h.safetensors"),
        (str(library), f"that is a folder of runs. Name one of them, such as {run.path}"),
        ("loop", "Too many levels of symbolic links"),
        ("pipe.safetensors", "is a pipe or a device"),
        ("/dev/null", "is a pipe or a device"),
        ("linked", f"that is a link to {run.path}"),
        (str(run.path / "metrics.csv"), f"belongs to the run {run.id}. Name the run's folder"),
    ):
        assert words in refused(word, library), word
    with pytest.raises(SnowballError, match="a recorded run is needed"):
        named_run(str(elsewhere / "files" / "h.safetensors"), library)


def test_a_library_or_a_target_that_cannot_be_a_folder_gives_a_sentence(
    run: Run, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "loop").symlink_to("loop")
    (elsewhere / "file").touch()
    os.mkfifo(elsewhere / "pipe")
    for name in ("loop", "file", "pipe", "x" * 300, "bad\udcff", "~nobody-of-this-name/x"):
        for words, statuses in (
            (["list", "--runs", name], (0, 2)),
            (["trashed", "--runs", name], (0, 2)),
            (["census", "nobody", "--runs", name], (2,)),
            (["import", name], (2,)),
            (["export", run.id, "--only", "methods.txt", "--to", f"{name}/deeper"], (0, 2)),
        ):
            assert main(words) in statuses, words
            assert len(capsys.readouterr().err.splitlines()) <= 1, words
