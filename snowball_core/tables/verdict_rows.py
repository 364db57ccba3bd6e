"""The verdict and the laws as tables: one row a criterion, one a violation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from .divergence import Divergence
from .verdict import UNTOLD, Verdict


def verdict_table(found: Verdict) -> pd.DataFrame:
    """One row per criterion and form: what is asked, whether it holds, and its numbers; then what became of the holes.

    Of a run that diverged the first row says so.
    """
    words = {True: "yes", False: "no", None: UNTOLD}
    rows = [
        {
            "group": found.group,
            "criterion": "divergence",
            "form": "corrected",
            "asks": "is every recorded number finite?",
            "holds": "no",
            "numbers": text,
        }
        for text in ([found.divergence["text"]] if found.divergence else [])
    ]
    rows += [
        {
            "group": found.group,
            "criterion": criterion.name,
            "form": form,
            "asks": asked.asks,
            "holds": words[asked.holds],
            "numbers": _listed(asked.numbers),
        }
        for criterion in found.criteria
        for form, asked in (("seed", criterion.seed), ("corrected", criterion.corrected))
    ]
    last = {"group": found.group, "criterion": "outcome", "asks": "what became of the holes", "numbers": found.caution}
    rows.append({**last, "form": "seed", "holds": found.seeds_outcome})
    rows.append({**last, "form": "corrected", "holds": found.outcome})
    return pd.DataFrame(rows)


def _listed(numbers: Mapping[str, Any]) -> str:
    """Names and numbers as text; numbers within numbers in brackets."""
    parts = [
        f"{name} ({_listed(value)})" if isinstance(value, Mapping) else f"{name} {value}" for name, value in numbers.items()
    ]
    return ", ".join(parts)


def law_table(laws: Iterable[Mapping[str, Any]], lost: Divergence | None = None) -> pd.DataFrame:
    """One row per law and violation; a law that holds or cannot be checked has one row without a step.

    Of a run that diverged the first row says so.
    """
    rows = []
    if lost is not None:
        said = {"law": "divergence", "says": "every recorded number is finite", "state": "diverged"}
        rows.append({**said, "step": lost.step, "tokens": "", "text": lost.text})
    for law in laws:
        state = "not checked" if not law["checked"] else "violated" if law["violations"] else "holds"
        head = {"law": law["law"], "says": law["says"], "state": state}
        for each in law["violations"] or [{"step": None, "tokens": [], "text": law["reason"]}]:
            tokens = " ".join(map(str, each["tokens"]))
            rows.append({**head, "step": each["step"], "tokens": tokens, "text": each["text"]})
    return pd.DataFrame(rows).astype({"step": "Int64"})
