"""What a whole run says: the verdict on a group, and every violation of a law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.bf16 import bits
from ..measures.census import census_history, censuses, class_sizes, hidden_counts, hidden_leaders, history_leaders
from ..measures.extent import extents
from ..measures.freezing import known_rates
from ..measures.laws import (
    LAWS,
    Violation,
    fallen,
    idle_snapshots,
    miscounted,
    misstepped,
    overreached,
    parted,
    restless,
    risen,
    unbalanced,
)
from ..measures.mobility import decay_reach, largest_update, second_moment_falls
from ..measures.pair_distances import adjacency_components
from ..measures.verdict import Evidence, Verdict, untold, verdict
from ..memory import release
from ..store.history import Observation
from .blocks import Progress, blocks, silent
from .divergence import divergence, judged
from .lineage import account, jiggled
from .per_step import step_table
from .text import story

_COUNTED = ("tokens", "unique", "black_holes", "population", "singletons")
_NOISE = "rows are jiggled: noise may part and move them"
_STILL = "one snapshot is recorded: nothing could change yet"
_NOTHING = "the first recorded snapshot is not finite: there is nothing before it"
_NO_RATES = "the learning rate of the steps is not known"
_NO_MOMENTS = "the optimizer's moments were not recorded (moment_hash)"


def verdict_of(seen: Observation, group: str, progress: Progress = silent) -> Verdict:
    """The verdict on a group of one run, as far as it is recorded; of a run that diverged, up to its last finite step.

    Where not even the first recorded step is finite nothing can be told.

    Raises
    ------
    HistoryError
        If nothing was recorded, or there is no such group.
    """
    if not len(seen.words):
        raise HistoryError(f'a verdict needs a recorded snapshot; "{seen.id}" has none yet.')
    lost = divergence(seen, group)
    if lost is None:
        return _verdict_of(seen, group, progress)
    if seen.finite:
        return replace(_verdict_of(judged(seen), group, progress), divergence=lost.to_json())
    first = replace(seen, words=seen.words[:1], steps=seen.steps[:1])
    return replace(untold(_verdict_of(first, group, progress)), divergence=lost.to_json())


def _verdict_of(seen: Observation, group: str, progress: Progress) -> Verdict:
    """The verdict on what was recorded, as if all of it were finite."""
    told, mask = account(seen, group, progress), seen.mask(group)
    ends = history_leaders(seen.words[[0, -1]])
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
    of_group, of_all = censuses(ends, mask), censuses(ends)
    counts, everyone = (of_group[0], of_group[1]), (of_all[0], of_all[1])
    return verdict(group, Evidence(steps, counts, everyone, largest, true_holes, components), told.tree)


def story_of(seen: Observation, group: str) -> str:
    """What happened to a group's black holes, in words; of a run that diverged that first, then the story until then.

    Raises
    ------
    HistoryError
        If there is no such group.
    """
    lost, seen, mask = divergence(seen, group), judged(seen), seen.mask(group)
    if not len(seen.words):
        return f"{lost.text}." if lost else ""
    moments = None if seen.moment_hash is None else seen.moment_hash[-1][mask]
    known = None if moments is None else class_sizes(seen.words[-1][mask], moments)
    told = story(census_history(seen.words, mask), seen.steps, group, known)
    return f"{lost.text}. {told}" if lost else told


def unchecked(seen: Observation) -> dict[str, str]:
    """The laws that cannot be checked on what was recorded, each with the reason."""
    if len(seen.words) and not seen.finite:
        return dict.fromkeys(LAWS, _NOTHING)
    seen = judged(seen)
    config, noisy, moments = seen.config, jiggled(seen) is not None, seen.moment_hash is not None
    steps = set(seen.steps[:2].tolist())
    adam = config is not None and config.optimizer == "adamw"
    alone = (len(seen.steps) < 2, _STILL)
    reasons = {
        "hidden-classes-never-part": [alone, (noisy, _NOISE), (not moments, _NO_MOMENTS)],
        "hidden-classes-never-rise": [alone, (noisy, _NOISE), (not moments, _NO_MOMENTS), (seen.dead is None, seen.reason)],
        "zero-rate-is-rest": [alone, (noisy, _NOISE), (not _rates_known(seen), _NO_RATES)],
        "first-step-is-the-rate": [
            (noisy, _NOISE),
            (not adam, "the optimizer is not known to be AdamW"),
            (not {0, 1} <= steps, "steps 0 and 1 were not both recorded"),
            ("gradient" not in seen.recordings, "the gradient was not recorded (gradient)"),
            (seen.rates is None or 1 not in seen.rates[0], "the learning rate of step 1 is not known"),
        ],
        "beyond-reach-is-rest": [
            alone,
            (noisy, _NOISE),
            (not adam or not _rates_known(seen), "the optimizer is not known to be AdamW, or its rates are not known"),
            (
                config is not None and math.isinf(largest_update(config, 1.0, 2)),
                "with this beta2 and eps nothing bounds an update",
            ),
        ],
        "second-moment-only-rises": [
            alone,
            ("exp_avg_sq" not in seen.recordings, "the second moment was not recorded (exp_avg_sq)"),
            (config is not None and _can_fall(seen), "in this format and with this beta2 it can fall"),
        ],
    }
    for law in ("predictions-pull-to-zero", "dead-gradient-is-p-times-h"):
        reasons[law] = [("gradient_laws" not in seen.recordings, "the residuals were not recorded (gradient_laws)")]
    found = {law: next((text for applies, text in listed if applies), "") for law, listed in reasons.items()}
    return {law: text for law, text in found.items() if text}


def _rates_known(seen: Observation) -> int:
    """Of how many steps between the recorded ones the learning rate is known."""
    return known_rates(seen.rates, int(seen.steps[0]), int(seen.steps[-1])) if len(seen.steps) else 0


def _limits(seen: Observation) -> dict[str, str]:
    """The laws that can be checked at some steps only, each with the reason; the last row of a run at work may be to come."""
    seen = judged(seen)
    known, every = _rates_known(seen), int(seen.steps[-1] - seen.steps[0]) if len(seen.steps) else 0
    if known >= every - 1:
        return {}
    text = f"checked only where the learning rate is known, at {known:,} of {every:,} steps"
    return dict.fromkeys(("zero-rate-is-rest", "beyond-reach-is-rest"), text)


def _can_fall(seen: Observation) -> bool:
    config = seen.config
    if config is None:
        return True
    moments = "BF16" if config.precision == "pure-bf16" else "F32"
    return any(second_moment_falls(part.beta2, moments) for part in (*seen.past, config))


def violations(seen: Observation, progress: Progress = silent) -> list[Violation]:
    """Every violation of every law that can be checked on what was recorded and is finite, ordered by snapshot."""
    table, cannot = step_table(seen, progress), unchecked(seen)
    if seen.finite < len(seen.words):
        table = table[table["step"].isin(seen.steps[: seen.finite])]
        seen = judged(seen)
    found: list[Violation] = []
    for group, rows in table.groupby("group", sort=False):
        found += miscounted(str(group), {name: rows[name].to_numpy(np.int64) for name in _COUNTED})
    if "hidden-classes-never-part" not in cannot:
        told = account(seen, "all")
        found += parted(told.tree, told.causes)
    if "hidden-classes-never-rise" not in cannot and len(table):
        found += risen(table.loc[table["group"] == "dead", "hidden_classes"].to_numpy(np.int64))
    if "zero-rate-is-rest" not in cannot:
        found += _restless(seen, table)
    for law, check in _BY_STEP.items():
        if law not in cannot:
            found += check(seen)
    if "predictions-pull-to-zero" not in cannot and (residuals := seen.recording("gradient_laws")) is not None:
        found += unbalanced(np.asarray(residuals))
    return sorted(found, key=lambda violation: violation.snapshot)


def _restless(seen: Observation, table: pd.DataFrame) -> Iterator[Violation]:
    moved = table.loc[table["group"] == "all", "moved"].to_numpy(np.int64)
    for t in idle_snapshots(seen.steps, seen.rates).tolist() if seen.rates else ():
        if moved[t]:
            yield from restless(t, (bits(seen.words[t]) != bits(seen.words[t - 1])).any(axis=1))


def _first_step(seen: Observation) -> Iterator[Violation]:
    gradient, rates = seen.recording("gradient"), seen.rates
    if gradient is not None and len(gradient) > 1 and rates is not None and seen.config is not None:
        own, rate = (*seen.past, seen.config)[0], float(rates[1][rates[0] == 1][0])
        yield from misstepped(seen.words[0], seen.words[1], gradient[1], rate, own)


def _beyond_reach(seen: Observation) -> Iterator[Violation]:
    config, rates = seen.config, seen.rates
    if config is None or rates is None:
        return
    rate_of = dict(zip(rates[0].astype(int).tolist(), rates[1].tolist(), strict=True))
    for start, stop in blocks(seen):
        for t in range(max(1, start), stop):
            step = int(seen.steps[t])
            rate = rate_of.get(step)
            # The bound is one step's: between snapshots farther apart several updates add up.
            if rate is not None and step - seen.steps[t - 1] == 1 and (bits(seen.words[t]) != bits(seen.words[t - 1])).any():
                before = [each for each in seen.past if each.last_step < step]
                own = (*seen.past, config)[len(before)]
                largest = largest_update(own, rate, step, before)
                yield from overreached(t, seen.words[t - 1], seen.words[t], largest, decay_reach(own, rate))
        release(seen.words)


def _second_moment(seen: Observation) -> Iterator[Violation]:
    if (moments := seen.recording("exp_avg_sq")) is not None:
        for t in range(1, len(moments)):
            yield from fallen(t, moments[t - 1], moments[t])


_BY_STEP = {
    "first-step-is-the-rate": _first_step,
    "beyond-reach-is-rest": _beyond_reach,
    "second-moment-only-rises": _second_moment,
}


def law_rows(seen: Observation, progress: Progress = silent) -> list[dict[str, Any]]:
    """One row per law: its sentence, whether it could be checked, why not or not everywhere, and its violations by step.

    Of a run that diverged the steps before are checked.
    """
    found, cannot = violations(seen, progress), unchecked(seen)
    reasons = {**_limits(seen), **cannot}
    return [
        {
            "law": law,
            "says": text,
            "checked": law not in cannot,
            "reason": reasons.get(law, ""),
            "violations": [
                {"step": int(seen.steps[each.snapshot]), "tokens": list(each.tokens), "text": each.text}
                for each in found
                if each.law == law
            ],
        }
        for law, text in LAWS.items()
    ]
