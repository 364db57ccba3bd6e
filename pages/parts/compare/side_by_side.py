"""Two runs at the same step, side by side."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.measures.alignment import Entrant
from snowball_core.measures.lineage import Lineage
from snowball_core.measures.quantities import COUNTS, OF_COLUMN
from snowball_core.store.foreign.links import Source
from snowball_core.tables.at_step import exact_numbers
from snowball_core.tables.formats import number
from snowball_core.tables.live import recorded_snapshots
from snowball_core.tables.text import glyph

from ..scrub.component import Side, draw, redraw, reported
from ..scrub.exact_step import token_table, view_at
from ..shared import cached
from ..shared.divergence_notice import say_rows
from ..shared.selection import SELECT, axis_here, lay_out, seen_step, selection
from ..shared.text import plain
from ..shared.url_state import keep_value, kept, pick_one, read, write

_NUMBERS = {
    "tokens": "tokens",
    **{column: OF_COLUMN[column].label for column in COUNTS},
    "largest": "Largest hole (tokens)",
    "linf_cells": "Largest L∞ (cells)",
    "linf_weight": "Largest L∞ (weight units)",
}
_AT, _HEARD, _FRAGMENT = "at", "pair-heard", "exact-pair"


def pick_step(entrants: Sequence[Entrant]) -> None:
    """The step of both sides: that of the address, else the one last looked at, else the last event of the runs."""
    last = max((int(each.table["step"].iloc[-1]) for each in entrants if len(each.table)), default=0)
    events = [step for each in entrants for step in each.anchors.values() if step is not None]
    read(
        _AT,
        lambda words: int(words[-1]) if re.fullmatch("[0-9]{1,11}", words[-1]) else None,
        seen_step(max(events, default=last)),
    )
    move_to(min(int(st.session_state[_AT]), last))


def chosen_step() -> int:
    """The step of both sides; it must have been picked."""
    return int(st.session_state[_AT])


def move_to(step: int) -> None:
    """Show a step on both sides."""
    st.session_state[_AT] = step
    keep_value(_AT, step)
    write(_AT, [str(step)])


def side_by_side(runs: Mapping[str, Source], names: Mapping[str, str], group: str, unit: str, axis: str) -> None:
    """Two of the runs, locked by step: their pictures, and their exact numbers; ``names`` begin with their letters."""
    labels = dict(names)
    first, second, *_ = labels
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        pair = [runs[pick_one("Left", "left", labels, first)], runs[pick_one("Right", "right", labels, second)]]
    snapshots = [recorded_snapshots(run) for run in pair]
    place = {
        "step": chosen_step(),
        "select": kept("select", SELECT),
        "axis": axis,
        "range": [],
        "follow": False,
    }
    sides = [_side(run, count, labels[run.id], group, unit) for run, count in zip(pair, snapshots, strict=True)]
    if drawn := [side for side in sides if side is not None]:
        # Whose numbers of sides differ are different scrubbers: each is built once.
        key = f"pair-{len(drawn)}"
        draw(key, drawn, place | {"heard": st.session_state.get(_HEARD, 0)}, functools.partial(_moved, key))
        st.caption("Each run has its own principal axes: positions on the left and right are not comparable.")
    _exact(pair, snapshots, names, group, unit)


def _side(run: Source, snapshots: int, label: str, group: str, unit: str) -> Side | None:
    """A run as the scrubber draws it; None, after saying why, where it cannot."""
    path = str(run.path)
    try:
        history = cached.history(path, snapshots)
        if not history.mask(group).any():
            st.info(f"{plain(label)} has no {group} tokens. Choose another group above.")
            return None
        reel = cached.frames(path, snapshots, group, unit, not run.status().is_alive)
    except SnowballError as error:
        st.warning(f"{plain(label)} cannot be drawn: {plain(str(error))}")
        return None
    return Side(run.id, history, reel, group, name=label)


def _moved(key: str) -> None:
    report = reported(key)
    st.session_state[_HEARD] = report.get("heard", 0)
    for name, word in ((_AT, "step"), ("select", "select")):
        if word in report:
            st.session_state[name] = report[word]
            keep_value(name, report[word])
            if not report["playing"]:
                write(name, [str(report[word])] if report[word] != "" else [])
    if report.get("axis", axis_here()) != axis_here():
        lay_out(report["axis"])  # and the whole page is drawn again
        return
    redraw(_FRAGMENT)


@st.fragment(key=_FRAGMENT)
def _exact(pair: Sequence[Source], snapshots: Sequence[int], names: Mapping[str, str], group: str, unit: str) -> None:
    """The exact numbers of the step on both sides, where what is selected is, and the way to Scrub."""
    step, chosen = chosen_step(), selection(st.session_state["select"])
    try:
        histories = [cached.history(str(run.path), count) for run, count in zip(pair, snapshots, strict=True)]
        views = [view_at(history, step, group, unit) for history in histories]
        _numbers(views)
        st.caption(_framed(chosen, views))
        for column, view in zip(st.columns(2, gap="large"), views, strict=True):
            with column:
                _to_scrub(view, names[view.history.id], st.session_state["select"], step)
    except SnowballError as error:
        st.error(plain(error))


def _numbers(views: Sequence[View]) -> None:
    exact = [exact_numbers(view.rows) for view in views]
    table = {"measure": list(_NUMBERS.values())}
    for side, view, numbers in zip(("left", "right"), views, exact, strict=True):
        table[f"{side}, step {view.step:,}"] = [number(numbers[name]) for name in _NUMBERS]
    pairs = [(exact[0][name], exact[1][name]) for name in _NUMBERS]
    # A distance of rows that are not finite is none on either side.
    table["same"] = ["yes" if left == right or (left != left and right != right) else "no" for left, right in pairs]
    right = {name: st.column_config.TextColumn(alignment="right") for name in table if "step" in name}
    st.dataframe(pd.DataFrame(table), hide_index=True, key="both-numbers", height="content", column_config=right)


def _framed(chosen: tuple[str, int] | None, views: Sequence[View]) -> str:
    """What is selected, and where it is on both sides."""
    if chosen is None:
        return "Click a hole or token to highlight it on both sides; click again to clear."
    left, right = (_whereabouts(chosen[1], view, cached.tree(*cached.key(view))) for view in views)
    return f"Highlighted: token {chosen[1]:,} ({plain(glyph(chosen[1]))}). Left: {left}. Right: {right}."


def _whereabouts(token: int, view: View, tree: Lineage) -> str:
    tokens = token_table(view, tree)
    own = tokens[tokens["token"] == token]
    if own.empty:
        return f"not a {view.group} token"
    hole = own["hole_name"].iloc[0]
    return f"in hole {hole} of {int(own['population'].iloc[0]):,} tokens" if hole else "not shared"


def _to_scrub(view: View, name: str, select: str, wanted: int) -> None:
    query = {"run": view.history.id, "step": str(view.step), "group": view.group} | ({"select": select} if select else {})
    st.markdown(f"**{plain(name)}** · step {view.step:,}")
    st.page_link("pages/scrub.py", label="Open in Scrub", icon=":material/linear_scale:", query_params=query)
    if view.step != wanted:
        st.caption(f"Step {wanted:,} is not recorded in this run; showing step {view.step:,}.")
    say_rows(view.rows)
