"""Verifying: a sound run is called sound, every kind of change is found, and a replay that cannot be fair is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damaging import DEAD, HIDDEN, MOMENTS, STATE, edit, flip, flip_tensor, holds, lines, listed
from trained_runs import forked, stopped_at, tiny, write_book

from snowball_core.cli.main import main
from snowball_core.costs import HISTORY
from snowball_core.errors import RunError
from snowball_core.jobs.prepare import prepare
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.run_folder import METRICS, Run, read_run
from snowball_core.training.loop import record
from snowball_core.training.verification import replay, verify_hashes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A completed run of twelve steps whose snapshots are those of steps 0, 5, 10 and 12."""
    folder = tmp_path_factory.mktemp("trained")
    return record(tiny(write_book(folder / "book.txt"), steps=12, record="every-5"), folder / "runs")


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    """A copy of it, whose text may be changed too."""
    book = write_book(tmp_path / "book.txt")
    path = Path(shutil.copytree(trained.path, tmp_path / "runs" / trained.id))
    edit(path / "run.json", config={**json.loads((path / "run.json").read_text())["config"], "corpus": str(book)})
    return read_run(path)


def corpus_with(path: Path, **entries: object) -> None:
    corpus = {**json.loads((path / "run.json").read_text())["corpus"], **entries}
    edit(path / "run.json", corpus={name: value for name, value in corpus.items() if value is not None})


def cell(path: Path, step: int, column: int, text: str) -> None:
    def change(old: list[str]) -> list[str]:
        cells = old[step].split(",")
        return [*old[:step], ",".join([*cells[:column], text, *cells[column + 1 :]]), *old[step + 1 :]]

    lines(path / METRICS, change)


def near(path: Path, step: int, column: int) -> str:
    """The neighbour of the number there, in its format."""
    text = (path / METRICS).read_text().split("\n")[step].split(",")[column]
    return repr(np.nextafter(float(text), 0).item()) if column == 2 else str(np.nextafter(np.float32(text), np.float32(0)))


def changed_and_listed(path: Path) -> None:
    flip(path / HISTORY, 1024 + 128 * 8 * 2)
    listed(path, HISTORY)


