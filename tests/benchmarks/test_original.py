"""Our trainer against transformers' Trainer: the same windows, the same losses, the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from stock_model import StockTraining

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.store.corpus import Corpus, from_bytes
from snowball_core.training.trainer import Snapshot, Training

pytest.importorskip("accelerate", reason="the Trainer needs accelerate (requirements-checks.txt)")
from benchmarks.original import OriginalStep, original_steps

TEXT = b"the quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 3
STEPS = 9  # 188 windows in slices of 32: the epoch ends at step 6 with a slice of 28


def config(**changes: object) -> RunConfig:
    shape = {"context": 16, "batch": 32, "hidden": 16, "layers": 2, "heads": 2, "steps": 40, "threads": 1, "sigma": 1e-3}
    return configured(preset("primordial-snowball"), {**shape, **changes})


def both(calls: RunConfig, kind: type[Training] = Training) -> tuple[list[OriginalStep], list[Snapshot]]:
    corpus: Corpus = from_bytes(TEXT, "test")
    training = kind(calls, corpus)
    assert training.order.steps_per_epoch == 6
    return original_steps(calls, corpus, STEPS), [training.advance() for _ in range(STEPS)]


@pytest.mark.parametrize("initial_state", ["snowball", "normal"])
def test_native_bf16_weights_are_the_trainers_bit_for_bit_across_an_epoch_boundary(initial_state: str) -> None:
    theirs, ours = both(config(compute="bf16", initial_state=initial_state), StockTraining)
    assert [step.words.tobytes() for step in theirs] == [snapshot.words.tobytes() for snapshot in ours]
    assert (ours[0].words != ours[-1].words).any()


@pytest.mark.parametrize(("schedule", "warmup"), [("linear", 0), ("linear", 3), ("constant", 0), ("cosine", 3)])
def test_float32_weights_and_losses_are_the_trainers_within_float32_rounding(schedule: str, warmup: int) -> None:
    theirs, ours = both(config(precision="f32", schedule=schedule, warmup=warmup, initial_state="normal"))
    for step, snapshot in zip(theirs, ours, strict=True):
        assert abs(step.loss - snapshot.loss) < 2e-6
        # Adam divides by the root of the second moment, so a rounding of a small gradient shows; one learning rate is 1e-3.
        assert np.abs(step.words.astype(np.float64) - snapshot.words).max() < 1e-5


def test_another_seed_gives_other_bits_than_the_trainers() -> None:
    corpus = from_bytes(TEXT, "test")
    theirs = original_steps(config(compute="bf16"), corpus, 2)
    other = StockTraining(config(compute="bf16", seed=43), corpus)
    assert [other.advance().words.tobytes() for _ in range(2)] != [step.words.tobytes() for step in theirs]
