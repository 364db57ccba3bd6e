"""The bookmark in the address: opened by its id, named where the address stands on one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.errors import SnowballError
from snowball_core.store.foreign.links import Source
from snowball_core.store.notes import bookmark_named, read_notes

from .text import plain
from .url_state import news, write

_WORD = "bookmark"
# Per session: the id of the bookmark made or opened last, which the address names before others of the same place.
OPENED = "bookmark-opened"


def open_bookmark(run: Source | None, notices: DeltaGenerator) -> None:
    """Put step, group and selection of the bookmark that the address names in its place, before anything reads them there."""
    words = news(_WORD)
    if run is None or not words:
        return
    try:
        mark = bookmark_named(read_notes(run.path), words[-1], run.id)
        st.session_state[OPENED] = mark.id
        lead = {"step": str(mark.step), "group": mark.group}
        st.query_params.update(lead | ({"select": mark.select} if mark.select else {}))
    except SnowballError as error:
        notices.warning(plain(error))
    write(_WORD, [])


def name_bookmark(path: Path) -> None:
    """Name the bookmark of the step, group and selection of the address in the address, and no other."""
    step, group, select = (st.query_params.get(name, "") for name in ("step", "group", "select"))
    at = [each for each in read_notes(path).bookmarks if (str(each.step), each.group) == (step, group)]
    ids = [each.id for each in at if each.select == select] or [each.id for each in at if not each.select]
    write(_WORD, sorted(ids, key=lambda each: each != st.session_state.get(OPENED))[:1])
