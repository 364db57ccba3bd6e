"""The step of the exact view and what its tables select, handed to the scrubber without sending its frames again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ..shared.selection import go, here

_PICKED = "picked"
_HAND = st.components.v2.component("handed-step", js=(Path(__file__).parent / "drawing" / "handed_step.js").read_text())


def pick(select: str) -> None:
    """Select a token or hole, as in ``t65``, for callbacks of tables."""
    go(select=select)
    number, _ = here().get(_PICKED, (0, ""))
    here()[_PICKED] = (number + 1, select)


def hand_over(step: int) -> None:
    """Tell the scrubber on the page which step is exact, and what was selected last in a table."""
    with st.container(key="handed-step"):
        _HAND(key="handed", data={"step": step, "picked": list(here().get(_PICKED, (0, "")))})
