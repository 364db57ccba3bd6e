"""What can move, said before training: which components, decays and moments the formats leave free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .bf16 import Words, bits, format_of, from_values, ulp, values
from .config import RunConfig
from .schedules import learning_rate_at

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
        Bound on one step's update of a component, weight units (see :func:`largest_update`).
    usual_update : float
        What a component with a steady gradient moves per step: the learning rate.
    immovable : float
        Share of components that no single update can move: the bound is below half a cell.
    usually_immovable : float
        Share of components that the usual update cannot move.
    decay_acts : float
        Share of components that weight decay on its own can move.
    second_moment_falls : bool
        Whether a second moment whose gradient vanished can fall in the optimizer's format.
    half_immovable_step, all_immovable_step : int or None
        First step from which to the horizon the falling rate leaves half of the components, all of them, immovable. None if
        that does not happen.
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


def largest_update(config: RunConfig, rate: float) -> float:
    """Bound on one Adam update at a learning rate, weight units; infinite for SGD, whose updates scale with the gradient.

    ``rate · (1 − β1) / √(1 − β2)`` if that exceeds ``rate`` (a gradient after a long silence), else ``rate``.

    References
    ----------
    Kingma, Ba: Adam, a method for stochastic optimization, section 2.1.
    """
    if config.optimizer == "sgd":
        return float("inf")
    return rate * max(1.0, (1 - config.beta1) / math.sqrt(1 - config.beta2))


def expected_words(config: RunConfig) -> Words:
    """Components as the initial state will draw them on average: quantiles of their distribution, in the weights' format.

    For the page, which draws nothing: the run's own base vector differs from these by chance.
    """
    deviation = 0.02 if config.initial_state == "normal" else 1.0 if config.base == "normal" else config.hidden**-0.5
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    drawn = np.array([NormalDist(0.0, deviation).inv_cdf(share) for share in shares], np.float32)
    return from_values(drawn) if config.recorded_format == "BF16" else drawn


def mobility(config: RunConfig, words: Words) -> Mobility:
    """What can move in a matrix of weights under a configuration.

    Parameters
    ----------
    config : RunConfig
    words : Words
        The initial matrix, or :func:`expected_words`.
    """
    half, size = half_cell(words).ravel(), np.abs(values(words).astype(np.float64)).ravel()
    rate = config.learning_rate
    bound = largest_update(config, rate)
    moments = "BF16" if config.precision == "pure-bf16" else "F32"
    decay = rate * config.weight_decay * size
    return Mobility(
        format=format_of(words).name,
        largest_update=float(bound),
        usual_update=rate,
        immovable=float((bound < half).mean()),
        usually_immovable=float((rate < half).mean()),
        decay_acts=float(((decay >= half) & (size > 0)).mean()),
        second_moment_falls=second_moment_falls(config.beta2, moments),
        half_immovable_step=_first_step_below(config, float(np.median(half))),
        all_immovable_step=_first_step_below(config, float(half.min())),
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


def _first_step_below(config: RunConfig, threshold: float) -> int | None:
    """First step from which the bound stays below ``threshold``; after warm-up the rate never rises, so bisection finds it."""

    def is_below(step: int) -> bool:
        return largest_update(config, learning_rate_at(config, step)) < threshold

    if not is_below(config.steps):
        return None
    low, high = min(config.warmup + 1, config.steps), config.steps
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_below(middle) else (middle + 1, high)
    return low


def sentences(found: Mobility, config: RunConfig) -> list[str]:
    """The same in plain words, one sentence a fact."""
    if config.optimizer == "sgd":
        return ["SGD's updates scale with the gradient: what can move is not known before training."]
    told = [
        f"{found.usually_immovable:.0%} of the components cannot be moved by a usual update ({found.usual_update:.3g}), "
        f"{found.immovable:.0%} not even by the largest possible one ({found.largest_update:.3g}): it is below half a cell."
    ]
    if config.weight_decay > 0:
        acts = (
            "cannot move any component on its own"
            if not found.decay_acts
            else f"can move {found.decay_acts:.0%} of the components"
        )
        told.append(f"Weight decay ({config.learning_rate * config.weight_decay:.3g} of a weight per step) {acts}.")
    moments = "bfloat16" if config.precision == "pure-bf16" else "float32"
    can = "can fall" if found.second_moment_falls else "can only rise"
    told.append(f"A second moment in {moments} with beta2 {config.beta2:g} {can}.")
    if config.schedule != "constant" and found.half_immovable_step is not None:
        whole = f", all of them from step {found.all_immovable_step:,}" if found.all_immovable_step is not None else ""
        told.append(f"The falling rate leaves half of the components immovable from step {found.half_immovable_step:,}{whole}.")
    return told
