"""The runs of the library: filters, the table, and what is done with the selected ones."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_titles import state_word
from snowball_core.store.staging import sweep
from snowball_core.store.status import read_status
from snowball_core.store.trash import sweep_trash
from snowball_core.tables.library import ORDERS, RunRow, library_table, matching, ordered, run_rows
from snowball_core.tables.run_summary import POINTS

from ..shared.downloads import link
from ..shared.run_picker import BADGES, offer_demo
from ..shared.selection import pick_group
from ..shared.text import duration, plain
from ..shared.url_state import pick_one, pick_some, type_text
from .imports import drop_run
from .run_actions import act_on

_CHOSEN, _OPENED, _MOST_ROWS = "library-chosen", "library-opened", 11
_DIVERGED = "diverged"
_COLOURS = {**BADGES, _DIVERGED: BADGES["failed"]}
_PATIENCE_SECONDS = 0.5
_OFTEN_SECONDS = 0.1
_FOLLOW_SECONDS = 2.0


def runs_view() -> None:
    """Draw the runs; while one of them is recorded the page follows it."""
    if run := st.session_state.pop(_OPENED + "-run", None):
        st.switch_page("pages/scrub.py", query_params={"run": run})
    _rows_view()
    with st.expander("Import a run", on_change="rerun", key="import-run") as box:
        if box.open:
            drop_run()


def _rows_view() -> None:
    try:
        rows = _listed()
    except SnowballError as error:
        st.error(plain(error))
        return
    if not any(row.is_run for row in rows):
        offer_demo()
    if not rows:
        return
    filters, shown = _filtered(rows)
    if shown:
        act_on(_table(shown, filters))
    else:
        st.info("No run matches the filter. Clear a field above.")
    if alive := [row for row in rows if row.status.is_alive]:
        st.fragment(_follow, run_every=_FOLLOW_SECONDS)(alive, time.monotonic())


def _follow(rows: Sequence[RunRow], drawn: float) -> None:
    """Draw the whole page anew when a run is further than it was, but not more often than every few seconds."""
    if time.monotonic() - drawn >= _FOLLOW_SECONDS and any(read_status(row.path) != row.status for row in rows):
        st.rerun()


def _listed() -> list[RunRow]:
    """The rows of all runs; with a bar and an estimate where counting them takes more than a moment."""
    place, began = st.empty(), time.monotonic()
    last = began

    def watch(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - began > _PATIENCE_SECONDS and now - last > _OFTEN_SECONDS:
            left = duration((now - began) / done * (total - done))
            place.progress(done / total, text=f"Indexing new runs: {done:,} of {total:,}, about {left} left")
            last = now

    sweep(runs_folder())
    sweep_trash(runs_folder())
    rows = run_rows(runs_folder(), watch)
    place.empty()
    return rows


def _filtered(rows: Sequence[RunRow]) -> tuple[dict[str, Any], list[RunRow]]:
    """Draw the filters; return them by their names in the address, and the rows that match, in the order asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filters"):
        text = type_text(
            "Find",
            "find",
            type="search",
            width=220,
            placeholder="name, note, tag, id",
            help="All words must occur in the run's id, name, label, note or tags.",
        )
        states = _several("State", "state", sorted({row.status.state for row in rows}))
        presets = _several("Preset", "of-preset", sorted({row.preset for row in rows if row.preset}))
        tags = _several("Tag", "tag", sorted({tag for row in rows for tag in row.notes.tags}))
        order = pick_one("Order", "order", {name: name for name in ORDERS}, next(iter(ORDERS)), width=220)
        group = pick_group()
    found = ordered(matching(rows, text, states, presets, tags), order, group)
    named = {"find": text or None, "state": states, "of-preset": presets, "tag": tags, "order": order, "group": group}
    return named, found


def _several(label: str, key: str, options: list[str]) -> list[str]:
    if not options:
        return []
    # A value that no run has any more is not an option, and is dropped from the address.
    return pick_some(label, key, {name: name for name in options}, [], placeholder="any", width=190)


