"""The command line: every verb answers in words and in JSON, and every mistake in one message with status 2."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snowball_core.cli.main import main
from snowball_core.config import FIELDS
from snowball_core.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT.parent / "shared" / "data" / "pg64317.txt"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    monkeypatch.setenv("SNOWBALL_RUNS", str(folder))
    return folder


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text("the quick brown fox jumps over the lazy dog. " * 40)
    return path


def tiny(book: Path, *more: str) -> list[str]:
    shape = ["--context=16", "--batch=4", "--hidden=8", "--layers=1", "--heads=2", "--steps=10", "--threads=1"]
    return ["record", "--preset", "primordial-snowball", "--corpus", str(book), *shape, *more]


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    return json.loads(out.splitlines()[-1])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "Traceback" not in output.err
    return output.err


def test_presets_lists_every_preset_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listed = answered(capsys, "presets")["presets"]
    assert [preset["name"] for preset in listed] == list(PRESETS)
    assert all(preset["description"] for preset in listed)


def test_record_list_census_and_distances_agree_with_the_file(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = answered(capsys, *tiny(book, "--name", "one"))
    assert (made["steps"], made["state"]) == (10, "completed")
    assert [(run["run"], run["state"]) for run in answered(capsys, "list")["runs"]] == [(made["run"], "completed")]

    table = tmp_path / "census.csv"
    rows = answered(capsys, "census", made["run"], "--step", "10", "--csv", str(table))["rows"]
    from snowball_core.store.files.tensor_file import open_tensor

    words = open_tensor(runs / made["run"] / "history.safetensors").words[10]
    _, sizes = np.unique(words, axis=0, return_counts=True)
    row = rows[0]
    assert [row["group"] for row in rows] == ["all", "dead", "live"]
    assert (row["unique"], row["black_holes"]) == (len(sizes), int((sizes > 1).sum()))
    assert (row["population"], row["singletons"]) == (int(sizes[sizes > 1].sum()), int((sizes == 1).sum()))
    assert row["sizes"] == sorted(sizes[sizes > 1].tolist(), reverse=True)
    assert rows[1]["tokens"] == made["dead"] == 100

    with open(table, newline="") as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == list(row)
    assert written[0]["sizes"] == " ".join(map(str, row["sizes"]))
    assert len(answered(capsys, "census", made["run"], "--group", "dead")["rows"]) == 11

    apart = answered(capsys, "distances", made["run"], "--step", "10", "--group", "all")
    exact = (words.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    assert apart["linf"]["max"] == np.abs(exact[:, None] - exact).max()
    assert set(apart["cells"]) == {"min", "max", "mean", "median"}
    assert 0 <= apart["adjacent"] <= apart["touching"] <= 1


def test_until_zero_records_the_initial_state_alone(runs: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = answered(capsys, *tiny(book, "--until", "0"))
    assert (made["steps"], made["state"]) == (0, "completed")
    assert len(answered(capsys, "census", made["run"], "--group", "all")["rows"]) == 1


def test_every_field_of_a_run_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "--help"]) == 0
    output = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')} " in output for name in FIELDS)


def test_all_faults_come_in_one_message_and_nothing_is_written(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = ["--sigma", "-1e-5", "--steps", "-3", "--learning-rate", "-1", "--heads", "3", "--corpus", "/no/such/file"]
    message = refused(capsys, *tiny(book), *faults)
    for words in (
        "5 things must change",
        "sigma must be at least 0",
        "steps must be at least 1",
        "learning_rate must be at least 0",
        "hidden must be divisible by heads; got hidden 8 and heads 3",
        '"/no/such/file" is neither',
    ):
        assert words in message
    assert not runs.exists()


@pytest.mark.parametrize(
    ("content", "flags", "words"),
    [
        (b"", [], "must not be empty"),
        (b"short", [], "must be longer than one window; got 5 bytes and context 16"),
        (b"\0\1\2" * 100, [], "looks binary"),
        (b"caf\xc3\xa9 " * 40, [], "the first (0xc3) at position 3"),
        (b"abc " * 40, ["--vocab", "90"], "vocab must exceed the largest byte of the corpus; got vocab 90 and byte 99"),
        (b"abc " * 40, ["--preset", "no-such"], 'Unknown preset "no-such". Choose one of: corrected'),
        (b"abc " * 40, ["--colour", "red"], "unrecognized arguments: --colour red"),
        (b"abc " * 40, ["--steps", "many"], 'steps must be a whole number of steps; got "many"'),
    ],
)
def test_a_bad_run_is_refused_with_what_to_do(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str], content: bytes, flags: list[str], words: str
) -> None:
    book.write_bytes(content)
    assert words in refused(capsys, *tiny(book, *flags))
    assert not runs.exists()


def test_a_missing_corpus_is_refused(runs: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book.unlink()
    assert "is neither. Check the path." in refused(capsys, *tiny(book))


def test_bytes_that_are_not_ascii_are_dropped_on_request_and_that_is_reported(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book.write_bytes(b"caf\xc3\xa9 au lait\r\n" * 40)
    assert main(tiny(book, "--corpus-errors", "ignore", "--until", "0")) == 0
    output = capsys.readouterr().out
    assert "40 CRLF line ends became LF" in output
    assert "80 bytes that are not ASCII were dropped" in output


def test_a_text_without_dead_tokens_is_trained_on_and_that_is_reported(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tiny(book, "--until", "0")) == 0
    assert "no token is dead" not in capsys.readouterr().out
    book.write_bytes(bytes(range(13)) + b"\t\n" * 50)
    assert main(tiny(book, "--until", "0", "--vocab", "13")) == 0
    assert "no token is dead" in capsys.readouterr().out


@pytest.mark.parametrize(
    "run", ["2020-01-01-000000-gone", "../../etc/nothing", "/etc", "..", "", "a/../b", "UPPER", "x" * 300, "%2e%2e"]
)
@pytest.mark.parametrize("verb", [["census"], ["distances", "--step", "0"], ["resume"], ["stop"]])
def test_a_run_that_does_not_exist_or_climbs_out_is_refused(
    runs: Path, capsys: pytest.CaptureFixture[str], verb: list[str], run: str
) -> None:
    assert "there is no run" in refused(capsys, verb[0], run, *verb[1:])


def test_a_step_that_was_not_recorded_and_a_group_that_is_none_are_refused(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = answered(capsys, *tiny(book, "--record", "every-5"))
    message = refused(capsys, "census", made["run"], "--step", "3")
    assert "step must be a recorded one; got 3." in message
    assert "recorded 3 snapshots, the last at step 10" in message
    assert 'a group is one of all, dead, live; got "undead"' in refused(capsys, "census", made["run"], "--group", "undead")
    assert "distances are of one group" in refused(capsys, "distances", made["run"], "--step", "0", "--group", "all,dead")
    assert "is complete" in refused(capsys, "resume", made["run"])
    assert "only a queued or running run can be stopped" in refused(capsys, "stop", made["run"])


@pytest.mark.skipif(not BOOK.is_file(), reason="the raw book is not beside the project")
def test_the_seeds_corpus_is_rebuilt_from_the_raw_book_and_becomes_a_name(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 'Run "python -m snowball_core corpus gatsby"' in refused(capsys, *tiny(Path("gatsby")))
    made = answered(capsys, "corpus", "gatsby", "--from", str(BOOK))
    assert made["bytes"] == 265_905
    assert answered(capsys, *tiny(Path("gatsby"), "--until", "0"))["dead"] == 51


def test_a_wrong_book_is_refused(runs: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "START and END lines; they were not found" in refused(capsys, "corpus", "gatsby", "--from", str(book))


def test_a_read_only_snowball_records_nothing(
    runs: Path, book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert "this Snowball is read-only" in refused(capsys, *tiny(book))
    assert not runs.exists()


def test_the_module_runs_as_a_command_with_status_two_for_a_mistake() -> None:
    done = subprocess.run([sys.executable, "-m", "snowball_core", "sing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice: 'sing'" in done.stderr
    assert "Traceback" not in done.stderr
