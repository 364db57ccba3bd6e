"""The laws as monitors: each with its state, and every violation by step."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from snowball_core.export.view import View

from ..shared import cached
from ..shared.downloads import link
from ..shared.help_links import what_is
from ..shared.text import many


def monitors(view: View) -> None:
    """Every law with its state; what violates it, with a link to the step."""
    path, snapshots, _ = cached.key(view)
    rows = cached.laws(path, snapshots)
    st.subheader("The laws", anchor="laws")
    st.markdown(f"Checked over {many(snapshots, 'snapshot')}{_gaps(view.judged.steps)}. " + what_is("laws-as-monitors"))
    table = pd.DataFrame(
        {
            "law": [row["law"].replace("-", " ") for row in rows],
            "says": [row["says"] for row in rows],
            "state": [_state(row) for row in rows],
            "violations": [f"{len(row['violations']):,}" if row["checked"] else "" for row in rows],
        }
    )
    # A table of the page's own wraps its sentences; the one that can be sorted would cut them.
    with st.container(key="laws-table"):
        st.table(table, border="horizontal", hide_index=True, alt="The laws, with state and number of violations")
    found = [{"law": row["law"], **each} for row in rows for each in row["violations"]]
    if found:
        _violations(view, found)


def _gaps(steps: npt.NDArray[np.int64]) -> str:
    """What is left out where not every step was recorded: the reach of an update is that of one step."""
    apart = np.diff(steps)
    if (apart == 1).all():
        return ""
    single = int((apart == 1).sum())
    return f"; the update bound only for the {single:,} of {len(apart):,} pairs of snapshots that are one step apart"


def _state(row: dict[str, Any]) -> str:
    if not row["checked"]:
        return f"cannot be checked: {row['reason']}"
    state = "violated" if row["violations"] else "holds"
    return f"{state}; {row['reason']}" if row["reason"] else state


def _violations(view: View, found: list[dict[str, Any]]) -> None:
    count = len(found)
    st.warning(f"{many(count, 'violation')}: a recording is damaged, or the law does not hold.")
    table = pd.DataFrame(found).assign(tokens=[" ".join(map(str, each["tokens"])) for each in found])
    shown = table.assign(law=table["law"].str.replace("-", " "))[["step", "law", "text", "tokens"]]
    height: int | Literal["content"] = "content" if count < 12 else 420
    widths = {"step": st.column_config.NumberColumn(format="localized", width=70), "law": st.column_config.Column(width=190)}
    alt = "Violations, with step and tokens"
    st.dataframe(shown, hide_index=True, key="violations", height=height, column_config=widths, alt=alt)
    with st.container(horizontal=True, vertical_alignment="center"):
        steps = sorted({each["step"] for each in found})
        for step in steps[:8]:
            query = {"run": view.history.id, "step": str(step), "group": view.group}
            st.page_link("pages/scrub.py", label=f"Scrub at step {step:,}", icon=":material/linear_scale:", query_params=query)
        if len(steps) > 8:
            st.caption(f"{len(steps) - 8:,} more steps in the table")
    link(
        "Download laws and violations (CSV)", "violations-csv", f"runs/{view.history.id}/tables/laws.csv", {"group": view.group}
    )
