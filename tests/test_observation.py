"""Runs and foreign histories, their tables in blocks, the cache, verdicts, laws and the commands that tell them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import snowball_core
import snowball_core.blocks as walking
import snowball_core.step_tables as module
from snowball_core.bf16 import values
from snowball_core.blocks import blocks
from snowball_core.cache import content_key, keep, load
from snowball_core.census import Census, census
from snowball_core.commands import main
from snowball_core.config import RunConfig
from snowball_core.errors import HistoryError, RunError
from snowball_core.event_tables import account
from snowball_core.findings import verdict_of
from snowball_core.laws import LAWS
from snowball_core.lineage import lineage
from snowball_core.observation import find, foreign, observe, tokens_of
from snowball_core.runs import HISTORY, METRICS, TENSOR, create
from snowball_core.step_tables import CENSUS_COLUMNS, census_at, step_table, token_motion
from snowball_core.tensorfile import TensorWriter
from snowball_core.verdict import flows, outcome, seeds_conclusion, seeds_outcome

ONE = 0x3F80
A, B, C = [ONE, ONE], [ONE, ONE + 1], [ONE + 2, ONE]
WORDS = np.array([[A, B, C, A], [A, B, B, B], [A, B, B, C], [A, B, B, C]], np.uint16)
MOMENTS = np.array([[0, 0, 0, 0], [1, 2, 2, 3], [1, 2, 2, 3], [1, 2, 2, 3]], np.uint64)
STEPS = np.array([0, 2, 4, 6])


def save(path, **tensors):
    for name, words in tensors.items():
        kind = "BF16" if words.dtype == np.uint16 else "F32"
        with TensorWriter(path, name, kind, words.shape[1:], len(words), {}) as file:
            for frame in words:
                file.append(frame)
            file.trim()
    return path


@pytest.fixture
def run(tmp_path):
    config = RunConfig(name="tiny", vocab=4, hidden=2, heads=1, context=2, steps=6, record="every-2", extra="moment_hash")
    made = create(tmp_path / "runs", config, {"dead_ids": [1, 2, 3]})
    save(made.path / HISTORY, **{TENSOR: WORDS})
    with TensorWriter(made.path / "moment_hash.safetensors", "moment_hash", "U64", (4,), 4, {}) as file:
        for row in MOMENTS:
            file.append(row)
    rows = "".join(f"{step},3.0,{0.1 if step < 5 else 0.0},1,0.1\n" for step in range(1, 7))
    (made.path / METRICS).write_text("step,loss,learning_rate,grad_norm,seconds\n" + rows)
    return made


def test_a_run_is_seen_with_everything_it_recorded(run):
    seen = observe(run)
    assert seen.steps.tolist() == STEPS.tolist()
    assert seen.groups == ("all", "dead", "live")
    assert seen.mask("live").tolist() == [True, False, False, False]
    assert np.array_equal(seen.moment_hash, MOMENTS)
    assert seen.rates[1].tolist() == [0.1] * 4 + [0.0] * 2
    with pytest.raises(HistoryError, match=r"step must be a recorded one; got 3\. The run .* recorded 4 snapshots"):
        seen.index(3)


def test_a_foreign_history_is_found_by_its_shape_and_has_only_the_group_all(tmp_path):
    seen = foreign(save(tmp_path / "other.safetensors", matrix=WORDS))
    assert (seen.groups, seen.steps.tolist()) == (("all",), [0, 1, 2, 3])
    assert "which tokens are dead is not known" in seen.reason
    with pytest.raises(HistoryError, match=r'the group "dead" of "other.safetensors" cannot be measured: which tokens'):
        seen.mask("dead")
    assert seen.index(2) == 2


def test_dead_tokens_of_a_foreign_history_come_from_a_list_or_a_text(tmp_path):
    path = save(tmp_path / "other.safetensors", history=values(np.zeros((2, 100, 2), np.uint16)))
    (tmp_path / "text.txt").write_bytes(b"aab\n")
    assert np.flatnonzero(~foreign(path, corpus=str(tmp_path / "text.txt")).dead).tolist() == [10, 97, 98]
    assert np.flatnonzero(foreign(path, dead=tokens_of("0-2,7")).dead).tolist() == [0, 1, 2, 7]
    with pytest.raises(HistoryError, match="dead tokens must be ids of the vocabulary, 0–99; got 100"):
        foreign(path, dead=[100])
    with pytest.raises(HistoryError, match='dead tokens must be ids and ranges such as 0-9,11; got "x"'):
        tokens_of("x")


def test_a_single_matrix_is_a_history_of_one_snapshot(tmp_path):
    path = tmp_path / "matrix.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + np.zeros(4, np.float32).tobytes())
    assert foreign(path).words.shape == (1, 2, 2)


def test_a_file_without_a_history_says_what_it_holds(tmp_path):
    path = tmp_path / "odd.safetensors"
    header = json.dumps({"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(HistoryError, match=r"has no tensor of that kind, so name one with --key. It holds: b F32 \[2\]"):
        foreign(path)
    with pytest.raises(HistoryError, match=r"of shape \[T, V, D\]"):
        foreign(path, key="b")


def test_a_word_is_a_run_its_folder_or_a_foreign_path(run, tmp_path):
    folder = run.path.parent
    assert find(run.id, folder).id == find(str(run.path), folder).id == run.id
    assert find(str(run.path / HISTORY), folder).dead is None
    with pytest.raises(RunError):
        find("no-such-run", folder)
    with pytest.raises(HistoryError):
        find(str(tmp_path / "missing.safetensors"), folder)


def test_the_table_of_steps_is_that_of_hand_counting(run):
    table = step_table(observe(run))
    dead = table[table["group"] == "dead"].set_index("step")
    assert dead["sizes"].tolist() == ["", "3", "2", "2"]
    assert dead["hidden_classes"].tolist() == [3, 2, 2, 2]
    assert dead["true_holes"].tolist() == [0, 0, 1, 1]
    assert dead["apparent_holes"].tolist() == [0, 1, 0, 0]
    assert dead["largest_linf_cells"].tolist() == [2, 0, 2, 2]
    assert dead["moved"].tolist() == [0, 2, 1, 0]
    assert dead["bulk_speed_weight"].iloc[3] == 0.0
    assert dead["effective"].iloc[1] == 1.0
    assert table["step"].tolist() == [step for step in STEPS.tolist() for _ in range(3)]


def test_every_row_of_the_table_is_the_census_of_its_matrix(run):
    seen = observe(run)
    for row in step_table(seen).to_dict("records"):
        found = census(seen.words[seen.index(row["step"])][seen.mask(row["group"])])
        for name in ("tokens", "unique", "black_holes", "population", "singletons", "largest"):
            assert row[name] == getattr(found, name)
        assert row["sizes"] == " ".join(map(str, found.sizes))
    alone = pd.concat([census_at(seen, step) for step in seen.steps.tolist()], ignore_index=True)
    pd.testing.assert_frame_equal(alone, step_table(seen)[list(CENSUS_COLUMNS)])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_table_does_not_depend_on_its_blocks(run, monkeypatch, size):
    seen = dataclasses.replace(observe(run), kept_in=None)
    whole, tokens, told = step_table(seen), token_motion(seen), account(seen, "dead")
    monkeypatch.setattr(walking, "BLOCK_BYTES", size * WORDS[0].nbytes)
    assert len(blocks(seen)) == -(-4 // size)
    pd.testing.assert_frame_equal(step_table(seen), whole)
    pd.testing.assert_frame_equal(token_motion(seen), tokens)
    assert account(seen, "dead") == told


def test_a_cancelled_table_goes_on_where_it_stopped_and_a_grown_run_measures_only_what_is_new(run, monkeypatch):
    monkeypatch.setattr(walking, "BLOCK_BYTES", WORDS[0].nbytes)
    monkeypatch.setattr(walking, "_WORKERS", 1)
    measured, real = [], module.measured_block
    monkeypatch.setattr(module, "measured_block", lambda seen, start, stop: measured.append(start) or real(seen, start, stop))

    def cancel(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step_table(observe(run), cancel)
    begun = list(measured)
    table = step_table(observe(run))
    assert sorted(measured) == [0, 1, 2, 3]
    assert begun[:2] == [0, 1]
    pd.testing.assert_frame_equal(step_table(observe(run)), table)
    token_motion(observe(run))
    assert len(measured) == 4


def test_a_stale_or_damaged_table_is_never_taken(run):
    before = step_table(observe(run))
    for kept in (run.path / "cache").iterdir():
        kept.write_bytes(b"damaged")
    pd.testing.assert_frame_equal(step_table(observe(run)), before)
    with open(run.path / HISTORY, "r+b") as file:
        file.seek(-2, 2)
        file.write(bytes([1, 2]))
    after = step_table(observe(run))
    assert after["largest_linf_cells"].iloc[-3] != before["largest_linf_cells"].iloc[-3]
    assert sorted(kept.name.split("-")[0] for kept in (run.path / "cache").iterdir()) == ["steps", "tokens"]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    table = pd.DataFrame({"a": [1]})
    keep(tmp_path / "missing", "t", "key", table)
    keep(None, "t", "key", table)
    assert load(tmp_path / "missing", "t", "key") is None
    assert load(None, "t", "key") is None
    assert content_key("1", [np.zeros(2, np.uint8)]) != content_key("1", [np.zeros(2, np.uint16)])


def test_the_motion_of_tokens_is_path_and_net(run):
    seen = observe(run)
    table = token_motion(seen)
    assert table["first_move"].tolist() == [-1, -1, 2, 2]
    assert table["last_move"].tolist() == [-1, -1, 2, 4]
    assert table["group"].tolist() == ["live", "dead", "dead", "dead"]
    assert table["straightness"].iloc[3] == pytest.approx((2 / 128) / (1 / 128 + np.sqrt(5) / 128))


def test_the_verdict_tells_merging_from_evaporating_where_the_count_cannot():
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
    found = verdict_of(observe(run), "dead")
    assert (found.first_step, found.last_step) == (0, 6)
    # Tokens 0 and 3, one live and one dead, share a vector at the start: the seed counts that hole, the group has none.
    assert [(c.seed.holds, c.corrected.holds) for c in found.criteria] == [(False, False), (False, True), (True, True)]
    assert [c.seed.numbers.get("black_holes") for c in found.criteria[:1]] == [1]
    assert [c.corrected.numbers.get("black_holes") for c in found.criteria[:1]] == [0]
    assert found.criteria[1].corrected.numbers["largest_linf_cells"] == 2
    assert found.criteria[1].corrected.numbers["touching_everywhere"] is True
    assert (found.outcome, found.seeds_outcome, found.seeds_conclusion) == ("consolidation", "collapsed", "partial support")
    assert found.flows.tokens == dict.fromkeys(found.flows.tokens, 0) | {"formation": 3, "emission": 1}
    assert "one draw" in found.caution
    assert json.dumps(found.to_json())


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


def test_the_census_of_a_step_has_hidden_classes_and_levels(run, capsys, monkeypatch):
    monkeypatch.setenv("SNOWBALL_RUNS", str(run.path.parent))
    answer = answered(capsys, "census", run.id, "--step", "2")
    assert answer["classes"] == {"all": [[2, 1]], "dead": [[2, 1]], "live": []}
    assert answer["levels"]["all"]["within_a_cell"] == 1
    assert answer["levels"]["all"]["warnings"] == ["2 vectors form 1 groups within one cell of a neighbour."]


def test_three_lines_open_a_run_in_a_notebook(run):
    opened = snowball_core.open_run(run.path)
    assert {"unique", "loss", "bulk_speed_weight"} <= set(opened.steps().columns)
    assert opened.events()["kind"].tolist() == ["formation", "emission"]
    assert opened.holes(2)["population"].tolist() == [3]
    assert opened.biography(3)["hole"].tolist() == [1]
    assert opened.verdict().group == "dead"
    assert opened.distances(2).cells.max == 0
    for chart in (opened.chart(), opened.lineage_chart(), opened.places_chart(0)):
        assert run.id in chart.to_dict()["title"]
    assert opened.missed(opened.basis())["missed"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert "4 snapshots of 4 tokens" in repr(opened)


def test_a_foreign_history_opens_in_a_notebook_too(tmp_path):
    opened = snowball_core.open_run(save(Path(tmp_path) / "other.safetensors", matrix=WORDS))
    assert opened.group == "all"
    assert opened.steps()["unique"].tolist() == [3, 2, 3, 3]
    assert len(opened.tokens(1)) == len(opened.motion()) == 4
