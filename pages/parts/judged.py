"""Cached openers of the Verdict page, keyed by folder and snapshot count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.epsilon import CellWidths, cell_widths, epsilon_table
from snowball_core.findings import law_rows, verdict_of
from snowball_core.observation import observe
from snowball_core.runs import read_run
from snowball_core.verdict import Verdict

from . import openers


@st.cache_data(max_entries=32, show_spinner="Following every black hole to its end…", show_time=True)
def verdict(path: str, snapshots: int, group: str) -> Verdict:
    """The verdict on a group."""
    return verdict_of(observe(read_run(Path(path))), group)


@st.cache_data(max_entries=16, show_spinner="Checking every law at every recorded step…", show_time=True)
def laws(path: str, snapshots: int) -> list[dict[str, Any]]:
    """Every law with its violations."""
    return law_rows(observe(read_run(Path(path))))


@st.cache_data(max_entries=32, show_spinner=False)
def distances(path: str, snapshots: int, group: str) -> tuple[pd.DataFrame, CellWidths]:
    """The largest L∞ of every step in three units, and how wide cells are at the last."""
    table = openers.measures(path, snapshots)
    mine = table[table["group"] == group]
    columns = (mine[name].to_numpy() for name in ("step", "largest_linf_weight", "largest_linf_cells"))
    seen = observe(read_run(Path(path)))
    return epsilon_table(*columns), cell_widths(seen.words[-1][seen.mask(group)])
