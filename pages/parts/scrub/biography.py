"""The biography of the token or hole that is selected, under the exact numbers of a step."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from snowball_core.export.tables import in_range
from snowball_core.export.view import View
from snowball_core.measures.bf16 import finite_rows

from ..shared.text import named_holes, number_columns, plain


def biography(view: View, tokens: pd.DataFrame, stays: Callable[[int], pd.DataFrame], chosen: tuple[str, int] | None) -> None:
    """The black holes the chosen token was in; ``chosen`` is "token" or "hole", and the token."""
    if chosen is None:
        st.caption("Click a hole or token to see its history.")
        return
    what, token = chosen
    places = (tokens["token"] == token).to_numpy().nonzero()[0]
    if not len(places):
        st.caption(f"Token {token:,} is selected, but is not in the group {view.group}.")
        return
    with st.container(border=True, key="biography"):
        now = tokens.iloc[places[0]]
        name = f"token {token:,}" + (f" ({plain(now['glyph'])})" if now["glyph"] != str(token) else "")
        mates = tokens.loc[tokens["vector"] == now["vector"], "glyph"]
        alone = (
            "not shared"
            if len(mates) == 1
            else (f"one of {len(mates):,} tokens in hole {now['hole_name']}: {plain(' '.join(mates[:60]))}")
        )
        if not finite_rows(view.rows[places[0]]):
            alone = "row not finite: not in a black hole"
        title = f"The black hole of {name}" if what == "hole" else f"T{name[1:]}"
        st.markdown(f"**{title}** · at step {view.step:,} {alone}")
        table = stays(token)
        if len(table):
            names = {"hole": "hole", "joined": "joined at step", "left": "left at step"}
            listed = named_holes(in_range(view, table).drop(columns=["token", "first_move", "last_move"])).rename(columns=names)
            first, last = table.iloc[0][["first_move", "last_move"]]
            moves = "Never moved." if first < 0 else f"First moved at step {first:,}, last at step {last:,}."
            st.caption(moves)
            listed = listed.rename(columns={"largest_population": "largest size (tokens)"})
            st.dataframe(
                listed,
                column_config=number_columns(listed),
                hide_index=True,
                key="biography-table",
                placeholder="until the end",
                height="content",
            )
        else:
            st.caption("Never in a black hole of this group.")
