"""Putting runs away, undoing it, and the trash: what is in it, back or gone for ever."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store import trash as room
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.status import is_read_only
from snowball_core.tables.library import library_table
from snowball_core.tables.library import rows as rows_of

from ..shared.text import capitalised, plain, size

_PUT_AWAY, _PROBLEM, _MOST_NAMED = "library-put-away", "library-trash-problem", 3


def put_away(run_ids: Sequence[str]) -> None:
    """Put runs into the trash; remembered, so that one press brings them back. For callbacks."""
    st.session_state[_PUT_AWAY] = _each(room.trash, run_ids)


def say_put_away() -> None:
    """What was put away last, with the button that brings it back; and what went wrong."""
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))
    there = {path.name for path in _trashed()}
    gone = [run_id for run_id in st.session_state.get(_PUT_AWAY, ()) if run_id in there]
    if gone:
        named = ", ".join(gone[:_MOST_NAMED]) + (f" and {len(gone) - _MOST_NAMED:,} more" if len(gone) > _MOST_NAMED else "")
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="put-away-said"):
            st.markdown(f"Moved to trash: {plain(named)}")
            st.button("Undo", key="undo", icon=":material/undo:", on_click=_bring_back, args=(gone,), disabled=is_read_only())


def trash_view() -> None:
    """The runs in the trash."""
    try:
        paths = room.trashed(runs_folder())
    except SnowballError as error:
        st.error(plain(error))
        return
    if not paths:
        st.info("The trash is empty. Runs moved to trash are kept here until they are restored or deleted.")
        return
    rows = rows_of(paths)
    names = [each.id for each in rows]
    table = library_table(rows, "dead")[["run", "title", "preset", "state", "bytes"]]
    heads: dict[str, Any] = {"title": "name", "bytes": st.column_config.NumberColumn("size", format="bytes")}
    st.dataframe(
        table, hide_index=True, key="trashed", column_config=heads, height="content", alt="Runs in the trash, one per row"
    )
    chosen = st.multiselect("Runs to restore or delete", names, key="in-trash", placeholder="select runs; default: all")
    if not chosen:
        return
    barred = is_read_only()
    st.button("Restore", key="restore", icon=":material/undo:", on_click=_bring_back, args=(chosen,), disabled=barred)
    total = size(sum(each.bytes or 0 for each in rows if each.id in chosen))
    # Named by what it confirms: a tick never comes to mean other runs.
    mark = zlib.crc32(" ".join(chosen).encode())
    sure = st.checkbox(f"Permanently delete {len(chosen):,} of {len(names):,} runs ({total})", key=f"sure-{mark}")
    st.button("Delete permanently", key="delete", on_click=_delete, args=(chosen,), disabled=barred or not sure)


def _trashed() -> list[Path]:
    try:
        return room.trashed(runs_folder())
    except SnowballError:
        return []


def _bring_back(run_ids: Sequence[str]) -> None:
    _each(room.restore, run_ids)


def _delete(run_ids: Sequence[str]) -> None:
    _each(lambda folder, run_id: room.delete(folder, [run_id]), run_ids)


def _each(action: Callable[[Path, str], Any], run_ids: Sequence[str]) -> list[str]:
    """Do it to every run; return those it was done to, and keep in mind what went wrong."""
    done, problems = [], []
    for run_id in run_ids:
        try:
            action(runs_folder(), run_id)
            done.append(run_id)
        except SnowballError as error:
            problems.append(capitalised(str(error)))
    if problems:
        st.session_state[_PROBLEM] = "\n\n".join(problems)
    return done
