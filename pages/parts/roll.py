"""The roll of a comparison: every run with its draw, the duplicates, and what differs between configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd
import streamlit as st

from snowball_core.draws import Twins
from snowball_core.line_up import LineUp, configuration_differences, roll, setting_names, told_twin
from snowball_core.status import Status
from snowball_core.tables import csv_bytes

from .meaning import what_is
from .words import plain

_MOST_TOLD = 6


def roll_call(lined_up: LineUp, names: Mapping[str, str], states: Mapping[str, Status]) -> None:
    """How many independent draws the runs are, which of them are duplicates, and one row for each."""
    with st.container(border=True, key="draws"):
        st.markdown(f"**{plain(lined_up.told)}** {what_is('independent draws')}")
        told = [_once(pair, names) for pair in lined_up.pairs]
        if len(told) > _MOST_TOLD:
            more = f"And {len(told) - _MOST_TOLD:,} more: runs of one draw have one number in the table."
            told = [*told[:_MOST_TOLD], more]
        if told:
            st.warning("  \n".join(told), icon=":material/content_copy:")
        _table(lined_up, names, states)


def _once(pair: Twins, names: Mapping[str, str]) -> str:
    first, second = (plain(names[run]) for run in (pair.first, pair.second))
    return f"**{first}** and **{second}** count once. {told_twin(pair).capitalize()}."


def _table(lined_up: LineUp, names: Mapping[str, str], states: Mapping[str, Status]) -> None:
    called = setting_names(lined_up)
    rows = [
        {
            "run": f"{names[row['run']]}",
            "id": row["run"],
            "draw": row["draw"],
            "setting": called[row["setting"]],
            "draw hash": row["draw_hash"] or "unknown",
            "state": states[row["run"]].state,
            "last step": row["last_step"],
            "snapshots": row["snapshots"],
        }
        for row in roll(lined_up)
    ]
    thousands = {name: st.column_config.NumberColumn(format="localized") for name in ("last step", "snapshots")}
    height: int | Literal["content"] = "content" if len(rows) < 12 else 420
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="roll", height=height, column_config=thousands)
    if alone := [
        draw for draw in set(lined_up.settings) if lined_up.settings.count(draw) == 1 and len(set(lined_up.settings)) > 1
    ]:
        count = len(alone)
        st.caption(
            f"{count} {'setting has' if count == 1 else 'settings have'} one run: one run is one draw, and has no ribbon."
        )


def differing(lined_up: LineUp, names: Mapping[str, str]) -> None:
    """The fields in which the configurations differ."""
    table = configuration_differences(lined_up)
    if table.empty:
        st.caption("Nothing that decides the numbers differs between these configurations.")
        return
    told = table.rename(columns=dict(names))
    st.dataframe(told, hide_index=True, key="differences", height="content")
    st.caption(
        "Only fields that differ. Names, recording schedules, devices and threads are left out; the text is told by its hash."
    )
    st.download_button(
        "Differences as CSV",
        lambda: csv_bytes(table),
        "differences.csv",
        "text/csv",
        key="differences-csv",
        on_click="ignore",
        icon=":material/download:",
    )
