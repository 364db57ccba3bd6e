"""Tables at a terminal: aligned, within its width, numbers short; into a pipe or file the CSV, byte for byte."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as some

from snowball_core.cli.main import main
from snowball_core.cli.terminal_table import MOST_ROWS, aligned, folded
from snowball_core.store.history import observe
from snowball_core.tables.formats import csv_bytes
from snowball_core.tables.lineage import account, event_rows, event_table

ROOT = Path(__file__).resolve().parents[2]
LAST = "As CSV: --csv FILE, or send the output into a pipe or file."
VERBS = {
    "census": ["census"],
    "census at a step": ["census", "--step", "7"],
    "events": ["events"],
    "biography": ["events", "--token", "3"],
    "motion": ["motion"],
    "distances": ["distances"],
    "axes": ["axes"],
    "places": ["axes", "--step", "3"],
}


def at_terminal(words: list[str], run: str, width: int) -> list[str]:
    """The lines that a command prints to a terminal of this width."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    with ThreadPoolExecutor(1) as reading, pytest.MonkeyPatch.context() as changed:
        text = reading.submit(read_to_end, ours)
        with open(its, "w", encoding="utf-8") as terminal:
            for name in ("stdout", "__stdout__"):  # the second one's width is asked for
                changed.setattr(sys, name, terminal)
            for name in ("COLUMNS", "LINES"):
                changed.delenv(name, raising=False)
            assert main([words[0], run, *words[1:]]) == 0
        lines = text.result().decode().splitlines()
    os.close(ours)
    return lines


def read_to_end(terminal: int) -> bytes:
    text = b""
    with contextlib.suppress(OSError):  # where the other side is closed
        while part := os.read(terminal, 65_536):
            text += part
    return text


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    return make_run().id


@pytest.mark.parametrize("words", VERBS.values(), ids=VERBS)
def test_a_terminal_shows_a_table_within_its_width_and_a_pipe_has_the_csv(
    run: str, elsewhere: Path, words: list[str], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = elsewhere / "table.csv"
    assert main([words[0], run, *words[1:], "--csv", str(file)]) == 0
    capsysbinary.readouterr()
    assert main([words[0], run, *words[1:]]) == 0
    csv = file.read_bytes()
    assert csv.rstrip() + b"\n" in capsysbinary.readouterr().out
    for width in (60, 200):
        lines = at_terminal(words, run, width)
        last = next(place for place, line in enumerate(lines) if line.endswith(LAST))
        header = next(place for place, line in enumerate(lines) if csv.decode().split(",")[0] in line.split())
        assert max(map(len, lines[header:last])) <= width
        rows = csv.count(b"\n") - 1
        assert f"{rows:,} row" in lines[last]
        assert csv.splitlines()[1].decode() not in lines


def test_events_say_the_cause_in_words_and_json_stays_as_it_is(run: str) -> None:
    lines = at_terminal(["events"], run, 120)
    assert lines[0].split() == ["step", "event", "holes", "cause", "tokens"]
    assert re.fullmatch(r" *3  formation +none → 2 +single tokens became one vector +2 tokens: 0, 1", lines[1])
    assert re.fullmatch(r" *15  absorption +5 → 6 +single tokens took the hole's vector +1 token: 5", lines[5])
    (answer,) = at_terminal(["events", "--json"], run, 120)
    assert len(json.loads(answer)["events"]) == 5


def test_a_pipe_has_the_events_as_the_export_writes_them(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    words = [sys.executable, "-m", "snowball_core", "events", run.id, "--runs", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    history = observe(run)
    assert done.stdout == csv_bytes(event_table(event_rows(account(history, "dead"), history.steps)))


CELLS = some.one_of(some.none(), some.integers(-(10**9), 10**9), some.floats(), some.text(max_size=60))
COLUMNS = some.integers(0, 60).flatmap(
    lambda rows: some.dictionaries(
        some.from_regex(r"[a-z]{1,9}(_[a-z]{1,9}){0,3}", fullmatch=True),
        some.lists(CELLS, min_size=rows, max_size=rows),
        min_size=1,
        max_size=8,
    )
)


@given(COLUMNS, some.integers(1, 150))
def test_no_line_is_wider_than_the_terminal(columns: dict[str, list[Any]], width: int) -> None:
    *lines, last = aligned(columns, width).split("\n")
    rows = len(next(iter(columns.values())))
    heading = max(name.count("_") + 1 for name in columns)
    assert max(map(len, lines)) <= width
    assert len(lines) <= heading + min(rows, MOST_ROWS + 1)
    assert len(lines) >= 1 + min(rows, MOST_ROWS)
    assert f"{rows:,} row" in last


def test_numbers_stand_on_the_right_and_are_short() -> None:
    columns = {"step": [0, 10_000], "loss": [0.123456, float("nan")], "is_still": [True, None], "path_cells": [123456.7, 2.0]}
    assert aligned(columns, 80).split("\n")[:-1] == [
        "  step    loss     is       path",
        "                still      cells",
        "     0  0.1235    yes  1.235e+05",
        "10,000                         2",
    ]


@given(some.sets(some.integers(0, 300), min_size=1))
def test_folded_tokens_begin_with_their_number_and_the_first_of_them(tokens: set[int]) -> None:
    text = folded(sorted(tokens))
    count, _, ranges = text.partition(": ")
    assert count == f"{len(tokens)} token{'s' * (len(tokens) > 1)}"
    listed: list[int] = []
    for part in ranges.removesuffix(", …").split(", "):
        first, _, last = part.partition("–")
        listed += range(int(first), int(last or first) + 1)
    assert listed == sorted(tokens)[: len(listed)]
    assert ranges.endswith("…") == (len(listed) < len(tokens))
