"""The exact view under the scrubber: the part of the page that runs again when the scrubber comes to rest."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.runs import Run
from snowball_core.tables import glyph, group_mask, group_table

from . import figures, openers
from .exact_tables import tables
from .figures import Moment
from .place import selected, shown_step
from .scrubber import FRAGMENT
from .takeaway import Stand, take_home
from .words import plain


@st.fragment(key=FRAGMENT)
def exact_step(run: Run, snapshots: int, group: str, unit: str) -> None:
    """The numbers of the step, the biography of what is selected, and the tables, all from the file itself."""
    try:
        index = shown_step(run, snapshots)
        mask = group_mask(run.dead, group)
        rows = openers.rows_at(str(run.path), snapshots, index, mask)
        tokens = group_table(rows, run.dead, mask)
        step, measures = int(run.steps(snapshots)[index]), openers.measures(str(run.path), snapshots)
        moment = Moment(run, snapshots, True, group, unit, step, rows, tokens, measures)
        figures.numbers(moment)
        _biography(moment)
        tables(moment)
        take_home(Stand(run, snapshots, group, unit, step))
    except SnowballError as error:
        st.error(plain(error))


def _biography(moment: Moment) -> None:
    """The black holes the selected token was in."""
    chosen = selected()
    if chosen is None:
        st.caption("Click a hole or a token above: what it went through is told here.")
        return
    what, token = chosen
    if not (moment.tokens["token"] == token).any():
        st.caption(f"Token {token:,} is selected; it is not of the group {moment.group}.")
        return
    with st.container(border=True, key="biography"):
        name = f"token {token:,} ({plain(glyph(token))})"
        now = moment.tokens.loc[moment.tokens["token"] == token].iloc[0]
        mates = moment.tokens.loc[moment.tokens["vector"] == now["vector"], "glyph"]
        alone = "alone" if len(mates) == 1 else f"one of {len(mates):,} in hole {now['hole']}: {plain(' '.join(mates[:60]))}"
        title = f"The black hole of {name}" if what == "hole" else f"T{name[1:]}"
        st.markdown(f"**{title}** · at step {moment.step:,} {alone}")
        table = openers.biography(str(moment.run.path), moment.snapshots, moment.group, token)
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
