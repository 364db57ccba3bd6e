"""The laws as monitors: silent on real recorded runs of every regime, and loud, at the right step, where one is broken."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from snowball_core.config import DEFAULTS
from snowball_core.config_checks import configured
from snowball_core.measures.bf16 import from_values, values
from snowball_core.measures.laws import LAWS, misstepped
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import History, observe
from snowball_core.tables.motion import freezing_of
from snowball_core.tables.per_step import step_table
from snowball_core.tables.verdict import law_rows
from snowball_core.training.gradient_checks import gradient_residuals
from snowball_core.training.loop import record

ONE = 0x3F80
A, B, C = [ONE, ONE], [ONE, ONE + 1], [ONE + 2, ONE]
WORDS = np.array([[A, B, C, A], [A, B, B, B], [A, B, B, C], [A, B, B, C]], np.uint16)
MOMENTS = np.array([[0, 0, 0, 0], [1, 2, 2, 3], [1, 2, 2, 3], [1, 2, 2, 3]], np.uint64)
RATES = {"step": np.arange(1.0, 7.0), "learning_rate": np.array([0.1] * 4 + [0.0] * 2)}
TINY = {"steps": "12", "vocab": "128", "hidden": "8", "layers": "1", "heads": "2", "context": "16", "batch": "4"}
ADAMS = "moment_hash,gradient_laws,gradient,exp_avg_sq"


@pytest.fixture
def lawful():
    dead = np.array([False, True, True, True])
    config = dataclasses.replace(DEFAULTS, precision="pure-bf16")
    return History("x", WORDS, np.array([0, 2, 4, 6]), dead, MOMENTS, RATES, {}, config)


def broken_laws(history):
    return {row["law"]: row["violations"] for row in law_rows(history) if row["violations"]}


@pytest.mark.parametrize(
    ("precision", "more"),
    [
        ("pure-bf16", {}),
        ("pure-bf16", {"compute": "bf16"}),
        ("bf16-weights", {"norm_layer": "rmsnorm"}),
        ("mixed", {"label_shift": "2", "loss_over": "all"}),
        ("f32", {"tied": "false", "matrix": "unembedding"}),
    ],
)
def test_no_law_is_broken_in_any_regime(tmp_path, precision, more):
    run = record(configured(DEFAULTS, {**TINY, "precision": precision, "extra": ADAMS, **more}), tmp_path)
    rows = {row["law"]: row for row in law_rows(observe(run))}
    assert {law: row["violations"] for law, row in rows.items()} == {law: [] for law in LAWS}
    unchecked = {law: row["reason"] for law, row in rows.items() if not row["checked"]}
    falls = {"second-moment-only-rises": "not applicable: the second moment can decrease in this format and with this beta2"}
    assert unchecked == ({} if precision == "pure-bf16" else falls)


def test_hidden_classes_that_part_or_become_more_are_found(lawful):
    violated = broken_laws(dataclasses.replace(lawful, moment_hash=np.zeros((4, 4), np.uint64)))
    assert [(v["step"], v["tokens"]) for v in violated["hidden-classes-never-part"]] == [(4, [1, 2, 3])]
    assert [v["step"] for v in violated["hidden-classes-never-rise"]] == [4]


def test_motion_at_a_rate_of_zero_is_found_and_before_it_is_none(lawful):
    assert broken_laws(lawful) == {}
    moving = np.concatenate([WORDS[:3], WORDS[:1]])
    violated = broken_laws(dataclasses.replace(lawful, words=moving))
    assert [(v["step"], v["tokens"]) for v in violated["zero-rate-is-rest"]] == [(6, [2, 3])]


def test_a_component_moved_beyond_the_reach_of_an_update_is_found(lawful):
    rates = {"step": np.array([1.0]), "learning_rate": np.array([1e-3])}
    single = dataclasses.replace(lawful, steps=np.arange(4), metrics=rates)
    # The first step reaches 0.001 at most; half a cell is 0.0039 above 1, and half of that at 1 itself, towards zero.
    violated = broken_laws(single)["beyond-reach-is-rest"]
    assert [(v["step"], v["tokens"]) for v in violated] == [(1, [2, 3])]
    for rate, tokens in ((3e-3, [2]), (5e-3, [])):
        rates = {"step": np.array([1.0]), "learning_rate": np.array([rate])}
        violated = broken_laws(dataclasses.replace(single, metrics=rates)).get("beyond-reach-is-rest", [])
        assert [token for v in violated for token in v["tokens"]] == tokens


@pytest.mark.parametrize(("rows", "state"), [(6, ""), (5, ""), (3, "at the 3 of 6 steps"), (0, "are unknown")])
def test_laws_of_the_rate_hold_only_where_the_rate_is_known(lawful, rows, state):
    cut = dataclasses.replace(lawful, metrics={name: values[:rows] for name, values in RATES.items()})
    violated = {row["law"]: row for row in law_rows(cut)}
    for law in ("zero-rate-is-rest", "beyond-reach-is-rest"):
        assert violated[law]["checked"] == (rows > 0)
        assert bool(violated[law]["reason"]) == bool(state)
    assert state in violated["zero-rate-is-rest"]["reason"]
    assert not violated["counts-add-up"]["reason"]
    # Of a killed run the last row may be missing.
    after = freezing_of(cut, step_table(cut), "dead")
    assert (after.last_move, after.is_by_learning_rate) == (4, True if rows >= 5 else None)


def test_the_reach_of_an_update_grows_with_the_steps_behind_it(lawful):
    rates = {"step": np.array([1.0, 9_000.0]), "learning_rate": np.array([6e-4] * 2)}
    for steps, tokens in (([0, 1], [2, 3]), ([8_999, 9_000], [])):
        history = dataclasses.replace(lawful, words=WORDS[:2], moment_hash=MOMENTS[:2], steps=np.array(steps), metrics=rates)
        violated = broken_laws(history).get("beyond-reach-is-rest", [])
        assert [token for v in violated for token in v["tokens"]] == tokens


def test_a_second_moment_that_could_fall_before_an_exact_fork_is_not_checked(lawful, tmp_path):
    with TensorWriter(tmp_path / "m.safetensors", "exp_avg_sq", "BF16", (4, 2), 4, {}) as file:
        for height in (1.0, 0.5, 0.5, 0.5):
            file.append(from_values(np.full((4, 2), height)))
    past = (dataclasses.replace(lawful.config, beta2=0.9, until=2),)
    history = dataclasses.replace(lawful, past=past, recordings={"exp_avg_sq": tmp_path / "m.safetensors"})
    assert "second-moment-only-rises" not in broken_laws(history)


def test_a_first_step_of_another_length_is_found():
    config = dataclasses.replace(DEFAULTS, precision="f32", weight_decay=0.0)
    before, slope = np.full((3, 1), 0.1, np.float32), np.array([[1.0], [-1.0], [1e-9]], np.float32)
    right = np.array([[0.099], [0.101], [0.1]], np.float32)
    assert misstepped(before, right, slope, 1e-3, config) == []
    violated = misstepped(before, np.array([[0.0985], [0.101], [5.0]], np.float32), slope, 1e-3, config)
    # The third gradient is below a thousand eps: it is not checked.
    assert [violation.tokens for violation in violated] == [(0,)]


def test_the_first_step_in_bf16_may_differ_by_its_rounding_and_by_no_more():
    config = dataclasses.replace(DEFAULTS, precision="pure-bf16", weight_decay=0.0)
    before, slope = from_values([[0.1]]), from_values([[1.0]])
    nearest = from_values(values(before) - np.float32(1e-3))
    assert misstepped(before, nearest, slope, 1e-3, config) == []
    assert misstepped(before, nearest - np.uint16(1), slope, 1e-3, config)


def test_a_second_moment_that_fell_is_found(lawful, tmp_path):
    heights = from_values([[[1.0, 1.0]] * 4, [[1.0, 2.0]] * 4, [[1.0, 2.0]] * 4, [[1.0, 2.0]] * 3 + [[1.0, 1.5]]])
    with TensorWriter(tmp_path / "m.safetensors", "exp_avg_sq", "BF16", (4, 2), 4, {}) as file:
        for frame in heights:
            file.append(frame)
    history = dataclasses.replace(lawful, recordings={"exp_avg_sq": tmp_path / "m.safetensors"})
    violated = broken_laws(history)["second-moment-only-rises"]
    assert [(v["step"], v["tokens"]) for v in violated] == [(6, [3])]


def test_laws_that_cannot_be_checked_say_why():
    rows = law_rows(History("x", from_values(np.zeros((2, 3, 2))), np.arange(2)))
    assert [row["law"] for row in rows if row["checked"]] == ["counts-add-up"]
    assert all(row["reason"] for row in rows if not row["checked"])


class Pass:
    """A made-up pass of the softmax over 40 positions and 9 tokens, of which the last three are dead."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.hidden = torch.randn(40, 5, generator=generator)
        logits = self.hidden @ torch.randn(5, 9, generator=generator)
        targets = torch.randint(0, 6, (40,), generator=generator)
        self.error = (logits.softmax(-1) - torch.nn.functional.one_hot(targets, 9)) / 40
        self.gradient = self.error.T @ self.hidden
        self.dead = torch.arange(9) >= 6


