"""The guard at the front door: a deep link on a fresh server must not enter a page past ``app.py``."""

from __future__ import annotations

import streamlit as st

_ENTERED, _WANTED = "front-door-entered", "front-door-wanted"


def enter() -> None:
    """Note that ``app.py`` ran in this session, and go on to the page that a deep link asked for."""
    st.session_state[_ENTERED] = True
    if wanted := st.session_state.pop(_WANTED, None):
        page, query = wanted
        st.switch_page(page, query_params=query)


def require_front_door(page: str) -> None:
    """Send a visitor who came in past ``app.py`` through it, and back to ``page`` with the same query.

    On a fresh server Streamlit finds files in ``pages/`` before any script has named the pages, and runs them alone.
    """
    if _ENTERED not in st.session_state:
        st.session_state[_WANTED] = (page, st.query_params.to_dict())
        st.switch_page("app.py")
