"""Openers of the Verdict page, each made once for a folder and a snapshot count, with a bar where that takes a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.measures.verdict import Verdict
from snowball_core.tables.verdict import law_rows, verdict_of
from snowball_core.tables.verdict_rows import CellWidths, cell_widths, epsilon_table

from ..shared import cached
from ..shared.file_stamps import of_run, stamp
from ..shared.progress_bar import Share, once


def verdict(path: str, snapshots: int, group: str) -> Verdict:
    """The verdict on a group."""

    def make(tell: Share) -> Verdict:
        return verdict_of(cached.history(path, snapshots), group, _steps(tell))

    return once("verdict", (path, stamp(path), snapshots, group), make, "Following every black hole to its end", most=32)


def laws(path: str, snapshots: int) -> list[dict[str, Any]]:
    """Every law with its violations."""

    def make(tell: Share) -> list[dict[str, Any]]:
        return law_rows(cached.history(path, snapshots), _steps(tell))

    return once("laws", (path, stamp(path), snapshots), make, "Checking every law at every recorded step", most=16)


def _steps(tell: Share) -> Callable[[int, int], None]:
    return lambda done, total: tell(done / max(1, total))


@of_run(st.cache_data, max_entries=32, show_spinner=False)
def distances(path: str, snapshots: int, group: str) -> tuple[pd.DataFrame, CellWidths]:
    """The largest L∞ of every step in three units, and how wide cells are at the last."""
    table = cached.measures(path, snapshots)
    mine = table[table["group"] == group]
    columns = (mine[name].to_numpy() for name in ("step", "largest_linf_weight", "largest_linf_cells"))
    rows = cached.rows_at(path, snapshots, -1, cached.history(path, snapshots).mask(group))
    return epsilon_table(*columns), cell_widths(rows)
