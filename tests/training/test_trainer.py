"""The trainer against facts, a stock loop and the laws every run obeys."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.errors import ConfigError
from snowball_core.measures.bf16 import values
from snowball_core.measures.census import census
from snowball_core.measures.identity import classes
from snowball_core.schedules import learning_rate_at, recorded_steps
from snowball_core.store.corpus import Corpus, from_bytes, load_corpus
from snowball_core.training.gradients import LeanModel
from snowball_core.training.model import WindowOrder, build
from snowball_core.training.precision import COMPUTES, PRECISIONS, resolve_device
from snowball_core.training.trainer import Snapshot, Training, snapshots

GATSBY = Path(__file__).resolve().parents[3] / "shared" / "data" / "gatsby.txt"
needs_gatsby = pytest.mark.skipif(not GATSBY.is_file(), reason="the original corpus is not beside the project")
TEXT = b"the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 12
TINY = {"vocab": 128, "context": 16, "batch": 4, "hidden": 8, "layers": 1, "heads": 2, "steps": 40, "threads": 1}


def tiny(**changes: object) -> RunConfig:
    return configured(preset("primordial-snowball"), {**TINY, **changes})


def text(raw: bytes = TEXT) -> Corpus:
    return from_bytes(raw, "test")


def trained(config: RunConfig, corpus: Corpus | None = None) -> list[Snapshot]:
    return list(snapshots(Training(config, corpus or text()), recorded_steps(config)))


@needs_gatsby
def test_the_seed_starts_where_the_original_experiment_started() -> None:
    training = Training(preset("primordial-snowball"), load_corpus(str(GATSBY)))
    counted = census(training.snapshot().words)
    assert sum(weight.numel() for weight in training.weights.values()) == 116_480
    assert (counted.unique, counted.black_holes, counted.population, counted.largest) == (21, 15, 122, 32)
    assert training.base_length is not None
    assert f"{training.base_length:.6f}" == "8.201394"
    assert int(training.dead.sum()) == 51


@needs_gatsby
def test_the_first_windows_are_the_original_ones() -> None:
    training = Training(preset("primordial-snowball"), load_corpus(str(GATSBY)))
    first = [155138, 57396, 185553, 92281, 61213, 20140, 149972, 100281, 91309, 244450]
    assert training.order.starts(1)[:10].tolist() == first
    assert training.order.steps_per_epoch == 8_306
    assert len(training.order.starts(8_306)) == 17


def test_every_epoch_visits_every_window_once_in_another_order() -> None:
    order = WindowOrder(windows=10, batch=4, seed=7)
    epochs = [torch.cat([order.starts(step) for step in range(3 * e + 1, 3 * e + 4)]) for e in range(2)]
    for epoch, history in enumerate(epochs):
        assert sorted(history.tolist()) == list(range(10))
        assert history.tolist() == torch.randperm(10, generator=torch.Generator().manual_seed(7 + epoch)).tolist()
    assert epochs[0].tolist() != epochs[1].tolist()


@pytest.mark.parametrize("norm_layer", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("label_shift", [1, 2])
def test_the_lean_forward_and_its_gradients_equal_the_stock_model(norm_layer: str, tied: bool, label_shift: int) -> None:
    config = tiny(norm_layer=norm_layer, tied=tied, label_shift=label_shift, layers=2, initial_state="normal")
    model, _ = build(config)
    windows = torch.randint(0, 128, (3, config.context + 1), generator=torch.Generator().manual_seed(1))
    inputs, targets = windows[:, : config.context], windows[:, label_shift:]
    leaves = dict(model.named_parameters())
    logits = model(inputs).logits[:, : targets.shape[1]]
    stock = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    expected = torch.autograd.grad(stock, list(leaves.values()))
    loss, hidden, probabilities, _, got = LeanModel(config, leaves).run(inputs, targets, targets.numel())
    # Both are float32 sums of the same terms in another order: a few units in the last place of the largest term.
    torch.testing.assert_close(loss, stock, rtol=1e-6, atol=0)
    for name, ours, theirs in zip(leaves, got, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6 * max(1.0, float(theirs.abs().max())), msg=name)
    torch.testing.assert_close(probabilities, logits.softmax(-1).flatten(0, 1).mean(0), rtol=1e-5, atol=1e-7)
    assert hidden.shape == (targets.numel(), config.hidden)


@pytest.mark.parametrize("precision", list(PRECISIONS))
@pytest.mark.parametrize("compute", list(COMPUTES))
def test_two_trainings_of_one_configuration_give_the_same_bits(precision: str, compute: str) -> None:
    extra = "moment_hash,hidden_mean,dead_probability,gradient,exp_avg,exp_avg_sq"
    config = tiny(precision=precision, compute=compute, steps=12, extra=extra)
    first, second = trained(config), trained(config)
    assert len(first) == 13
    for one, other in zip(first, second, strict=True):
        assert one.words.tobytes() == other.words.tobytes()
        assert one.loss == other.loss or one.step == 0
        assert all(one.extras[name].tobytes() == other.extras[name].tobytes() for name in one.extras)


@pytest.mark.parametrize("precision", list(PRECISIONS))
@pytest.mark.parametrize("compute", list(COMPUTES))
def test_a_restored_training_continues_bit_for_bit(precision: str, compute: str) -> None:
    config = tiny(precision=precision, compute=compute, steps=8, jiggle_sigma=1e-3)
    whole = trained(config)
    first = Training(config, text())
    for _ in range(3):
        first.advance()
    second = Training(config, text())
    second.restore(3, first.state())
    rest = list(snapshots(second, recorded_steps(config)))
    assert [snapshot.step for snapshot in rest] == [4, 5, 6, 7, 8]
    for ours, theirs in zip(rest, whole[4:], strict=True):
        assert ours.words.tobytes() == theirs.words.tobytes()
        assert ours.loss == theirs.loss
        assert ours.extras["moment_hash"].tobytes() == theirs.extras["moment_hash"].tobytes()


def test_recorded_weights_are_in_the_format_their_regime_promises() -> None:
    for precision, regime in PRECISIONS.items():
        words = trained(tiny(precision=precision, steps=2))[-1].words
        assert words.dtype == (np.uint16 if regime.weights == torch.bfloat16 else np.float32)
        assert (words.dtype == np.uint16) == (tiny(precision=precision).recorded_format == "BF16")
        if precision == "mixed":
            assert (words.view(np.uint32) & 0xFFFF).any(), "master weights must not be bfloat16 numbers"


def test_the_first_step_moves_every_component_with_a_gradient_by_the_learning_rate() -> None:
    config = tiny(
        precision="f32", initial_state="normal", weight_decay=0.0, clip=0.0, steps=1, extra="gradient", schedule="constant"
    )
    start, after = trained(config)
    gradient = after.extras["gradient"]
    clear = np.abs(gradient) > 1e4 * config.eps
    moved = np.abs(after.words.astype(np.float64) - start.words)[clear]
    assert clear.mean() > 0.5
    np.testing.assert_allclose(moved, config.learning_rate, rtol=2e-4)


def test_adamw_in_float32_follows_its_formula() -> None:
    config = tiny(precision="f32", steps=6, initial_state="normal", extra="gradient", clip=0.0, schedule="linear")
    run = trained(config)
    weight = run[0].words.astype(np.float64)
    first, second = np.zeros_like(weight), np.zeros_like(weight)
    for snapshot in run[1:]:
        gradient, t = snapshot.extras["gradient"].astype(np.float64), snapshot.step
        rate = learning_rate_at(config, t)
        first = config.beta1 * first + (1 - config.beta1) * gradient
        second = config.beta2 * second + (1 - config.beta2) * gradient**2
        root = np.sqrt(second / (1 - config.beta2**t)) + config.eps
        weight = weight * (1 - rate * config.weight_decay) - rate * (first / (1 - config.beta1**t)) / root
        # The trainer rounds to float32 at each step; six roundings of numbers below 0.1.
        np.testing.assert_allclose(snapshot.words, weight, rtol=0, atol=2e-7)


def test_hidden_classes_of_dead_tokens_never_part_though_apparent_holes_may() -> None:
    config = tiny(steps=150, sigma=1e-2, extra="moment_hash")
    run, dead = trained(config), np.bincount(text().ids, minlength=128) == 0
    together = [
        classes(np.column_stack([snapshot.words[dead].astype(np.uint64), snapshot.extras["moment_hash"][dead]]))
        for snapshot in run
    ]
    counts = [int(labels.max()) + 1 for labels in together]
    assert counts[0] > 1
    assert all(later <= earlier for earlier, later in pairwise(counts))
    for earlier, later in pairwise(together):
        for label in range(earlier.max() + 1):
            assert len(set(later[earlier == label].tolist())) == 1


def test_jiggle_parts_a_hidden_class_that_would_stay_together() -> None:
    config = tiny(initial_state="singularity", sigma=0.0, steps=3)
    quiet, jiggled = trained(config)[-1], trained(configured(config, {"jiggle_sigma": 1.0}))[-1]
    dead = np.bincount(text().ids, minlength=128) == 0
    assert census(quiet.words[dead]).unique == 1
    assert census(jiggled.words[dead]).unique == dead.sum()


def test_jiggle_of_dead_rows_adds_nothing_to_live_rows_in_its_step() -> None:
    config = tiny(steps=1)
    live = np.bincount(text().ids, minlength=128) > 0
    plain, dead_only = trained(config)[-1], trained(configured(config, {"jiggle_sigma": 1.0}))[-1]
    everywhere = trained(configured(config, {"jiggle_sigma": 1.0, "jiggle_rows": "all"}))[-1]
    assert np.array_equal(plain.words[live], dead_only.words[live])
    assert (plain.words[live] != everywhere.words[live]).any(axis=1).all()


def test_a_bfloat16_second_moment_never_falls_at_the_usual_beta2_and_a_float32_one_does() -> None:
    falls = {}
    for precision in ("pure-bf16", "bf16-weights"):
        run = trained(tiny(precision=precision, steps=60, extra="exp_avg_sq"))
        moments = [values(snapshot.extras["exp_avg_sq"]) for snapshot in run]
        falls[precision] = sum(int((later < earlier).sum()) for earlier, later in pairwise(moments))
    assert falls["pure-bf16"] == 0
    assert falls["bf16-weights"] > 0


def test_a_component_above_one_half_does_not_move_in_bf16_and_does_in_float32() -> None:
    moved = {}
    for precision in ("pure-bf16", "f32"):
        run = trained(tiny(precision=precision, steps=20, learning_rate=1e-3))
        first, last = values(run[0].words), values(run[-1].words)
        large = np.abs(first) >= 0.5
        assert large.any()
        moved[precision] = float((first[large] != last[large]).mean())
    assert moved["pure-bf16"] == 0
    assert moved["f32"] > 0.9


@pytest.mark.parametrize(("learned", "other"), [(1, 2), (2, 1)])
def test_a_label_shift_learns_its_own_period_and_not_the_other(learned: int, other: int) -> None:
    shape = {**TINY, "hidden": 16, "steps": 60, "tied": False, "initial_state": "normal", "precision": "f32"}
    config = configured(RunConfig(), {**shape, "label_shift": learned, "learning_rate": 1e-2})
    corpus = text(b"ab" * 200)
    training = Training(config, corpus)
    for _ in range(60):
        last = training.advance(wanted=False)
    assert last.loss < 0.05
    windows = torch.from_numpy(corpus.ids[: config.context + 1].astype(np.int64))[None]
    inputs, targets = windows[:, : config.context], windows[:, other:]
    wrong = LeanModel(config, training.leaves).run(inputs, targets, targets.numel()).loss
    assert float(wrong) > 2.0


def test_loss_over_all_positions_is_smaller_by_the_share_that_is_predicted() -> None:
    over = {choice: trained(tiny(steps=1, loss_over=choice))[1].loss for choice in ("predicted", "all")}
    assert over["all"] == pytest.approx(over["predicted"] * 15 / 16, rel=1e-6)


def test_the_moment_hash_is_equal_exactly_where_both_moments_are() -> None:
    run = trained(tiny(steps=10, extra="moment_hash,exp_avg,exp_avg_sq"))
    for snapshot in run:
        both = np.concatenate([snapshot.extras["exp_avg"], snapshot.extras["exp_avg_sq"]], axis=1)
        hashes = snapshot.extras["moment_hash"]
        assert classes(both).tolist() == classes(hashes[:, None]).tolist()


def test_the_dead_gradient_is_the_mean_of_dead_probability_times_hidden_state() -> None:
    config = tiny(
        precision="f32", tied=False, matrix="unembedding", steps=1, extra="gradient,dead_probability", loss_over="predicted"
    )
    snapshot = trained(config)[1]
    dead = np.bincount(text().ids, minlength=128) == 0
    training = Training(config, text())
    inputs, _, _ = training.batch(1)
    model, _ = build(config)
    states = model.transformer(inputs).last_hidden_state[:, :-1].flatten(0, 1).double()
    likely = (states @ model.lm_head.weight.double().T).softmax(-1)
    expected = (likely.T @ states / len(states)).detach().numpy()[dead]
    np.testing.assert_allclose(snapshot.extras["gradient"][dead], expected, rtol=1e-4, atol=1e-9)
    assert float(snapshot.extras["dead_probability"]) == pytest.approx(
        float(likely[:, torch.from_numpy(dead)].sum(1).mean().detach())
    )


def test_the_output_side_gradients_of_all_tokens_sum_to_zero() -> None:
    config = tiny(precision="f32", tied=False, matrix="unembedding", steps=3, extra="gradient")
    for snapshot in trained(config)[1:]:
        gradient = snapshot.extras["gradient"].astype(np.float64)
        assert np.abs(gradient.sum(0)).max() < 1e-6 * np.abs(gradient).sum(0).max()


def test_untied_dead_rows_of_the_embedding_move_by_decay_alone() -> None:
    config = tiny(precision="f32", tied=False, steps=5, weight_decay=0.0, schedule="constant")
    run, dead = trained(config), np.bincount(text().ids, minlength=128) == 0
    assert np.array_equal(run[0].words[dead], run[-1].words[dead])
    assert not np.array_equal(run[0].words[~dead], run[-1].words[~dead])


def test_sgd_follows_its_formula() -> None:
    config = tiny(precision="f32", optimizer="sgd", extra="gradient", clip=0.0, steps=4, learning_rate=0.1)
    run = trained(config)
    for before, after in pairwise(run):
        rate = learning_rate_at(config, after.step)
        full = after.extras["gradient"].astype(np.float64) + config.weight_decay * before.words
        np.testing.assert_allclose(after.words, before.words - rate * full, rtol=0, atol=3e-7)


def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(ConfigError, match=r"device must exist on this machine; got cuda\. Use auto or cpu"):
        resolve_device("cuda")


@needs_gatsby
def test_the_first_hundred_losses_of_the_seed_agree_with_the_published_ones() -> None:
    config = configured(preset("primordial-snowball"), {"until": 100})
    run = trained(config, load_corpus(str(GATSBY)))
    assert abs(float(np.mean([snapshot.loss for snapshot in run[1:]])) - 3.4507) < 0.002
    assert hashlib.sha256(run[-1].words.tobytes()).digest() != hashlib.sha256(run[0].words.tobytes()).digest()
