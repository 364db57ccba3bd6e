"""Bookmarks of the run on the Scrub page: the field for a new one, the list, the address, and what the time line shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.store.bookmarks import LONGEST_REMARK, Bookmark
from snowball_core.store.foreign.links import Source
from snowball_core.store.notes import add_bookmark, read_notes, remove_bookmark
from snowball_core.store.status import is_read_only
from snowball_core.tables.bookmarks import bookmark_at, lowest_of_hole
from snowball_core.tables.text import glyph

from ..shared.opened_bookmark import OPENED
from ..shared.selection import go, here, selection
from ..shared.text import plain
from .component import FRAGMENT
from .growing_run import WATCH

LIST = "bookmark-list"
_FIELD = "bookmark-remark"
# Per session: what went wrong; the bookmark removed last, with the folder of its run; the bookmark to go to, and its number.
_PROBLEM, _REMOVED, _GO = "bookmark-problem", "bookmark-removed", "bookmark-go"
# The scrubber's frames are not sent again when a bookmark is made: a component of its own hands them over in the browser.
_HANDED = st.components.v2.component("bookmarks", js=(Path(__file__).parent / "drawing" / "handed_bookmarks.js").read_text())


def bookmark_field(run: Source, view: View) -> None:
    """The field for a remark on the step and on what is selected."""
    chosen = selection(here()["select"])
    if chosen is not None and not (chosen[1] < len(view.mask) and view.mask[chosen[1]]):
        chosen = None
    on = f", {_subject(chosen)}" if chosen else ""
    # A new field after each bookmark: the browser keeps the text of an old one.
    key = f"{_FIELD}-{st.session_state.setdefault(_FIELD, 0)}"
    with (
        st.form("bookmark-form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", key="bookmark-field"),
    ):
        label, help = f"Remark on step {view.step:,}{plain(on)}", "Kept beside the run. Key: b"
        st.text_input(label, key=key, max_chars=LONGEST_REMARK, width=460, help=help, disabled=is_read_only())
        st.form_submit_button(
            "Bookmark this step",
            key="bookmark-add",
            icon=":material/bookmark_add:",
            disabled=is_read_only(),
            on_click=_add,
            args=(run.path, view, chosen, key),
        )
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))


def _add(path: Path, view: View, chosen: tuple[str, int] | None, key: str) -> None:
    what, token = chosen or ("", None)
    try:
        # A hole that came apart meanwhile: what was selected is its token.
        hole = lowest_of_hole(view.history, view.step, view.group, token) if what == "hole" and token is not None else None
        token = token if hole is None else None
        made = bookmark_at(view.history, view.step, st.session_state[key], view.group, token, hole)
        add_bookmark(path, made)
        st.session_state[OPENED] = made.id
        st.session_state[_FIELD] += 1
    except SnowballError as error:
        st.session_state[_PROBLEM] = str(error)
    _draw_again()


@st.fragment(key=LIST)
def bookmark_list(run: Source, is_drawn: bool) -> None:
    """The bookmarks of a run by step, each leading to its place, removed by a press and kept again by another.

    ``is_drawn`` is whether the scrubber is on the page.
    """
    notes = read_notes(run.path)
    marks = sorted(notes.bookmarks, key=lambda each: each.step)
    path, removed = st.session_state.get(_REMOVED, (None, None))
    if path == run.path and removed not in marks:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="bookmark-removed-said"):
            st.markdown(f"Bookmark on step {removed.step:,} removed: {plain(removed.remark)}")
            icon, barred = ":material/undo:", is_read_only()
            st.button("Undo", key="bookmark-undo", icon=icon, on_click=_keep_again, args=(path, removed), disabled=barred)
    if notes.damage:
        st.warning(f"Bookmarks cannot be shown: {plain(notes.damage)}. A new one sets the file aside.")
    if marks:
        # Another label would be another part of the page, closed again.
        with st.expander("Bookmarks", on_change="rerun", key="bookmarks", icon=":material/bookmarks:") as box:
            if box.open:
                for mark in marks:
                    _row(run.path, mark, is_drawn)
    listed = [{"step": each.step, "select": each.select, "text": _told(each)} for each in marks]
    _HANDED(key="bookmarks-handed", data={"run": run.id, "bookmarks": listed, "go": st.session_state.pop(_GO, None)})


def _row(path: Path, mark: Bookmark, is_drawn: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"bookmark-{mark.id}"):
        st.button(f"Step {mark.step:,}", key=f"go-{mark.id}", type="tertiary", on_click=_open, args=(mark, is_drawn))
        st.markdown(plain(mark.remark) + f"  \n:small[:gray[{plain(_about(mark))}]]")
        icon, key, barred = ":material/delete:", f"remove-{mark.id}", is_read_only()
        st.button("Remove", key=key, icon=icon, type="tertiary", on_click=_remove, args=(path, mark), disabled=barred)


def _subject(chosen: tuple[str, int]) -> str:
    what, token = chosen
    named = f"token {token:,}" + (f" ({glyph(token)})" if token < 128 else "")
    return named if what == "token" else f"the hole of {named}"


def _about(mark: Bookmark) -> str:
    chosen = selection(mark.select)
    return f"{_subject(chosen)}, {mark.group} tokens" if chosen else f"{mark.group} tokens"


def _told(mark: Bookmark) -> str:
    chosen = selection(mark.select)
    return f"{_subject(chosen)}: {mark.remark}" if chosen else mark.remark


def _open(mark: Bookmark, is_drawn: bool) -> None:
    st.session_state[OPENED] = mark.id
    if st.session_state.get("group") != mark.group or not is_drawn:
        st.session_state["group"] = mark.group
        go(mark.step, mark.select or None)
        st.rerun()
    # The scrubber moves in the browser, where its frames are, and says so: moved here too, its former place would be heard.
    number = st.session_state[f"{_GO}-number"] = st.session_state.get(f"{_GO}-number", 0) + 1
    st.session_state[_GO] = {"step": mark.step, "select": mark.select, "number": number}
    _draw_again()


def _remove(path: Path, mark: Bookmark) -> None:
    _try(lambda: st.session_state.update({_REMOVED: (path, remove_bookmark(path, mark.id))}))


def _keep_again(path: Path, mark: Bookmark) -> None:
    _try(lambda: add_bookmark(path, mark))


def _try(action: Any) -> None:
    try:
        action()
    except SnowballError as error:
        st.session_state[_PROBLEM] = str(error)
    _draw_again()


def _draw_again() -> NoReturn:
    """Run the exact step and the list again, and the watch of a growing run so that its clock starts again."""
    st.rerun([FRAGMENT, LIST, *([WATCH] if here().get("alive") else [])])
    raise AssertionError
