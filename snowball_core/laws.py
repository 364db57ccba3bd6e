"""The laws that hold in every run, as monitors: what is violated, at which step, by which tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .causes import Cause
from .census import HiddenCounts
from .lineage import Lineage
from .motion import Displacement

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Violation:
    """One violation of one law.

    Attributes
    ----------
    law : str
        The law's name, a key of :data:`LAWS`.
    snapshot : int
    tokens : tuple of int
    text : str
    """

    law: str
    snapshot: int
    tokens: tuple[int, ...]
    text: str


LAWS = {
    "hidden-classes-never-part": "dead tokens equal in row and moments stay equal for ever",
    "hidden-classes-never-rise": "the number of hidden classes among the dead never rises",
    "counts-add-up": "U = C + S and P + S = V for every group",
    "zero-rate-is-rest": "no token moves in a step whose learning rate is zero",
}


def parted(tree: Lineage, causes: tuple[Cause | None, ...]) -> list[Violation]:
    """Partings inside one hidden class of dead tokens: a kernel that treats rows unequally."""
    return [
        Violation("hidden-classes-never-part", event.snapshot, why.violation, why.text)
        for event, why in zip(tree.events, causes, strict=True)
        if why is not None and why.violation
    ]


def risen(dead: HiddenCounts) -> list[Violation]:
    """Snapshots at which the dead have more hidden classes than before."""
    steps = np.flatnonzero(np.diff(dead.hidden_classes) > 0) + 1
    counts = dead.hidden_classes
    return [
        Violation("hidden-classes-never-rise", int(t), (), f"{counts[t - 1]} hidden classes became {counts[t]}")
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


def restless(
    moves: Displacement, steps: Integers, rates: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
) -> list[Violation]:
    """Snapshots at which a token moved although every rate since the one before was zero."""
    reached = np.concatenate([[0.0], np.cumsum(np.abs(rates[1]))])
    spent = reached[np.searchsorted(rates[0], steps, side="right")]
    known = np.isin(steps, rates[0])
    idle = np.flatnonzero(known[1:] & (np.diff(spent) == 0)) + 1
    return [
        Violation("zero-rate-is-rest", int(t), tuple(np.flatnonzero(moves.moved[t]).tolist()), "moved at rate 0")
        for t in idle.tolist()
        if moves.moved[t].any()
    ]
