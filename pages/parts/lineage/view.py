"""The Lineage page below its pickers: the lanes, the events and their causes, and the biography below."""

from __future__ import annotations

import functools
import zlib

import pandas as pd
import streamlit as st

from snowball_core.charts.lineage import lanes_chart
from snowball_core.charts.lineage_data import nature, told_kinds
from snowball_core.charts.step_axis import StepAxis
from snowball_core.export.pictures import PICTURES
from snowball_core.export.tables import in_range
from snowball_core.export.view import View
from snowball_core.measures.census import census, class_sizes
from snowball_core.measures.flicker import BRIEF_STEPS

from ..shared import cached
from ..shared.downloads import take_these
from ..shared.help_links import what_is
from ..shared.page_frame import caption, to_scrub
from ..shared.run_picker import only_one_snapshot
from ..shared.selection import go, selected
from ..shared.text import many, plain
from ..shared.url_state import pick_switch
from .biography import draw_biography

_MOST_NAMED = 4
_MOST_ROWS = 11
_COLUMNS = {
    "step": st.column_config.NumberColumn("step", format="localized", width=64),
    "event": st.column_config.TextColumn("event", width=124),
    "populations": st.column_config.TextColumn("sizes", width=124, help="Hole sizes before and after."),
    "cause": st.column_config.TextColumn("cause", width=440, help="Why the hole split."),
    "differed since": st.column_config.NumberColumn(
        "differed since", format="localized", help="Step from which their optimizer moments differ."
    ),
    "after": st.column_config.NumberColumn("after", format="localized", width=64, help="Previous snapshot."),
}


def lineage_view(view: View, axis: StepAxis) -> None:
    """The lanes, the events and their causes, the biography."""
    run = cached.key(view)
    st.markdown(plain(cached.story(*run)))
    if len(view.judged.steps) < 2:
        only_one_snapshot(view, "A lineage needs at least two snapshots")
        return
    unfold = _fold(cached.calm(*run))
    _now(view)
    _lanes(view, axis, unfold)
    parted = _listed(view, unfold)
    if parted is not None:
        st.caption(plain(_why(parted, view.step)))
    token = draw_biography(view, axis, unfold)
    laid_out = {"select": f"t{token}", "axis": axis.kind, "unfold": str(unfold).lower()}
    take_these(view, {"lineage": {}, "biography": laid_out}, ("events", "nodes", "edges"))
    st.caption("Tables contain all events, short-lived changes included, with causes, intervals, parents and children.")


def _fold(calm: cached.Calm) -> bool:
    """The switch that unfolds flicker, where there is some."""
    if not calm.found:
        return False
    help = f"Changes exactly reversed within {BRIEF_STEPS} steps. Downloads always contain all events."
    folded = len(calm.is_shown) - sum(calm.is_shown)
    return pick_switch(f"Show short-lived changes: {len(calm.found):,}, {folded:,} events", "unfold", help=help)


def _now(view: View) -> None:
    """The holes at the step, true or apparent, and the way to Scrub."""
    rows, moments = view.rows, view.history.moment_hash
    sizes = census(rows).sizes
    hidden = None if moments is None else moments[view.history.index(view.step)][view.mask]
    classes = class_sizes(rows, hidden) if hidden is not None else [[] for _ in sizes]
    natures = [f"{size:,} tokens, {nature(own)}" for size, own in zip(sizes, classes, strict=True)]
    holes = "; ".join(natures[:_MOST_NAMED]) + ("; …" if len(natures) > _MOST_NAMED else "")
    count = f"{len(sizes):,} black hole{'s' * (len(sizes) != 1)}: {holes}" if sizes else "no black holes"
    with st.container(horizontal=True, vertical_alignment="center", key="now"):
        st.markdown(f"**At step {view.step:,}** · {view.group}: {count}")
        to_scrub(view)


