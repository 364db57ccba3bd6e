"""The command ``compare``: in words, in JSON and as a CSV file, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from conftest import MakeRun

from snowball_core.cli.main import main
from snowball_core.tables.comparison import USUAL


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["compare", *words]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_compare_counts_draws_and_writes_every_recorded_step(
    make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(seed=seed, name=name) for seed, name in ((1, "one"), (2, "two"), (1, "again"))]
    table = tmp_path_factory.mktemp("elsewhere") / "overlay.csv"
    assert main(["compare", *(run.id for run in runs), "--align", "event", "--csv", str(table), "--json"]) == 0
    output = json.loads(capsys.readouterr().out.splitlines()[-1])
    # All three have the same made-up history: one draw, although their seeds differ.
    assert output["independent_draws"] == 1
    assert [run["twin"] for run in output["runs"]] == [
        None,
        "same bits, other configuration: identical for 21 common steps",
        "duplicate: identical for 21 common steps",
    ]
    assert output["align"] == "first-merger"
    assert [row["field"] for row in output["differences"]] == ["seed"]
    assert all(rows == [] for rows in output["ribbons"].values())
    written = pd.read_csv(table)
    assert list(written)[5:] == list(USUAL)
    assert len(written) == 3 * 21
    first = output["runs"][0]["first-merger"]
    assert (written["x"] == written["step"] - first).all()


def test_compare_prints_the_same_in_words(make_run: MakeRun, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [make_run(seed=1, name="one"), make_run(seed=2, name="two", learning_rate=0.002, snapshots=5)]
    assert main(["compare", *(run.id for run in runs)]) == 0
    output = capsys.readouterr().out
    assert "one draw: differences may be due to chance" in output
    assert "learning_rate" in output
    assert "steps 0 to 4" in output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--align", "moon"], 'aligned by step, event or rates; got "moon"'),
        (["--align", "event", "--event", "birthday"], 'one of first-merger, last-change; got "birthday"'),
        (["--measure", "unique,mass"], 'got "mass"'),
        (["--group", "undead"], "a group is one of"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_can(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    runs = [make_run(seed=seed, name=f"run-{seed}") for seed in (1, 2)]
    assert words in refused(capsys, *(run.id for run in runs), *more)


def test_one_run_or_thirty_three_are_refused_and_so_is_a_damaged_one(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    assert "needs 2 to 32 runs; got 1" in refused(capsys, run.id)
    assert "needs 2 to 32 runs; got 1" in refused(capsys, run.id, run.id)
    assert "needs 2 to 32 runs; got 33" in refused(capsys, *(f"run-{i}" for i in range(33)))
    damaged = make_run(name="damaged")
    (damaged.path / "run.json").write_text("{")
    assert "damaged run.json" in refused(capsys, run.id, damaged.id)
