"""The tables of one step: black holes, tokens, distances, events near it; only the open one is made."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pandas as pd
import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.tables.at_step import distances_at, events_near, holes_at
from snowball_core.tables.lineage import Account

from ..shared.text import plain

_HOLES = {"tokens": "tokens", "hidden_classes": "hidden classes, tokens in each"}
_TOKENS = {"moved_cells": "moved since the snapshot before, cells (L∞)", "hidden_class": "hidden class"}
_NEAR = {"after": "after step", "step": "by step", "from": "from, tokens", "to": "to, tokens"}
_KINDS = "Formation: tokens that were alone came together. Absorption: a hole gained such tokens. Coalescence: holes merged. "
_KINDS += "Emission: a hole lost tokens to nobody. Fission: a hole split. Evaporation: every token of a hole is alone."


def tables(view: View, tokens: pd.DataFrame, lineage: Callable[[], Account]) -> None:
    """The tables of the step in tabs; ``tokens`` are those of :func:`~snowball_core.tables.at_step.tokens_at`."""
    made = {
        "Black holes at this step": functools.partial(_holes, view, tokens),
        "Tokens at this step": functools.partial(_tokens, tokens),
        "Distances": functools.partial(_distances, view),
        "Events near here": functools.partial(_events, view, lineage),
    }
    for tab, draw in zip(st.tabs(list(made), on_change="rerun", key="tables"), made.values(), strict=True):
        if tab.open:
            with tab:
                try:
                    draw()
                except SnowballError as error:
                    st.error(plain(error))


def _holes(view: View, tokens: pd.DataFrame) -> None:
    table = holes_at(tokens, view.rows)
    if not len(table):
        st.caption("No two tokens of the group share a vector at this step.")
        return
    if table["glyphs"].equals(table["tokens"]):
        table = table.drop(columns="glyphs")  # tokens that are no bytes have no other names
    st.dataframe(table.rename(columns=_HOLES), hide_index=True, width="stretch", key="hole-table")
    st.caption("A true hole is one hidden class: its tokens share the optimizer's memory too. An apparent one can part again.")


def _tokens(tokens: pd.DataFrame) -> None:
    table = tokens.rename(columns=_TOKENS)
    st.dataframe(table, hide_index=True, width="stretch", height=320, key="token-table")
    st.caption("vector counts the distinct vectors by their first token; hole ranks the black holes by population, 0 is none.")


def _distances(view: View) -> None:
    if len(view.rows) < 2:
        st.caption("One token has no distance to another.")
        return
    table, shares = distances_at(view.rows)
    settings = {name: st.column_config.NumberColumn(format="%.8g") for name in ("min", "median", "mean", "max")}
    st.dataframe(table, column_config=settings, hide_index=True, width="stretch", key="distance-table")
    of = f"all {len(view.rows):,}" if view.group == "all" else f"the {len(view.rows):,} {view.group}"
    st.caption(
        f"Over all pairs of {of} tokens; those of one black hole are at distance 0. "
        f"{shares['adjacent']:.1%} of the pairs are at most one cell apart, {shares['touching']:.1%} at most two (L∞). "
        "Eight significant digits are shown; the files carry all of them."
    )


def _events(view: View, lineage: Callable[[], Account]) -> None:
    table = events_near(lineage(), view.history.steps, view.step)
    if not len(table):
        st.caption("The black holes of this group never changed.")
        return
    st.dataframe(table.rename(columns=_NEAR), hide_index=True, width="stretch", key="event-table", height="content")
    st.caption(_KINDS)
