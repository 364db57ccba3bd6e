"""Two runs at the same step, side by side."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.measures.alignment import Entrant
from snowball_core.store.run_folder import Run
from snowball_core.tables.at_step import exact_numbers, group_table
from snowball_core.tables.live import group_mask, recorded_at, recorded_snapshots
from snowball_core.tables.text import glyph

from ..scrub import figures
from ..scrub.clicks import selected_of_both
from ..scrub.figures import Moment
from ..shared import cached
from ..shared.divergence_notice import say_rows
from ..shared.selection import seen_step
from ..shared.text import plain
from ..shared.url_state import keep_value, pick_one, read, write

_NAMES = {
    "tokens": "tokens",
    "unique": "U unique vectors",
    "black_holes": "C black holes",
    "population": "P tokens in black holes",
    "singletons": "S singletons",
    "largest": "largest hole, tokens",
    "linf_cells": "largest L∞, cells",
    "linf_weight": "largest L∞, weight units",
}
_AT = "at"
_FIGURES = (figures.sizes, figures.distances, figures.places)


@st.fragment
def side_by_side(runs: Mapping[str, Run], entrants: Sequence[Entrant], names: Mapping[str, str], group: str, unit: str) -> None:
    """Two of the runs, locked by step: exact numbers, black holes, distances, places; ``names`` are short ones."""
    called = {run: f"{names[run]}: {run}" for run in runs}
    first, second, *_ = called
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        pair = [runs[pick_one("Left", "left", called, first)], runs[pick_one("Right", "right", called, second)]]
    try:
        counts = [recorded_snapshots(run) for run in pair]
        steps = [run.steps(count) for run, count in zip(pair, counts, strict=True)]
        chosen = {each.id: each for each in entrants}
        events = sorted({step for run in pair for step in chosen[run.id].anchors.values() if step is not None})
        wanted = _transport(np.union1d(*steps), events)
        measures = pd.concat([cached.measures(str(run.path), count) for run, count in zip(pair, counts, strict=True)])
        chosen_token = selected_of_both()
        moments = [
            _moment(run, count, wanted, group, unit, measures, side, chosen_token)
            for run, count, side in zip(pair, counts, ("left", "right"), strict=True)
        ]
        _numbers(moments)
        st.caption(_told(chosen_token, moments))
        # A row for each figure: what is compared stays on one height, whatever is said above it.
        for part in (functools.partial(_heading, names, wanted), *(functools.partial(_drawn, each) for each in _FIGURES)):
            for column, moment in zip(st.columns(2, gap="large"), moments, strict=True):
                with column:
                    part(moment)
        st.caption("Each run is drawn along principal axes of its own: places on the left and on the right are not comparable.")
    except SnowballError as error:
        st.error(plain(error))


def _transport(steps: np.ndarray, events: list[int]) -> int:  # type: ignore[type-arg]
    """A slider over both runs' steps, and buttons to the recorded neighbours and to the runs' events."""
    last = int(steps[-1])
    if not last:
        return 0
    usual = events[-1] if events else last
    read(_AT, lambda words: int(words[-1]) if re.fullmatch("[0-9]{1,11}", words[-1]) else None, seen_step(usual))
    st.session_state[_AT] = min(int(st.session_state[_AT]), last)
    with st.container(horizontal=True, vertical_alignment="bottom", key="together"):
        now = st.slider(f"Step of both runs, of {last:,}", 0, last, key=_AT, format="localized")
        keep_value(_AT, now)
        write(_AT, [str(now)])
        before, after = steps[steps < now], steps[steps > now]
        goals = {
            "Previous event": max([step for step in events if step < now], default=None),
            "−1": int(before[-1]) if len(before) else None,
            "+1": int(after[0]) if len(after) else None,
            "Next event": min([step for step in events if step > now], default=None),
        }
        for label, goal in goals.items():
            help = "First merger or last change of one of the two runs" if "event" in label else "By one recorded step"
            st.button(label, key=f"to-{label}", on_click=_go, args=(goal,), disabled=goal is None, help=help)
    return now


def _go(step: int) -> None:
    st.session_state[_AT] = step


def _moment(
    run: Run,
    snapshots: int,
    wanted: int,
    group: str,
    unit: str,
    measures: pd.DataFrame,
    side: str,
    selected: tuple[str, int] | None,
) -> Moment:
    """One side. Both have the measures of both: so that scales are the same."""
    index = recorded_at(run.steps(snapshots), wanted)
    mask = group_mask(run.dead, group)
    rows = cached.rows_at(str(run.path), snapshots, index, mask)
    step, tokens = int(run.steps(snapshots)[index]), group_table(rows, run.dead, mask)
    return Moment(run, snapshots, not run.status().is_alive, group, unit, step, rows, tokens, measures, side, selected)


def _numbers(moments: Sequence[Moment]) -> None:
    exact = [exact_numbers(moment.rows) for moment in moments]
    told = {"exact numbers": list(_NAMES.values())}
    for side, moment, numbers in zip(("left", "right"), moments, exact, strict=True):
        told[f"{side}, step {moment.step:,}"] = [_exactly(numbers[name]) for name in _NAMES]
    pairs = [(exact[0][name], exact[1][name]) for name in _NAMES]
    # A distance of rows that are not finite is none on either side.
    told["same"] = ["yes" if left == right or (left != left and right != right) else "no" for left, right in pairs]
    right = {name: st.column_config.TextColumn(alignment="right") for name in told if "step" in name}
    st.dataframe(pd.DataFrame(told), hide_index=True, key="both-numbers", height="content", column_config=right)


def _told(selected: tuple[str, int] | None, moments: Sequence[Moment]) -> str:
    """What is selected, and where it is on both sides."""
    if selected is None:
        return "Click a hole or a token in a picture: it is framed on both sides. Clicked again it is let go."
    token, told = selected[1], []
    for moment in moments:
        own = moment.tokens[moment.tokens["token"] == token]
        if own.empty:
            told.append(f"not among the {moment.group} tokens")
        else:
            hole = int(own["hole"].iloc[0])
            mates = int((moment.tokens["hole"] == hole).sum())
            told.append(f"in hole {hole}, one of {mates:,} tokens" if hole else "alone")
    return f"Framed: token {token:,} ({plain(glyph(token))}). Left: {told[0]}. Right: {told[1]}."


def _exactly(number: float) -> str:
    if number != number:
        return "none"
    return repr(number) if isinstance(number, float) else f"{number:,}"


def _heading(names: Mapping[str, str], wanted: int, moment: Moment) -> None:
    name = moment.run.id
    query = {"run": name, "step": str(moment.step), "group": moment.group}
    if moment.selected:
        query["select"] = f"{moment.selected[0][0]}{moment.selected[1]}"
    st.markdown(f"**{plain(names[name])}** · {plain(name)} · step {moment.step:,}")
    st.page_link(
        "pages/scrub.py",
        label="Open in Scrub",
        icon=":material/linear_scale:",
        query_params=query,
    )
    if moment.step != wanted:
        st.caption(f"Step {wanted:,} was not recorded here: the last recorded one before it, {moment.step:,}, is shown.")
    say_rows(moment.rows)
    if not len(moment.rows):
        st.info(f"This run has no {moment.group} tokens: choose another group above.")


def _drawn(figure: Callable[[Moment], None], moment: Moment) -> None:
    if len(moment.rows):
        figure(moment)