def rows(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines(path / METRICS, change)


def trimmed_and_listed(path: Path) -> None:
    holds(path / HISTORY, 3)
    listed(path, HISTORY)


def other_counts(path: Path) -> None:
    counts = json.loads((path / "run.json").read_text())["corpus"]["byte_counts"]
    corpus_with(path, byte_counts=[count + 1 if count else 0 for count in counts])


KINDS: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "no hash listed": (lambda at: edit(at / "run.json", sha256={}), HISTORY, "not listed", "must list the SHA-256 of history"),
    "one hash listed": (lambda at: edit(at / "run.json", sha256={HISTORY: file_sha256(at / HISTORY)}), HIDDEN, "not listed",
                        "must list the SHA-256 of"),
    "hashes lost": (lambda at: edit(at / "run.json", sha256=None), HISTORY, "not listed", "must hold the hashes"),
    "another file listed": (lambda at: listed(at, METRICS), METRICS, "unexpected", "'metrics.csv', which"),
    "history changed": (lambda at: flip(at / HISTORY, 1_500), HISTORY, "differs", "history.safetensors has another SHA-256"),
    "history trimmed": (lambda at: holds(at / HISTORY, 3), HISTORY, "differs", "must hold 4 snapshots"),
    "history trimmed and listed": (trimmed_and_listed, HISTORY, "damaged", "must hold 4 snapshots"),
    "recording lost": (lambda at: (at / HIDDEN).unlink(), HIDDEN, "missing", "hidden_mean.safetensors is missing"),
    "recording shorter": (lambda at: holds(at / MOMENTS, 3), MOMENTS, "differs", "must hold 4 snapshots"),
    "recording no tensor": (lambda at: (at / DEAD).write_bytes(b"x"), DEAD, "differs", "cannot be read"),
    "dead tokens": (lambda at: edit(at / "run.json", dead_ids=[0]), HISTORY, "same", "dead_ids and byte_counts in it disagree"),
    "byte counts": (other_counts, HISTORY, "same", "byte counts that add up to the 1800 bytes"),
    "no byte counts": (lambda at: corpus_with(at, byte_counts=None), HISTORY, "same", "must hold how often each byte"),
    "no provenance": (lambda at: edit(at / "run.json", provenance=None), HISTORY, "same", "with which versions"),
    "status lost": (lambda at: (at / "status.json").unlink(), HISTORY, "same", "status.json is missing"),
    "metrics lost": (lambda at: (at / METRICS).unlink(), METRICS, "missing", "metrics.csv is missing"),
    "metrics cut": (lambda at: rows(at, lambda old: [*old[:9], ""]), METRICS, "differs", "ends at step 8"),
    "metrics torn": (lambda at: rows(at, lambda old: old[:-1]), METRICS, "differs", "must end with a whole"),
    "row removed": (lambda at: rows(at, lambda old: old[:4] + old[5:]), METRICS, "differs", "row 4 must be of"),
    "row twice": (lambda at: rows(at, lambda old: old[:4] + old[3:]), METRICS, "differs", "row 4 must be of"),
    "rows exchanged": (lambda at: rows(at, lambda old: [*old[:3], old[4], old[3], *old[5:]]), METRICS,
                       "differs", "row 3 must be of step 3"),
    "rate": (lambda at: cell(at, 2, 2, "0.0009999"), METRICS, "differs", "must have the learning rate 0.0009166666666"),
    "loss no number": (lambda at: cell(at, 3, 1, "x"), METRICS, "differs", "row 3 must hold numbers"),
    "loss infinite": (lambda at: cell(at, 3, 1, "inf"), METRICS, "differs", "row 3 must hold a finite loss"),
    "norm too exact": (lambda at: cell(at, 3, 3, "1.23456789012"), METRICS, "differs", "float32 numbers as they are"),
    "head": (lambda at: rows(at, lambda old: ["step,loss", *old[1:]]), METRICS, "differs", "must begin with"),
    "tensor of the checkpoint": (lambda at: flip_tensor(at / STATE, "exp_avg/transformer.wpe.weight"), STATE, "differs",
                                 "its tensor exp_avg/transformer.wpe.weight is not what was written"),
    "checkpoint cut": (lambda at: (at / STATE).write_bytes((at / STATE).read_bytes()[:-9]), STATE, "differs", "cut off"),
    "changed and listed": (changed_and_listed, HISTORY, "differs", r"snapshot 1 \(step 5\) is not what was recorded, by"),
    "loss near": (lambda at: cell(at, 7, 1, near(at, 7, 1)), METRICS, "differs", "row 7 of 12 is not what was recorded"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_is_found_and_ends_with_2(run: Run, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    change, name, state, sentence = KINDS[kind]
    assert verify_hashes(run).is_sound
    change(run.path)
    report = verify_hashes(read_run(run.path))
    assert not report.is_sound
    assert report.files[name] == state
    assert any(re.search(sentence, problem) for problem in report.problems), report.problems
    arguments = ["verify", run.id, "--runs", str(run.path.parent)]
    assert main(arguments) == 2
    assert f'the run "{run.id}" failed verification: ' in capsys.readouterr().err
    assert main([*arguments, "--json"]) == 2
    output = capsys.readouterr()
    answer = json.loads(output.out.splitlines()[-1])
    assert (answer["sound"], answer["problems"]) == (False, list(report.problems))
    assert output.err.count("\n") == 1


def test_an_untouched_run_is_sound_and_repeats_every_bit(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_hashes(run).files == dict.fromkeys((HISTORY, MOMENTS, HIDDEN, DEAD, METRICS, STATE), "same")
    report = replay(run, run.path.parent)
    assert report.is_sound
    assert (report.replayed, report.rows, report.first_difference) == (4, 12, None)
    assert main(["verify", run.id, "--runs", str(run.path.parent), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["sound"]


@pytest.mark.parametrize(("index", "step"), [(0, 0), (2, 10), (3, 12)])
def test_one_changed_bit_is_found_by_its_hash_and_by_the_step_it_is_in(run: Run, index: int, step: int) -> None:
    flip(run.path / HISTORY, 1024 + index * 128 * 8 * 2 + 100)
    again = replay(run, run.path.parent)
    assert (again.first_difference, again.what_differs, again.replayed) == (step, "embedding_history", index)
    assert again.files[HISTORY] == "differs"


@pytest.mark.parametrize(("column", "name"), [(1, "loss"), (2, "learning_rate"), (3, "grad_norm")])
def test_a_replay_compares_the_numbers_of_every_step(run: Run, column: int, name: str) -> None:
    """Also of step 7, which was not recorded; where no checkpoint keeps hashes only training again finds a number beside it."""
    (run.path / STATE).unlink()
    cell(run.path, 7, column, near(run.path, 7, column))
    assert verify_hashes(run).is_sound == (column != 2)
    report = replay(run, run.path.parent)
    assert (report.first_difference, report.what_differs, report.replayed) == (7, name, 2)
    assert not report.is_sound


def test_a_replay_compares_counts_and_dead_tokens_with_the_text(run: Run) -> None:
    """One letter counted once more and another once less: the sum and the dead tokens stay as they are."""
    counts = list(run.manifest["corpus"]["byte_counts"])
    counts[ord("e")] += 1
    counts[ord("o")] -= 1
    corpus_with(run.path, byte_counts=counts)
    changed = read_run(run.path)
    assert verify_hashes(changed).is_sound
    assert replay(changed, run.path.parent).problems == ("run.json must count the bytes of the text; its counts are others.",)
    counts[ord("e")] -= 1
    counts[0], counts[ord("o")] = 1, counts[ord("o")]
    corpus_with(run.path, byte_counts=counts)
    edit(run.path / "run.json", dead_ids=run.manifest["dead_ids"][1:])
    changed = read_run(run.path)
    assert verify_hashes(changed).is_sound
    assert "run.json must name as dead the tokens that never occur in the text" in replay(changed, run.path.parent).problems[0]


def test_a_replay_goes_through_the_whole_chain_of_exact_forks(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs"
    parent = stopped_at(5, folder, trained.config, monkeypatch)
    child = forked(folder, parent, learning_rate=0.002, until=8)
    grandchild = forked(folder, child, until=10, learning_rate=0.003)
    report = replay(grandchild, folder)
    assert report.is_sound, report
    assert (report.replayed, report.rows) == (3, 10)
    for step in (2, 7, 9):
        changed = Path(shutil.copytree(grandchild.path, tmp_path / f"changed-{step}" / grandchild.id))
        text = (changed / "metrics.csv").read_text().split("\n")[step].split(",")[3]
        cell(changed, step, 3, str(np.nextafter(np.float32(text), np.float32(9))))
        again = replay(read_run(changed), folder)
        assert (again.first_difference, again.what_differs) == (step, "grad_norm")


def test_a_replay_under_other_versions_threads_or_text_is_refused_politely(run: Run) -> None:
    for key, value in (("torch", "1.0"), ("threads", 64), ("device", "cuda:0")):
        manifest = {**run.manifest, "provenance": {**run.manifest["provenance"], key: value}}
        with pytest.raises(RunError, match=f"differences: {key} {value} → "):
            replay(dataclasses.replace(run, manifest=manifest), run.path.parent)
    Path(run.config.corpus).write_text("another text " * 90)
    with pytest.raises(RunError, match="a replay needs the text of the run"):
        replay(run, run.path.parent)


def test_a_run_that_is_not_complete_and_has_no_hashes_says_so(run: Run, tmp_path: Path) -> None:
    unfinished = prepare(tmp_path / "other", run.config)
    with pytest.raises(RunError, match="hashes are written when a run completes"):
        verify_hashes(unfinished)


def test_a_damaged_run_json_is_refused_in_a_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (run.path / "run.json").write_text("{")
    assert main(["verify", run.id, "--runs", str(run.path.parent), "--json"]) == 2
    assert "has a damaged run.json" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["primordial-snowball", "corrected"])
def test_a_shipped_run_is_sound(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (shipped,) = (Path(__file__).resolve().parents[2] / "runs").glob(f"*-{name}")
    assert main(["verify", str(shipped)]) == 0
    assert "metrics.csv                     agrees" in capsys.readouterr().out
