"""The schedule of a configuration: each step's learning rate, and whether it is recorded."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .config import RunConfig

_LOG_DENSE = 100
_LOG_PER_DECADE = 100


def learning_rate_at(config: RunConfig, step: int) -> float:
    """The learning rate that optimizer step ``step`` (1 is the first) uses.

    Warm-up rises linearly from 0 at the first step; then the rate stays, or falls to 0 at the horizon linearly or along half a
    cosine. The last step still moves: it uses the rate just before 0.

    Examples
    --------
    >>> linear = RunConfig(steps=10, schedule="linear", learning_rate=1.0)
    >>> learning_rate_at(linear, 1), learning_rate_at(linear, 10)
    (1.0, 0.1)
    """
    done = step - 1
    if done < config.warmup:
        return config.learning_rate * (done / config.warmup)
    left = config.steps - config.warmup
    if config.schedule == "linear":
        return config.learning_rate * max(0.0, (config.steps - done) / max(1, left))
    if config.schedule == "cosine":
        progress = (done - config.warmup) / max(1, left)
        return config.learning_rate * max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))
    return config.learning_rate


def recorded_steps(config: RunConfig) -> npt.NDArray[np.int64]:
    """The steps whose embedding matrix is recorded, ascending; always step 0 and the last step.

    ``every``: all. ``every-K``: multiples of K. ``log``: every step to 100, then 100 per decade. A pure function of the
    configuration; a longer run records the same early steps.

    Examples
    --------
    >>> recorded_steps(RunConfig(steps=10, record="every-4")).tolist()
    [0, 4, 8, 10]
    """
    last = config.last_step
    if config.record == "log":
        exponents = np.arange(math.ceil(_LOG_PER_DECADE * math.log10(max(last, _LOG_DENSE) / _LOG_DENSE)) + 1)
        sparse = np.rint(_LOG_DENSE * 10 ** (exponents / _LOG_PER_DECADE)).astype(np.int64)
        steps = np.concatenate([np.arange(_LOG_DENSE), sparse])
    else:
        stride = 1 if config.record == "every" else int(config.record.removeprefix("every-"))
        steps = np.arange(0, last + 1, stride)
    steps = steps[: np.searchsorted(steps, last)]
    return np.append(steps, last)
