"""A list of tokens that selects, and that shows what was selected elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from .selection import go


def pick_token(label: str, name: str, tokens: Sequence[int], shown: int, words: Callable[[int], str], **widget: Any) -> None:
    """Draw the list; who chooses in it selects that token.

    Until the browser has taken over what was selected elsewhere, it sends the list's former value with whatever else is
    clicked; that must not be heard as a choice. So what was selected elsewhere is shown by a new list,
    and only the newest is heard.
    """
    former, was = st.session_state.get(name, (0, None))
    number = former + (shown != was)
    st.session_state[name] = (number, shown)
    key = f"{name}-{number}"
    st.session_state[key] = shown
    with st.container(key=name, width="content"):
        st.selectbox(label, tokens, key=key, format_func=words, on_change=_chose, args=(name, number), **widget)


def _chose(name: str, number: int) -> None:
    if st.session_state[name][0] == number:
        token = st.session_state[f"{name}-{number}"]
        st.session_state[name] = (number, token)
        go(select=f"t{token}")
