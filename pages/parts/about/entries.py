"""The entries of the About page: each with a heading that can be linked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from .glossary import GlossaryEntry, Section


def contents(sections: Sequence[Section]) -> None:
    """Links to the sections."""
    st.markdown(" · ".join(f"[{_short(section)}](#{section.anchor})" for section in sections))


def _short(section: Section) -> str:
    return section.title.split(" (")[0]


def matching(sections: Sequence[Section], wanted: str) -> list[Section]:
    """The sections with only those of their parts that contain all the words; all of a section whose title does."""
    words = wanted.lower().split()

    def holds(text: str) -> bool:
        return all(word in text.lower() for word in words)

    found = []
    for section in sections:
        parts = section.parts if holds(section.title) else tuple(part for part in section.parts if holds(_text(part)))
        if parts:
            found.append(replace(section, parts=parts))
    return found


def _text(part: str | GlossaryEntry) -> str:
    return part if isinstance(part, str) else " ".join([part.title, *(cell for _, cell in part.facts)])


def entries(section: Section) -> None:
    """A section: its text, and its entries under small headings."""
    st.header(section.title, anchor=section.anchor, divider="gray")
    for part in section.parts:
        if isinstance(part, GlossaryEntry):
            _entry(part)
        else:
            st.markdown(part)


def _entry(entry: GlossaryEntry) -> None:
    # The page marks the entry of the address by this key.
    with st.container(key=f"entry-{entry.anchor}"):
        left, right = st.columns([1, 2], gap="medium")
        left.subheader(entry.title, anchor=entry.anchor)
        right.markdown("  \n".join(f":gray[{heading}:] {cell}" for heading, cell in entry.facts))
