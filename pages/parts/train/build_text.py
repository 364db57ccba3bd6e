"""Where the form asks for the published experiment's text and it is not there: a button that builds it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.corpus import GATSBY, build_gatsby, built_gatsby
from snowball_core.store.run_folder import runs_folder

from ..shared.text import plain

_TOLD = "**The text of the published experiment** is extracted from a Project Gutenberg book and verified by SHA-256. "
_TOLD += "It is built once and shared by all runs."


def offer_book() -> None:
    """Draw the offer, and build the text when it is taken; nothing where the text is there or another is asked for."""
    if str(st.session_state.get("field-corpus", "")).strip() != GATSBY or built_gatsby(runs_folder()):
        return
    with st.container(border=True, key="book"):
        st.markdown(_TOLD)
        source = st.text_input(
            "Path of a copy of pg64317.txt",
            key="book-source",
            placeholder="default: download (0.3 MB)",
            help="The unchanged plain-text file 64317 of Project Gutenberg. Default: download from gutenberg.org.",
        ).strip()
        if not st.button("Build text", key="build-text"):
            return
        try:
            with st.spinner("Reading the copy…" if source else "Downloading the book, 20 seconds at most…"):
                build_gatsby(runs_folder(), Path(source) if source else None)
        except SnowballError as error:
            st.error(plain(error))
            return
        st.rerun()
