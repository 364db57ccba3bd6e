"""The step of the exact view and what its tables select, handed to the scrubber without sending its frames again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ..shared.selection import clear_range, go, here

_PICKED, _CLEARED = "picked", "cleared"
_HAND = st.components.v2.component("handed-step", js=(Path(__file__).parent / "drawing" / "handed_step.js").read_text())


def pick(select: str) -> None:
    """Select a token or hole, as in ``t65``, for callbacks of tables."""
    go(select=select)
    number, _ = here().get(_PICKED, (0, ""))
    here()[_PICKED] = (number + 1, select)


def clear_loop() -> None:
    """Clear the range of steps and the loop of the scrubber, which shows it; for a callback."""
    clear_range()
    here()[_CLEARED] = here().get(_CLEARED, 0) + 1


def hand_over(step: int) -> None:
    """Tell the scrubber which step is exact, what was selected last in a table, and how often the range was cleared."""
    place = here()
    with st.container(key="handed-step"):
        _HAND(
            key="handed",
            data={"step": step, "picked": list(place.get(_PICKED, (0, ""))), "cleared": place.get(_CLEARED, 0)},
        )
