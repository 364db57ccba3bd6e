"""The runs of a comparison on one axis: a picture for each measure, ribbons over draws, one run marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd
import streamlit as st

from snowball_core.charts.theme import CURSOR, SETTINGS, setting_colour
from snowball_core.measures.alignment import ALIGNMENTS, Entrant, places, why_missing
from snowball_core.tables.comparison import MEASURES, USUAL, LineUp, letters, setting_names

from ..shared.help_links import what_is
from ..shared.text import many, plain
from ..shared.url_state import pick_one_or_none, pick_segment, pick_some
from .overlay_files import Overlay, note_of, overlaid, take_overlays, whose

_LINK = {"first-merger": "aligned by event", "last-change": "aligned by event", "rates": "aligned by rates", "step": "step"}


def pick_alignment() -> str:
    """What the runs are aligned by; the address holds the words as they are shown."""
    help = "The x axis: step; step relative to an event of each run; or cumulative learning rate."
    return pick_segment("Align by", "align", list(ALIGNMENTS), "step", help=help)


def pick_measures() -> list[str]:
    """The measures to draw."""
    words = {name: title for name, (title, _, _) in MEASURES.items()}
    return pick_some("Measures", "measures", words, USUAL, help="One chart per measure.")


@st.fragment
def overlays(entrants: Sequence[Entrant], lined_up: LineUp, group: str) -> None:
    """A picture for every chosen measure, all on one axis."""
    names = letters(lined_up)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        align = pick_alignment()
        offered = {each.id: f"{names[each.id]}: {each.id}" for each in entrants}
        marked = pick_one_or_none("Highlight a run", "marked", offered, placeholder="None", width=420)
    measures = pick_measures()
    drawn = [each for each in entrants if places(each, align) is not None]
    if nothing := [names[each.id].split(" ")[0] for each in entrants if not len(each.table)]:
        st.info(f"Not drawn: {', '.join(nothing)}. They have no finite snapshot.")
    if missing := [names[each.id].split(" ")[0] for each in entrants if len(each.table) and places(each, align) is None]:
        st.info(f"Not on this axis: {', '.join(missing)}. {why_missing(align)}")
    if not drawn:
        return
    called = names | setting_names(lined_up)
    # A run that has no place on this axis is not marked on it.
    gold = called[marked] if marked and marked in {each.id for each in drawn} else None
    _legend(drawn, called, gold)
    thinned, drawable = False, []
    grid = st.grid(2, min_column_width=420, gap="medium")
    for measure in measures:
        with grid.cell():
            found = _picture(drawn, called, measure, align, group, marked)
            thinned = found.is_thinned or thinned
            drawable += [measure] if found.picture else []
    note = note_of(thinned, gold)
    # Not a caption: that makes links too pale to read.
    st.markdown(
        f":small[x: {ALIGNMENTS[align]} ({what_is(_LINK[align])}). Thin lines: runs. Band and thick line: range and median "
        f"over the draws of a setting ({what_is('band')}); values are held constant between snapshots. "
        + (
            "Where lines coincide, the wider one is drawn below. "
            if 1 < len({each.setting for each in drawn}) <= len(SETTINGS)
            else ""
        )
        + note
        + "]"
    )
    take_overlays([each.id for each in lined_up.recordings], drawable, group, align, marked)


def _legend(entrants: Sequence[Entrant], called: Mapping[str, str], marked: str | None) -> None:
    """The settings in their colours and the marked run in its own, once for all pictures."""
    settings = list(dict.fromkeys(called[each.setting] for each in entrants))
    lines = [*((setting_colour(rank), name) for rank, name in enumerate(settings)), *([(CURSOR, marked)] if marked else [])]
    swatch = "display:inline-block;width:22px;height:0;border-top:4px solid {};margin-right:6px;vertical-align:4px"
    told = [f'<span><span style="{swatch.format(colour)}"></span>{escape(name)}</span>' for colour, name in lines]
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:4px 24px;font-size:14px">{"".join(told)}</div>')


def _picture(
    entrants: Sequence[Entrant], called: Mapping[str, str], measure: str, align: str, group: str, marked: str | None
) -> Overlay:
    title, unit, _ = MEASURES[measure]
    found = overlaid(entrants, called, measure, align, marked)
    told = f"{whose(measure, group)} · unit: {unit} · {many(found.lines['run'].nunique(), 'run')}"
    st.markdown(f"**{title}** ({what_is(measure)})  \n:small[:gray[{plain(told)}]]")
    if found.picture is None:
        st.caption("Not recorded in any of these runs.")
    else:
        spec, data = found.picture
        alt = _told(title, found.lines, found.ribbons)
        st.vega_lite_chart(spec | {"datasets": data}, key=f"overlay-{measure}", alt=alt, width="stretch")
    return found


def _told(title: str, lines: pd.DataFrame, bands: pd.DataFrame) -> str:
    """The picture in words: where the runs end."""
    ends = lines.groupby("run")["value"].last()
    told = f"{title} of {len(ends)} runs; last values from {ends.min():.4g} to {ends.max():.4g}"
    return told + (f"; median of the last band {bands['median'].iloc[-1]:.4g}" if len(bands) else "")
