"""The runs of a comparison on one axis: a picture for each measure, a crosshair, a click that moves both sides below."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.charts.theme import LineStyle, swatch
from snowball_core.measures.alignment import ALIGNMENTS, Entrant, places, why_missing
from snowball_core.tables.comparison import MEASURES, USUAL, LineUp, groupings, letters

from ..shared.help_links import what_is
from ..shared.page_frame import say_range
from ..shared.selection import range_of_runs
from ..shared.text import many, plain
from ..shared.url_state import pick_one, pick_one_or_none, pick_segment, pick_some
from .cached_runs import Key
from .drawing import Drawing, Overlay, along_of, drawing_of, note_of, overlaid, styles_of, whose
from .overlay_files import take_overlays
from .side_by_side import move_to

_LINK = {"first-merger": "aligned by event", "last-change": "aligned by event", "rates": "aligned by rates", "step": "step"}
_CLICKED = "overlay-clicked"


def theme() -> str:
    """The theme that the page is drawn in."""
    return "dark" if st.context.theme.type == "dark" else "light"


def pick_grouping(lined_up: LineUp) -> str:
    """What runs are coloured by."""
    help = "One colour for each run, each setting, or each value of a field in which the runs differ."
    return pick_one("Colour by", "by", groupings(lined_up), "run", width=190, help=help)


def pick_alignment() -> str:
    """What the runs are aligned by."""
    help = "The x axis: step; step relative to an event of each run; or cumulative learning rate."
    words = {name: name.replace("-", " ") for name in ALIGNMENTS}
    return pick_segment("Align by", "align", list(words), "step", help=help, format_func=words.__getitem__)


def pick_measures() -> list[str]:
    """The measures to draw."""
    words = {name: title for name, (title, _, _) in MEASURES.items()}
    return pick_some("Measures", "measures", words, USUAL, help="One chart per measure.")


@st.fragment
def overlays(
    entrants: Sequence[Entrant], lined_up: LineUp, keys: Sequence[Key], group: str, by: str, axis: str, theme: str
) -> None:
    """A picture for every chosen measure, all on one axis."""
    if st.session_state.pop(_CLICKED, False):
        st.rerun()  # both sides are outside of this fragment
    names = letters(lined_up)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        align = pick_alignment()
        offered = styles_of(lined_up, "run", theme)[0]
        marked = pick_one_or_none("Highlight a run", "marked", offered, placeholder="None", width=420)
    measures = pick_measures()
    drawn = [each for each in entrants if places(each, align) is not None]
    if nothing := [names[each.id] for each in entrants if not len(each.table)]:
        st.info(f"Not drawn: {', '.join(nothing)}. They have no finite snapshot.")
    if missing := [names[each.id] for each in entrants if len(each.table) and places(each, align) is None]:
        st.info(f"Not on this axis: {', '.join(missing)}. {why_missing(align)}")
    if not drawn:
        return
    along = along_of(drawn, keys, group, align, axis)
    left = st.session_state.get("left")
    drawing = drawing_of(drawn, lined_up, by, along, marked, theme, left)
    _legend(drawing.styles.values())
    thinned, drawable = False, []
    grid = st.grid(2, min_column_width=420, gap="medium")
    for measure in measures:
        with grid.cell():
            found = _picture(drawing, measure, group)
            thinned = found.is_thinned or thinned
            drawable += [measure] if found.picture else []
    reference = "the step" if align == "step" else f"the step of run {names.get(left or '', names[drawn[0].id])}"
    # Not a caption: that makes links too pale to read.
    st.markdown(
        f":small[x: {ALIGNMENTS[align]} ({what_is(_LINK[align])}). Point at a chart to read all runs; click to show "
        f"{reference} on both sides below. Bands: range and median over the draws of a setting ({what_is('band')}); values are "
        f"held constant between snapshots. {note_of(drawing, thinned)}]"
    )
    query: dict[str, Any] = {"group": group, "align": align, "axis": axis, "by": by, "marked": marked}
    if ends := range_of_runs():
        say_range(ends[0], ends[1])
        query |= {"from": ends[0], "to": ends[1]}
    take_overlays([each.id for each in lined_up.recordings], drawable, query)


def _legend(styles: Iterable[LineStyle]) -> None:
    """The lines in their colours and dashes, once for all pictures."""
    image = '<img alt="" width="36" height="12" style="margin-right:6px" src="{}">'
    parts = [f"<span>{image.format(swatch(style))}{escape(style.name)}</span>" for style in styles]
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:4px 24px;font-size:14px">{"".join(parts)}</div>')


def _picture(drawing: Drawing, measure: str, group: str) -> Overlay:
    title, unit, _ = MEASURES[measure]
    found = overlaid(drawing, measure)
    text = f"{whose(measure, group)} · unit: {unit} · {many(found.lines['run'].nunique(), 'run')}"
    st.markdown(f"**{title}** ({what_is(measure)})  \n:small[:gray[{plain(text)}]]")
    if found.picture is None:
        st.caption("Not recorded in any of these runs.")
        return found
    (spec, data), key = found.picture, f"overlay-{measure}"
    st.vega_lite_chart(
        spec | {"datasets": data},
        key=key,
        alt=_in_words(title, found.lines, found.bands),
        width="stretch",
        on_select=functools.partial(_clicked, key),
        selection_mode="at",
    )
    return found


def _clicked(key: str) -> None:
    """Move both sides to the step that was clicked."""
    picked = st.session_state[key]["selection"].get("at") or []
    if picked and picked[-1].get("step") is not None:
        move_to(int(picked[-1]["step"]))
        st.session_state[_CLICKED] = True


def _in_words(title: str, lines: pd.DataFrame, bands: pd.DataFrame) -> str:
    """The picture in words: where the runs end."""
    ends = lines.groupby("run")["value"].last()
    words = f"{title} of {len(ends)} runs; last values from {ends.min():.4g} to {ends.max():.4g}"
    return words + (f"; median of the last band {bands['median'].iloc[-1]:.4g}" if len(bands) else "")