def _table(rows: Sequence[RunRow], filters: Mapping[str, Any]) -> list[RunRow]:
    """The table of runs; return the selected ones.

    The widget's name follows from the runs it shows: a selection of row numbers never comes to mean other runs.
    """
    ids = [row.id for row in rows]
    kept = [place for place, run_id in enumerate(ids) if run_id in st.session_state.get(_CHOSEN, ())]
    group = filters["group"]
    table = library_table(rows, group)
    key = f"runs-{zlib.crc32(' '.join(ids).encode())}"
    event: Any = st.dataframe(
        table.assign(state=[_badges(row) for row in rows]),
        key=key,
        hide_index=True,
        on_select="rerun",
        # A click on a cell selects its row where no box is ticked; without the mode it would open an editor.
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": kept}},
        column_order=_ORDER if any(row.damage for row in rows) else [name for name in _ORDER if name != "damage"],
        column_config=_columns(ids, group, any(map(_is_diverged, rows))),
        placeholder="",
        height="content" if len(rows) <= _MOST_ROWS else 423,
        alt=f"Runs, one per row, with U, C and P of {group} tokens at the first and last snapshot",
    )
    ticked, clicked = event["selection"]["rows"], [place for place, _ in event["selection"]["cells"]]
    chosen = [ids[place] for place in ticked or clicked if place < len(ids)]
    st.session_state[_CHOSEN] = chosen
    runs = sum(row.is_run for row in rows)
    others = f" · {len(rows) - runs:,} folders that are not runs (see damage)" if runs < len(rows) else ""
    st.caption(
        f"{runs:,} run{'s' * (runs != 1)}{others} · U, C and P of {group} tokens at the first and last recorded snapshot · "
        f"line: U at up to {POINTS} snapshots, evenly spaced on a symlog step axis · size: all files in the folder"
    )
    link("Download CSV", "runs-csv", "runs.csv", filters)
    return [row for row in rows if row.id in chosen]


def _badges(row: RunRow) -> list[str]:
    return [row.status.state, *([_DIVERGED] if _is_diverged(row) else [])]


def _is_diverged(row: RunRow) -> bool:
    """Whether a loss or a recorded row became NaN or infinite."""
    return row.glance.diverged is not None or state_word(row.status) == _DIVERGED


def _open_run(ids: Sequence[str]) -> None:
    st.session_state[_OPENED + "-run"] = ids[st.session_state[_OPENED]["row"]]


_ORDER = (
    *(
        "title",
        "state",
        "damage",
        "seed",
        "preset",
        "curve",
        "first_unique",
        "last_unique",
        "first_black_holes",
        "last_black_holes",
    ),
    *("first_population", "last_population", "step", "last_step", "bytes", "created", "tags", "note", "run"),
)


def _columns(ids: Sequence[str], group: str, is_wide: bool) -> dict[str, Any]:
    column = st.column_config
    names = {
        "unique": ("U", f"Unique vectors of {group} tokens: distinct rows, by bits."),
        "black_holes": ("C", f"Black holes: vectors shared by two or more {group} tokens."),
        "population": ("P", f"{group} tokens in black holes."),
    }
    ends = {
        f"{end}_{name}": column.NumberColumn(f"{short} {word}", format="localized", width=62, help=f"{help} At the {word}.")
        for name, (short, help) in names.items()
        for end, word in (("first", "start"), ("last", "end"))
    }
    preset = "The preset, ignoring seed, recorded steps and device; custom if none matches."
    return ends | {
        "title": column.ButtonColumn(
            "name",
            width=280,
            pinned=True,
            alignment="left",
            type="tertiary",
            help="Click to open the run in Scrub.",
            key=_OPENED,
            on_click=_open_run,
            args=(ids,),
        ),
        "seed": column.NumberColumn("seed", format="%d", width=52),
        "state": column.MultiselectColumn(
            "state", width=170 if is_wide else 96, options=list(_COLOURS), color=list(_COLOURS.values())
        ),
        "preset": column.TextColumn("preset", width=180, help=preset),
        "curve": column.LineChartColumn("U over steps", width=96, y_min=0, color="#009E73"),
        "step": column.NumberColumn("step", format="localized", width=62, help="Completed steps."),
        "last_step": column.NumberColumn("of", format="localized", width=62, help="Planned steps."),
        "bytes": column.NumberColumn("size", format="bytes", width=76, help="All files in the run folder."),
        "tags": column.ListColumn("tags", width=88),
        "note": column.TextColumn("note", width=200),
        "created": column.DatetimeColumn("made", format="YYYY-MM-DD HH:mm", width=120, timezone="UTC", help="UTC."),
        "run": column.TextColumn("run", width=290, help="Id: the folder's name."),
        "damage": column.TextColumn("damage", width=130, help="Files that cannot be read."),
    }
