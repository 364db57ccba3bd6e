"""What became of the black holes: the seed's three success criteria with their numbers, in its form and a corrected one.

The seed hoped to see that dead tokens start as several black holes, that the snowball is tight, and that the holes stay or
consolidate. It counted the holes of *all* tokens, measured tightness in ε = σ, and took fewer holes for consolidation.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from .census import Census
from .distances import TOUCHING_CELLS
from .lineage import KINDS, Lineage

SEEDS_EPSILON = 1e-5
FACTOR = 10
UNTOLD = "cannot be told"
ONE_STEP = "One step is recorded: nothing could join or part yet."
ONE_DRAW = (
    "One run is one draw: another seed, device or thread count gives another history of the same experiment. "
    "Compare several runs before calling this a law."
)


def seed_criterion(linf_weight: float, linf_cells: float) -> dict[str, dict[str, Any]]:
    """The original notebook's criterion of compactness, beside the same criterion in lattice cells.

    The seed asked whether the largest L∞ is below ten ε with ε = σ, a number that says nothing of the lattice. Asked in
    cells: is it below ten cells? Where the largest L∞ is no number, or there is no pair, neither can be told: None.

    Examples
    --------
    >>> seed_criterion(9.8e-4, 1)["seed"]["holds"], seed_criterion(9.8e-4, 1)["cells"]["holds"]
    (False, True)
    """
    bound, is_known = FACTOR * SEEDS_EPSILON, not math.isnan(linf_weight)
    return {
        "seed": {
            "largest_linf_weight": linf_weight,
            "below": bound,
            "holds": linf_weight < bound if is_known else None,
            "ratio": linf_weight / SEEDS_EPSILON,
        },
        "cells": {
            "largest_linf_cells": int(linf_cells) if is_known else linf_cells,
            "below": FACTOR,
            "holds": linf_cells < FACTOR if is_known else None,
        },
    }


@dataclass(frozen=True)
class Form:
    """One form of a criterion: the question, its numbers, and whether it holds (None: undecidable)."""

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
    """Numbers of tokens and of events of each kind after the first snapshot."""

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
    tokens, events = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
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

    ``dispersed``: there were holes and there is none now. ``stable``: no token joined or left. Else the one with more tokens,
    joining or parting; equal flows are ``stable``. The number of holes alone does not decide: two holes can become one by
    merging or by evaporating.
    """
    if first.black_holes and not last.black_holes:
        return "dispersed"
    if flow.joining == flow.parting:
        return "stable"
    return "consolidation" if flow.joining > flow.parting else "fragmentation"


def seeds_outcome(first: Census, last: Census) -> str:
    """The word the seed printed, from the number of all tokens' holes alone.

    ``collapsed`` where one hole is left; ``dispersed`` where none is; else ``consolidation``,
    ``fragmentation`` or ``stable`` as the number fell, rose or stayed.
    """
    if last.black_holes < 2:
        return "collapsed" if last.black_holes else "dispersed"
    if last.black_holes == first.black_holes:
        return "stable"
    return "consolidation" if last.black_holes < first.black_holes else "fragmentation"


def seeds_conclusion(last: Census, largest_linf_weight: float) -> str:
    """The seed's last line: ``supported``, ``partial support`` or ``challenged``."""
    if last.black_holes > 1 and largest_linf_weight < FACTOR * SEEDS_EPSILON:
        return "supported"
    return "partial support" if last.black_holes == 1 else "challenged"


@dataclass(frozen=True)
class Verdict:
    """What became of a group's black holes in one run, and what the seed's own code would have printed.

    Of a run that diverged (``divergence``) the verdict is on the steps before.
    """

    group: str
    first_step: int
    last_step: int
    outcome: str
    seeds_outcome: str
    seeds_conclusion: str
    criteria: tuple[Criterion, ...]
    flows: Flows
    caution: str = ONE_DRAW
    divergence: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return asdict(self) | {"joining_tokens": self.flows.joining, "parting_tokens": self.flows.parting}


