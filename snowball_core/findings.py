"""What a whole run says: the verdict on a group, and every violation of a law."""

from __future__ import annotations

from typing import Any

import numpy as np

from .census import censuses, hidden_counts, hidden_leaders
from .errors import HistoryError
from .event_tables import account, jiggled
from .extent import extents
from .laws import LAWS, Violation, miscounted, parted, restless, risen
from .observation import Observation
from .pairs import adjacency_components
from .step_tables import moves_of
from .verdict import Verdict, verdict


def verdict_of(seen: Observation, group: str) -> Verdict:
    """The verdict on a group of one run, as far as it is recorded.

    Raises
    ------
    HistoryError
        If nothing was recorded, or there is no such group.
    """
    if not len(seen.words):
        raise HistoryError(f'a verdict needs a recorded snapshot; "{seen.id}" has none yet.')
    told, mask = account(seen, group), seen.mask(group)
    ends = told.leader[[0, -1]]
    first, last = censuses(ends, mask)
    true_holes = None
    if seen.moment_hash is not None:
        hidden = hidden_leaders(ends[1:], seen.moment_hash[-1:])
        true_holes = int(hidden_counts(ends[1:], hidden, mask).true_holes[0])
    rows = seen.words[-1:, mask]
    extent = extents(rows)["all"]
    try:
        components = adjacency_components(rows[0][np.unique(ends[1][mask], return_index=True)[1]]).count
    except HistoryError:
        components = None  # too many rows for all pairs: everything else is still told
    largest = float(extent.largest_linf_weight[0]), int(extent.largest_linf_cells[0])
    steps = int(seen.steps[0]), int(seen.steps[-1])
    return verdict(group, steps, (first, last), told.tree, largest, true_holes, components)


def violations(seen: Observation) -> list[Violation]:
    """Every violation of every law that can be checked on what was recorded, ordered by snapshot."""
    told = account(seen, "all")
    found: list[Violation] = []
    if jiggled(seen) is None:
        found += parted(told.tree, told.causes)
        if seen.moment_hash is not None and seen.dead is not None and len(seen.words):
            hidden = hidden_leaders(told.leader, seen.moment_hash)
            found += risen(hidden_counts(told.leader, hidden, seen.dead))
        if seen.rates is not None:
            found += restless(moves_of(seen)[0], seen.steps, seen.rates)
    for group, mask in seen.masks.items():
        counted = censuses(told.leader, mask)
        names = ("tokens", "unique", "black_holes", "population", "singletons")
        found += miscounted(group, {name: np.array([getattr(each, name) for each in counted]) for name in names})
    return sorted(found, key=lambda violation: violation.snapshot)


def law_rows(seen: Observation) -> list[dict[str, Any]]:
    """One row per law: its sentence, whether it could be checked, and its violations by step."""
    found = violations(seen)
    noisy = jiggled(seen) is not None
    checked = {
        "hidden-classes-never-part": seen.moment_hash is not None and not noisy,
        "hidden-classes-never-rise": seen.moment_hash is not None and seen.dead is not None and not noisy,
        "counts-add-up": True,
        "zero-rate-is-rest": seen.rates is not None and not noisy,
    }
    return [
        {
            "law": law,
            "says": text,
            "checked": checked[law],
            "violations": [
                {"step": int(seen.steps[each.snapshot]), "tokens": list(each.tokens), "text": each.text}
                for each in found
                if each.law == law
            ],
        }
        for law, text in LAWS.items()
    ]
