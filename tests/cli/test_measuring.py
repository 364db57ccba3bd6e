"""Verdicts, the commands that measure, and a run in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_run import WORDS, made_run, save

import snowball_core
from snowball_core.cli.main import main
from snowball_core.errors import HistoryError
from snowball_core.export.pictures import PICTURES
from snowball_core.export.tables import TABLES
from snowball_core.measures.bf16 import from_values
from snowball_core.measures.census import Census
from snowball_core.measures.laws import LAWS
from snowball_core.measures.lineage import lineage
from snowball_core.measures.verdict import flows, outcome, seeds_conclusion, seeds_outcome
from snowball_core.store.history import observe
from snowball_core.tables.verdict import verdict_of


@pytest.fixture
def run(tmp_path):
    return made_run(tmp_path / "runs")


def test_the_verdict_distinguishes_merging_from_evaporating_where_the_count_cannot():
    merged, gone = np.array([[0, 0, 2, 2], [0, 0, 0, 0]], np.int32), np.array([[0, 0, 2, 2], [0, 0, 2, 3]], np.int32)
    two, one_of_four, one_of_two = Census(4, 2, 2, 4, 0, (2, 2)), Census(4, 1, 1, 4, 0, (4,)), Census(4, 3, 1, 2, 2, (2,))
    assert seeds_outcome(two, one_of_four) == seeds_outcome(two, one_of_two) == "collapsed"
    assert outcome(two, one_of_four, flows(lineage(merged))) == "consolidation"
    assert outcome(two, one_of_two, flows(lineage(gone))) == "fragmentation"
    assert flows(lineage(merged)).tokens["coalescence"] == 2
    assert flows(lineage(gone)).parting == 2
    none = Census(4, 4, 0, 0, 4, ())
    assert outcome(two, none, flows(lineage(np.array([[0, 0, 2, 2], [0, 1, 2, 3]], np.int32)))) == "dispersed"
    assert outcome(two, two, flows(lineage(merged[:1]))) == "stable"


def test_the_verdict_has_both_forms_of_three_criteria_and_says_one_run_is_one_draw(run):
    verdict = verdict_of(observe(run), "dead")
    assert (verdict.first_step, verdict.last_step) == (0, 6)
    # Tokens 0 and 3, one live and one dead, share a vector at the start: the seed counts that hole, the group has none.
    assert [(c.seed.holds, c.corrected.holds) for c in verdict.criteria] == [(False, False), (False, True), (True, True)]
    assert [c.seed.numbers.get("black_holes") for c in verdict.criteria[:1]] == [1]
    assert [c.corrected.numbers.get("black_holes") for c in verdict.criteria[:1]] == [0]
    assert verdict.criteria[1].corrected.numbers["largest_linf_cells"] == 2
    assert verdict.criteria[1].corrected.numbers["touching_everywhere"] is True
    assert (verdict.outcome, verdict.seeds_outcome, verdict.seeds_conclusion) == (
        "consolidation",
        "collapsed",
        "partial support",
    )
    assert verdict.flows.tokens == dict.fromkeys(verdict.flows.tokens, 0) | {"formation": 3, "emission": 1}
    assert "one draw" in verdict.caution
    assert json.dumps(verdict.to_json())


def test_the_seeds_own_words_for_the_published_run_and_others():
    start, end = Census(128, 21, 15, 122, 6, (32,)), Census(128, 79, 2, 51, 77, (49, 2))
    assert (seeds_outcome(start, end), seeds_conclusion(end, 9.765625e-04)) == ("consolidation", "challenged")
    assert seeds_conclusion(end, 9.9e-5) == "supported"
    assert (seeds_outcome(end, start), seeds_outcome(start, start)) == ("fragmentation", "stable")
    none = Census(128, 128, 0, 0, 128, ())
    assert (seeds_outcome(start, none), seeds_conclusion(none, 0.0)) == ("dispersed", "challenged")


def answered(capsys, *words):
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_every_measuring_command_takes_a_run_and_a_foreign_history(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))
    path = save(tmp_path / "other.safetensors", matrix=WORDS)
    for word, group in ((run.id, "dead"), (path, "all")):
        assert answered(capsys, "census", word)["rows"][0]["unique"] == 3
        assert answered(capsys, "distances", word, "--step", "2")["group"] == group
        assert answered(capsys, "events", word)["group"] == group
        assert answered(capsys, "motion", word)["tokens"][1]["first_move"] == -1
        assert answered(capsys, "verdict", word)["group"] == group
        assert len(answered(capsys, "laws", word)["laws"]) == len(LAWS)
    assert "not known for a foreign history" in answered(capsys, "census", path)["note"]
    assert answered(capsys, "census", path, "--dead", "1-3")["rows"][1]["group"] == "dead"
    assert main(["census", str(path), "--group", "dead"]) == 2
    assert "cannot be measured" in capsys.readouterr().err


def test_events_name_what_happened_and_its_cause(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))
    files = {name: tmp_path / f"{name}.csv" for name in ("csv", "nodes", "edges", "ytree")}
    events = answered(capsys, "events", run.id, *(f"--{name}={path}" for name, path in files.items()))["events"]
    assert [(event["step"], event["kind"], event["tokens"]) for event in events] == [
        (2, "formation", [1, 2, 3]),
        (4, "emission", [3]),
    ]
    assert events[1]["cause"] == "apparent: its tokens were 2 hidden classes (2 + 1)"
    assert events[1]["hidden_classes"] == [[1, 2], [3]]
    assert (events[1]["differed_since"], events[1]["shared_since"]) == (2, 2)
    assert pd.read_csv(files["csv"])["kind"].tolist() == ["formation", "emission"]
    assert pd.read_csv(files["edges"])["shared"].tolist() == [2]
    assert pd.read_csv(files["nodes"])["hole"].tolist() == [1, 1]
    assert len(files["ytree"].read_text().splitlines()) == 5
    stays = answered(capsys, "events", run.id, "--token", "3")["stays"]
    assert [(stay["hole"], stay["joined"], stay["left"]) for stay in stays] == [(1, 2, 4)]


def test_the_census_of_a_step_has_hidden_classes_and_levels(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))
    files = {name: tmp_path / f"{name}.csv" for name in ("holes", "levels")}
    answer = answered(capsys, "census", run.id, "--step", "2", *(f"--{name}={path}" for name, path in files.items()))
    assert answer["classes"] == {"all": [[2, 1]], "dead": [[2, 1]], "live": []}
    hole = {"step": 2, "hole": 1, "population": 3, "nature": "apparent", "hidden_classes": [2, 1], "tokens": [1, 2, 3]}
    assert answer["holes"] == [{"group": group, **hole} for group in ("all", "dead")]
    assert pd.read_csv(files["holes"])["hidden_classes"].tolist() == ["2 + 1", "2 + 1"]
    assert answer["levels"]["all"]["within_a_cell"] == 1
    assert answer["levels"]["all"]["warnings"] == ["2 vectors form 1 groups within one cell of a neighbour."]
    assert pd.read_csv(files["levels"])["within_a_cell"].tolist() == [1, 1, 1]
    assert main(["census", run.id, "--step", "2"]) == 0
    assert "dead: black hole 1 of 3 tokens, apparent, hidden classes 2 + 1" in capsys.readouterr().out
    assert main(["census", run.id, "--holes", "x.csv"]) == 2
    assert "--holes and --levels are of one step" in capsys.readouterr().err


def test_every_measuring_command_writes_its_table(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))
    commands = {
        "verdict": (["--csv"], ["several black holes at the start"]),
        "laws": (["--csv"], ["hidden-classes-never-part"]),
        "axes": (["--csv"], [0]),
        "distances": (["--step", "2", "--csv"], [2]),
        "distances closeness": (["--step", "2", "--closeness"], [2]),
        "motion": (["--freezing"], ["all", "dead", "live"]),
        "events": (["--biographies"], [1, 2, 3]),
    }
    for verb, (flags, first) in commands.items():
        file = tmp_path / f"{verb}.csv"
        answered(capsys, verb.split()[0], run.id, *flags, file)
        table = pd.read_csv(file)
        column = {"verdict": "criterion", "laws": "law", "motion": "group", "events": "token"}.get(verb, "step")
        assert list(dict.fromkeys(table[column]))[: len(first)] == first, verb
    near = pd.read_csv(tmp_path / "distances closeness.csv").iloc[0]
    assert (near["pairs"], near["pairs_in_holes"], near["compact_in_cells"]) == (3, 3, True)


def test_a_census_over_the_steps_warns_where_bits_and_values_differ(tmp_path, capsys):
    words = from_values(np.array([[[0.0], [0.0]], [[0.0], [-0.0]]]))
    answer = answered(capsys, "census", save(tmp_path / "zeros.safetensors", matrix=words), "--runs", tmp_path)
    output = "Vectors by bits are not as many as by value at 1 of 2 recorded steps, first at step 1."
    assert answer["warnings"] == {"all": [output]}


def test_three_lines_open_a_run_in_a_notebook(run):
    opened = snowball_core.open_run(run.path)
    assert {"unique", "loss", "bulk_speed_weight"} <= set(opened.steps().columns)
    assert opened.events()["kind"].tolist() == ["formation", "emission"]
    assert opened.holes(2)["population"].tolist() == [3]
    assert opened.biography(3)["hole"].tolist() == [1]
    assert opened.verdict().group == "dead"
    assert opened.distances(2).cells.max == 0
    for chart in (opened.chart(), opened.lineage_chart(), opened.places_chart(0)):
        assert run.id in str(chart.to_dict()["title"])
    assert opened.missed(opened.basis())["missed"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert "4 snapshots of 4 tokens" in repr(opened)
    assert len(opened.freezing()) == 3
    assert len(opened.dimensions()) == 4 * 3 * 2
    assert len(opened.dimensions(2)) == 3 * 2
    assert opened.displacements()["token"].tolist() == [2, 3, 3]


@pytest.mark.parametrize(
    ("verb", "kept"), [("motion", "goes on from there"), ("census", "begins anew"), ("events", "begins anew")]
)
def test_a_cancelled_command_says_what_is_kept(run, verb, kept, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))

    def cancelled(*_):
        raise KeyboardInterrupt

    for module in ("blocks", "lineage"):
        monkeypatch.setattr(f"snowball_core.tables.{module}.history_blocks", cancelled)
    assert main([verb, run.id]) == 130
    output = capsys.readouterr().err
    assert "was cancelled after 0 of " in output
    assert kept in output


def test_a_notebook_has_every_table_and_every_picture_of_an_export(run):
    opened = snowball_core.open_run(run.path)
    for name in TABLES:
        assert isinstance(opened.table(name, 2), pd.DataFrame), name
    for name in PICTURES:
        drawn = opened.picture(name, 2).to_dict()
        assert f"run {run.id}" in drawn["title"]["subtitle"][0], name
        assert any(drawn["datasets"].values()), name
    with pytest.raises(HistoryError, match=r'a picture is one of counts, .*; got "nothing"'):
        opened.picture("nothing")


def test_a_foreign_history_opens_in_a_notebook_too(tmp_path):
    opened = snowball_core.open_run(save(Path(tmp_path) / "other.safetensors", matrix=WORDS))
    assert opened.group == "all"
    assert opened.steps()["unique"].tolist() == [3, 2, 3, 3]
    assert len(opened.tokens(1)) == len(opened.motion()) == 4
