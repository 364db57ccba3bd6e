"""The largest ratio of Adam's moments over all gradients that can lead to it, in exact and in rounded arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Rounding(NamedTuple):
    """Bounds of the relative errors of one step: of a moment when it is stored, when it is computed, and of the update.

    ``stored`` is the unit roundoff of a format with fewer digits than the arithmetic has; ``divided`` counts once: sixteen unit
    roundoffs of float32 cover the kernel's twelve.
    """

    stored: float
    computed: float
    divided: float


EXACT = Rounding(0.0, 0.0, 0.0)
ROUNDINGS = {"F32": Rounding(0.0, 2.0**-22, 2.0**-20), "BF16": Rounding(2.0**-8, 2.0**-22, 2.0**-20)}
# Below it a second moment that underflows is no longer covered by eps.
_UNDERFLOW = 2.0**-62
_LARGEST = 700.0


class Part(NamedTuple):
    """Steps made with the same betas: up to step ``end``, infinity for the last part."""

    beta1: float
    beta2: float
    end: float


def largest_ratio(parts: Sequence[Part], step: float = math.inf, rounding: Rounding = EXACT) -> float:
    """Supremum of ``|m̂ / √v̂|`` at a step over all gradients up to it; without a step over all steps.

    With ``m = (1 − β1) Σ β1^j g_j`` and ``v = (1 − β2) Σ β2^j g_j²``, j counted back from the step, Cauchy–Schwarz gives::

        |m̂| / √v̂ ≤ (1 − β1) / (1 − β1^t) · √((1 − β2^t) / (1 − β2)) · √(1 + r + … + r^(t−1)),   r = β1² / β2

    with equality for a gradient that grows by the factor β2 / β1 a step. The bound is 1 at step 1, never falls from one step
    to the next, and tends to ``(1 − β1) / √((1 − β2) (1 − r))`` where r < 1, else to infinity. A rounding lets the first
    moment fade more slowly and the second one faster, which makes r larger.

    References
    ----------
    Kingma, Ba: Adam, a method for stochastic optimization, section 2.1, bounds |m̂ / √v̂| by the first factor alone, for a
    gradient that is 0 at all steps but the last.

    Examples
    --------
    >>> largest_ratio([Part(0.9, 0.999, math.inf)], 1), round(largest_ratio([Part(0.9, 0.999, math.inf)]), 3)
    (1.0, 7.27)
    """
    grown, done, beta1, beta2 = 0.0, 0.0, 0.0, 0.0
    for part in parts:
        if grown:  # in units of the newest gradient's weight, which depends on the betas
            grown *= _newest(beta1, beta2) / _newest(part.beta1, part.beta2)
        beta1, beta2, last = part.beta1, part.beta2, min(part.end, step)
        grown, done = _grown(grown, beta1, beta2, last - done, rounding), max(done, last)
        if part.end >= step:
            break
    return _bias(beta1, beta2, done, done) * math.sqrt(grown) * (1 + rounding.divided)


def largest_ratio_between(parts: Sequence[Part], first: float, last: float, rounding: Rounding = EXACT) -> float:
    """A bound of :func:`largest_ratio` at all steps from one to another of the last part; equal to it where both are one."""
    high = largest_ratio(parts, last, rounding)
    if len(parts) == 1:  # it never falls
        return high
    beta1, beta2, _ = parts[-1]
    low = largest_ratio(parts, first, rounding)
    # The sum goes from one end to the other; of the factors for bias one falls and the other rises.
    grown = max(step_ratio / _bias(beta1, beta2, step, step) for step_ratio, step in ((low, first), (high, last)))
    return grown * _bias(beta1, beta2, first, last)


def is_bounded(beta2: float, eps: float) -> bool:
    """Whether eps covers what underflow takes from the root of a second moment: else a tiny gradient moves without bound."""
    return eps * math.sqrt(1 - beta2) >= _UNDERFLOW


def _grown(before: float, beta1: float, beta2: float, steps: float, rounding: Rounding) -> float:
    """``Σ c² / d`` after some more steps, the newest gradient's being 1; c and d are a gradient's weights in m and in v."""
    if steps <= 0:
        return before
    slow = (beta1 + rounding.computed) * (1 + rounding.stored) if beta1 else 0.0
    fast = beta2 * (1 - rounding.computed) / (1 + rounding.stored)
    if slow * slow == 0:
        return 1.0
    factor = slow * slow / fast if fast else math.inf
    return (before * _power(factor, steps) if before else 0.0) + _geometric(factor, steps)


def _bias(beta1: float, beta2: float, first: float, last: float) -> float:
    """The largest product of the two factors for bias over some steps."""
    product: float = (1 - beta1) / (1 - beta1**first) * math.sqrt((1 - beta2**last) / (1 - beta2))
    return product


def _newest(beta1: float, beta2: float) -> float:
    return (1 - beta1) ** 2 / (1 - beta2)


def _power(factor: float, steps: float) -> float:
    exponent = 0.0 if factor == 1 else steps * math.log(factor)
    return math.exp(exponent) if exponent < _LARGEST else math.inf


def _geometric(factor: float, steps: float) -> float:
    """``1 + factor + … + factor ** (steps − 1)``."""
    if factor == 1 or steps == 1:
        return steps
    exponent = steps * math.log(factor)
    return math.expm1(exponent) / math.expm1(math.log(factor)) if exponent < _LARGEST else math.inf
