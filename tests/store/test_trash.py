"""The trash: a run goes and comes back bit for bit, a busy one stays, and only what was confirmed is deleted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.errors import RunError
from snowball_core.store import trash as room
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.run_folder import open_run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import hold
from snowball_core.store.trash import FOLDER, delete, restore, sweep_trash, trash, trashed

ROOT = Path(__file__).resolve().parents[2]


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
    code = "import sys, time; from pathlib import Path; from snowball_core.store.status import hold\n"
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


# Deleting and bringing back exclude each other


def test_what_is_being_deleted_is_neither_brought_back_nor_listed(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, unlink = make_run(), os.unlink
    trash(tmp_path, run.id)
    messages: list[str] = []

    def beside(*words: object, **more: object) -> None:
        unlink(*words, **more)  # type: ignore[arg-type]
        assert trashed(tmp_path) == []
        if str(words[0]).endswith(".lock"):  # all of the run is gone
            return
        with pytest.raises(RunError, match=f'the run "{run.id}" is being deleted for ever') as refused:
            restore(tmp_path, run.id)
        messages.append(str(refused.value))

    monkeypatch.setattr(os, "unlink", beside)
    delete(tmp_path, [run.id])
    assert len(messages) >= 4
    assert list((tmp_path / FOLDER).iterdir()) == []
    assert not run.path.exists()


def test_a_run_brought_back_before_its_first_file_goes_stays_whole(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    before = contents(run.path)
    trash(tmp_path, run.id)

    def first(path: Path) -> bool:
        monkeypatch.undo()
        restore(tmp_path, run.id)
        return False

    monkeypatch.setattr(room, "is_locked", first)
    with pytest.raises(RunError, match="was brought back or deleted by another process"):
        delete(tmp_path, [run.id])
    assert contents(run.path) == before
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_deletion_that_was_killed_is_finished_at_the_next_listing(make_run: MakeRun, tmp_path: Path) -> None:
    run, kept = make_run(), make_run(name="kept")
    for each in (run, kept):
        trash(tmp_path, each.id)
    code = "import os, sys; from pathlib import Path; from snowball_core.store.trash import delete\n"
    code += "os.rmdir = lambda *_, **__: os.kill(os.getpid(), 9)\ndelete(Path(sys.argv[1]), [sys.argv[2]])"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path), run.id], cwd=ROOT).returncode == -9
    assert len(list((tmp_path / FOLDER).iterdir())) == 3
    assert names(trashed(tmp_path)) == [kept.id]
    sweep_trash(tmp_path)
    assert names(list((tmp_path / FOLDER).iterdir())) == [kept.id]


def test_a_run_of_which_nothing_can_be_deleted_stays_in_the_trash(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    before = contents(run.path)
    trash(tmp_path, run.id)

    def refuses(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuses)
    with pytest.raises(RunError, match=r"must be deletable; .*Permission denied\. Nothing was deleted"):
        delete(tmp_path, [run.id])
    monkeypatch.undo()
    assert names(trashed(tmp_path)) == [run.id]
    restore(tmp_path, run.id)
    assert contents(run.path) == before


def test_two_who_put_a_run_away_at_once_leave_one_whole(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    before = contents(run.path)
    code = "import sys; from pathlib import Path; from snowball_core.store.trash import trash\n"
    code += "from snowball_core.errors import RunError\nsys.stdin.readline()\n"
    code += "try: trash(Path(sys.argv[1]), sys.argv[2])\nexcept RunError as error: print(error)\nelse: print('done')"
    words = [sys.executable, "-c", code, str(tmp_path), run.id]
    both = [
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    messages = []
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        out, faults = process.communicate(timeout=60)
        assert faults == ""
        messages.append(out.strip())
    assert sorted(word == "done" for word in messages) == [False, True]
    assert not run.path.exists()
    assert contents(tmp_path / FOLDER / run.id) == before
