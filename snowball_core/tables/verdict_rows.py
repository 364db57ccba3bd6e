"""The verdict, the laws and the seed's constant ε as tables: a row a criterion, a violation, a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Words, ulp
from ..measures.verdict import FACTOR, SEEDS_EPSILON, UNTOLD, Verdict
from .divergence import Divergence


def verdict_table(verdict: Verdict) -> pd.DataFrame:
    """One row per criterion and form: the question, whether it holds, and its numbers; then the outcome of the holes.

    The first row of a run that diverged is the divergence.
    """
    words = {True: "yes", False: "no", None: UNTOLD}
    rows = [
        {
            "group": verdict.group,
            "criterion": "divergence",
            "form": "corrected",
            "asks": "is every recorded number finite?",
            "holds": "no",
            "numbers": text,
        }
        for text in ([verdict.divergence["text"]] if verdict.divergence else [])
    ]
    rows += [
        {
            "group": verdict.group,
            "criterion": criterion.name,
            "form": form,
            "asks": form_of.asks,
            "holds": words[form_of.holds],
            "numbers": _listed(form_of.numbers),
        }
        for criterion in verdict.criteria
        for form, form_of in (("seed", criterion.seed), ("corrected", criterion.corrected))
    ]
    last = {"group": verdict.group, "criterion": "outcome", "asks": "what became of the holes", "numbers": verdict.caution}
    rows.append({**last, "form": "seed", "holds": verdict.seeds_outcome})
    rows.append({**last, "form": "corrected", "holds": verdict.outcome})
    return pd.DataFrame(rows)


def _listed(numbers: Mapping[str, Any]) -> str:
    """Names and numbers as text; numbers within numbers in brackets."""
    parts = [
        f"{name} ({_listed(value)})" if isinstance(value, Mapping) else f"{name} {value}" for name, value in numbers.items()
    ]
    return ", ".join(parts)


def law_table(laws: Iterable[Mapping[str, Any]], lost: Divergence | None = None) -> pd.DataFrame:
    """One row per law and violation; a law that holds or cannot be checked has one row without a step.

    The first row of a run that diverged is the divergence.
    """
    rows = []
    if lost is not None:
        row = {"law": "divergence", "says": "every recorded number is finite", "state": "diverged"}
        rows.append({**row, "step": lost.step, "tokens": "", "text": lost.text})
    for law in laws:
        state = "not checked" if not law["checked"] else "violated" if law["violations"] else "holds"
        head = {"law": law["law"], "says": law["says"], "state": state}
        for each in law["violations"] or [{"step": None, "tokens": [], "text": law["reason"]}]:
            tokens = " ".join(map(str, each["tokens"]))
            rows.append({**head, "step": each["step"], "tokens": tokens, "text": each["text"]})
    return pd.DataFrame(rows).astype({"step": "Int64"})


def epsilon_table(steps: npt.NDArray[np.int64], weight: npt.NDArray[np.float64], cells: npt.NDArray[Any]) -> pd.DataFrame:
    """The largest L∞ of a group at every recorded step in three units, and whether either form of the criterion holds.

    Columns ``step``, ``weight``, ``epsilon`` (weight / 1e-5), ``cells``, ``seed_holds`` (below ten ε), ``cells_hold`` (below
    ten cells).

    Examples
    --------
    >>> table = epsilon_table(np.array([7]), np.array([9.8e-4]), np.array([1]))
    >>> table[["seed_holds", "cells_hold"]].values.tolist()
    [[False, True]]
    """
    return pd.DataFrame(
        {
            "step": steps,
            "weight": weight,
            "epsilon": weight / SEEDS_EPSILON,
            "cells": cells,
            "seed_holds": weight < FACTOR * SEEDS_EPSILON,
            "cells_hold": cells < FACTOR,
        }
    )


def cell_widths(rows: Words) -> tuple[float, float, float]:
    """The least, the median and the largest spacing of the number format at the components of some rows, in the seed's ε.

    Examples
    --------
    >>> [round(width, 1) for width in cell_widths(np.array([[0x3F80, 0x3D80, 0x3F80]], np.uint16))]
    [48.8, 781.2, 781.2]
    """
    width = ulp(rows)
    return float(width.min()) / SEEDS_EPSILON, float(np.median(width)) / SEEDS_EPSILON, float(width.max()) / SEEDS_EPSILON


def disagreement(table: pd.DataFrame) -> str:
    """At how many recorded steps of an :func:`epsilon_table` the two forms contradict each other, in words."""
    differs = table[table["seed_holds"] != table["cells_hold"]]
    if differs.empty:
        return "The two forms agree at " + (
            "the one recorded step." if len(table) == 1 else f"all {len(table):,} recorded steps."
        )
    first, last = int(differs["step"].iloc[0]), int(differs["step"].iloc[-1])
    at = f"step {first:,}" if len(differs) == 1 else f"the first of them step {first:,}, the last {last:,}"
    wide, narrow = int(differs["cells_hold"].sum()), int(differs["seed_holds"].sum())
    sides = [f"at {wide:,} ε calls wide what is compact on the lattice"] if wide else []
    sides += [f"at {narrow:,} ε calls compact what is wide on the lattice"] if narrow else []
    return (
        f"The two forms contradict each other at {len(differs):,} of {len(table):,} recorded steps, {at}: {', '.join(sides)}."
    )
