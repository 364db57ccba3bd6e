"""About the measures, the page that answers: what does this number mean, and which mistake does it avoid."""

from __future__ import annotations

import streamlit as st

from pages.parts.about.entries import contents, entries, matching
from pages.parts.about.glossary import measures
from pages.parts.shared.page_frame import head

head(
    "about",
    "About the measures",
    "Definitions of all terms and measures: formula, unit, token group, and common pitfall. The icon beside a name copies a "
    "link to the entry.",
    anchor=False,
)
wanted = st.text_input("Filter entries", key="about-filter", placeholder="such as hole, cells or freeze", width=420)
shown = matching(measures(), wanted)
if shown:
    contents(shown)
else:
    st.info("No entry contains all these words. Use fewer words, or clear the filter.")
for section in shown:
    entries(section)
st.caption("This page is docs/measures.md of the project.")
