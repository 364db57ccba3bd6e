"""Pipes, folders and links where a file of a run should be, states that somebody typed, and files under other names."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import trained_runs
from damaging import edit
from trained_runs import numbers, stopped_at

from snowball_core.cli.main import main
from snowball_core.cli.terminal import ReaderLeft
from snowball_core.errors import HistoryError, RunError
from snowball_core.jobs import queue
from snowball_core.store.files.tensor_header import read_header
from snowball_core.store.files.zip_file import contents, opened
from snowball_core.store.integrity.quick_check import damage, faults
from snowball_core.store.run_folder import CHECKPOINT, HISTORY, METRICS, Run, read_run
from snowball_core.store.run_listing import is_run_id
from snowball_core.store.run_names import named
from snowball_core.training.loop import continue_run, record
from snowball_core.training.verification import replay, verify_hashes

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> object:
    return trained_runs.tiny(trained_runs.write_book(tmp_path_factory.mktemp("text") / "book.txt"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, config: object) -> Run:
    return record(config, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory, config: object) -> Run:
    with pytest.MonkeyPatch.context() as changed:
        return stopped_at(12, tmp_path_factory.mktemp("halted"), config, changed)


@pytest.fixture
def whole(trained: Run, tmp_path: Path) -> Run:
    return read_run(Path(shutil.copytree(trained.path, tmp_path / trained.id)))


@pytest.fixture
def stopped(halted: Run, tmp_path: Path) -> Run:
    return read_run(Path(shutil.copytree(halted.path, tmp_path / halted.id)))


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [HISTORY, "hidden_mean.safetensors", METRICS])
@pytest.mark.parametrize("make", [pipe, folder, loop])
def test_what_is_no_file_is_never_waited_for_and_named(whole: Run, name: str, make: Change) -> None:
    make(whole.path / name)
    report = verify_hashes(whole)
    assert not report.is_sound
    assert any(name in problem for problem in report.problems)
    if name == METRICS:
        assert not replay(whole, whole.path.parent).is_sound


@pytest.mark.parametrize("make", [pipe, folder, loop])
def test_a_run_json_that_is_no_file_is_damage_of_the_run_it_lies_in(
    whole: Run, make: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    make(whole.path / "run.json")
    for word in (whole.id, str(whole.path)):
        assert named(word, whole.path.parent) == whole.path
        assert main(["census", word, "--runs", str(whole.path.parent)]) == 2
        assert f'the run "{whole.id}" has a damaged run.json' in capsys.readouterr().err


def test_a_checkpoint_whose_folder_is_a_file_is_refused_and_nothing_changes(stopped: Run) -> None:
    shutil.rmtree(stopped.path / CHECKPOINT.parent)
    (stopped.path / CHECKPOINT.parent).write_bytes(b"x")
    before = {path.name: path.read_bytes() for path in stopped.path.iterdir() if path.name != "lock"}
    with pytest.raises(RunError, match='"checkpoint" is not a folder'):
        continue_run(stopped.path.parent, stopped)
    assert {path.name: path.read_bytes() for path in stopped.path.iterdir() if path.name != "lock"} == before
    assert [sentence for sentence in damage(stopped) if "checkpoint/state.safetensors cannot be read" in sentence]


def test_a_checkpoint_that_is_a_link_to_itself_is_damage(stopped: Run) -> None:
    loop(stopped.path / CHECKPOINT)
    assert list(faults(stopped)) == [CHECKPOINT.as_posix()]


def test_a_stopped_run_is_at_its_checkpoint_or_after_it(stopped: Run) -> None:
    assert damage(stopped) == ()
    edit(stopped.path / "status.json", step=7)
    assert faults(stopped).keys() == {"status.json"}
    assert "says stopped at step 7; the checkpoint is of step 12" in damage(stopped)[0]


def test_a_run_marked_completed_continues_to_its_end(stopped: Run, trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    edit(stopped.path / "status.json", state="completed", step=stopped.config.last_step)
    assert any("if status.json was changed, go on from the checkpoint" in sentence for sentence in damage(stopped))
    assert main(["resume", stopped.id, "--runs", str(stopped.path.parent)]) == 0, capsys.readouterr().err
    assert (stopped.path / HISTORY).read_bytes() == (trained.path / HISTORY).read_bytes()
    assert numbers(stopped.path) == numbers(trained.path)
    assert damage(read_run(stopped.path)) == ()


def test_of_a_changed_configuration_the_run_json_is_blamed_first(whole: Run) -> None:
    file = whole.path / "run.json"
    file.write_text(file.read_text().replace('"steps": 24', '"steps": 20'))
    changed = read_run(whole.path)
    assert changed.config.steps == 20
    assert next(iter(faults(changed))) == "run.json"


def test_a_status_that_cannot_be_replaced_is_named(stopped: Run) -> None:
    folder(stopped.path / "status.json")
    with pytest.raises(RunError, match=r"could not write its files \(Is a directory: status\.json\)"):
        continue_run(stopped.path.parent, stopped)


def test_a_run_that_is_not_sound_ends_with_2_though_its_reader_left(
    whole: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def left(*words: object) -> None:
        raise ReaderLeft

    monkeypatch.setattr("snowball_core.cli.common.write", left)
    monkeypatch.setattr("snowball_core.cli.check.write", left)
    for more in ([], ["--json"]):
        assert main(["verify", whole.id, "--runs", str(whole.path.parent), *more]) == 0 or more
    with open(whole.path / HISTORY, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\x99")
    for more in ([], ["--json"]):
        assert main(["verify", whole.id, "--runs", str(whole.path.parent), *more]) == 2
        assert "is not what it says it is" in capsys.readouterr().err


def test_a_holder_of_a_turn_that_is_no_text_is_another_run(tmp_path: Path) -> None:
    assert queue._holder(tmp_path) == "another run"
    (tmp_path / "holder").write_bytes(b"\xff\x1b[2J")
    assert queue._holder(tmp_path) == "\ufffd\\x1b[2J"
    pipe(tmp_path / "holder")
    assert queue._holder(tmp_path) == "another run"


def test_a_run_that_cannot_be_listed_is_not_imported() -> None:
    assert is_run_id("2026-01-01-120000-corpora")
    assert not is_run_id("corpora")
    assert not is_run_id("../x")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a git-LFS pointer"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"", "it is empty"),
        (b"PK\x03\x04" + bytes(40), "it is cut off"),
    ],
)
def test_what_a_file_is_that_is_no_zip_is_reported(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "run.zip"
    file.write_bytes(content)
    with pytest.raises(RunError, match=what), opened(file) as archive:
        contents(archive, file)


def test_a_marker_of_many_dimensions_is_accepted_beside_a_history(tmp_path: Path) -> None:
    def saved(dimensions: int) -> Path:
        shape = [1] * dimensions + [0]
        marker = {"dtype": "F32", "shape": shape, "data_offsets": [96, 96]}
        head = json.dumps({"h": {"dtype": "F32", "shape": [2, 4, 3], "data_offsets": [0, 96]}, "m": marker}).encode()
        file = tmp_path / f"{dimensions}.safetensors"
        file.write_bytes(struct.pack("<Q", len(head)) + head + bytes(96))
        return file

    assert main(["census", str(saved(40)), "--group", "all", "--runs", str(tmp_path / "runs")]) == 0
    assert len(read_header(saved(999)).tensors["m"].shape) == 1_000
    with pytest.raises(HistoryError, match='the tensor "m" has 1,001 dimensions, more than 1,000'):
        read_header(saved(1_000))
