"""Saved views of a run: pages with what their addresses say, under names; kept, opened by a link, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.bookmarks import LONGEST_NAME, SavedView, checked_view
from snowball_core.store.foreign.links import Source
from snowball_core.store.notes import read_notes, remove_view, save_view
from snowball_core.store.status import is_read_only

from .text import plain
from .url_state import VIEW

PAGES = ("scrub", "lineage", "motion", "compare", "verdict", "export")
_NAME, _PROBLEM, _REMOVED = "view-name", "view-problem", "view-removed"
# The part of the page that runs again; whether the run grows.
_PART, _GROWS = "views-part", "views-of-growing"


@st.fragment(key=_PART)
def saved_views(run: Source, page: str) -> None:
    """The saved views of a run, and the field that saves what the page shows."""
    st.session_state[_GROWS] = run.status().is_alive
    with st.expander("Saved views", on_change="rerun", key="saved-views", icon=":material/bookmarks:") as box:
        if box.open:
            _views(run, page)


def _views(run: Source, page: str) -> None:
    barred, notes = is_read_only(), read_notes(run.path)
    if notes.damage:
        st.warning(f"Saved views cannot be shown: {plain(notes.damage)}. A new one sets the file aside.")
    for view in notes.views:
        with st.container(horizontal=True, vertical_alignment="center", key=f"view-{notes.views.index(view)}"):
            _link(run, view)
            args = (run.path, view.name)
            icon, key = ":material/delete:", f"remove-view-{view.name}"
            st.button("Remove", key=key, icon=icon, type="tertiary", on_click=_remove, args=args, disabled=barred)
    path, removed = st.session_state.get(_REMOVED, (None, None))
    if path == run.path and all(view.name != removed.name for view in notes.views):
        with st.container(horizontal=True, vertical_alignment="center", key="view-removed-said"):
            st.markdown(f"Removed: {plain(removed.name)}")
            args = (path, removed)
            st.button("Undo", key="view-undo", icon=":material/undo:", on_click=_keep, args=args, disabled=barred)
    with st.form("view-form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        help = "The page with run, step, group, unit, selection and whatever else its address says."
        st.text_input("Name of this view", key=_NAME, max_chars=LONGEST_NAME, width=320, help=help, disabled=barred)
        st.form_submit_button("Save this view", key="save-view", on_click=_save, args=(run.path, page), disabled=barred)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))


def _link(run: Source, view: SavedView) -> None:
    if view.page not in PAGES:
        st.markdown(f"{plain(view.name)} (of a page that is not here: {plain(view.page)})")
        return
    query = {"run": [run.id], **parse_qs(view.query, keep_blank_values=True), VIEW: [view.name]}
    st.page_link(f"pages/{view.page}.py", label=plain(view.name), query_params=query, icon=":material/visibility:")


def _save(path: Path, page: str) -> None:
    query = urlencode({name: st.query_params.get_all(name) for name in st.query_params}, doseq=True)

    def save() -> None:
        save_view(path, checked_view(st.session_state[_NAME], page, query))
        st.session_state[_NAME] = ""

    _try(save)


def _keep(path: Path, view: SavedView) -> None:
    _try(lambda: save_view(path, view))


def _remove(path: Path, name: str) -> None:
    _try(lambda: st.session_state.update({_REMOVED: (path, remove_view(path, name))}))


def _try(action: Callable[[], Any]) -> None:
    try:
        action()
    except SnowballError as error:
        st.session_state[_PROBLEM] = str(error)
    # A callback stops the clock that watches a growing run; the whole page starts it again.
    st.rerun(*([] if st.session_state[_GROWS] else [_PART]))
