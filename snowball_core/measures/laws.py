"""The laws that hold in every run, as monitors: what is violated, at which step, by which tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from .bf16 import Floats, Integers, Truths, Words, bits, from_values, ulp, values
from .biography import Cause
from .lineage import Lineage
from .mobility import half_cell

_MANY_EPS = 1_000


@dataclass(frozen=True)
class Violation:
    """One violation of one of :data:`LAWS`."""

    law: str
    snapshot: int
    tokens: tuple[int, ...]
    text: str


LAWS = {
    "hidden-classes-never-part": "dead tokens equal in row and moments stay equal for ever",
    "hidden-classes-never-rise": "the number of hidden classes among the dead never rises",
    "counts-add-up": "U = C + S and P + S = V for every group",
    "zero-rate-is-rest": "no token moves in a step whose learning rate is zero",
    "first-step-is-the-rate": "at step 1 Adam moves every component with a gradient of at least 1,000 eps by the learning rate",
    "beyond-reach-is-rest": "no component moves whose half cell exceeds the largest possible update",
    "second-moment-only-rises": "a second moment that its format cannot lower never falls",
    "predictions-pull-to-zero": "the gradient that the predictions send to W adds up to zero over all tokens",
    "dead-gradient-is-p-times-h": "the gradient of a dead token is its probability times the final hidden state, averaged",
}


def parted(tree: Lineage, causes: tuple[Cause | None, ...]) -> list[Violation]:
    """Partings inside one hidden class of dead tokens: a kernel that treats rows unequally."""
    return [
        Violation("hidden-classes-never-part", event.snapshot, why.violation, why.text)
        for event, why in zip(tree.events, causes, strict=True)
        if why is not None and why.violation
    ]


def risen(hidden_classes: Integers) -> list[Violation]:
    """Snapshots at which the dead have more hidden classes than before; shape ``(snapshots,)``."""
    steps = np.flatnonzero(np.diff(hidden_classes) > 0) + 1
    return [
        Violation(
            "hidden-classes-never-rise", int(t), (), f"hidden classes: {hidden_classes[t - 1]} became {hidden_classes[t]}"
        )
        for t in steps.tolist()
    ]


def miscounted(group: str, columns: dict[str, Integers]) -> list[Violation]:
    """Snapshots at which the counts of a group do not add up."""
    unique, holes, singletons = columns["unique"], columns["black_holes"], columns["singletons"]
    wrong = (unique != holes + singletons) | (columns["population"] + singletons != columns["tokens"])
    return [
        Violation("counts-add-up", int(t), (), f"{group}: U {unique[t]}, C {holes[t]}, S {singletons[t]}")
        for t in np.flatnonzero(wrong).tolist()
    ]


def idle_snapshots(steps: Integers, rates: tuple[Floats, Floats]) -> Integers:
    """Indices of the snapshots with only zero learning rates since the one before."""
    # Steps at a rate are counted, not rates added up: a small one would vanish in a sum of large ones.
    reached = np.concatenate([[0], np.cumsum(rates[1] != 0)])
    spent = reached[np.searchsorted(rates[0], steps, side="right")]
    known = np.isin(steps, rates[0])
    idle: Integers = np.flatnonzero(known[1:] & (np.diff(spent) == 0)) + 1
    return idle


def restless(snapshot: int, moved: Truths) -> list[Violation]:
    """Tokens that moved between two snapshots at a rate of zero; ``moved`` has shape ``(vocab,)``."""
    tokens = tuple(np.flatnonzero(moved).tolist())
    return [Violation("zero-rate-is-rest", snapshot, tokens, "moved at rate 0")] if tokens else []


def misstepped(before: Words, after: Words, gradient: Words, rate: float, config: RunConfig) -> list[Violation]:
    """Components that Adam's first step did not move by the learning rate, though their gradient is at least 1,000 eps.

    The step is ``W (1 − rate · decay) − rate · g / (|g| + eps)``; allowed are the rounding of the result (half a cell), what
    eps takes (``rate · eps / |g|``) and four float32 roundings. W and its gradient have shape (vocab, hidden).
    """
    slope, start, end = (values(words).astype(np.float64) for words in (gradient, before, after))
    large = np.abs(slope) >= _MANY_EPS * config.eps
    goal = start * (1 - rate * config.weight_decay) - rate * np.sign(slope)
    lattice = goal.astype(np.float32) if after.dtype.itemsize == 4 else from_values(goal)
    allowed = np.maximum(ulp(after), ulp(lattice)) / 2 + 4 * 2.0**-24 * (np.abs(start) + rate)
    allowed += rate * config.eps / np.maximum(np.abs(slope), config.eps)
    wrong = large & (np.abs(end - goal) > allowed)
    return _components("first-step-is-the-rate", 1, wrong, "moved by something else than the rate")


def overreached(snapshot: int, before: Words, after: Words, largest: float, decay: float) -> list[Violation]:
    """Components that moved in one step although half their cell exceeds the largest update, ``largest + decay · |w|``.

    As :func:`~snowball_core.measures.mobility.largest_update` and :func:`~snowball_core.measures.mobility.decay_reach` give
    them for the step.
    """
    size = np.abs(values(before).astype(np.float64))
    wrong = (bits(before) != bits(after)) & (half_cell(before) > largest + decay * size)
    return _components("beyond-reach-is-rest", snapshot, wrong, "moved beyond the reach of any update")


def fallen(snapshot: int, before: Words, after: Words) -> list[Violation]:
    """Second moments that fell between two snapshots."""
    return _components("second-moment-only-rises", snapshot, values(after) < values(before), "second moment fell")


def _components(law: str, snapshot: int, wrong: Truths, text: str) -> list[Violation]:
    """One violation for all components of a snapshot that break a law; none if none do."""
    tokens, count = tuple(np.flatnonzero(wrong.any(axis=1)).tolist()), int(wrong.sum())
    return [Violation(law, snapshot, tokens, f"{count:,} component{'s' * (count != 1)} {text}")] if tokens else []


def unbalanced(residuals: npt.NDArray[np.float32]) -> list[Violation]:
    """Snapshots whose gradient is farther from the softmax's two laws than rounding explains.

    Residuals are of shape (snapshots, 2, 2), as :func:`snowball_core.training.gradient_checks.gradient_residuals` gives them;
    NaN at step 0, which has no gradient.
    """
    violations = []
    for row, law in enumerate(("predictions-pull-to-zero", "dead-gradient-is-p-times-h")):
        for t in np.flatnonzero(residuals[:, row, 0] > 1).tolist():
            share, size = residuals[t, row].tolist()
            violations.append(Violation(law, t, (), f"residual {size:.3g}, {share:.3g} times what rounding allows"))
    return violations
