"""Links to files of a run: addresses below ``/api`` that do not depend on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import streamlit as st

from snowball_core.export.pictures import PICTURES
from snowball_core.export.tables import TABLES
from snowball_core.export.view import View
from snowball_core.tables.formats import FORMATS

from ..server.access import base_path
from .selection import looks

PICTURE, TABLE = ("svg", "png"), tuple(FORMATS)
_LABELS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON", "svg": "SVG", "png": "PNG"}
Query = Mapping[str, Any]
# Pictures of pages that no export writes.
_OF_PAGES = {
    "biography": "the biography of the token",
    "largest-linf-epsilon": "largest L∞ of the group in the original notebook's ε over the run",
    "largest-linf-weight": "largest L∞ of the group in weight units over the run",
    "largest-linf-cells": "largest L∞ of the group in cells over the run",
}


def address(place: str, query: Query) -> str:
    """The address of a file below ``/api``; what is None or empty is left out of it.

    Examples
    --------
    >>> address("runs/my-run/tables/summary.csv", {"group": "dead", "step": None})
    '/api/runs/my-run/tables/summary.csv?group=dead'
    """
    words = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{base_path()}/api/{quote(place)}" + (f"?{urlencode(words, doseq=True)}" if words else "")


def query_of(view: View, is_of_step: bool = True) -> dict[str, Any]:
    """What an address says of a view: the step, or none for the whole run; group and unit; a range where one is chosen."""
    ends = {} if view.is_whole else {"from": view.first, "to": view.last}
    return {"step": view.step if is_of_step else None, "group": view.group, "unit": view.unit, **ends}


def link(label: str, key: str, place: str, query: Query, is_small: bool = False, disabled: bool = False) -> None:
    """A link to a file below ``/api``."""
    url, icon = address(place, query), ":material/download:"
    st.link_button(label, url, key=key, icon=icon, type="tertiary" if is_small else "secondary", disabled=disabled)


def links(place: str, name: str, kinds: tuple[str, ...], query: Query) -> None:
    """Links to the forms of one table or picture, whose name is unique on the page."""
    for kind in kinds:
        link(_LABELS[kind], f"take-{name}-{kind}", f"{place}/{name}.{kind}", query, is_small=True)


def row(label: str, view: View, table: str = "", picture: str = "", is_of_step: bool = True, more: Query | None = None) -> None:
    """A labelled row of links to a table of a run, to a picture of it, or to both."""
    place, query = f"runs/{view.history.id}", query_of(view, is_of_step) | dict(more or {})
    with st.container(horizontal=True, vertical_alignment="center", key=f"row-{table or picture}"):
        st.markdown(f":small[{label}]", width="content")
        if table:
            links(f"{place}/tables", table, TABLE, query)
        if picture:
            links(f"{place}/charts", picture, PICTURE, query)


def take_these(view: View, pictures: Mapping[str, Query], tables: tuple[str, ...]) -> None:
    """Links to pictures of a page about a whole run, each with what its address says besides, and to named tables."""
    with st.expander("Download", on_change="rerun", key="take-home") as box:
        if box.open:
            for name, more in pictures.items():
                what = _OF_PAGES.get(name) or PICTURES[name].what
                row(f"Picture: {what}", view, picture=name, more=more)
            for name in tables:
                row(f"Table: {TABLES[name].what}", view, name, is_of_step=False)
            _everything_else()


def take_home(view: View) -> None:
    """Links to tables and pictures of the step and of the run; closed, they cost nothing while the step changes."""
    with st.expander("Download", on_change="rerun", key="take-home") as box:
        if box.open:
            row("All measures of all recorded steps", view, "summary", "counts", is_of_step=False)
            row(f"Step {view.step:,}: tokens and black holes", view, "tokens", "sizes")
            row(f"Step {view.step:,}: distances of all pairs", view, "pairs", "distances")
            row(f"Step {view.step:,}: positions on principal axes", view, picture="places", more=looks())
            _everything_else()


def _everything_else() -> None:
    st.page_link("pages/export.py", label="More files: Export", icon=":material/folder_zip:")
