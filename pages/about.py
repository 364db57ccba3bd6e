"""About the measures, the page that answers: what does this number mean, and which mistake does it avoid."""

from __future__ import annotations

import streamlit as st

from pages.parts.about.entries import contents, entries
from pages.parts.about.glossary import measures
from pages.parts.shared.page_frame import head

head(
    "about",
    "About the measures",
    "What does this number mean? Every word and number of the app with its formula, its unit, the group of tokens it is of, "
    "and the mistake it avoids. Each has an address of its own: the sign beside its name copies it.",
    anchor=False,
)
contents(measures())
for section in measures():
    entries(section)
st.caption("This page is docs/measures.md of the project, word for word.")
