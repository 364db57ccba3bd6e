"""A history nobody recorded here: opened by its path, counted at every snapshot, its events and distances told."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from snowball_core import charts, distance_charts
from snowball_core.blocks import Progress
from snowball_core.errors import SnowballError
from snowball_core.event_tables import account, event_rows, event_table
from snowball_core.header import history_file
from snowball_core.observation import Observation, foreign, tokens_of
from snowball_core.runs import corpora_folder, runs_folder
from snowball_core.step_axes import step_axis
from snowball_core.step_tables import step_table
from snowball_core.tables import csv_bytes

from .settings import pick_group, pick_unit
from .waiting import Share, once
from .words import plain

_COLUMNS = (
    *("step", "tokens", "unique", "black_holes", "population", "singletons", "largest", "sizes"),
    *("largest_linf_weight", "largest_linf_cells", "moved"),
)

# What can be known without the optimizer's moments; the download has every column.
_EVENT_COLUMNS = {
    "step": "step",
    "kind": "what happened",
    "parents": "tokens of the holes before",
    "children": "tokens of the holes after",
    "tokens": "tokens that came or went",
}


def foreign_view() -> None:
    """Ask for a file, and show what it holds."""
    st.markdown(
        "Open any history: a safetensors file of this machine with a BF16 or F32 tensor `[snapshots, tokens, components]`."
    )
    path = st.text_input(
        "Path of the file",
        key="file",
        bind="query-params",
        placeholder="/data/my-model/history.safetensors",
        help="Any file that this app may read; it is opened in place and never written to. The page's address keeps the path.",
    )
    with st.container(horizontal=True, gap="small", key="foreign-fields"):
        key = _field("Tensor", "tensor", "the only one that fits", "Its name in the file, where there are several.")
        dead = _field("Dead tokens", "dead", "0-9,11", "Ids and ranges of the tokens that were never trained on.")
        text = _field(
            "Text", "text", "gatsby, or a path", "The text it was trained on, byte by byte: tokens not in it are dead."
        )
    if not path:
        st.info(
            "Nothing is open yet. Type a path above and press Enter: counts, distances and events of every snapshot follow."
        )
        return
    try:
        file = history_file(path)
        at = file.stat() if file.is_file() else None
        _history(file, (at.st_size, at.st_mtime_ns) if at else (), key, dead, text)
    except SnowballError as error:
        st.error(plain(error))


def _field(label: str, key: str, placeholder: str, help: str) -> str:
    return st.text_input(label, key=key, bind="query-params", placeholder=placeholder, help=help, width=220) or ""


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(path: str, stamp: tuple[int, ...], key: str, dead: str, text: str) -> Observation:
    """The history; another file under the same path is opened anew."""
    return foreign(Path(path), key or None, tokens_of(dead) if dead else None, text or None, corpora_folder(runs_folder()))


def _history(path: Path, stamp: tuple[int, ...], key: str, dead: str, text: str) -> None:
    asked = (str(path), stamp, key.strip(), dead.strip(), text.strip())
    seen = _opened(*asked)
    count, vocab, hidden = seen.words.shape
    kind = "BF16" if seen.words.dtype.itemsize == 2 else "F32"
    st.markdown(f"**{plain(seen.id)}** · {kind} · {count:,} snapshots of {vocab:,} tokens with {hidden:,} components")
    if not count:
        st.warning("The tensor holds no snapshot, so there is nothing to count.")
        return
    if seen.reason:
        said = seen.reason[:1].upper() + seen.reason[1:]
        st.info(f"{plain(said)}. On this page these are the fields Text and Dead tokens above.")
    with st.container(horizontal=True, gap="medium"):
        group = pick_group() if seen.dead is not None else "all"
        unit = pick_unit()
    if not seen.mask(group).any():
        st.info(f"This history has no {group} tokens: choose another group above.")
        return
    table = once("foreign-steps", asked, lambda tell: step_table(seen, _share(tell)), "Counting every snapshot")
    events = once("foreign-events", (*asked, group), lambda tell: _events(seen, group, tell), "Following every black hole", 12)
    _curves(seen, table, group, unit)
    _tables(seen, table[table["group"] == group], events, group)


def _events(seen: Observation, group: str, tell: Share) -> pd.DataFrame:
    return event_table(event_rows(account(seen, group, _share(tell)), seen.steps))


def _share(tell: Share) -> Progress:
    """Progress in snapshots, told as a share."""
    return lambda done, total: tell(done / max(1, total))


def _curves(seen: Observation, table: pd.DataFrame, group: str, unit: str) -> None:
    last, nothing = int(seen.steps[-1]), pd.DataFrame({"step": []})
    told = f":small[:gray[{plain(seen.id)} · {group} tokens · steps are numbers of snapshots · every snapshot counted]]"
    st.markdown(f"**Counts over the history**: U, C, P and S.  \n{told}")
    datasets = {"counts": charts.counts_data(table, group), "cursor": nothing}
    spec = charts.counts_spec(step_axis("symlog", last), int(seen.mask(group).sum()))
    st.vega_lite_chart(
        spec | {"datasets": datasets}, key="foreign-counts", alt=f"U, C, P and S of {group} tokens over the steps"
    )
    word, whose = "cells" if unit == "cells" else "weight units", "" if group == "all" else f"{group} "
    st.markdown(f"**Farthest pair**: the largest L∞ of any two {whose}tokens, in {word}.  \n{told}")
    spec = distance_charts.farthest_spec(last, word)
    data = {"farthest": distance_charts.farthest_data(table, group, unit)}
    st.vega_lite_chart(
        spec | {"datasets": data}, key="foreign-farthest", alt=f"The largest distance of two {whose}tokens, in {word}"
    )


def _tables(seen: Observation, table: pd.DataFrame, events: pd.DataFrame, group: str) -> None:
    happened, counted = st.tabs([f"Events ({len(events):,})", f"Every snapshot ({len(table):,})"], key="foreign-tables")
    with happened:
        if len(events):
            alt = f"What happened to the black holes of {group} tokens, one event a row"
            told = events[list(_EVENT_COLUMNS)].rename(columns=_EVENT_COLUMNS)
            st.dataframe(told, hide_index=True, key="foreign-events", height=min(38 + 35 * len(told), 320), alt=alt)
        else:
            st.caption("No black hole ever came to be, so nothing happened to one.")
    with counted:
        shown = table[list(_COLUMNS)]
        alt = f"Counts and largest distances of {group} tokens, one snapshot a row"
        st.dataframe(shown, hide_index=True, key="foreign-steps", height=min(38 + 35 * len(shown), 320), alt=alt)
    name = f"{Path(seen.id).stem[:80]}-{group}"
    with st.container(horizontal=True):
        st.download_button(
            "Snapshots as CSV", lambda: csv_bytes(table), f"{name}-steps.csv", "text/csv", key="steps-csv", on_click="ignore"
        )
        st.download_button(
            "Events as CSV", lambda: csv_bytes(events), f"{name}-events.csv", "text/csv", key="events-csv", on_click="ignore"
        )
