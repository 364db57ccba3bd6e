"""Links from runs and opened files of the library to every page that shows them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from snowball_core.measures.alignment import FEWEST, MOST

_PAGES = {
    "scrub": ("Scrub", ":material/linear_scale:"),
    "lineage": ("Lineage", ":material/account_tree:"),
    "motion": ("Motion", ":material/speed:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "verdict": ("Verdict", ":material/gavel:"),
    "export": ("Export", ":material/folder_zip:"),
}


def page_links(sources: Sequence[str]) -> None:
    """Links to the pages: of one run to each page of a run, of several to their comparison."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(sources) == 1:
            for page, (label, icon) in _PAGES.items():
                st.page_link(f"pages/{page}.py", label=label, query_params={"run": sources[0]}, icon=icon)
        elif FEWEST <= len(sources) <= MOST:
            runs = {"runs": ",".join(sources)}
            st.page_link("pages/compare.py", label="Compare", query_params=runs, icon=":material/compare_arrows:")
