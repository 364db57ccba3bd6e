"""A history nobody recorded here: opened by its path, scrubbed like a run, its events and distances told."""

from __future__ import annotations

import functools

import pandas as pd
import streamlit as st

from snowball_core.charts import counts_and_places
from snowball_core.charts.step_axis import step_axis
from snowball_core.errors import SnowballError
from snowball_core.store.files.tensor_header import history_file
from snowball_core.store.history import History
from snowball_core.tables.divergence import divergence
from snowball_core.tables.lineage import event_rows, event_table
from snowball_core.tables.per_step import last_hole_change

from ..scrub.component import FRAGMENT, Side, draw_here
from ..scrub.exact_step import exact_view, view_at
from ..shared.divergence_notice import say_lost
from ..shared.downloads import link
from ..shared.selection import arrive, here, pick_group, pick_unit
from ..shared.text import many, number_columns, plain
from ..shared.url_state import type_text
from . import opened_file
from .opened_file import FileKey, opened

_COLUMNS = (
    *("step", "tokens", "unique", "black_holes", "population", "singletons", "largest", "sizes"),
    *("largest_linf_weight", "largest_linf_cells", "moved"),
)

# What can be known without the optimizer's moments; the download has every column.
_EVENT_COLUMNS = {
    "step": "step",
    "kind": "event",
    "parents": "hole sizes before",
    "children": "hole sizes after",
    "tokens": "tokens that joined or left",
}


def foreign_view() -> None:
    """Ask for a file, and show what it holds."""
    st.markdown("Open a safetensors file on this machine with a BF16 or F32 tensor `[snapshots, tokens, components]`.")
    path = type_text(
        "File path",
        "file",
        placeholder="/data/my-model/history.safetensors",
        help="Opened in place, read-only. The path is kept in the page's address.",
    )
    with st.container(horizontal=True, gap="small", key="foreign-fields"):
        key = _field("Tensor", "tensor", "the only matching one", "Required if the file has several tensors.")
        dead = _field("Dead tokens", "dead", "0-9,11", "Ids and ranges of tokens that do not occur in the training text.")
        text = _field(
            "Text", "text", "gatsby, or a path", "The training text, read as bytes: tokens that do not occur in it are dead."
        )
    if not path:
        st.info("No file open. Enter a path above to see counts, distances and events of every snapshot.")
        return
    try:
        file = history_file(path)
        _history(opened_file.key_of(file, key.strip(), dead.strip(), text.strip()))
    except SnowballError as error:
        st.error(plain(error))


def _field(label: str, key: str, placeholder: str, help: str) -> str:
    return type_text(label, key, placeholder=placeholder, help=help, width=220)


def _history(file: FileKey) -> None:
    history = opened(file)
    count, vocab, hidden = history.words.shape
    size = f"{many(count, 'snapshot')} of {many(vocab, 'token')} with {many(hidden, 'component')}"
    kind = "BF16" if history.words.dtype.itemsize == 2 else "F32"
    st.markdown(f"**{plain(history.id)}** · {kind} · {size}")
    if not count:
        st.warning("The tensor has no snapshots.")
        return
    if history.reason:
        said = history.reason[:1].upper() + history.reason[1:]
        st.info(plain(said))
    with st.container(horizontal=True, gap="medium"):
        group = pick_group() if history.dead is not None else "all"
        unit = pick_unit()
    if not history.mask(group).any():
        st.info(f"This history has no {group} tokens. Choose another group above.")
        return
    say_lost(divergence(history, group))
    # All long work before the scrubber: where it comes to rest a part of the page runs again, and that would break work off.
    table = opened_file.measures(file)
    account = opened_file.lineage(file, group)
    _exact(file, group, unit, _is_drawn(file, history, table, group, unit))
    if count > 1:
        _farthest(history, table, group, unit)
    _tables(file, table[table["group"] == group], event_table(event_rows(account, history.steps)), group)


def _is_drawn(file: FileKey, history: History, table: pd.DataFrame, group: str, unit: str) -> bool:
    """Draw the scrubber; False, after saying why, where a snapshot is too large for it."""
    name, side = " ".join(map(str, file)), None
    try:
        reel, story = opened_file.frames(file, group, unit)
        side = Side(name, history, reel, group, story)
    except SnowballError as error:
        st.warning(f"Cannot draw the snapshots: {plain(str(error))}")
    arrive(name, last_hole_change(table, group), int(history.steps[-1]), history.steps, is_file=True)
    if side:
        draw_here(side)
    return side is not None


@st.fragment(key=FRAGMENT)
def _exact(file: FileKey, group: str, unit: str, is_drawn: bool) -> None:
    """The numbers of the snapshot, the biography of what is selected, and the tables: what runs again when the slider rests."""
    if not opened_file.is_unchanged(file):
        st.rerun()
    try:
        view = view_at(opened(file), int(here()["step"]), group, unit)
        lineage, stays = functools.partial(opened_file.lineage, file, group), functools.partial(opened_file.stays, file, group)
        exact_view(view, lambda: lineage().tree, lineage, stays, is_drawn)
    except SnowballError as error:
        st.error(plain(error))


def _farthest(history: History, table: pd.DataFrame, group: str, unit: str) -> None:
    word, whose = "cells" if unit == "cells" else "weight units", "" if group == "all" else f"{group} "
    told = f":small[:gray[{group} tokens · step = snapshot number · all snapshots measured]]"
    st.markdown(f"**Largest distance**: L∞ of the farthest pair of {whose}tokens, in {word}.  \n{told}")
    data = {"farthest": counts_and_places.farthest_data(table, group, unit)}
    spec = counts_and_places.farthest_spec(
        step_axis("symlog", int(history.steps[-1])), word, bool(data["farthest"]["linf"].isna().all())
    )
    st.vega_lite_chart(
        spec | {"datasets": data}, key="foreign-farthest", alt=f"Largest L∞ distance between two {whose}tokens, in {word}"
    )


def _tables(file: FileKey, table: pd.DataFrame, events: pd.DataFrame, group: str) -> None:
    happened, counted = st.tabs([f"Events ({len(events):,})", f"All snapshots ({len(table):,})"], key="foreign-tables")
    with happened:
        if len(events):
            alt = f"Events of the black holes of {group} tokens, one row per event"
            told = events[list(_EVENT_COLUMNS)].rename(columns=_EVENT_COLUMNS)
            st.dataframe(
                told,
                hide_index=True,
                key="foreign-events",
                column_config=number_columns(told),
                height=min(38 + 35 * len(told), 320),
                alt=alt,
            )
        else:
            st.caption("No black holes, so no events.")
    with counted:
        shown = table[list(_COLUMNS)]
        alt = f"Counts and largest distances of {group} tokens, one row per snapshot"
        st.dataframe(
            shown,
            hide_index=True,
            key="foreign-steps",
            column_config=number_columns(shown),
            height=min(38 + 35 * len(shown), 320),
            alt=alt,
        )
    query = {"file": file.path, "tensor": file.tensor, "dead": file.dead, "text": file.text, "group": group}
    with st.container(horizontal=True):
        link("Download snapshots (CSV)", "steps-csv", "file/tables/summary.csv", query)
        link("Download events (CSV)", "events-csv", "file/tables/events.csv", query)
