"""A completed run that lost its status gets it back from its hashes, without its text, its checkpoint or any training."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from damaging import HIDDEN, flip, lines
from trained_runs import recordings, tiny, write_book

from snowball_core.cli.main import main
from snowball_core.store.integrity.full_check import restored_status
from snowball_core.store.integrity.quick_check import damage
from snowball_core.store.run_folder import Run, read_run
from snowball_core.store.status import STARTING, Status, stop_marker, write_status
from snowball_core.tables.library import row
from snowball_core.training.loop import record
from snowball_core.training.verification import verify_hashes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("trained")
    run = record(tiny(write_book(folder / "book.txt")), folder / "runs")
    (folder / "book.txt").unlink()
    return run


@pytest.fixture
def lost(trained: Run, tmp_path: Path) -> Run:
    """The run without its status and its checkpoint, as it may have come in a zip."""
    path = Path(shutil.copytree(trained.path, tmp_path / trained.id))
    (path / "status.json").unlink()
    shutil.rmtree(path / "checkpoint")
    return read_run(path)


def test_a_lost_status_is_written_again_and_nothing_else(lost: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before, written = recordings(lost.path), (lost.path / "run.json").read_bytes()
    stop_marker(lost.path).touch()
    assert (row(lost.path).status.step, row(lost.path).status.last_step) == (24, 24)
    assert main(["list", "--runs", str(lost.path.parent)]) == 0
    assert "24 of 24 steps" in capsys.readouterr().out
    assert main(["resume", lost.id, "--runs", str(lost.path.parent)]) == 0
    assert "completed after 24 of 24 steps" in capsys.readouterr().out
    assert (recordings(lost.path), (lost.path / "run.json").read_bytes()) == (before, written)
    assert (lost.status().state, damage(lost), verify_hashes(lost).is_sound) == ("completed", (), True)
    assert not stop_marker(lost.path).exists()


@pytest.mark.parametrize("state", [Status("queued", message=STARTING), Status("stopped", 9, 24), Status("failed", 24, 24)])
def test_a_status_that_contradicts_the_hashes_is_written_again_too(lost: Run, state: Status) -> None:
    write_status(lost.path, state)
    assert restored_status(lost) == Status("completed", 24, 24)
    assert damage(lost) == ()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a recording changed": lambda run: flip(run / HIDDEN, -1),
    "a recording lost": lambda run: (run / HIDDEN).unlink(),
    "numbers cut": lambda run: lines(run / "metrics.csv", lambda rows: [*rows[:11], ""]),
    "a rate changed": lambda run: lines(run / "metrics.csv", lambda rows: [row.replace(",0.000", ",0.001") for row in rows]),
    "the hashes lost": lambda run: (run / "run.json").write_text(
        (run / "run.json").read_text().replace('"sha256": {', '"x": {')
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_run_with_another_damage_is_not_called_completed(lost: Run, kind: str) -> None:
    DAMAGES[kind](lost.path)
    run = read_run(lost.path)
    assert restored_status(run) is None
    assert not (run.path / "status.json").exists()
