"""The rule of the Train page's warning, by training: at the rate it warns of the loss diverges, below it recovers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snowball_core.config import RunConfig
from snowball_core.measures.mobility import DIVERGING_RATE, TRAINING_RATE, divergence_warning
from snowball_core.store.corpus import load_corpus
from snowball_core.store.run_folder import Run
from snowball_core.training.trainer import begin, snapshots


def losses(rate: float) -> list[float]:
    config = RunConfig(steps=120, batch=8, extra="", learning_rate=rate, threads=1)
    run = Run(Path("unwritten"), config, {"dead_ids": [0]})
    training = begin(run, load_corpus(config.corpus, "strict", Path("unwritten")))
    return [snapshot.loss for snapshot in snapshots(training, np.array([0])) if snapshot.step]


@pytest.mark.parametrize(("rate", "diverges"), [(TRAINING_RATE, False), (DIVERGING_RATE, True)])
def test_the_loss_diverges_at_the_rate_that_is_warned_of_and_recovers_below(rate: float, diverges: bool) -> None:
    loss = losses(rate)
    assert (loss[-1] > 5 * loss[0]) == diverges
    assert (loss[-1] < loss[0]) == (not diverges)
    assert bool(divergence_warning(RunConfig(learning_rate=rate))) == diverges


def test_sgd_is_not_judged() -> None:
    assert not divergence_warning(RunConfig(learning_rate=1e3, optimizer="sgd", extra=""))
