"""What is done with the selected runs: open, name, annotate, put away, lay their configurations side by side."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from snowball_core.config_checks import config_differences
from snowball_core.errors import SnowballError
from snowball_core.store.notes import LONGEST_LABEL, LONGEST_NOTE, Notes, add_tags, annotate_seen, tags_of
from snowball_core.store.run_folder import Run, read_run
from snowball_core.store.status import is_read_only
from snowball_core.tables.library import RunRow

from ..shared.run_picker import BADGES, state_badge
from ..shared.text import plain, size
from .page_links import page_links
from .trash import put_away

_PROBLEM = "library-problem"


def act_on(rows: Sequence[RunRow]) -> None:
    """Draw what can be done with the selected runs."""
    if len(rows) > 1:
        rows = [row for row in rows if row.is_run]
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))
    if not rows:
        st.caption(
            "Click a row to select it; use the boxes at the left to select several (keyboard: Shift+Space). Click a name to "
            "open the run in Scrub."
        )
    elif len(rows) == 1:
        _one(rows[0])
    else:
        _several(rows)


def _one(row: RunRow) -> None:
    with st.container(border=True, key="selected"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(row.title)}**")
            state_badge(row.status)
            if row.glance.diverged is not None:
                st.badge("diverged", color=BADGES["failed"])
            st.caption(row.id)
        if not row.is_run:
            st.warning(plain(f"{row.damage[0].upper()}{row.damage[1:]}."))
            return
        if row.glance.diverged is not None:
            at = f"Diverged at step {row.glance.diverged:,}; U, C and P are those of the last finite step."
            st.error(at, icon=":material/trending_up:")
        if row.damage:
            st.warning(plain(row.damage))
        elif row.status.message:
            st.caption(plain(row.status.message))
        _say_origin(row)
        with st.container(horizontal=True, vertical_alignment="center"):
            if row.glance.snapshots and not row.glance.damage:
                page_links([row.id])
            _put_away_button([row])
        _form(row)


def _say_origin(row: RunRow) -> None:
    if (found := row.glance.nearest) is None:
        return
    if not found.changes:
        st.caption(f"Preset: {found.name}.")
        return
    config = read_run(row.path).config
    changed = ", ".join(f"{name.replace('_', ' ')} {_said(name, getattr(config, name))}" for name in found.changes[:8])
    more = " and more" if len(found.changes) > 8 else ""
    st.caption(f"Based on {found.name}; changed: {plain(changed)}{more}.")


def _form(row: RunRow) -> None:
    notes = row.notes
    # Named by what it shows: notes written elsewhere are shown, not overwritten by what stood here before.
    mark = f"{row.id}-{zlib.crc32(repr(notes).encode())}"
    with st.form(f"notes-{mark}", border=False):
        left, right = st.columns(2)
        left.text_input("Name", notes.label, LONGEST_LABEL, key=f"label-{mark}", placeholder=row.glance.name)
        right.text_input("Tags, comma-separated", ", ".join(notes.tags), key=f"tags-{mark}", placeholder="merger, keep")
        st.text_area("Note", notes.note, 90, LONGEST_NOTE, key=f"note-{mark}")
        # A callback: where the notes were changed elsewhere meanwhile, this form is gone when the page is drawn again.
        st.form_submit_button("Save", key=f"save-{mark}", disabled=is_read_only(), on_click=_save, args=(row.path, notes, mark))
    st.caption("Name, tags and note are stored beside the run; its id and recorded data do not change.")


def _save(path: Path, shown: Notes, mark: str) -> None:
    entered = {name: st.session_state.get(f"{name}-{mark}") or "" for name in ("label", "note", "tags")}
    try:
        annotate_seen(path, shown, entered["label"], entered["note"], tags_of(entered["tags"]))
    except SnowballError as error:
        st.session_state[_PROBLEM] = error


def _several(rows: Sequence[RunRow]) -> None:
    with st.container(border=True, key="selected"):
        st.markdown(f"**{len(rows):,} runs selected** · {size(sum(row.bytes or 0 for row in rows))}")
        readable = [row.id for row in rows if row.glance.snapshots and not row.glance.damage]
        page_links(readable)
        _differences(rows)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            tag = st.text_input("Tag", key="tag-all", width=220)
            barred = not tag or is_read_only()
            st.button("Add tag", key="add-tag", on_click=_tag_all, args=([row.path for row in rows], tag), disabled=barred)
            _put_away_button(rows)


def _differences(rows: Sequence[RunRow]) -> None:
    """The fields in which the configurations differ, a column per run."""
    whole = [row for row in rows if row.glance.nearest is not None]
    try:
        runs: list[Run] = [read_run(row.path) for row in whole]
    except SnowballError as error:
        st.error(plain(error))
        return
    found = config_differences([run.config for run in runs])
    if left_out := len(rows) - len(whole):
        st.caption(f"{left_out} of them cannot be compared: run.json is damaged.")
    if not found:
        st.caption("Identical configurations.")
        return
    st.caption(f"{len(found)} configuration fields differ; one column per run.")
    table = pd.DataFrame({run.id: [_said(name, values[i]) for name, values in found.items()] for i, run in enumerate(runs)})
    table.insert(0, "field", [name.replace("_", " ") for name in found])
    heads = {row.id: st.column_config.TextColumn(row.title, help=row.id) for row in whole}
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        key="differences",
        column_config={"field": st.column_config.TextColumn(pinned=True, width=130), **heads},
        alt="Configuration fields that differ between the selected runs",
    )


def _said(name: str, value: object) -> str:
    """A field's value as one reads it: whole numbers with thousands, a switch as on or off, no number of threads as auto."""
    if name == "threads" and value == 0:
        return "auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else "none" if value in (None, "") else str(value)


def _tag_all(paths: Sequence[Path], tag: str) -> None:
    try:
        for path in paths:
            add_tags(path, tags_of(tag))
        st.session_state["tag-all"] = ""
    except SnowballError as error:
        st.session_state[_PROBLEM] = error


def _put_away_button(rows: Sequence[RunRow]) -> None:
    alive = [row for row in rows if row.status.is_alive]
    st.button(
        "Move to trash" if len(rows) == 1 else f"Move {len(rows):,} runs to trash",
        key="put-away",
        icon=":material/delete:",
        disabled=bool(alive) or is_read_only(),
        help="Stop the run first." if alive else "Can be undone.",
        on_click=put_away,
        args=([row.id for row in rows],),
    )
