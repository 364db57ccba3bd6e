"""The guard at the front door: a deep link on a fresh server must not enter a page past ``app.py``."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError

from ..shared.text import plain

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
    _require_library()


def _require_library() -> None:
    """End a page with the reason where the runs folder is there and cannot be read."""
    from snowball_core.store.run_folder import runs_folder
    from snowball_core.store.run_listing import require_readable

    try:
        require_readable(runs_folder())
    except SnowballError as error:
        st.error(plain(error))
        st.stop()
