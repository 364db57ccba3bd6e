"""A row of buttons that any page offers under a table or a picture: each file is made when its button is pressed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from snowball_core.charts.svg import png_bytes
from snowball_core.export.pictures import PICTURES, Plate, draw
from snowball_core.export.tables import TABLES
from snowball_core.export.view import View, view_of
from snowball_core.store.run_folder import Run
from snowball_core.tables.formats import FORMATS

from . import cached
from .file_stamps import of_run

_MIME = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_LABELS = {"csv": "CSV", "parquet": "Parquet", "json": "JSON", "svg": "SVG", "png": "PNG"}


@dataclass(frozen=True)
class Stand:
    """What a page shows: a run as far as it is recorded, a step (None: the last), a group, a unit, a range of steps.

    Attributes
    ----------
    run : Run
    snapshots : int
    group, unit : str
    step, first, last : int or None
    """

    run: Run
    snapshots: int
    group: str
    unit: str
    step: int | None = None
    first: int | None = None
    last: int | None = None

    @property
    def asked(self) -> tuple[str, int, int | None, str, str, int | None, int | None]:
        """What an exhibit is known by."""
        return str(self.run.path), self.snapshots, self.step, self.group, self.unit, self.first, self.last

    def exhibit(self) -> View:
        """What the core exports from here; kept while the visitor stays."""
        return _exhibit(*self.asked)

    def stem(self, name: str) -> str:
        """A file's name without its ending: run, what it is, group, step."""
        at = "" if self.step is None else f"-step-{self.step}"
        return f"{self.run.id}-{name}-{self.group}{at}"


@of_run(st.cache_resource, max_entries=4, show_spinner=False)
def _exhibit(path: str, snapshots: int, step: int | None, group: str, unit: str, first: int | None, last: int | None) -> View:
    history = cached.history(path, snapshots)
    return view_of(history, step, group, unit, first, last)


def takeaway(
    name: str,
    stand: Stand,
    table: Callable[[View], pd.DataFrame] | None = None,
    plate: Callable[[View], Plate] | None = None,
) -> None:
    """Offer a table as CSV, Parquet and JSON, and a picture as SVG and PNG; on their own or beside each other.

    Parameters
    ----------
    name : str
        Of the table or picture; unique on the page.
    stand : Stand
    table : callable, optional
        Makes the table of an exhibit: an entry of ``TABLES``, or a page's own.
    plate : callable, optional
        Makes the picture of an exhibit: an entry of ``PICTURES``, or a page's own description and data as a ``Plate``.
    """
    if table is not None:
        for kind, form in FORMATS.items():
            # Bound now: the button outlives the loop.
            _button(name, kind, stand, lambda form=form: form(table(stand.exhibit())))  # type: ignore[misc]
    if plate is not None:
        _button(name, "svg", stand, lambda: _drawn(stand, plate))
        _button(name, "png", stand, lambda: png_bytes(_drawn(stand, plate)))


def _drawn(stand: Stand, plate: Callable[[View], Plate]) -> bytes:
    view = stand.exhibit()
    return draw(view, plate(view))


def _button(name: str, kind: str, stand: Stand, make: Callable[[], bytes]) -> None:
    st.download_button(
        _LABELS[kind],
        make,
        f"{stand.stem(name)}.{kind}",
        _MIME[kind],
        key=f"take-{name}-{kind}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def takeaway_row(name: str, label: str, stand: Stand, sheet: str = "", motif: str = "") -> None:
    """A labelled row of buttons for a named table, a named picture, or both."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"row-{name}"):
        st.markdown(f":small[{label}]", width="content")
        takeaway(name, stand, TABLES[sheet].make if sheet else None, PICTURES[motif].make if motif else None)


def take_these(stand: Stand, plates: Mapping[str, Plate], sheets: Sequence[str]) -> None:
    """The pictures of a page about a whole run, and named tables of it, on request: closed, they cost nothing."""
    with st.expander("Take this home", on_change="rerun", key="take-home") as box:
        if not box.open:
            return
        for name, plate in plates.items():
            with st.container(horizontal=True, vertical_alignment="center", key=f"row-{name}"):
                st.markdown(f":small[{plate.title}:]", width="content")
                takeaway(name, stand, plate=functools.partial(_as_it_is, plate))
        for name in sheets:
            takeaway_row(name, f"Table, {TABLES[name].what}:", replace(stand, step=None), name)
        st.page_link("pages/export.py", label="Everything else: Export", icon=":material/folder_zip:")


def _as_it_is(plate: Plate, _: View) -> Plate:
    return plate


def take_home(stand: Stand) -> None:
    """Tables and pictures of the step and of the run, on request: closed, they cost nothing while the step changes.

    To stand inside the part of a page that runs again when the step changes: buttons outside of it lose their files then.
    """
    with st.expander("Take this home", on_change="rerun", key="take-home") as box:
        if box.open:
            whole = replace(stand, step=None)
            takeaway_row("summary", "Every measure of every recorded step:", whole, "summary", "counts")
            takeaway_row("tokens", f"Step {stand.step:,}, tokens and black holes:", stand, "tokens", "sizes")
            takeaway_row("pairs", f"Step {stand.step:,}, distances of every pair:", stand, "pairs", "distances")
            takeaway_row("places", f"Step {stand.step:,}, places on principal axes:", stand, motif="places")
            st.page_link("pages/export.py", label="Everything else: Export", icon=":material/folder_zip:")
