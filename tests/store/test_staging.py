"""Folders under construction: whole or gone, and gone at the next start after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snowball_core.config import DEFAULTS
from snowball_core.store.run_folder import create
from snowball_core.store.run_listing import run_paths
from snowball_core.store.staging import staged, sweep

ROOT = Path(__file__).resolve().parents[2]
MAKER = """
import sys, time
from pathlib import Path
from snowball_core.store.staging import staged
with staged(Path(sys.argv[1]), "making") as stage:
    (stage / "part").write_text("half")
    print(stage.name, flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def maker(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", MAKER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, process.stdout.readline().strip()


def test_a_stage_is_renamed_whole_or_leaves_nothing(tmp_path: Path) -> None:
    with staged(tmp_path, "making") as stage:
        (stage / "file").write_text("whole")
        stage.rename(tmp_path / "made")
    assert names(tmp_path) == ["made"]
    with pytest.raises(FileNotFoundError), staged(tmp_path, "making") as stage:
        (stage / "of a folder that is missing" / "file").touch()
    assert names(tmp_path) == ["made"]


def test_what_a_killed_maker_left_is_swept_and_what_a_live_one_makes_is_not(tmp_path: Path) -> None:
    process, stage = maker(tmp_path)
    try:
        sweep(tmp_path)
        assert names(tmp_path) == [stage, f"{stage}.lock"]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert (tmp_path / stage / "part").read_text() == "half"
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_new_run_sweeps_before_it_is_made(tmp_path: Path) -> None:
    process, _ = maker(tmp_path)
    process.kill()
    process.wait(10)
    run = create(tmp_path, DEFAULTS, {"dead_ids": []})
    assert names(tmp_path) == [run.id]


def test_a_read_only_library_and_what_others_made_are_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, stage = maker(tmp_path)
    process.kill()
    process.wait(10)
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    sweep(tmp_path)
    assert names(tmp_path) == [stage, f"{stage}.lock"]
    monkeypatch.delenv("SNOWBALL_READONLY")
    for own in (".making-0123456789ab", ".import-mine", ".git"):
        (tmp_path / own).mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / ".making-ba9876543210").symlink_to(tmp_path / "target")
    (tmp_path / ".making-ba9876543210.lock").touch()
    sweep(tmp_path)
    assert {".making-0123456789ab", ".import-mine", ".git", "target"} <= set(names(tmp_path))
    assert stage not in names(tmp_path)
    sweep(tmp_path / "nowhere")


def test_a_taken_id_gets_a_number_whatever_has_taken_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create(tmp_path, DEFAULTS, {"dead_ids": []})
    made = [create(tmp_path, DEFAULTS, {"dead_ids": []}) for _ in range(3)]
    assert len({run.id for run in made} | {first.id}) == 4
    assert all(run.manifest["id"] == run.id for run in made)
    assert sorted(path.name for path in run_paths(tmp_path)) == names(tmp_path)
