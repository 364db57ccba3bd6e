"""Learning rates and recorded steps, by hand and beside torch's own scheduler."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.config import RunConfig
from snowball_core.schedules import learning_rate_at, recorded_steps

RECORDS = st.sampled_from(["every", "every-1", "every-7", "every-1000", "log"])


def rates(config):
    return [learning_rate_at(config, step) for step in range(1, config.steps + 1)]


def torch_rates(config, factor):
    """The rates torch's LambdaLR sets before each step, with ``factor`` the multiplier after so many steps."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    result = []
    for _ in range(config.steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return result


def test_a_constant_rate_stays():
    assert rates(RunConfig(steps=4, schedule="constant", learning_rate=0.5)) == [0.5, 0.5, 0.5, 0.5]


def test_a_linear_rate_falls_to_one_part_at_the_last_step_and_would_be_zero_after_it():
    config = RunConfig(steps=4, schedule="linear", learning_rate=1.0)
    assert rates(config) == [1.0, 0.75, 0.5, 0.25]
    assert learning_rate_at(config, 5) == 0.0
    assert learning_rate_at(config, 99) == 0.0


def test_a_cosine_rate_is_half_at_half_the_way():
    config = RunConfig(steps=4, schedule="cosine", learning_rate=2.0)
    assert rates(config) == pytest.approx([2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5)], abs=1e-15)


def test_warming_up_rises_from_zero_to_the_peak():
    config = RunConfig(steps=8, warmup=4, schedule="linear", learning_rate=1.0)
    assert rates(config) == [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]


def test_a_run_that_only_warms_up_never_divides_by_zero():
    for schedule in ("constant", "linear", "cosine"):
        assert rates(RunConfig(steps=2, warmup=2, schedule=schedule, learning_rate=1.0)) == [0.0, 0.5]


def test_stopping_early_leaves_the_rates_as_they_are():
    whole, cut = RunConfig(steps=9, schedule="linear"), RunConfig(steps=9, schedule="linear", until=3)
    assert rates(whole) == rates(cut)


@given(st.integers(1, 20), st.integers(0, 20))
@settings(deadline=None, max_examples=15)
def test_the_linear_rate_is_bit_for_bit_the_trainers(steps, warmup):
    config = RunConfig(steps=steps, warmup=min(warmup, steps), schedule="linear", learning_rate=1e-3)

    def trainer(done):  # transformers.optimization.get_linear_schedule_with_warmup
        if done < config.warmup:
            return float(done) / float(max(1, config.warmup))
        return max(0.0, float(steps - done) / float(max(1, steps - config.warmup)))

    assert rates(config) == torch_rates(config, trainer)


@pytest.mark.parametrize(
    ("record", "last", "steps"),
    [
        ("every", 3, [0, 1, 2, 3]),
        ("every-2", 4, [0, 2, 4]),
        ("every-2", 5, [0, 2, 4, 5]),
        ("every-9", 5, [0, 5]),
        ("log", 3, [0, 1, 2, 3]),
        ("every", 0, [0]),
        ("every-9", 0, [0]),
        ("log", 0, [0]),
    ],
)
def test_the_recorded_steps_of_short_runs(record, last, steps):
    assert recorded_steps(RunConfig(steps=10, until=last, record=record)).tolist() == steps


def test_log_recording_takes_all_to_a_hundred_then_a_hundred_per_decade():
    steps = recorded_steps(RunConfig(steps=100_000, record="log"))
    assert steps[:101].tolist() == list(range(101))
    for decade in (100, 1_000, 10_000):
        assert ((steps > decade) & (steps <= 10 * decade)).sum() == 100
        assert 10 * decade in steps
    late = steps[steps > 200]
    assert (np.diff(late) / late[:-1] < 0.03).all()


@given(RECORDS, st.integers(1, 20_000))
@settings(deadline=None, max_examples=60)
def test_recorded_steps_rise_from_zero_to_the_last(record, last):
    steps = recorded_steps(RunConfig(steps=20_000, until=last, record=record))
    assert (steps[0], steps[-1]) == (0, last)
    assert (np.diff(steps) > 0).all()


@given(RECORDS, st.integers(0, 20_000), st.integers(0, 20_000))
@settings(deadline=None, max_examples=60)
def test_a_longer_run_records_the_same_early_steps(record, one, other):
    short, long = sorted((one, other))
    early = recorded_steps(RunConfig(steps=20_000, until=short, record=record)).tolist()
    late = recorded_steps(RunConfig(steps=20_000, until=long, record=record)).tolist()
    assert early[:-1] == late[: len(early) - 1]