@dataclass(frozen=True)
class Evidence:
    """The first and last recorded step, the census of the group and of everyone at them, and the rest at the last step.

    The largest L∞ is in weight units and in cells; ``true_holes`` is None where moments were not recorded; ``components`` are
    those of the adjacency graph, None where there are too many pairs.
    """

    steps: tuple[int, int]
    counts: tuple[Census, Census]
    everyone: tuple[Census, Census]
    largest_linf: tuple[float, int]
    true_holes: int | None
    components: int | None


def verdict(group: str, evidence: Evidence, tree: Lineage) -> Verdict:
    """The verdict on one group of one run, from its lineage and the facts of its first and last step."""
    flow, last = flows(tree), evidence.everyone[1]
    return Verdict(
        group,
        *evidence.steps,
        outcome(*evidence.counts, flow),
        seeds_outcome(*evidence.everyone),
        seeds_conclusion(last, evidence.largest_linf[0]),
        (_several(evidence), _tightness(evidence), _lasting(evidence, flow)),
        flow,
        f"{ONE_STEP} {ONE_DRAW}" if evidence.steps[0] == evidence.steps[1] else ONE_DRAW,
    )


def untold(result: Verdict) -> Verdict:
    """The verdict on a group of which no finite step is recorded: the same questions and bounds, and no answer to any."""

    def blank(form: Form) -> Form:
        kept = {"below": form.numbers["below"]} if "below" in form.numbers else {}
        numbers = {name: math.nan if isinstance(value, float) else None for name, value in form.numbers.items()}
        return Form(form.asks, numbers | kept, None)

    criteria = tuple(replace(each, seed=blank(each.seed), corrected=blank(each.corrected)) for each in result.criteria)
    return replace(result, outcome=UNTOLD, seeds_outcome=UNTOLD, seeds_conclusion=UNTOLD, criteria=criteria)


def _several(evidence: Evidence) -> Criterion:
    everyone, group = evidence.everyone[0], evidence.counts[0]
    return Criterion(
        "several black holes at the start",
        Form(
            "do all tokens, dead and live, form more than one black hole at the first step (C > 1)?",
            {"black_holes": everyone.black_holes, "population": everyone.population, "tokens": everyone.tokens},
            everyone.black_holes > 1,
        ),
        Form(
            "do the group's own tokens form more than one black hole at the first step (C > 1)?",
            {"black_holes": group.black_holes, "population": group.population, "tokens": group.tokens},
            group.black_holes > 1,
        ),
    )


def _tightness(evidence: Evidence) -> Criterion:
    # A run that diverged holds NaN or infinities: whether rows are near each other is undecidable.
    holds, cells = seed_criterion(*evidence.largest_linf), int(evidence.largest_linf[1])
    seed, corrected = holds["seed"], holds["cells"]
    return Criterion(
        "a tight snowball at the end",
        Form(
            "is the largest L∞ below ten ε, with ε = σ = 1e-5? (σ is the noise, not the lattice)",
            {"largest_linf_weight": seed["largest_linf_weight"], "below": seed["below"], "in_epsilon": seed["ratio"]},
            seed["holds"],
        ),
        Form(
            "is the largest L∞ below ten cells of the lattice? (it touches everywhere at two cells or fewer)",
            {
                "largest_linf_cells": cells,
                "below": FACTOR,
                "touching_everywhere": None if corrected["holds"] is None else cells <= TOUCHING_CELLS,
                "components_within_a_cell": evidence.components,
            },
            corrected["holds"],
        ),
    )


def _lasting(evidence: Evidence, flow: Flows) -> Criterion:
    (before, after), word = evidence.everyone, outcome(*evidence.counts, flow)
    last = evidence.counts[1]
    return Criterion(
        "holes stay or consolidate",
        Form(
            "is the number of all tokens' black holes at the last step at least one and no larger than at the first?",
            {"black_holes_first": before.black_holes, "black_holes_last": after.black_holes},
            1 <= after.black_holes <= before.black_holes,
        ),
        Form(
            "did no more tokens part from their holes than joined, counted from the lineage's events, and is a hole left?",
            {
                "joining_tokens": flow.joining,
                "parting_tokens": flow.parting,
                "events": flow.events,
                "black_holes_last": last.black_holes,
                "sizes_last": list(last.sizes),
                "true_holes_last": evidence.true_holes,
            },
            last.black_holes >= 1 and word in ("stable", "consolidation"),
        ),
    )
