"""The verdict on a group over a whole run, and every violation of a law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.census import censuses, hidden_counts, hidden_leaders, history_leaders
from ..measures.distances import adjacency_components, largest
from ..measures.freezing import known_rates
from ..measures.identity import moved as moved_rows
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
from ..measures.verdict import Evidence, Verdict, untold, verdict
from ..memory import Progress, silent
from ..store.history import History
from .divergence import divergence, first_snapshots, judged
from .lineage import account, jiggled
from .per_step import step_table

_COUNTED = ("tokens", "unique", "black_holes", "population", "singletons")
_NOISE = "not applicable: noise is added to rows at every step"
_STILL = "only one snapshot is recorded; record more steps (--until, form: until)"
_NOTHING = "the first recorded snapshot is not finite; record with a lower rate (--learning-rate, form: learning rate)"
_NO_RATES = "the learning rates are unknown: no metrics.csv (every run made by train has one; form: Start run)"
_NO_MOMENTS = "moments not recorded; record with --extra moment_hash (form: extra)"


def verdict_of(history: History, group: str, progress: Progress = silent) -> Verdict:
    """The verdict on a group of one run, as far as it is recorded; of a run that diverged, up to its last finite step.

    Where not even the first recorded step is finite there is no verdict.
    """
    if not len(history.words):
        raise HistoryError(f'a verdict needs a recorded snapshot; "{history.id}" has none yet.')
    lost = divergence(history, group)
    if lost is None:
        return _verdict_of(history, group, progress)
    if history.finite:
        return replace(_verdict_of(judged(history), group, progress), divergence=lost.to_json())
    return replace(untold(_verdict_of(first_snapshots(history, 1), group, progress)), divergence=lost.to_json())


def _verdict_of(history: History, group: str, progress: Progress) -> Verdict:
    """The verdict on what was recorded, as if all of it were finite."""
    lineage, mask = account(history, group, progress), history.mask(group)
    ends = history_leaders(history.words[[0, -1]])
    true_holes = None
    if history.moment_hash is not None:
        hidden = hidden_leaders(ends[1:], history.moment_hash[-1:])
        true_holes = int(hidden_counts(ends[1:], hidden, mask).true_holes[0])
    weight, cells = largest(history.words[-1:], mask)
    try:
        components = adjacency_components(history.words[-1][mask][np.unique(ends[1][mask], return_index=True)[1]]).count
    except HistoryError:
        components = None  # too many rows for all pairs: the rest is still computed
    linf = float(weight[0]), int(cells[0])
    steps = int(history.steps[0]), int(history.steps[-1])
    of_group, of_all = censuses(ends, mask), censuses(ends)
    counts, everyone = (of_group[0], of_group[1]), (of_all[0], of_all[1])
    return verdict(group, Evidence(steps, counts, everyone, linf, true_holes, components), lineage.tree)


def unchecked(history: History) -> dict[str, str]:
    """The laws that cannot be checked on what was recorded, each with the reason."""
    if len(history.words) and not history.finite:
        return dict.fromkeys(LAWS, _NOTHING)
    history = judged(history)
    config, noisy, moments = history.config, jiggled(history) is not None, history.moment_hash is not None
    steps = set(history.steps[:2].tolist())
    adam = config is not None and config.optimizer == "adamw"
    alone = (len(history.steps) < 2, _STILL)
    reasons = {
        "hidden-classes-never-part": [alone, (noisy, _NOISE), (not moments, _NO_MOMENTS)],
        "hidden-classes-never-rise": [
            alone,
            (noisy, _NOISE),
            (not moments, _NO_MOMENTS),
            (history.dead is None, history.reason),
        ],
        "zero-rate-is-rest": [alone, (noisy, _NOISE), (not _rates_known(history), _NO_RATES)],
        "first-step-is-the-rate": [
            (noisy, _NOISE),
            (not adam, "applies to AdamW only (--optimizer adamw, form: optimizer)"),
            (not {0, 1} <= steps, "steps 0 and 1 not both recorded; record with --record log (form: record)"),
            ("gradient" not in history.recordings, "gradient not recorded; record with --extra gradient (form: extra)"),
            (
                history.rates is None or 1 not in history.rates[0],
                "the learning rate of step 1 is unknown: no row in metrics.csv (record a new run from step 0)",
            ),
        ],
        "beyond-reach-is-rest": [
            alone,
            (noisy, _NOISE),
            (
                not adam or not _rates_known(history),
                "applies to AdamW with known learning rates (--optimizer adamw, form: optimizer; metrics.csv)",
            ),
            (
                config is not None and math.isinf(largest_update(config, 1.0, 2)),
                "updates are unbounded with this beta2 and eps (form: beta2, eps)",
            ),
        ],
        "second-moment-only-rises": [
            alone,
            (
                "exp_avg_sq" not in history.recordings,
                "second moment not recorded; record with --extra exp_avg_sq (form: extra)",
            ),
            (
                config is not None and _can_fall(history),
                "not applicable: the second moment can decrease in this format and with this beta2",
            ),
        ],
    }
    for law in ("predictions-pull-to-zero", "dead-gradient-is-p-times-h"):
        reasons[law] = [
            (
                "gradient_laws" not in history.recordings,
                "residuals not recorded; record with --extra gradient_laws (form: extra)",
            )
        ]
    reason_of = {law: next((text for applies, text in listed if applies), "") for law, listed in reasons.items()}
    return {law: text for law, text in reason_of.items() if text}


def _rates_known(history: History) -> int:
    """Of how many steps between the recorded ones the learning rate is known."""
    return known_rates(history.rates, int(history.steps[0]), int(history.steps[-1])) if len(history.steps) else 0


def _limits(history: History) -> dict[str, str]:
    """The laws that can be checked at some steps only, each with the reason; the last row of a run at work may be to come."""
    history = judged(history)
    known, every = _rates_known(history), int(history.steps[-1] - history.steps[0]) if len(history.steps) else 0
    if known >= every - 1:
        return {}
    text = f"checked at the {known:,} of {every:,} steps with known learning rate"
    return dict.fromkeys(("zero-rate-is-rest", "beyond-reach-is-rest"), text)


def _can_fall(history: History) -> bool:
    config = history.config
    if config is None:
        return True
    moments = "BF16" if config.precision == "pure-bf16" else "F32"
    return any(second_moment_falls(part.beta2, moments) for part in (*history.past, config))


def violations(history: History, progress: Progress = silent) -> list[Violation]:
    """Every violation of every law that can be checked on what was recorded and is finite, ordered by snapshot."""
    table, cannot = step_table(history, progress), unchecked(history)
    if history.finite < len(history.words):
        table = table[table["step"].isin(history.steps[: history.finite])]
        history = judged(history)
    violated: list[Violation] = []
    for group, rows in table.groupby("group", sort=False):
        violated += miscounted(str(group), {name: rows[name].to_numpy(np.int64) for name in _COUNTED})
    if "hidden-classes-never-part" not in cannot:
        lineage = account(history, "all")
        violated += parted(lineage.tree, lineage.causes)
    if "hidden-classes-never-rise" not in cannot and len(table):
        violated += risen(table.loc[table["group"] == "dead", "hidden_classes"].to_numpy(np.int64))
    if "zero-rate-is-rest" not in cannot:
        violated += _restless(history, table)
    for law, check in _BY_STEP.items():
        if law not in cannot:
            violated += check(history)
    if "predictions-pull-to-zero" not in cannot and (residuals := history.recording("gradient_laws")) is not None:
        violated += unbalanced(np.asarray(residuals))
    return sorted(violated, key=lambda violation: violation.snapshot)


def _restless(history: History, table: pd.DataFrame) -> Iterator[Violation]:
    moved = table.loc[table["group"] == "all", "moved"].to_numpy(np.int64)
    for t in idle_snapshots(history.steps, history.rates).tolist() if history.rates else ():
        if moved[t]:
            yield from restless(t, moved_rows(history.words[t - 1 : t + 1])[1])


def _first_step(history: History) -> Iterator[Violation]:
    gradient, rates = history.recording("gradient"), history.rates
    if gradient is not None and len(gradient) > 1 and rates is not None and history.config is not None:
        own, rate = (*history.past, history.config)[0], float(rates[1][rates[0] == 1][0])
        yield from misstepped(history.words[0], history.words[1], gradient[1], rate, own)


def _beyond_reach(history: History) -> Iterator[Violation]:
    config, rates = history.config, history.rates
    if config is None or rates is None:
        return
    rate_of = dict(zip(rates[0].astype(int).tolist(), rates[1].tolist(), strict=True))
    for t in range(1, len(history.words)):
        step = int(history.steps[t])
        rate = rate_of.get(step)
        # The bound is one step's: between snapshots farther apart several updates add up.
        if rate is not None and step - history.steps[t - 1] == 1 and moved_rows(history.words[t - 1 : t + 1]).any():
            before = [each for each in history.past if each.last_step < step]
            own = (*history.past, config)[len(before)]
            most = largest_update(own, rate, step, before)
            yield from overreached(t, history.words[t - 1], history.words[t], most, decay_reach(own, rate))


def _second_moment(history: History) -> Iterator[Violation]:
    if (moments := history.recording("exp_avg_sq")) is not None:
        for t in range(1, len(moments)):
            yield from fallen(t, moments[t - 1], moments[t])


_BY_STEP = {
    "first-step-is-the-rate": _first_step,
    "beyond-reach-is-rest": _beyond_reach,
    "second-moment-only-rises": _second_moment,
}


def law_rows(history: History, progress: Progress = silent) -> list[dict[str, Any]]:
    """One row per law: its sentence, whether it could be checked, why not or not everywhere, and its violations by step.

    Of a run that diverged the steps before are checked.
    """
    violated, cannot = violations(history, progress), unchecked(history)
    reasons = {**_limits(history), **cannot}
    return [
        {
            "law": law,
            "says": text,
            "checked": law not in cannot,
            "reason": reasons.get(law, ""),
            "violations": [
                {"step": int(history.steps[each.snapshot]), "tokens": list(each.tokens), "text": each.text}
                for each in violated
                if each.law == law
            ],
        }
        for law, text in LAWS.items()
    ]
