"""A history that stops being finite: judged as the history cut before would be, and said first by every verb and table."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snowball_core.cli.main import main
from snowball_core.measures.bf16 import finite_rows, from_values, is_finite, nan_rows, values
from snowball_core.store.history import History
from snowball_core.tables.at_step import hole_table
from snowball_core.tables.comparison import measured
from snowball_core.tables.divergence import divergence, judged
from snowball_core.tables.lineage import account, biography_table, event_rows
from snowball_core.tables.motion import freezing_table, token_motion
from snowball_core.tables.per_step import last_hole_change, step_table
from snowball_core.tables.story import story_of
from snowball_core.tables.verdict import law_rows, verdict_of
from snowball_core.tables.verdict_rows import law_table, verdict_table

pytestmark = pytest.mark.filterwarnings("error")

NAN, INF = float("nan"), float("inf")
A, B, C, D = [1.0, 1.0], [1.0, 2.0], [3.0, 1.0], [9.0, 9.0]
# Tokens 0, 1 and 2 are dead, 3 lives: 0 and 1 share a vector from step 2 on, 2 joins them at step 6.
FINITE = np.array([[A, B, C, D], [A, A, C, D], [A, A, C, D], [A, A, A, D]], np.float32)
STEPS = np.array([0, 2, 4, 6])
DEAD = np.array([True, True, True, False])
LOST = {
    "every dead row is NaN": ([0, 1, 2], NAN),
    "every dead row is infinite": ([0, 1, 2], -INF),
    "2 of 3 dead rows are NaN": ([0, 2], NAN),
    "1 of 3 dead rows is infinite": ([1], INF),
    "no dead row, but every live row is NaN": ([3], NAN),
}


def made(words, kind="F32", steps=None):
    words = np.asarray(words, np.float32)
    steps = STEPS if steps is None else steps
    more = np.append(steps, steps[-1] + 2 * np.arange(1, len(words) - len(steps) + 1)) if len(words) > len(steps) else steps
    moments = np.arange(words.shape[0] * words.shape[1], dtype=np.uint64).reshape(words.shape[:2])
    return History("made up", from_values(words) if kind == "BF16" else words, more[: len(words)], DEAD, moments)


def ending(tokens, number, frames=2):
    """The finite history with so many snapshots behind it in which some tokens hold a number that is none."""
    after = np.repeat(FINITE[-1:], frames, axis=0)
    after[:, tokens, 1] = number
    return np.concatenate([FINITE, after])


@pytest.mark.parametrize("kind", ["F32", "BF16"])
@pytest.mark.parametrize(("message", "lost"), LOST.items())
def test_a_run_that_diverged_is_judged_as_the_history_cut_before_would_be(message, lost, kind):
    whole, cut = made(ending(*lost), kind), made(FINITE, kind)
    assert divergence(cut, "dead") is None
    assert divergence(whole, "dead").text == f"Diverged at step 8: {message}; evaluated up to step 6"
    verdict = verdict_of(whole, "dead")
    assert replace(verdict, divergence=None) == verdict_of(cut, "dead")
    assert (verdict.outcome, verdict.last_step, verdict.divergence["judged_to"]) == ("consolidation", 6, 6)
    assert law_rows(whole) == law_rows(cut)
    assert event_rows(account(whole, "dead"), whole.steps) == event_rows(account(cut, "dead"), cut.steps)
    assert story_of(whole, "dead") == f"{divergence(whole, 'dead').text}. {story_of(cut, 'dead')}"
    assert freezing_table(whole, step_table(whole), ["dead"]).equals(freezing_table(cut, step_table(cut), ["dead"]))
    for token in range(3):
        lineages = account(whole, "dead"), account(cut, "dead")
        assert biography_table(lineages[0], whole, token).equals(biography_table(lineages[1], cut, token))
    drawn, anchors = measured(whole, "dead")
    assert (drawn["step"].tolist(), anchors) == (STEPS.tolist(), measured(cut, "dead")[1])
    assert last_hole_change(step_table(whole), "dead") == 6


def test_a_history_that_is_finite_again_diverged_all_the_same():
    words = ending([0], NAN)
    words[2, 0], words[4:] = NAN, FINITE[-1]
    history = made(words)
    assert history.finite == 2
    assert divergence(history, "all").text == "Diverged at step 4: 1 of 4 rows is NaN; evaluated up to step 2"
    assert verdict_of(history, "dead").last_step == 2


def test_nothing_is_reported_of_a_history_whose_first_step_is_not_finite():
    history = made(np.full((3, 4, 2), NAN))
    message = "Diverged at step 0: every dead row is NaN; no earlier step is recorded, so nothing is evaluated"
    assert divergence(history, "dead").text == message
    assert len(judged(history).words) == 0
    verdict = verdict_of(history, "dead")
    assert (verdict.outcome, verdict.seeds_outcome, verdict.seeds_conclusion) == ("undefined",) * 3
    assert {form.holds for each in verdict.criteria for form in (each.seed, each.corrected)} == {None}
    assert (verdict.flows.joining, verdict.flows.parting) == (0, 0)
    assert not any(row["checked"] or row["violations"] for row in law_rows(history))
    assert story_of(history, "dead") == f"{message}."
    assert account(history, "dead").tree.nodes == ()
    assert measured(history, "dead")[0].empty


def test_tables_of_verdict_and_laws_say_it_in_their_first_row():
    history = made(ending([0, 1, 2], NAN))
    lost = divergence(history, "dead")
    assert verdict_table(verdict_of(history, "dead")).iloc[0][["holds", "numbers"]].tolist() == ["no", lost.text]
    assert law_table(law_rows(history), lost).iloc[0][["state", "step", "text"]].tolist() == ["diverged", 8, lost.text]
    assert "divergence" not in set(law_table(law_rows(made(FINITE)))["law"])


def test_tokens_that_share_a_row_of_nan_are_listed_as_such_and_not_as_a_true_hole():
    words = ending([0, 1], NAN)
    words[4:, 2] = words[4:, 3] = [INF, 0.0]
    table = hole_table(made(words), 8, ["all"])
    assert table[["population", "nature"]].to_numpy().tolist() == [[2, "NaN"], [2, "infinite"]]


@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_a_token_that_never_moved_has_made_no_way_wherever_it_is(number):
    words = FINITE.copy()
    words[:, 1] = [number, 1.0]
    words[2:, 2] = [number, number]
    table = token_motion(made(words)).set_index("token")
    assert table.loc[1, ["moves", "path_weight", "net_weight", "path_cells"]].tolist() == [0, 0.0, 0.0, 0]
    # From a finite place the way is none or infinite, and nobody is warned of it.
    assert not math.isfinite(table.loc[2, "path_weight"])
    assert not math.isfinite(table.loc[2, "net_weight"])


def test_which_rows_are_finite_is_what_numpy_says_of_every_bfloat16():
    every = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    with np.errstate(invalid="ignore"):
        numbers = values(every)
    assert np.array_equal(finite_rows(every[:, None]), np.isfinite(numbers))
    assert np.array_equal(nan_rows(every[:, None]), np.isnan(numbers))
    wide = (every.astype(np.uint32) << 16 | 0x0001).view(np.float32)
    assert np.array_equal(finite_rows(wide[:, None]), np.isfinite(wide))
    for words in (every, wide):
        finite = words[finite_rows(words[:, None])]
        assert is_finite(finite)
        assert not any(is_finite(np.append(finite[:9], odd)) for odd in words[~finite_rows(words[:, None])][::7])


def answered(capsys, *words):
    assert main([*map(str, words), "--json"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return json.loads(output.out.splitlines()[-1])


VERBS = (["census"], ["census", "--step", "4"], ["distances"], ["distances", "--step", "4", "--group", "dead"], ["axes"])
VERBS += (["events"], ["motion"], ["verdict"], ["laws"])


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("lost", [*LOST.values(), ([0, 1, 2, 3], NAN)], ids=[*LOST, "everything"])
def test_every_verb_says_it_first_and_warns_of_nothing(verb, lost, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from tiny_run import save

    file = save(tmp_path / "late.safetensors", history=ending(*lost))
    arguments = [verb[0], file, *verb[1:], "--dead", "0-2", "--runs", tmp_path]
    answer = answered(capsys, *arguments)
    assert answer["divergence"]["step"] == 4
    assert answer["divergence"]["judged_to"] == 3
    assert main([*map(str, arguments)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if not line.startswith("note:")).startswith("Diverged at step 4: ")


def test_the_verb_the_tables_and_the_exact_numbers_agree_that_rows_of_nan_have_no_distance(tmp_path, capsys):
    from tiny_run import save

    from snowball_core.export.tables import TABLES
    from snowball_core.export.view import view_of
    from snowball_core.tables.at_step import exact_numbers

    words = ending([0, 1], NAN)
    file = save(tmp_path / "late.safetensors", history=words)
    answer = answered(capsys, "distances", file, "--step", "4", "--group", "all", "--runs", tmp_path)
    assert {answer[name]["max"] for name in ("linf", "cells", "l1", "l1_cells", "l2", "l2_cells", "hamming")} == {None}
    assert (answer["pairs_in_holes"], answer["adjacent"]) == (0, 0.0)
    assert [answer["criterion"][form]["holds"] for form in ("seed", "cells")] == [None, None]
    history = History("late", words, np.arange(len(words)), DEAD)
    view = view_of(history, 4, "all")
    pairs = TABLES["pairs"].make(view)
    none = pairs["token"].isin([0, 1]) | pairs["other"].isin([0, 1])
    assert pairs["linf_weight"].isna().equals(none)
    assert pairs["linf_cells"].isna().equals(none)
    assert pairs.loc[~none, "linf_weight"].tolist() == [8.0]
    assert TABLES["distances"].make(view)[["min", "max", "mean", "median"]].isna().all(axis=None)
    rows = step_table(history)
    assert rows.loc[(rows["group"] == "all") & (rows["step"] >= 4), "largest_linf_cells"].isna().all()
    assert math.isnan(exact_numbers(view.rows)["linf_cells"])
