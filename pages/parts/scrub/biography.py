"""The biography of the token or hole that is selected, under the exact numbers of a step."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from snowball_core.export.view import View
from snowball_core.measures.bf16 import finite_rows

from ..shared.text import plain


def biography(view: View, tokens: pd.DataFrame, stays: Callable[[int], pd.DataFrame], chosen: tuple[str, int] | None) -> None:
    """The black holes the chosen token was in; ``chosen`` is "token" or "hole", and the token."""
    if chosen is None:
        st.caption("Click a hole or a token above: what it went through is listed here.")
        return
    what, token = chosen
    places = (tokens["token"] == token).to_numpy().nonzero()[0]
    if not len(places):
        st.caption(f"Token {token:,} is selected; it is not of the group {view.group}.")
        return
    with st.container(border=True, key="biography"):
        now = tokens.iloc[places[0]]
        name = f"token {token:,}" + (f" ({plain(now['glyph'])})" if now["glyph"] != str(token) else "")
        mates = tokens.loc[tokens["vector"] == now["vector"], "glyph"]
        alone = "alone" if len(mates) == 1 else f"one of {len(mates):,} in hole {now['hole']}: {plain(' '.join(mates[:60]))}"
        if not finite_rows(view.rows[places[0]]):
            alone = "its row is not finite, so it is in no black hole"
        title = f"The black hole of {name}" if what == "hole" else f"T{name[1:]}"
        st.markdown(f"**{title}** · at step {view.step:,} {alone}")
        table = stays(token)
        if len(table):
            names = {"hole": "hole (its name through the run)", "joined": "joined at step", "left": "left at step"}
            listed = table.drop(columns=["token", "first_move", "last_move"]).rename(columns=names)
            first, last = table.iloc[0][["first_move", "last_move"]]
            moves = "It never moved." if first < 0 else f"It first moved at step {first:,} and last at step {last:,}."
            st.caption(moves)
            st.dataframe(
                listed.rename(columns={"largest_population": "largest population"}),
                hide_index=True,
                key="biography-table",
                placeholder="still there",
                height="content",
            )
        else:
            st.caption("It never shared its vector with another token of the group.")
