"""The trash: a run goes and comes back bit for bit, a busy one stays, and only what was confirmed is deleted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.errors import RunError
from snowball_core.runs import file_sha256, open_run, run_paths
from snowball_core.status import hold
from snowball_core.trash import FOLDER, delete, restore, trash, trashed

ROOT = Path(__file__).resolve().parent.parent


def contents(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in folder.iterdir() if path.is_file() and path.name != "lock"}


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_run_put_away_is_no_longer_a_run_and_comes_back_bit_for_bit(make_run: MakeRun, tmp_path: Path) -> None:
    run, other = make_run(), make_run(name="other")
    before = contents(run.path)
    trash(tmp_path, run.id)
    assert names(run_paths(tmp_path)) == [other.id]
    assert names(trashed(tmp_path)) == [run.id]
    with pytest.raises(RunError, match="there is no run"):
        open_run(tmp_path, run.id)
    restore(tmp_path, run.id)
    assert contents(run.path) == before
    assert trashed(tmp_path) == []
    assert open_run(tmp_path, run.id).config == run.config


def test_a_damaged_run_can_be_put_away(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (run.path / "run.json").write_text('{"config"')
    trash(tmp_path, run.id)
    assert names(trashed(tmp_path)) == [run.id]


def test_a_run_with_a_worker_stays(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(state="running", snapshots=5)
    code = "import sys, time; from pathlib import Path; from snowball_core.status import hold\n"
    code += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    worker = subprocess.Popen([sys.executable, "-c", code, str(run.path)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert worker.stdout
        assert worker.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=f'only a run without a worker can be put away; "{run.id}" is running'):
            trash(tmp_path, run.id)
        # Also where its status says nothing of the worker: the lock is asked.
        (run.path / "status.json").unlink()
        with pytest.raises(RunError, match="a run has one writer"):
            trash(tmp_path, run.id)
    finally:
        worker.kill()
        worker.wait()
    assert names(run_paths(tmp_path)) == [run.id]
    trash(tmp_path, run.id)
    assert names(trashed(tmp_path)) == [run.id]


def test_nothing_is_overwritten_on_either_way(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / FOLDER / run.id).mkdir(parents=True)
    with pytest.raises(RunError, match="nothing may be overwritten"):
        trash(tmp_path, run.id)
    (tmp_path / FOLDER / run.id / "run.json").write_text("{}")
    with pytest.raises(RunError, match="nothing may be overwritten"):
        restore(tmp_path, run.id)
    assert names(run_paths(tmp_path)) == [run.id]


@pytest.mark.parametrize("run", ["../other", "..", ".", "", "/etc", ".trash", "a/b", "gone", "x" * 300, "nul\x00"])
def test_what_is_no_run_is_neither_moved_nor_deleted(make_run: MakeRun, tmp_path: Path, run: str) -> None:
    kept = make_run()
    trash(tmp_path, make_run(name="other").id)
    for action in (trash, restore, lambda folder, name: delete(folder, [name])):
        with pytest.raises(RunError):
            action(tmp_path, run)
    assert names(run_paths(tmp_path)) == [kept.id]
    assert len(trashed(tmp_path)) == 1


def test_a_trash_that_is_a_link_leads_nowhere(make_run: MakeRun, tmp_path: Path) -> None:
    run, elsewhere = make_run(), tmp_path / "elsewhere"
    (elsewhere / "precious").mkdir(parents=True)
    os.symlink(elsewhere, tmp_path / FOLDER)
    assert trashed(tmp_path) == []
    for action in (trash, restore, lambda folder, name: delete(folder, [name])):
        with pytest.raises(RunError):
            action(tmp_path, "precious" if action is not trash else run.id)
    assert (elsewhere / "precious").is_dir()


def test_deleting_takes_what_was_confirmed_and_nothing_else(make_run: MakeRun, tmp_path: Path) -> None:
    first, second, third = make_run(), make_run(name="second"), make_run(name="third")
    outside = tmp_path / "outside.txt"
    outside.write_text("stays")
    os.symlink(outside, first.path / "link")
    for run in (first, second):
        trash(tmp_path, run.id)
    delete(tmp_path, [first.id])
    assert names(trashed(tmp_path)) == [second.id]
    assert names(run_paths(tmp_path)) == [third.id]
    assert outside.read_text() == "stays"
    with pytest.raises(RunError, match="there is no run"):
        delete(tmp_path, [second.id, third.id])
    assert names(trashed(tmp_path)) == [second.id]


def test_a_read_only_library_moves_and_deletes_nothing(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gone = make_run(), make_run(name="gone")
    trash(tmp_path, gone.id)
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    for action in (lambda: trash(tmp_path, run.id), lambda: restore(tmp_path, gone.id), lambda: delete(tmp_path, [gone.id])):
        with pytest.raises(RunError, match="read-only"):
            action()
    assert names(run_paths(tmp_path)) == [run.id]
    assert names(trashed(tmp_path)) == [gone.id]


def test_a_lock_is_free_again_after_both_ways(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    trash(tmp_path, run.id)
    restore(tmp_path, run.id)
    with hold(run.path):
        pass
