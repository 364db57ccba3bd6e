"""The biography of the token or hole that is selected, under the exact numbers of a step."""

from __future__ import annotations

import streamlit as st

from snowball_core.measures.bf16 import finite_rows
from snowball_core.tables.text import glyph

from ..shared.selection import selected
from ..shared.text import plain
from ..shared.token_list import pick_token
from .figures import CloseUp


def biography(moment: CloseUp, chosen: tuple[str, int] | None) -> None:
    """The black holes the chosen token was in; ``chosen`` is "token" or "hole", and the token."""
    if chosen is None:
        st.caption("Click a hole or a token above: what it went through is told here.")
        return
    what, token = chosen
    if not (moment.tokens["token"] == token).any():
        st.caption(f"Token {token:,} is selected; it is not of the group {moment.group}.")
        return
    with st.container(border=True, key="biography"):
        now = moment.tokens.loc[moment.tokens["token"] == token].iloc[0]
        name = f"token {token:,}" + (f" ({plain(now['glyph'])})" if now["glyph"] != str(token) else "")
        mates = moment.tokens.loc[moment.tokens["vector"] == now["vector"], "glyph"]
        alone = "alone" if len(mates) == 1 else f"one of {len(mates):,} in hole {now['hole']}: {plain(' '.join(mates[:60]))}"
        place = int((moment.tokens["token"] == token).to_numpy().argmax())
        if not finite_rows(moment.rows[place]):
            alone = "its row is not finite, so it is in no black hole"
        title = f"The black hole of {name}" if what == "hole" else f"T{name[1:]}"
        st.markdown(f"**{title}** · at step {moment.step:,} {alone}")
        table = moment.stays(token)
        if len(table):
            names = {"hole": "hole (its name through the run)", "joined": "joined at step", "left": "left at step"}
            told = table.drop(columns=["token", "first_move", "last_move"]).rename(columns=names)
            first, last = table.iloc[0][["first_move", "last_move"]]
            moves = "It never moved." if first < 0 else f"It first moved at step {first:,} and last at step {last:,}."
            st.caption(moves)
            st.dataframe(
                told.rename(columns={"largest_population": "largest population"}),
                hide_index=True,
                key="biography-table",
                placeholder="still there",
                height="content",
            )
        else:
            st.caption("It never shared its vector with another token of the group.")


def pick_among(moment: CloseUp) -> tuple[str, int] | None:
    """What is selected among the moment's tokens, and the list that selects without a click."""
    tokens, chosen = moment.tokens["token"].tolist(), selected()
    token = chosen[1] if chosen and chosen[1] in tokens else None
    help = "A click on a bar, a pixel or a point selects too."
    label, words = "Token whose biography is told", lambda token: f"{token} {glyph(token)}"
    pick_token(label, "told-token", tokens, token, words, index=None, placeholder="none chosen", width=280, help=help)
    return chosen if token is not None else None