def _lanes(view: View, axis: StepAxis, unfold: bool) -> None:
    drawn, data = cached.lanes(*cached.key(view), axis, unfold)
    lanes = drawn.lanes
    if not len(lanes.order):
        st.info("This group never has a black hole. Choose another group or run.")
        return
    alone = int(view.mask.sum()) - len(lanes.order)
    exact = "all changes drawn" if lanes.drawn == lanes.changes else f"{lanes.drawn:,} of {lanes.changes:,} changes drawn"
    history = f"{many(len(view.judged.steps), 'recorded snapshot')}, {exact}"
    history += f" · {alone:,} tokens never shared" if alone else ""
    caption(view, PICTURES["lineage"].title, "block height = hole size.", "tokens", history, "lineage")
    spec, datasets = lanes_chart(drawn, axis, view.step, selected(), data)
    count = len(cached.event_steps(*cached.key(view)))
    name = f"Black holes of {view.group} tokens as lanes over the steps, with changes at {count:,} recorded steps"
    # The zoom stays in the browser.
    st.vega_lite_chart(
        spec | {"datasets": datasets}, key="lanes", alt=name, width="stretch", on_select=_picked, selection_mode="picked"
    )
    st.caption(
        "One shade: *true* hole (tokens share optimizer state). Several shades: *apparent* hole (several hidden classes, "
        f"may split). Blank: not shared. Capital letters: names of the holes. Events: {told_kinds()}. Zoom the steps by the "
        "wheel, drag to move, double-click to show all."
    )


def _picked() -> None:
    picked = st.session_state["lanes"]["selection"].get("picked") or []
    if picked:
        go(step=int(picked[-1]["step"]), select=f"h{int(picked[-1]['token'])}")


def _listed(view: View, unfold: bool) -> pd.DataFrame | None:
    """The table of events; returns those of the step where the table says why anything parted."""
    every, tree = cached.events(*cached.key(view), unfold), cached.lineage_account(*cached.key(view)).tree
    table = in_range(view, every)
    begun = sum(event.snapshot == 0 for event in tree.events)
    folded_away = len(tree.events) - begun - len(every)
    flicker = f", {folded_away:,} short-lived hidden" if folded_away else ""
    had = f"after the first snapshot, which had {begun or 'no'} hole{'s' * (begun != 1)}"
    counted = f"{len(table):,} {had}" if view.is_whole else f"{len(table):,} of {len(every):,} {had}"
    st.markdown(
        f"**Events and causes**: {counted}{flicker}. {what_is('fission')}  "
        "\n:small[:gray[Select a row to set the step. The time of an event is bracketed by two snapshots.]]"
    )
    if len(every) and not len(table):
        st.info(f"No events from step {view.first:,} to step {view.last:,}.")
        return None
    if not len(table):
        undone = f"All {many(folded_away, 'event')} after the first snapshot are short-lived and hidden."
        nothing = "No events after the first snapshot."
        st.info(undone if folded_away else nothing)
        return None
    unsaid = [] if table["cause"].any() else ["cause", "differed since"]
    steps, tokens = table["step"].tolist(), table["token"].tolist()
    # The widget's name follows from the events: a ticked row never comes to mean another one.
    key = f"events-{zlib.crc32(repr((steps, tokens)).encode())}"
    with st.container(key="events"):
        st.dataframe(
            table.drop(columns=["token", *unsaid]),
            column_config=_COLUMNS,
            hide_index=True,
            height="content" if len(table) < _MOST_ROWS else 387,
            placeholder="",
            key=key,
            on_select=functools.partial(_row, key, steps, tokens),
            selection_mode="single-row",
            alt=f"Events of the black holes of {view.group} tokens, with causes of splits",
        )
    return None if unsaid else table[table["step"] == view.step]


def _why(here: pd.DataFrame, step: int) -> str:
    """What parted at the step and why, in a sentence."""
    parted = here[here["cause"] != ""]
    lines = [
        f"{row['event'][2:].capitalize()} of {row['populations'].split(' ')[0]} tokens, {row['cause']}"
        + ("." if pd.isna(row["differed since"]) else f"; optimizer moments differ since step {row['differed since']:,}.")
        for row in parted.head(_MOST_NAMED).to_dict("records")
    ]
    more = f" And {len(parted) - _MOST_NAMED:,} more." if len(parted) > _MOST_NAMED else ""
    return f"At step {step:,}: " + (" ".join(lines) + more if lines else "no splits.")


def _row(key: str, steps: list[int], tokens: list[int]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(steps):
        go(step=steps[rows[0]], select=f"h{tokens[rows[0]]}")
