"""What became of the black holes: three criteria with their numbers, in the seed's form and a corrected one; one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .census import Census
from .lineage import Lineage

SEEDS_EPSILON = 1e-5
FACTOR = 10
ONE_DRAW = (
    "One run is one draw: another seed, device or thread count gives another history of the same experiment. "
    "Compare several runs before calling this a law."
)


@dataclass(frozen=True)
class Form:
    """One form of a criterion: what is asked, with which numbers, and whether it holds (None: cannot be told)."""

    asks: str
    numbers: dict[str, Any]
    holds: bool | None


@dataclass(frozen=True)
class Criterion:
    """One question of the experiment in the seed's form and in the corrected one."""

    name: str
    seed: Form
    corrected: Form


@dataclass(frozen=True)
class Flows:
    """How many tokens changed hands in each kind of event after the first snapshot, and how many events there were."""

    tokens: dict[str, int]
    events: dict[str, int]

    @property
    def joining(self) -> int:
        """Tokens that came together: formed, absorbed, and of a coalescence all but the largest part."""
        return self.tokens["formation"] + self.tokens["absorption"] + self.tokens["coalescence"]

    @property
    def parting(self) -> int:
        """Tokens that came apart: evaporated, emitted, and of a fission all but the largest part."""
        return self.tokens["evaporation"] + self.tokens["emission"] + self.tokens["fission"]


def flows(tree: Lineage) -> Flows:
    """The tokens that joined and left holes, added up over the events after the first snapshot.

    Of a coalescence or a fission the largest part counts as staying where it was; the rest moved.
    """
    kinds = ("formation", "absorption", "coalescence", "emission", "fission", "evaporation")
    tokens, events = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    for event in tree.events:
        if event.snapshot == 0:
            continue
        events[event.kind] += 1
        several = {"coalescence": event.parents, "fission": event.children}.get(event.kind)
        stayed = 0
        if several is not None:
            stayed = max(len(set(tree.nodes[i].tokens) & set(event.tokens)) for i in several)
        tokens[event.kind] += len(event.tokens) - stayed
    return Flows(tokens, events)


def outcome(first: Census, last: Census, flow: Flows) -> str:
    """What became of the holes: ``consolidation``, ``fragmentation``, ``stable`` or ``dispersed``, decided by who moved.

    ``dispersed``: there were holes and there is none now. ``stable``: nobody joined or left. Else whichever moved more tokens,
    joining or parting; equal flows are ``stable``. The number of holes alone cannot tell: two holes can become one by
    merging or by evaporating.
    """
    if first.black_holes and not last.black_holes:
        return "dispersed"
    if flow.joining == flow.parting:
        return "stable"
    return "consolidation" if flow.joining > flow.parting else "fragmentation"


def seeds_outcome(first: Census, last: Census) -> str:
    """The same word from the number of holes alone, as the seed would have it."""
    if first.black_holes and not last.black_holes:
        return "dispersed"
    if last.black_holes == first.black_holes:
        return "stable"
    return "consolidation" if last.black_holes < first.black_holes else "fragmentation"


@dataclass(frozen=True)
class Verdict:
    """What became of a group's black holes in one run.

    Attributes
    ----------
    group : str
    first_step, last_step : int
    outcome, seeds_outcome : str
    criteria : tuple of Criterion
    flows : Flows
    caution : str
    """

    group: str
    first_step: int
    last_step: int
    outcome: str
    seeds_outcome: str
    criteria: tuple[Criterion, ...]
    flows: Flows
    caution: str = ONE_DRAW

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return asdict(self) | {"joining_tokens": self.flows.joining, "parting_tokens": self.flows.parting}


def verdict(
    group: str,
    steps: tuple[int, int],
    counts: tuple[Census, Census],
    tree: Lineage,
    largest_linf: tuple[float, int],
    true_holes: int | None,
    components: int | None,
) -> Verdict:
    """The verdict on one group of one run.

    Parameters
    ----------
    group : str
    steps : tuple of int
        First and last recorded step.
    counts : tuple of Census
        At these steps.
    tree : Lineage
    largest_linf : tuple of float and int
        The largest L∞ at the last step, in weight units and in cells.
    true_holes : int or None
        Holes of one hidden class at the last step; None where moments were not recorded.
    components : int or None
        Components of the adjacency graph at the last step.
    """
    first, last = counts
    flow = flows(tree)
    criteria = (_survival(last, true_holes), _merging(first, last, flow), _compactness(largest_linf, components))
    return Verdict(group, *steps, outcome(first, last, flow), seeds_outcome(first, last), criteria, flow)


def _survival(last: Census, true_holes: int | None) -> Criterion:
    numbers = {"black_holes": last.black_holes, "population": last.population, "sizes": list(last.sizes)}
    return Criterion(
        "black holes at the end",
        Form("is there a black hole at the last step (C ≥ 1)?", numbers, last.black_holes >= 1),
        Form(
            "is one of them true: tokens equal in row and in both moments, which nothing can part?",
            {**numbers, "true_holes": true_holes},
            None if true_holes is None else true_holes >= 1,
        ),
    )


def _merging(first: Census, last: Census, flow: Flows) -> Criterion:
    return Criterion(
        "merging",
        Form(
            "are there fewer black holes at the end than at the start?",
            {"black_holes_first": first.black_holes, "black_holes_last": last.black_holes},
            last.black_holes < first.black_holes,
        ),
        Form(
            "did more tokens join other tokens than part from them, counted from the lineage's events?",
            {"joining_tokens": flow.joining, "parting_tokens": flow.parting, "events": flow.events},
            flow.joining > flow.parting,
        ),
    )


def _compactness(largest: Sequence[float], components: int | None) -> Criterion:
    weight, cells = largest
    return Criterion(
        "compactness",
        Form(
            "is the largest L∞ below ten ε, with ε = σ = 1e-5? (σ is the noise, not the lattice)",
            {"largest_linf_weight": weight, "below": FACTOR * SEEDS_EPSILON, "in_epsilon": weight / SEEDS_EPSILON},
            weight < FACTOR * SEEDS_EPSILON,
        ),
        Form(
            "is the largest L∞ below ten cells of the lattice?",
            {"largest_linf_cells": int(cells), "below": FACTOR, "components_within_a_cell": components},
            cells < FACTOR,
        ),
    )
