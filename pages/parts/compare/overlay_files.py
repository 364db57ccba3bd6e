"""The pictures of a comparison, each with all that names it, and the runs on one axis as a table, to be taken home."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from snowball_core.charts.overlay import printed
from snowball_core.charts.step_axis import Picture
from snowball_core.charts.svg import png_bytes, svg_bytes
from snowball_core.measures.alignment import Entrant, overlay
from snowball_core.tables.comparison import MEASURES, LineUp, footer
from snowball_core.tables.formats import FORMATS

_LABELS = {"svg": "SVG", "png": "PNG", "csv": "CSV", "parquet": "Parquet", "json": "JSON"}


@dataclass(frozen=True)
class OverlayCaption:
    """What is said of all pictures of a comparison.

    Attributes
    ----------
    along : str
        How the runs lie on the axis, in words.
    align, group : str
    note : str
        What is thinned.
    """

    along: str
    align: str
    group: str
    note: str


def whose(measure: str, group: str) -> str:
    """What a measure is of: the trainer's numbers are of no group of tokens."""
    return "the whole run, whatever the group" if measure in ("loss", "learning_rate") else f"{group} tokens"


def take_overlays(
    lined_up: LineUp,
    names: Mapping[str, str],
    entrants: Sequence[Entrant],
    pictures: Mapping[str, Picture],
    caption: OverlayCaption,
) -> None:
    """Buttons for every picture and for the table of every recorded step; each file is made when its button is pressed."""
    with st.expander("Take this home", on_change="rerun", key="take-overlays") as box:
        if not box.open:
            return
        for measure, picture in pictures.items():
            title, unit, _ = MEASURES[measure]
            lines = [*footer(lined_up, names, caption.along, whose(measure, caption.group), unit), caption.note]
            svg = functools.partial(_drawn, picture, title, lines)
            _row(measure, title, caption.group, {"svg": svg, "png": functools.partial(_dotted, svg)})
        table = functools.partial(overlay, entrants, list(pictures), caption.align)
        what = "Every recorded step of every run, with its place on the axis"
        _row("overlay", what, caption.group, {kind: functools.partial(_formed, form, table) for kind, form in FORMATS.items()})


def _drawn(picture: Picture, title: str, lines: Sequence[str]) -> bytes:
    return svg_bytes(printed(picture[0]), picture[1], title, lines)


def _dotted(svg: Callable[[], bytes]) -> bytes:
    return png_bytes(svg())


def _formed(form: Callable[[pd.DataFrame], bytes], table: Callable[[], pd.DataFrame]) -> bytes:
    return form(table())


def _row(name: str, title: str, group: str, files: Mapping[str, Callable[[], bytes]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[{title}:]", width="content")
        for kind, make in files.items():
            file, key = f"comparison-{name}-{group}.{kind}", f"take-{name}-{kind}"
            icon = ":material/download:"
            st.download_button(_LABELS[kind], make, file, key=key, on_click="ignore", icon=icon, type="tertiary")
