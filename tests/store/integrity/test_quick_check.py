"""Damage of a run: every kind is named, said by each verb, listed, and never shortens what is shown; no sound run has any."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from damaging import DEAD, HIDDEN, MOMENTS, STATE, edit, holds, lines
from trained_runs import forked, stopped_at, tiny, write_book

from snowball_core.cli.main import main
from snowball_core.costs import HISTORY, recordings
from snowball_core.jobs.fork import prepare_fork
from snowball_core.jobs.fork_points import branch, fork_request
from snowball_core.jobs.prepare import prepare
from snowball_core.store.history import observe
from snowball_core.store.integrity.quick_check import damage, faults
from snowball_core.store.run_folder import Run, read_run
from snowball_core.store.status import Status, hold, write_status
from snowball_core.tables.library import row
from snowball_core.training.loop import record

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A completed run of 25 snapshots."""
    folder = tmp_path_factory.mktemp("trained")
    return record(tiny(write_book(folder / "book.txt")), folder / "runs")


@pytest.fixture
def whole(trained: Run, tmp_path: Path) -> Run:
    return read_run(Path(shutil.copytree(trained.path, tmp_path / trained.id)))


def seeded(path: Path, seed: int) -> None:
    """Give a run another seed, as whoever writes its hash anew would."""
    edit(path / "run.json", config={**json.loads((path / "run.json").read_text())["config"], "seed": seed})


