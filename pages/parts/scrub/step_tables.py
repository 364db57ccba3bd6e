"""The tables of one step: black holes, tokens, distances, events near it; only the open one is made."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.tables import in_range
from snowball_core.export.view import View
from snowball_core.tables.at_step import distances_at, events_near, holes_at
from snowball_core.tables.lineage import Account

from ..shared.text import number_columns, plain
from .handed_step import pick

_HOLES = {
    "hole_name": "hole",
    "population": "size",
    "nature": "type",
    "hidden_classes": "hidden class sizes",
    "glyphs": "characters",
}
_TOKENS = {
    "hole_name": "hole",
    "glyph": "character",
    "moved_cells": "moved since previous snapshot (L∞, cells)",
    "hidden_class": "hidden class",
}
_NEAR = {"after": "previous snapshot", "step": "step", "from": "sizes before", "to": "sizes after"}
_KINDS = "Formation: singletons became a hole. Absorption: a hole gained singletons. Coalescence: holes merged. "
_KINDS += (
    "Emission: tokens left a hole as singletons. Fission: a hole split. Evaporation: all tokens of a hole became singletons."
)


def tables(view: View, tokens: pd.DataFrame, lineage: Callable[[], Account]) -> None:
    """The tables of the step in tabs; ``tokens`` are those of :func:`~snowball_core.tables.at_step.tokens_at`."""
    made = {
        "Black holes at this step": functools.partial(_holes, view, tokens),
        "Tokens at this step": functools.partial(_tokens, tokens),
        "Distances": functools.partial(_distances, view),
        "Nearby events": functools.partial(_events, view, lineage),
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
        st.caption("No black holes in this group at this step.")
        return
    if table["glyphs"].equals(table["tokens"]):
        table = table.drop(columns="glyphs")  # tokens that are no bytes have no other names
    named = tokens[tokens["hole"] > 0].drop_duplicates("hole").sort_values("hole")
    table["hole"] = named["hole_name"].where(named["hole_name"] != "", "none").to_numpy()
    _selectable(table.rename(columns=_HOLES), "hole-table", [f"h{token}" for token in named["token"]])
    st.caption(
        "Largest hole first; select a row to select the hole. "
        "True hole: one hidden class (tokens share optimizer state). Apparent hole: several hidden classes, may split."
    )


def _tokens(tokens: pd.DataFrame) -> None:
    order = [name for name in tokens if name not in ("hole", "hole_name")]
    table = tokens[[*order[:4], "hole_name", *order[4:]]].rename(columns=_TOKENS)
    _selectable(table, "token-table", [f"t{token}" for token in tokens["token"]], height=320)
    st.caption("Select a row to select the token. vector: number of the distinct vector, by first token.")


def _selectable(table: pd.DataFrame, key: str, words: list[str], **size: Any) -> None:
    """A table whose rows select what ``words`` name, here and in the scrubber; a ticked row never comes to mean another."""
    own = f"{key}-{zlib.crc32(' '.join(words).encode())}"

    def select() -> None:
        rows = st.session_state[own]["selection"]["rows"]
        pick(words[rows[0]] if rows else "")

    with st.container(key=key):
        st.dataframe(
            table,
            column_config=number_columns(table),
            hide_index=True,
            width="stretch",
            key=own,
            on_select=select,
            selection_mode="single-row",
            **size,
        )


def _distances(view: View) -> None:
    if len(view.rows) < 2:
        st.caption("Distances need at least two tokens.")
        return
    table, shares = distances_at(view.rows)
    st.dataframe(table, column_config=number_columns(table), hide_index=True, width="stretch", key="distance-table")
    of = f"all {len(view.rows):,}" if view.group == "all" else f"the {len(view.rows):,} {view.group}"
    st.caption(
        f"Over all pairs of {of} tokens; pairs within a black hole have distance 0. {shares['adjacent']:.1%} of pairs are at "
        f"most one cell apart, {shares['touching']:.1%} at most two (L∞). Shown to 4 significant digits; exact in the files."
    )


def _events(view: View, lineage: Callable[[], Account]) -> None:
    table = in_range(view, events_near(lineage(), view.history.steps, view.step))
    if not len(table):
        never = "The black holes of this group never change."
        st.caption(never if view.is_whole else "No event near this step in the range of steps.")
        return
    table = table.rename(columns=_NEAR)
    config = number_columns(table)
    st.dataframe(table, column_config=config, hide_index=True, width="stretch", key="event-table", height="content")
    st.caption(_KINDS)
