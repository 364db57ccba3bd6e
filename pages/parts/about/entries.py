"""The entries of the About page: each with a heading that can be linked to."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from .glossary import GlossaryEntry, Section


def contents(sections: Sequence[Section]) -> None:
    """Links to the sections."""
    st.markdown(" · ".join(f"[{_short(section)}](#{section.anchor})" for section in sections))


def _short(section: Section) -> str:
    return section.title.split(" (")[0]


def entries(section: Section) -> None:
    """A section: its text, and its entries under small headings."""
    st.header(section.title, anchor=section.anchor, divider="gray")
    for part in section.parts:
        if isinstance(part, GlossaryEntry):
            _entry(part)
        else:
            st.markdown(part)


def _entry(entry: GlossaryEntry) -> None:
    left, right = st.columns([1, 2], gap="medium")
    left.subheader(entry.title, anchor=entry.anchor)
    right.markdown("  \n".join(f":gray[{heading}:] {cell}" for heading, cell in entry.facts))