KINDS: dict[str, tuple[Change, str, str]] = {
    "history of fewer snapshots": (lambda run: holds(run / HISTORY, 20), HISTORY, "must hold 25 snapshots .* it holds 20"),
    "history of more snapshots": (lambda run: holds(run / HISTORY, 26), HISTORY, "at most the 25 snapshots .* it holds 26"),
    "recording lost": (lambda run: (run / MOMENTS).unlink(), MOMENTS, "moment_hash.safetensors is missing"),
    "recording shorter": (lambda run: holds(run / MOMENTS, 24), MOMENTS, "must hold 25 snapshots .* it holds 24"),
    "recording empty": (lambda run: holds(run / HIDDEN, 0), HIDDEN, "must hold 25 snapshots .* it holds 0"),
    "recording cut off": (lambda run: (run / HIDDEN).write_bytes((run / HIDDEN).read_bytes()[:-1]), HIDDEN, "cut off"),
    "recording no tensor": (lambda run: (run / DEAD).write_bytes(b"x" * 99), DEAD, "cannot be read: .* safetensors file"),
    "recording of another": (lambda run: shutil.copy(run / HIDDEN, run / MOMENTS), MOMENTS, r"as U64 \[128\] .* no tensor"),
    "status lost": (lambda run: (run / "status.json").unlink(), "status.json", "status.json is missing: .* resume"),
    "status no JSON": (lambda run: (run / "status.json").write_text("{"), "status.json", "status.json is damaged"),
    "status of no state": (lambda run: edit(run / "status.json", state="odd"), "status.json", "status.json is damaged"),
    "status of another run": (lambda run: edit(run / "status.json", last_step=9), "status.json", "status.json is damaged"),
    "status too early": (lambda run: edit(run / "status.json", step=9), "status.json", "completed at step 9; .* at step 24"),
    "status stopped": (lambda run: edit(run / "status.json", state="stopped"), "status.json", "says stopped, run.json holds"),
    "hashes lost": (lambda run: edit(run / "run.json", sha256=None), "run.json", "must hold the hashes"),
    "dead tokens fewer": (lambda run: edit(run / "run.json", dead_ids=[0, 1]), "run.json", "dead_ids and byte_counts"),
    "seed of another run": (lambda run: seeded(run, 7), "run.json", "must name one seed; it says 7 in config"),
    "metrics lost": (lambda run: (run / "metrics.csv").unlink(), "metrics.csv", "metrics.csv is missing"),
    "metrics cut": (lambda run: lines(run / "metrics.csv", lambda old: [*old[:11], ""]), "metrics.csv", "holds 10 and ends at"),
    "metrics gap": (lambda run: lines(run / "metrics.csv", lambda old: old[:5] + old[6:]), "metrics.csv", "holds 23 and ends"),
    "checkpoint no tensor": (
        lambda run: (run / STATE).write_bytes(b"x"),
        STATE,
        "resume and exact forks are not possible",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_damage_is_named_and_listed_and_shortens_nothing(whole: Run, kind: str) -> None:
    change, name, sentence = KINDS[kind]
    assert damage(whole) == ()
    change(whole.path)
    run = read_run(whole.path)
    problems = faults(run)
    assert list(problems) == [name]
    assert re.search(sentence, problems[name])
    assert str(run.path) not in problems[name]
    listed = row(run.path)
    assert (listed.status.state, listed.damage) == ("damaged", problems[name])
    history = observe(run)
    assert history.damage == (problems[name],)
    assert len(history.words) == len(history.steps) == (20 if kind == "history of fewer snapshots" else 25)
    assert (history.moment_hash is None) == (name == MOMENTS)
    assert set(history.recordings) == {"hidden_mean", "dead_probability"} - {name.removesuffix(".safetensors")}


def test_a_verb_says_the_damage_on_standard_error_and_in_its_answer(whole: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(whole.path.parent)
    holds(whole.path / MOMENTS, 7)
    (message,) = damage(whole)
    for verb in ("census", "events", "laws", "verdict", "motion", "axes", "differences"):
        arguments = [verb, whole.id, "--runs", folder]
        assert main(arguments) == 0
        output = capsys.readouterr()
        assert output.err == f"note: {whole.id}: {message}\n", verb
        assert main([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["damage"] == [f"{whole.id}: {message}"]
    assert main(["list", "--runs", folder, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out.splitlines()[-1])["runs"]
    assert (listed["state"], listed["damage"]) == ("damaged", message)


def test_another_seed_is_found_also_where_an_older_version_wrote_no_hash_of_the_entries(whole: Run) -> None:
    seeded(whole.path, 7)
    edited = json.loads((whole.path / "run.json").read_text())
    del edited["entries_sha256"]
    (whole.path / "run.json").write_text(json.dumps(edited))
    assert "must name one seed" in faults(read_run(whole.path))["run.json"]


def test_a_sound_run_has_no_damage_in_any_state(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runs"
    config = dataclasses.replace(trained.config, record="every-5")
    stopped = stopped_at(7, folder, config, monkeypatch)
    queued, exact, fresh = prepare(folder, config), forked(folder, stopped), forked(folder, stopped, 5)
    at = branch(stopped, 5)
    waiting = prepare_fork(folder, at, fork_request(folder, at, {}))
    assert [damage(run) for run in (trained, stopped, queued, exact, fresh, waiting)] == [()] * 6
    write_status(waiting.path, Status("running", 0, waiting.config.last_step))
    assert (waiting.status().state, damage(waiting)) == ("interrupted", ())
    (stopped.path / MOMENTS).unlink()
    assert list(faults(stopped)) == [MOMENTS]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((10, 10), []), ((10, 11), []), ((10, 12), [HISTORY, HIDDEN, DEAD]), ((10, 9), [MOMENTS]), ((10, None), [MOMENTS])],
)
def test_a_killed_worker_leaves_recordings_that_differ_by_one(
    whole: Run, counts: tuple[int, int | None], expected: list[str]
) -> None:
    """The history comes last: it may lack one snapshot that the others have, and the row of its step may be missing."""
    (whole.path / STATE).unlink()
    edit(whole.path / "run.json", sha256=None)
    write_status(whole.path, Status("running", 8, 24))
    lines(whole.path / "metrics.csv", lambda old: [*old[:9], ""])
    for made in recordings(whole.config).values():
        holds(whole.path / made.file, counts[0])
    holds(whole.path / MOMENTS, counts[1] or 10)
    if counts[1] is None:
        (whole.path / MOMENTS).unlink()
    run = read_run(whole.path)
    assert list(faults(run)) == expected
    with hold(run.path):  # while it is recorded, the others may be ahead by any number until this process reads them
        assert run.status().state == "running"
        assert list(faults(run)) == ([MOMENTS] if counts[1] is None else [])


def test_a_run_that_lost_its_history_is_damaged_also_where_nothing_else_was_recorded(whole: Run) -> None:
    edit(whole.path / "run.json", sha256=None)
    for file in (MOMENTS, HIDDEN, DEAD, HISTORY, STATE):
        (whole.path / file).unlink()
    write_status(whole.path, Status("failed", 24, 24))
    run = read_run(whole.path)
    assert HISTORY in faults(run)
    write_status(whole.path, Status("failed", 0, 24))
    assert HISTORY in faults(run)  # its rows of numbers say that it trained
    (whole.path / "metrics.csv").unlink()
    assert faults(run) == {}
