"""Recordings after the last checkpoint: kept where training repeats it, rewritten where a power failure has lost it."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
import trained_runs
from killed_runs import contents, copied, killed_at
from safetensors import safe_open
from trained_runs import EVERYTHING, numbers, recordings

from snowball_core.config import RunConfig
from snowball_core.errors import RunError
from snowball_core.jobs.prepare import prepare
from snowball_core.store import checkpoint, status
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import HISTORY, METRICS, Run, read_run
from snowball_core.store.status import STARTING, Status, read_status, stop_marker, write_status
from snowball_core.training import loop
from snowball_core.training.loop import continue_run, record


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    book = trained_runs.write_book(tmp_path_factory.mktemp("book") / "book.txt")
    return trained_runs.tiny(book, extra=EVERYTHING, jiggle_sigma=1e-6)


@pytest.fixture(scope="module")
def whole(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return record(config, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module", params=[12, None], ids=["checkpoint", "none"])
def killed(request: pytest.FixtureRequest, config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Killed after step 20, with a checkpoint of step 12 or with none."""
    run = killed_at(20, request.param, tmp_path_factory.mktemp("killed"), config)
    assert run.checkpoint_step == request.param
    assert len(run.history().words) == 21
    return run


def lost(run: Run, seed: int, first: int) -> None:
    """Let the ends of all recordings and of the rows, which never reached the disk, be zeros or rubbish."""
    generator = random.Random(seed)
    for file in run.path.glob("*.safetensors"):
        with safe_open(file, "np") as opened:
            sizes = {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118
        count = sizes[next(name for name in sizes if name != "reserved")][0]
        size = (file.stat().st_size - 1_024 - sizes["reserved"][0]) // count
        raw = bytearray(file.read_bytes())
        begin = 1_024 + generator.randrange(first, count) * size
        rubbish = bytes(len(raw) - begin) if seed % 2 else generator.randbytes(len(raw) - begin)
        file.write_bytes(raw[:begin] + rubbish)
    rows = (run.path / METRICS).read_bytes()
    kept = sum(map(len, rows.splitlines(keepends=True)[: max(first, 1)]))
    at = generator.randrange(kept, len(rows))
    (run.path / METRICS).write_bytes(rows[:at] + bytes(len(rows) - at))


@pytest.mark.parametrize("seed", range(4))
def test_what_never_reached_the_disk_is_written_again(whole: Run, killed: Run, tmp_path: Path, seed: int) -> None:
    run = copied(killed, tmp_path, "run")
    lost(run, seed, (killed.checkpoint_step or -1) + 1)
    ended = continue_run(tmp_path, run)
    since = "the start" if killed.checkpoint_step is None else "the checkpoint at step 12"
    assert (ended.state, ended.step) == ("completed", 24)
    assert ended.message.endswith(f"entries behind {since} had not reached the disk whole and were rewritten")
    assert recordings(run.path) == recordings(whole.path)
    assert numbers(run.path) == numbers(whole.path)


def test_what_training_repeats_is_kept_as_it_was_seconds_and_all(whole: Run, killed: Run, tmp_path: Path) -> None:
    run = copied(killed, tmp_path, "run")
    rows = (run.path / METRICS).read_bytes()
    assert continue_run(tmp_path, run).message == ""
    assert (run.path / METRICS).read_bytes().startswith(rows)
    assert recordings(run.path) == recordings(whole.path)


def test_a_run_stopped_before_it_repeated_all_keeps_a_row_for_every_snapshot(killed: Run, tmp_path: Path) -> None:
    run = copied(killed, tmp_path, "run")
    rows = (run.path / METRICS).read_bytes().splitlines(keepends=True)
    cells = rows[14].split(b",")
    (run.path / METRICS).write_bytes(b"".join([*rows[:14], b",".join([cells[0], b"9.5", *cells[2:]]), *rows[15:], b"21,1."]))
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(loop, "_should_stop", lambda path, _: numbers(path)[14:15] == numbers(killed.path)[14:15])
        ended = continue_run(tmp_path, run)
    assert (ended.state, ended.message[:8]) == ("stopped", "1 entrie")
    assert ended.step < 16
    assert len(run.history().words) == 21
    assert numbers(run.path) == numbers(killed.path)


def test_a_header_that_never_reached_the_disk_is_no_end_of_the_run(whole: Run, killed: Run, tmp_path: Path) -> None:
    for number, head in enumerate((b"", bytes(1_024), bytes(8))):
        run = copied(killed, tmp_path, f"run-{number}")
        for name in (HISTORY, "gradient.safetensors"):
            raw = (run.path / name).read_bytes()
            (run.path / name).write_bytes(head + raw[len(head) :] if head or run.checkpoint_step else b"")
        assert continue_run(tmp_path, run).state == "completed"
        assert recordings(run.path) == recordings(whole.path)


def test_a_run_killed_again_and_again_is_the_unbroken_one(whole: Run, config: RunConfig, tmp_path: Path) -> None:
    generator = random.Random(6)
    for trial in range(4):
        step = generator.randrange(2, 24)
        run = killed_at(step, generator.choice([None, generator.randrange(1, step)]), tmp_path / str(trial), config)
        assert run.status().state == "interrupted"
        with pytest.MonkeyPatch.context() as changed:
            changed.setattr(loop, "CHECKPOINT_SECONDS", generator.choice([-1.0, 5.0]))
            continue_run(tmp_path / str(trial), run)
        assert recordings(run.path) == recordings(whole.path)
        assert numbers(run.path) == numbers(whole.path)


def test_a_run_killed_before_its_last_word_is_completed_at_its_last_step(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(TensorWriter, "trim", killed)
    run = prepare(tmp_path, config)
    with pytest.raises(SystemExit):
        continue_run(tmp_path, run, is_new=True)
    monkeypatch.undo()
    write_status(run.path, Status("running", 20, 24))  # as a machine with less to do leaves it
    assert read_status(run.path).step == 20
    states: list[Status] = []
    assert continue_run(tmp_path, read_run(run.path), states.append).step == 24
    assert {now.step for now in states} == {24}


def test_half_written_files_of_a_killed_worker_go_at_the_next_start(killed: Run, tmp_path: Path) -> None:
    run = copied(killed, tmp_path, "run")
    (run.path / "checkpoint").mkdir(exist_ok=True)
    left = [".run.json-abcd_123", ".history.safetensors-new", "checkpoint/.state.safetensors-0123abcd", "checkpoint/state.new"]
    for name in left:
        (run.path / name).write_bytes(b"half")
    (run.path / ".mine").touch()
    continue_run(tmp_path, run)
    assert not [name for name in left if (run.path / name).exists()]
    assert (run.path / ".mine").exists()


# A checkpoint that cannot be written.


@pytest.fixture(params=[errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EDQUOT, errno.EIO], ids=errno.errorcode.get)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """An error of the disk while a checkpoint is written, half of which is there by then."""
    write = os.fsync

    def refuse(file: int) -> None:
        if b"state.safetensors" in os.readlink(f"/proc/self/fd/{file}").encode():
            raise OSError(request.param, os.strerror(request.param))
        write(file)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(os, "fsync", refuse)
    return int(request.param)


def test_a_checkpoint_that_cannot_be_written_fails_the_run_gives_room_back_and_says_what_to_do(
    whole: Run, config: RunConfig, tmp_path: Path, fault: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path, config)
    with pytest.raises(RunError, match=rf"could not write its files \({os.strerror(fault)}\).* then resume it"):
        continue_run(tmp_path, run, is_new=True)
    ended = run.status()
    assert (ended.state, ended.step) == ("failed", 0)
    with safe_open(run.path / HISTORY, "np") as file:
        assert file.keys() == ["embedding_history"]
    assert [path.name for path in (run.path / "checkpoint").iterdir()] == []
    monkeypatch.undo()
    assert continue_run(tmp_path, read_run(run.path)).state == "completed"
    assert recordings(run.path) == recordings(whole.path)


def test_a_failed_checkpoint_leaves_the_one_before(killed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = copied(killed, tmp_path, "run")
    before = contents(run.path / "checkpoint") if killed.checkpoint_step else {}

    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "_head", full)
    with pytest.raises(RunError, match="could not write its files"):
        continue_run(tmp_path, run)
    assert run.status().step == 24
    assert contents(run.path / "checkpoint") == before
    monkeypatch.undo()
    assert continue_run(tmp_path, read_run(run.path)).state == "completed"


def test_a_disk_with_room_for_the_first_recording_only_gets_it_back(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained_runs.stopped_at(9, tmp_path, config, monkeypatch)
    before = {file.name: file.read_bytes() for file in run.path.glob("*.safetensors")}
    allocate, sizes = os.posix_fallocate, []

    def full(*where: int) -> None:
        sizes.append(where)
        if len(sizes) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(*where)

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunError, match="the disk must have room for"):
        continue_run(tmp_path, run)
    assert {file.name: file.read_bytes() for file in run.path.glob("*.safetensors")} == before
    assert (run.status().state, run.status().step) == ("failed", 9)


def test_the_last_status_is_written_in_a_folder_made_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_status(tmp_path, Status("running", 3, 10))

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(status, "write_json", refused)
    write_status(tmp_path, Status("failed", 3, 10, message="no more"))
    assert (read_status(tmp_path).state, read_status(tmp_path).message) == ("failed", "no more")
    (tmp_path / "status.json").unlink()
    with pytest.raises(OSError, match="Permission denied"):
        write_status(tmp_path, Status("failed", 3, 10))


# A leftover request to stop.


@pytest.mark.parametrize(
    "before", [Status("queued", 0, 24, message=STARTING), Status("running", 3, 24), Status("stopped", 9, 24)]
)
def test_a_leftover_stop_marker_needs_one_resume(config: RunConfig, tmp_path: Path, before: Status) -> None:
    run = prepare(tmp_path, config)
    write_status(run.path, before)
    stop_marker(run.path).touch()
    assert continue_run(tmp_path, run).state == "completed"
    assert not stop_marker(run.path).exists()


def test_a_worker_that_was_sent_and_a_run_just_made_heed_the_marker(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepare(tmp_path, config)
    stop_marker(run.path).touch()
    assert continue_run(tmp_path, run, is_new=True).state == "stopped"
    write_status(run.path, Status("queued", 0, 24, message=STARTING))
    stop_marker(run.path).touch()
    monkeypatch.setenv(status.SENT, run.id)
    assert continue_run(tmp_path, read_run(run.path)).state == "stopped"
