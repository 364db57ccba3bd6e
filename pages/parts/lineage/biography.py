"""The biography of a token: the black holes it was in, and when it moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from snowball_core.charts.lineage import BARCODE_COLUMNS, barcode
from snowball_core.charts.step_axis import StepAxis
from snowball_core.export.pictures import Plate
from snowball_core.export.tables import in_range
from snowball_core.export.view import View
from snowball_core.measures.biography import biography
from snowball_core.tables.motion import moves_of_token

from ..shared import cached
from ..shared.help_links import what_is
from ..shared.selection import selected
from ..shared.text import many, named_holes, number_columns, plain
from ..shared.token_list import pick_token


def picture(view: View, axis: StepAxis, unfold: bool, token: int) -> Plate:
    """The barcode of a token, as it is drawn and as it is published."""
    history, (drawn, _) = view.judged, cached.lanes(*cached.key(view), axis, unfold)
    spec, datasets = barcode(drawn, biography(drawn.tree, token), moves_of_token(history, token), axis, view.step)
    fits = len(history.steps) <= BARCODE_COLUMNS
    thin = "all recorded snapshots drawn" if fits else "lighter: moved in some of the snapshots of a column"
    title = f"Biography of token {token}: {cached.names_of(history)[token]}"
    return Plate(title, spec, datasets, "recorded steps", False, thin)


def draw_biography(view: View, axis: StepAxis, unfold: bool) -> int:
    """Draw the barcode of the selected token, or of the first one, and its stays; return the token."""
    names, members = cached.names_of(view.history), np.flatnonzero(view.mask).tolist()
    what, token = selected() or ("token", members[0])
    token = token if token in members else members[0]
    st.subheader("Biography of a token")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pick_token("Token", "token", members, token, lambda one: f"{one} · {names[one]}", width=180)
        smallest = ", the lowest id in the selected hole" if what == "hole" else ""
        table = cached.biography(*cached.key(view), token)
        st.markdown(f"**Token {token:,} ({plain(names[token])})**{smallest}: {_life(table)}")
    plate = picture(view, axis, unfold, token)
    name = f"Biography of token {token}: its black holes, and when it moved"
    st.vega_lite_chart({**plate.spec, "datasets": plate.datasets}, key="barcode", alt=name, width="stretch")
    history = many(len(view.judged.steps), "recorded snapshot")
    st.markdown(
        f"Top: its black hole, in the hole's colour. Bottom: moved since the previous snapshot. {what_is('biography')}  "
        f"\n:small[:gray[{view.group} tokens · unit: {plate.unit} · {history}, {plate.note}]]"
    )
    if len(stays := in_range(view, table)):
        headings = {"hole": "hole", "joined": "joined at step", "left": "left at step"}
        shown = named_holes(stays.drop(columns=["token", "first_move", "last_move"]))
        shown = shown.rename(columns=headings | {"largest_population": "largest size (tokens)"})
        alt = f"Black holes of token {token}"
        st.dataframe(
            shown,
            hide_index=True,
            key="stays",
            column_config=number_columns(shown),
            height="content",
            placeholder="until the end",
            alt=alt,
        )
    return token


def _life(table: pd.DataFrame) -> str:
    if not len(table):
        return "never in a black hole of this group."
    first, last = (int(value) for value in table.iloc[0][["first_move", "last_move"]])
    moves = "never moved" if first < 0 else f"first moved at step {first:,}, last at step {last:,}"
    return f"in {len(table):,} black hole{'s' * (len(table) > 1)}; {moves}."