@pytest.mark.parametrize("seed", range(5))
def test_the_softmaxs_gradient_keeps_both_laws_and_a_wrong_one_does_not(seed):
    right = Pass(seed)
    assert (gradient_residuals(right, right.gradient, right.dead)[:, 0] <= 1).all()
    right.gradient[7] *= 1 + 1e-4
    shares = gradient_residuals(right, right.gradient, right.dead)[:, 0]
    assert shares[0] <= 1 < shares[1]
    right.error[:, 3] *= 1 + 1e-4
    assert gradient_residuals(right, right.gradient, right.dead)[0, 0] > 1


def test_broken_gradient_laws_are_reported_at_their_step(lawful, tmp_path):
    shares = np.zeros((4, 2, 2), np.float32)
    shares[0] = np.nan
    shares[2, 1] = 7.0, 0.25
    with TensorWriter(tmp_path / "g.safetensors", "gradient_laws", "F32", (2, 2), 4, {}) as file:
        for row in shares:
            file.append(row)
    violated = broken_laws(dataclasses.replace(lawful, recordings={"gradient_laws": tmp_path / "g.safetensors"}))
    assert list(violated) == ["dead-gradient-is-p-times-h"]
    assert [v["step"] for v in violated["dead-gradient-is-p-times-h"]] == [4]
    assert violated["dead-gradient-is-p-times-h"][0]["text"] == "residual 0.25, 7 times the rounding bound"
