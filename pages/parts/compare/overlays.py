"""The runs of a comparison on one axis: a picture for each measure, ribbons over draws, one run marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from string import ascii_uppercase

import numpy as np
import pandas as pd
import streamlit as st

from snowball_core.charts.overlay import MOST_POINTS, Frame, lines_data, overlay_spec, ribbons_data, widths
from snowball_core.charts.step_axis import Picture
from snowball_core.charts.theme import CURSOR, SETTINGS, setting_colour
from snowball_core.measures.alignment import ALIGNMENTS, Entrant, places, ribbons, why_missing
from snowball_core.tables.comparison import MEASURES, USUAL, LineUp, setting_names

from ..shared.help_links import what_is
from ..shared.text import many, plain
from ..shared.url_state import pick_one_or_none, pick_segment, pick_some
from .overlay_files import OverlayCaption, take_overlays, whose

_ALIGN_TITLE = {
    "step": "step (symlog)",
    "first-merger": "steps after the first merger (symlog)",
    "last-change": "steps after the last change (symlog)",
    "rates": "sum of learning rates",
}
_LINK = {"first-merger": "aligned by event", "last-change": "aligned by event", "rates": "aligned by rates", "step": "step"}


def letters(lined_up: LineUp) -> dict[str, str]:
    """A short name for each run: a letter, and its seed where it is known."""
    named = {}
    for number, each in enumerate(lined_up.recordings):
        letter = ascii_uppercase[number % 26] * (1 + number // 26)
        named[each.id] = letter if each.fields is None else f"{letter} · seed {each.fields.get('seed')}"
    return named


def pick_alignment() -> str:
    """What the runs are aligned by; the address holds the words as they are shown."""
    help = "What lies at one place of the axis: the same step; each run's own event at 0; or the same sum of learning rates."
    return pick_segment("Align by", "align", list(ALIGNMENTS), "step", help=help)


def pick_measures() -> list[str]:
    """The measures to draw."""
    words = {name: title for name, (title, _, _) in MEASURES.items()}
    return pick_some("Measures", "measures", words, USUAL, help="Each has a picture of its own below.")


@st.fragment
def overlays(entrants: Sequence[Entrant], lined_up: LineUp, group: str) -> None:
    """A picture for every chosen measure, all on one axis."""
    names = letters(lined_up)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        align = pick_alignment()
        offered = {each.id: f"{names[each.id]}: {each.id}" for each in entrants}
        marked = pick_one_or_none("Mark a run", "marked", offered, placeholder="None is marked", width=420)
    measures = pick_measures()
    drawn = [each for each in entrants if places(each, align) is not None]
    if nothing := [names[each.id].split(" ")[0] for each in entrants if not len(each.table)]:
        st.info(f"Not drawn: {', '.join(nothing)}. No finite step is recorded of them.")
    if missing := [names[each.id].split(" ")[0] for each in entrants if len(each.table) and places(each, align) is None]:
        st.info(f"Not on this axis: {', '.join(missing)}. {why_missing(align)}")
    if not drawn:
        return
    called = names | setting_names(lined_up)
    # A run that has no place on this axis is not marked on it.
    gold = called[marked] if marked and marked in {each.id for each in drawn} else None
    _legend(drawn, called, gold)
    thinned, pictures = False, dict[str, Picture | None]()
    grid = st.grid(2, min_column_width=420, gap="medium")
    for measure in measures:
        with grid.cell():
            is_thinned, pictures[measure] = _picture(drawn, called, measure, align, group, marked)
            thinned = is_thinned or thinned
    exact = f"Lines with more changes are drawn at {MOST_POINTS} of their steps; ribbons are computed from all."
    # Not a caption: that makes links too pale to read.
    st.markdown(
        f":small[Along: {ALIGNMENTS[align]} ({what_is(_LINK[align])}). Thin: every run. Band and thick line: range and median "
        f"over the draws of a setting ({what_is('ribbon')}); a run's last recorded value is held until its next. "
        + (
            "Where settings are equal the wider line lies below. "
            if 1 < len({each.setting for each in drawn}) <= len(SETTINGS)
            else ""
        )
        + (note := (exact if thinned else "Every change of every line is drawn.") + (f" Gold: {gold}." if gold else ""))
        + "]"
    )
    shown = {name: picture for name, picture in pictures.items() if picture is not None}
    take_overlays(lined_up, names, drawn, shown, OverlayCaption(ALIGNMENTS[align], align, group, note))


def _legend(entrants: Sequence[Entrant], called: Mapping[str, str], marked: str | None) -> None:
    """The settings in their colours and the marked run in its own, once for all pictures."""
    settings = list(dict.fromkeys(called[each.setting] for each in entrants))
    lines = [*((setting_colour(rank), name) for rank, name in enumerate(settings)), *([(CURSOR, marked)] if marked else [])]
    swatch = "display:inline-block;width:22px;height:0;border-top:4px solid {};margin-right:6px;vertical-align:4px"
    told = [f'<span><span style="{swatch.format(colour)}"></span>{escape(name)}</span>' for colour, name in lines]
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:4px 24px;font-size:14px">{"".join(told)}</div>')


def _picture(
    entrants: Sequence[Entrant], called: Mapping[str, str], measure: str, align: str, group: str, marked: str | None
) -> tuple[bool, Picture | None]:
    """Whether its lines are thinned, and the picture; None where there is nothing to draw."""
    title, unit, _ = MEASURES[measure]
    lines, thinned = lines_data(entrants, called, measure, align)
    bands = ribbons(entrants, measure, align)
    ribboned = {called[setting] for setting in bands["setting"].unique()}
    is_one_of_many = lines["setting"].isin(ribboned)
    lines["strength"] = np.where(is_one_of_many, 0.55, 1.0)
    told = f"{whose(measure, group)} · unit: {unit} · {many(lines['run'].nunique(), 'run')}"
    st.markdown(f"**{title}** ({what_is(measure)})  \n:small[:gray[{plain(told)}]]")
    if lines.empty:
        st.caption("None of these runs recorded it.")
        return False, None
    frame = _frame(entrants, called, measure, align, lines)
    wide, bands = widths(frame.settings, ribboned, frame.is_counted), ribbons_data(bands, called, align)
    lines["width"] = np.where(is_one_of_many, 1.3, lines["setting"].map(wide))
    data = {
        "lines": lines,
        "ribbons": bands.assign(width=bands["setting"].map(wide)),
        "alone": lines[lines.groupby("run")["x"].transform("size") == 1],
        "marked": lines[lines["run"] == called.get(marked or "")].assign(width=2.8),
    }
    spec = overlay_spec(frame)
    st.vega_lite_chart(spec | {"datasets": data}, key=f"overlay-{measure}", alt=_told(title, lines, bands), width="stretch")
    return thinned, (spec, data)


def _frame(entrants: Sequence[Entrant], called: Mapping[str, str], measure: str, align: str, lines: pd.DataFrame) -> Frame:
    _, unit, is_whole = MEASURES[measure]
    settings = tuple(dict.fromkeys(called[each.setting] for each in entrants))
    # The same axis for all pictures, also for a measure that some runs or steps lack.
    along = np.concatenate([x for each in entrants if (x := places(each, align)) is not None])
    low, high = float(np.nanmin(along)), float(np.nanmax(along))
    return Frame(
        low,
        high if high > low else low + 1,
        float(lines["value"].max()),
        align != "rates",
        is_whole,
        _ALIGN_TITLE[align],
        unit,
        settings,
    )


def _told(title: str, lines: pd.DataFrame, bands: pd.DataFrame) -> str:
    """The picture in words: where the runs end."""
    ends = lines.groupby("run")["value"].last()
    told = f"{title} of {len(ends)} runs; at their ends from {ends.min():.4g} to {ends.max():.4g}"
    return told + (f", median of the last ribbon {bands['median'].iloc[-1]:.4g}" if len(bands) else "")
