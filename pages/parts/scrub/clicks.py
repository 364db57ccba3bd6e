"""A picture of one step in which a click selects a hole or a token; clicked again it is let go."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import streamlit as st

from ..shared.selection import SELECT, go, selected, selection
from ..shared.url_state import keep, kept

_TURN = "clicks"
_OF_BOTH = "select"


def clickable(
    spec: dict[str, Any], tokens: pd.DataFrame | None, name: str, side: str, alt: str, **datasets: pd.DataFrame
) -> None:
    """Draw a picture; two moments side by side have one selection.

    Parameters
    ----------
    spec : dict
        A constant description with the selection of :mod:`snowball_core.charts.pointing`.
    tokens : DataFrame or None
        The token table of the group where a click means the hole that the token is in, if it is in one.
    name, side : str
        The key; what is added to it where there are two moments on a page.
    alt : str
        The accessible name.
    **datasets : DataFrame
        Those with a column ``token`` can be clicked.
    """
    key = f"{name}{side}"
    in_holes = frozenset() if tokens is None else frozenset(tokens.loc[tokens["hole"] > 0, "token"])
    turn = st.session_state.get(_TURN, 0)
    sent = {kind: data.assign(turn=turn) if "token" in data else data for kind, data in datasets.items()}
    felt = functools.partial(_picked, key, in_holes, bool(side))
    st.vega_lite_chart(spec | {"datasets": sent}, key=key, alt=alt, width="stretch", on_select=felt)


def selected_of_both() -> tuple[str, int] | None:
    """What was clicked in one of two moments side by side, and is shown in both: "token" or "hole", and the token."""
    return selection(kept(_OF_BOTH, SELECT))


def _picked(key: str, in_holes: frozenset[int], is_one_of_two: bool) -> None:
    picked = st.session_state[key]["selection"].get("picked") or []
    if picked and int(picked[-1]["token"]) >= 0:
        token = int(picked[-1]["token"])
        what = "hole" if token in in_holes else "token"
        before = selection(st.session_state.get(_OF_BOTH, "")) if is_one_of_two else selected()
        word = "" if before == (what, token) else f"{what[0]}{token}"
        if is_one_of_two:
            keep(_OF_BOTH, word)
        else:
            go(select=word)
        # Every row shows another number now, so that the same click is another selection, and is sent.
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1
