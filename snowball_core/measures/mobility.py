"""What can move, computed before training: components, decays and moments that the formats let change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from ..schedules import learning_rate_at
from .adam_bound import ROUNDINGS, Part, is_bounded, largest_ratio_between
from .bf16 import Words, bits, format_of, from_values, ulp, values

# Measured with the default model: see "diverging rate" in docs/measures.md.
DIVERGING_RATE, TRAINING_RATE = 1.0, 0.3
_QUANTILES = 4_001
_MANTISSA = {"BF16": 7, "F32": 23}


@dataclass(frozen=True)
class Mobility:
    """What the learning rate, the decay and the betas can do to weights of a format.

    Attributes
    ----------
    format : str
        BF16 or F32, the weights' format.
    largest_update : float
        Bound on a component's update in any step of the schedule, weight units (see :func:`largest_update`); weight decay
        comes on top.
    usual_update : float
        What a component with a steady gradient moves per step in exact arithmetic: the learning rate.
    immovable : float
        Share of components that no single update of the schedule can move: the bound, with decay, is below half a cell.
    usually_immovable : float
        Share of components that the usual update cannot move.
    decay_acts : float
        Share of components that weight decay alone can move.
    second_moment_falls : bool
        Whether a second moment whose gradient vanished can decrease in the optimizer's format.
    half_immovable_step, all_immovable_step : int or None
        First step from which to the horizon no update can move half of the components, any of them. None if that does not
        happen.
    """

    format: str
    largest_update: float
    usual_update: float
    immovable: float
    usually_immovable: float
    decay_acts: float
    second_moment_falls: bool
    half_immovable_step: int | None
    all_immovable_step: int | None


def half_cell(words: Words) -> npt.NDArray[np.float64]:
    """Half the distance from each value to its nearest neighbour on the lattice, weight units.

    At a power of two the neighbour towards zero is half a ULP away, so the half cell is a quarter of the ULP there.

    Examples
    --------
    >>> half_cell(from_values([1.0, 1.5])).tolist()
    [0.001953125, 0.00390625]
    """
    layout = format_of(words)
    pattern = bits(words).astype(np.int64)
    exponent = (pattern & (layout.sign_mask - 1)) >> layout.mantissa
    is_power = (pattern & ((1 << layout.mantissa) - 1) == 0) & (exponent > 1)
    return np.asarray(ulp(words) * np.where(is_power, 0.25, 0.5), np.float64)


def largest_update(
    config: RunConfig, rate: float, step: float = math.inf, past: Sequence[RunConfig] = (), since: float | None = None
) -> float:
    """Bound on one Adam update at a learning rate, weight units: of a step, of several, or of any; decay comes on top.

    The rate times :func:`~snowball_core.measures.adam_bound.largest_ratio` with the roundings of the moments' format. Clipping
    does not change it, and eps only lowers it, unless it is too small to cover an underflow of the second moment: then nothing
    bounds an update, and nothing bounds SGD's, which scales with the gradient.

    Steps count from 1; infinity gives a bound of every step, where no ``past`` part had other betas. With ``since`` the bound
    is that of all steps from there.

    Examples
    --------
    >>> round(largest_update(RunConfig(), 1e-3), 6), round(largest_update(RunConfig(precision="pure-bf16"), 1e-3), 6)
    (0.00727, 0.007461)
    """
    if not rate:
        return 0.0
    if config.optimizer == "sgd" or not all(is_bounded(each.beta2, each.eps) for each in (*past, config)):
        return math.inf
    parts = [Part(each.beta1, each.beta2, each.last_step) for each in past] + [Part(config.beta1, config.beta2, math.inf)]
    return rate * largest_ratio_between(parts, step if since is None else since, step, ROUNDINGS[_moments(config)])


def _moments(config: RunConfig) -> str:
    return "BF16" if config.precision == "pure-bf16" else "F32"


def expected_words(config: RunConfig) -> Words:
    """Components as the initial state will draw them on average: quantiles of their distribution, in the weights' format.

    For the page, without drawing random numbers: the run's base vector differs from these by chance.
    """
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    drawn = np.array([NormalDist(0.0, config.component_deviation).inv_cdf(share) for share in shares], np.float32)
    return from_values(drawn) if config.recorded_format == "BF16" else drawn


def decay_reach(config: RunConfig, rate: float) -> float:
    """What decay and the roundings of a step can take from a component, as a share of it, at most.

    The kernel rounds ``1 − rate · decay`` to float32; adding to a bfloat16 weight rounds in float32 twice.
    """
    taken = rate * config.weight_decay
    return max(taken, 1 - float(np.float32(1 - taken))) + (2.0**-22 if config.recorded_format == "BF16" else 0.0)


def mobility(config: RunConfig, words: Words, past: Sequence[RunConfig] = ()) -> Mobility:
    """What can move in a matrix of weights, the initial one or :func:`expected_words`, under a configuration.

    After an exact fork ``words`` are those of the fork, and ``past`` are the configurations before it, each to its last step.
    """
    half, size = half_cell(words).ravel(), np.abs(values(words).astype(np.float64)).ravel()
    rate, largest = config.learning_rate, _largest_of_all(config, past)
    decay = rate * config.weight_decay * size

    def leaves(share: float) -> int | None:
        """First step from which no more than a share of the components can be moved."""

        def moves(rate: float, update: float) -> bool:
            return bool((update + rate * config.weight_decay * size >= half).mean() > share)

        return _first_step_after(config, past, moves)

    return Mobility(
        format=format_of(words).name,
        largest_update=largest,
        usual_update=rate,
        immovable=float((largest + decay < half).mean()),
        usually_immovable=float((rate < half).mean()),
        decay_acts=float(((decay >= half) & (size > 0)).mean()),
        second_moment_falls=second_moment_falls(config.beta2, _moments(config)),
        half_immovable_step=leaves(0.5),
        all_immovable_step=leaves(0.0),
    )


def second_moment_falls(beta2: float, format_name: str) -> bool:
    """Whether ``β2 · v`` rounds to less than ``v`` for some v of the format.

    The largest relative half cell is ``2 ** -(mantissa + 1)`` just above a power of two, the smallest half of it.

    Examples
    --------
    >>> second_moment_falls(0.999, "BF16"), second_moment_falls(0.999, "F32"), second_moment_falls(0.99, "BF16")
    (False, True, True)
    """
    return 1 - beta2 > 2.0 ** -(_MANTISSA[format_name] + 2)


def _spans(config: RunConfig, past: Sequence[RunConfig]) -> list[tuple[int, int]]:
    """The steps to come, first and last: those of warm-up, over which the rate rises, and those over which it never does."""
    start = past[-1].last_step + 1 if past else 1
    both = (start, min(config.warmup, config.steps)), (max(start, config.warmup + 1), config.steps)
    return [(first, last) for first, last in both if first <= last]


def _most(config: RunConfig, past: Sequence[RunConfig], first: int, last: int) -> tuple[float, float]:
    """Bounds of the rate and of an update from one step to another of one span; equal to them where both are one."""
    rate = max(learning_rate_at(config, first), learning_rate_at(config, last))
    return rate, largest_update(config, rate, last, past, first)


def _largest_of_all(config: RunConfig, past: Sequence[RunConfig]) -> float:
    """The largest of the bounds of all steps to the horizon; while the rate falls the bound may rise and fall again."""
    largest, spans = 0.0, _spans(config, past)
    while spans:
        first, last = spans.pop()
        if first > last or _most(config, past, first, last)[1] <= largest:
            continue
        largest = max(largest, *(_most(config, past, step, step)[1] for step in (first, last)))
        middle = (first + last) // 2
        spans += [(first + 1, middle), (middle + 1, last - 1)]
    return largest


def _first_step_after(config: RunConfig, past: Sequence[RunConfig], moves: Callable[[float, float], bool]) -> int | None:
    """First step from which to the horizon ``moves(rate, bound)`` is false; None if it is true at the horizon.

    ``moves`` is true of all larger rates and bounds of which it is true.
    """
    spans = _spans(config, past)
    start = spans[0][0] if spans else None
    while spans:
        first, last = spans.pop()
        if not moves(*_most(config, past, first, last)):
            continue
        if first == last:
            return None if first == config.steps else first + 1
        spans += [(first, (first + last) // 2), ((first + last) // 2 + 1, last)]
    return start


def divergence_warning(config: RunConfig) -> str:
    """A sentence on a learning rate with which the loss will diverge; empty where the rate is below that, or unknown.

    Adam moves a component by about the learning rate a step, whatever the gradient's size; with a rate of
    :data:`DIVERGING_RATE` or more that is at least the size of the normalization's weights, 1, and the loss grows with every
    step. SGD's update scales with the gradient: it is not judged.

    Examples
    --------
    >>> divergence_warning(RunConfig(learning_rate=1e3)).partition(".")[0], divergence_warning(RunConfig())
    ('A step of about 1,000 in weights of size about 1 will diverge', '')
    """
    rate = config.learning_rate
    if config.optimizer == "sgd" or rate < DIVERGING_RATE:
        return ""
    return (
        f"A step of about {rate:,.4g} in weights of size about 1 will diverge. Adam moves each component by about the learning "
        f"rate per step; in tests the loss diverged at rates of {DIVERGING_RATE:g} and more and recovered at {TRAINING_RATE:g}."
    )


def sentences(mobile: Mobility, config: RunConfig) -> list[str]:
    """The same in plain words, one sentence a fact."""
    if config.optimizer == "sgd":
        return ["SGD updates scale with the gradient: mobility is unknown before training."]
    largest = (
        f"{mobile.immovable:.0%} not even by the largest possible update ({mobile.largest_update:.3g}), which is below half a "
        "cell"
    )
    if math.isinf(mobile.largest_update):
        largest = (
            f"and the largest possible update is unbounded with beta1 {config.beta1:g}, beta2 {config.beta2:g}, eps "
            f"{config.eps:g}"
        )
    lines = [
        f"{mobile.usually_immovable:.0%} of the components are not moved by a typical update ({mobile.usual_update:.3g}), "
        f"{largest}."
    ]
    if config.weight_decay > 0:
        acts = (
            "cannot move any component on its own"
            if not mobile.decay_acts
            else f"can move {mobile.decay_acts:.0%} of the components"
        )
        lines.append(f"Weight decay ({config.learning_rate * config.weight_decay:.3g} of a weight per step) {acts}.")
    moments = "bfloat16" if config.precision == "pure-bf16" else "float32"
    can = "can decrease" if mobile.second_moment_falls else "never decreases"
    lines.append(f"A second moment in {moments} with beta2 {config.beta2:g} {can}.")
    if config.schedule != "constant" and mobile.half_immovable_step is not None:
        whole = f", all of them from step {mobile.all_immovable_step:,}" if mobile.all_immovable_step is not None else ""
        lines.append(
            f"With the decaying rate half of the components are immovable from step {mobile.half_immovable_step:,}{whole}."
        )
    return lines
