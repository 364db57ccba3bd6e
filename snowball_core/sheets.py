"""The named tables of a run: each a DataFrame, and as CSV, Parquet or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from .errors import HistoryError
from .event_tables import edge_table, event_rows, event_table, node_table
from .exhibit import Exhibit
from .findings import law_rows, verdict_of
from .geometry import linf_cells, linf_weight
from .pairs import pair_statistics
from .step_tables import CENSUS_COLUMNS, MOTION_COLUMNS, token_motion
from .tables import csv_bytes, glyph, holes_of, parquet_bytes

MOST_PAIRED = 1_024
_UNITS = {
    "linf": "weight units",
    "cells": "cells",
    "l1": "weight units",
    "l1_cells": "cells",
    "l2": "weight units",
    "l2_cells": "cells",
    "hamming": "components",
}


@dataclass(frozen=True)
class Sheet:
    """A named table: what it holds, and how it is made of an exhibit."""

    what: str
    make: Callable[[Exhibit], pd.DataFrame]


def token_motion_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per token, with its glyph: first and last move, path and net displacement."""
    table = token_motion(shown.seen)
    table.insert(1, "glyph", [glyph(int(token)) for token in table["token"]])
    return table


def distance_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per measure of distance, over unordered pairs of the group's tokens at the step."""
    found = asdict(pair_statistics(shown.rows))
    rows = [{"measure": name, "unit": unit, **found[name]} for name, unit in _UNITS.items()]
    return pd.DataFrame([{"step": shown.view.step, "group": shown.view.group, **row} for row in rows])


def pair_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per unordered pair of the group's tokens at the step: L∞ in weight units and in cells.

    Raises
    ------
    HistoryError
        If the group has more than :data:`MOST_PAIRED` tokens.
    """
    ids = np.flatnonzero(shown.mask)
    if len(ids) > MOST_PAIRED:
        raise HistoryError(
            f"a table of all pairs is written for at most {MOST_PAIRED:,} tokens; the group {shown.view.group} has "
            f"{len(ids):,}. "
            'Choose a smaller group, or take the table "distances": its statistics are over all pairs.'
        )
    first, second = np.triu_indices(len(ids), 1)
    weight, cells = linf_weight(shown.rows), linf_cells(shown.rows)
    columns = {"token": ids[first], "other": ids[second]}
    return pd.DataFrame({**columns, "linf_weight": weight[first, second], "linf_cells": cells[first, second]})


def verdict_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per criterion and form: what is asked, whether it holds (empty: cannot be told), and its numbers."""
    found = verdict_of(shown.seen, shown.view.group)
    words = {True: "yes", False: "no", None: "cannot be told"}
    rows = [
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
    last = {"group": found.group, "criterion": "outcome", "asks": "what became of the holes", "numbers": ""}
    rows.append({**last, "form": "seed", "holds": found.seeds_outcome})
    rows.append({**last, "form": "corrected", "holds": found.outcome})
    return pd.DataFrame(rows)


def _listed(numbers: Mapping[str, Any]) -> str:
    """Names and numbers as text; numbers within numbers in brackets."""
    parts = [
        f"{name} ({_listed(value)})" if isinstance(value, Mapping) else f"{name} {value}" for name, value in numbers.items()
    ]
    return ", ".join(parts)


def law_sheet(shown: Exhibit) -> pd.DataFrame:
    """One row per law and violation; a law that holds or cannot be checked has one row without a step."""
    rows = []
    for law in law_rows(shown.seen):
        state = "not checked" if not law["checked"] else "violated" if law["violations"] else "holds"
        head = {"law": law["law"], "says": law["says"], "state": state}
        for each in law["violations"] or [{"step": None, "tokens": [], "text": law["reason"]}]:
            tokens = " ".join(map(str, each["tokens"]))
            rows.append({**head, "step": each["step"], "tokens": tokens, "text": each["text"]})
    return pd.DataFrame(rows).astype({"step": "Int64"})


SHEETS = {
    "summary": Sheet("every measure of every recorded step and group, with loss and rate", lambda shown: shown.summary),
    "census": Sheet(
        "U, C, P, S, sizes and levels of identity, per recorded step and group", lambda shown: shown.summary[[*CENSUS_COLUMNS]]
    ),
    "motion": Sheet(
        "who moved, in which regime, how fast, per recorded step and group", lambda shown: shown.summary[[*MOTION_COLUMNS]]
    ),
    "token-motion": Sheet("first and last move, path and net displacement, per token", token_motion_sheet),
    "events": Sheet(
        "what happened to the group's black holes, with causes",
        lambda shown: event_table(event_rows(shown.told, shown.seen.steps)),
    ),
    "nodes": Sheet("black holes and the steps they lived through", lambda shown: node_table(shown.told.tree, shown.seen.steps)),
    "edges": Sheet("which hole became which", lambda shown: edge_table(shown.told.tree, shown.seen.steps)),
    "tokens": Sheet("the group's tokens at the step, and the hole each is in", lambda shown: shown.tokens),
    "holes": Sheet("the group's black holes at the step", lambda shown: holes_of(shown.tokens)),
    "distances": Sheet("pairwise distances at the step: statistics of seven measures", distance_sheet),
    "pairs": Sheet("pairwise L∞ at the step, every pair", pair_sheet),
    "verdict": Sheet("the experiment's criteria, in the seed's form and corrected", verdict_sheet),
    "laws": Sheet("the laws that must hold, and every violation by step", law_sheet),
}
PER_STEP = ("tokens", "holes", "distances", "pairs")


def json_bytes(table: pd.DataFrame) -> bytes:
    """The table as JSON: an array of objects, a row a line; missing and NaN are null, infinities text; no digit is lost.

    Examples
    --------
    >>> json_bytes(pd.DataFrame({"step": [0, 1], "loss": [float("nan"), 0.1]})).decode().splitlines()
    ['[', '{"step": 0, "loss": null},', '{"step": 1, "loss": 0.1}', ']']
    """
    columns = {str(name): table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}
    lines = [
        json.dumps(dict(zip(columns, map(_sayable, row), strict=True)), ensure_ascii=False)
        for row in zip(*columns.values(), strict=True)
    ]
    return ("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n").encode()


def _sayable(cell: Any) -> Any:
    """A number as JSON can say it: infinities have no number there."""
    if hasattr(cell, "item"):
        cell = cell.item()
    return cell if not isinstance(cell, float) or math.isfinite(cell) else str(cell)


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": csv_bytes, "parquet": parquet_bytes, "json": json_bytes}
