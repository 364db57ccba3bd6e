"""The frame of the pages: the title with its question, the pickers of a run, what is wrong with it, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.charts.step_axis import StepAxis, step_axis
from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.store.foreign.links import Source
from snowball_core.tables.live import recorded_snapshots

from ..server.front_door import require_front_door
from . import cached
from .divergence_notice import say_diverged, say_nothing_finite
from .help_links import what_is
from .opened_bookmark import open_bookmark
from .run_footer import provenance
from .run_picker import is_empty, offer_demo, pick_run, say_ended, say_refusal
from .saved_views import saved_views
from .selection import (
    AXES,
    arrive,
    axis_here,
    chosen_range,
    clear_range,
    here,
    lay_out,
    pick_group,
    pick_unit,
    say_unusable,
    shown_step,
)
from .text import plain

_AXIS_WORDS = {"symlog": "symlog", "linear": "linear", "events": "by event"}
# Draws a run for a group and a unit; the row of the pickers is given for more of them.
Draw = Callable[[Source, str, str, DeltaGenerator], None]


def head(page: str, title: str, question: str, row: DeltaGenerator | None = None, **options: bool) -> None:
    """The title of ``pages/{page}.py`` and the question that it answers; ``options`` are those of ``st.title``."""
    require_front_door(f"pages/{page}.py")
    (row or st).title(title, **options)  # type: ignore[arg-type]
    st.markdown(question)


def run_page(page: str, title: str, question: str, draw: Draw, has_unit: bool = False, is_low: bool = False) -> None:
    """A page about one run: the pickers, what ``draw`` makes of the run, or why it cannot, and where it comes from.

    Where room is scarce (``is_low``) the pickers stand beside the title, and a refusal above what is drawn.
    """
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="heading") if is_low else None
    head(page, title, question, row)
    if is_empty():
        offer_demo()
        return
    address = st.query_params.to_dict()
    pickers = row or st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    notices = st.container()
    with pickers:
        run = pick_run(notices)
        open_bookmark(run, notices)
        group = pick_group(run)
        unit = pick_unit() if has_unit else "cells"
    if run is None:
        return
    say_unusable(run, address)
    try:
        draw(run, group, unit, pickers)
    except SnowballError as error:
        say_refusal(error, run, notices if is_low else None)
    saved_views(run, page)
    provenance(run)


def counted_snapshots(run: Source, group: str) -> tuple[int, int]:
    """How many snapshots of a group are recorded and how many can be judged, after what is to be said of them."""
    recorded, status = recorded_snapshots(run), run.status()
    judged = say_diverged(run, group, recorded)
    if not recorded:
        st.warning(f"This run has no snapshots yet. {plain(status.message)}")
        st.page_link("pages/train.py", label="Monitor it on the Train page")
        return 0, 0
    if status.is_alive:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"Running: showing the first {recorded:,} snapshots.")
            st.button("Refresh", key="again")
    say_ended(status)
    if not cached.history(str(run.path), recorded).mask(group).any():
        st.info(f"This run has no {group} tokens. Choose another group above.")
        return 0, 0
    return recorded, judged


def over_steps(draw: Callable[[View, StepAxis], None]) -> Draw:
    """What draws a run over its steps: ``draw`` is given a view at the step and the axis, in a part of the page of its own."""

    def drawn(run: Source, group: str, unit: str, pickers: DeltaGenerator) -> None:
        recorded, judged = counted_snapshots(run, group)
        if not judged:
            if recorded:
                say_nothing_finite(run)
            return
        happened, steps = cached.event_steps(str(run.path), judged, group), run.steps(judged)
        arrive(run.id, happened[-1] if happened else int(steps[-1]), run.last_step, steps, run.status().is_alive)
        with pickers:
            kind = pick_axis()
        _at_step(draw, run, recorded, judged, group, unit, step_axis(kind, run.last_step, happened))

    return drawn


@st.fragment
def _at_step(
    draw: Callable[[View, StepAxis], None], run: Source, recorded: int, judged: int, group: str, unit: str, axis: StepAxis
) -> None:
    try:
        step = int(run.steps(judged)[shown_step(run, judged)])
        view = cached.view(str(run.path), recorded, step, group, unit, *chosen_range(run.steps(recorded)))
        if not view.is_whole:
            say_range(view.first, view.last)
        draw(view, axis)
    except SnowballError as error:
        say_refusal(error, run)


def say_range(first: int, last: int, clear: Callable[[], None] = clear_range) -> None:
    """Say of which steps the tables are, and the button that clears the range; for pages where these are not all."""
    with st.container(horizontal=True, vertical_alignment="center", key="range"):
        st.markdown(f"**Steps {first:,} to {last:,} only** in tables over steps and their files", width="content")
        st.button("Show all steps", key="clear-range", icon=":material/close:", type="tertiary", on_click=clear)


def pick_axis() -> str:
    """The choice of how steps are laid out, the same on every page."""
    axis = st.session_state["axis-choice"] = axis_here()
    help = "Symlog expands the first steps; linear is proportional to time; by event spaces events evenly."
    st.segmented_control(
        "Steps", AXES, required=True, key="axis-choice", format_func=_AXIS_WORDS.__getitem__, on_change=_laid_out, help=help
    )
    return axis


def _laid_out() -> None:
    lay_out(st.session_state["axis-choice"])


def caption(view: View, title: str, meaning: str, unit: str, thinned: str, entry: str) -> None:
    """The heading of a figure: what it shows, of which run and group, in which unit, and what was left out.

    ``entry`` is the measure or word of docs/measures.md that explains it.
    """
    scope = " · ".join(part for part in (f"{view.group} tokens", f"unit: {unit}", thinned) if part)
    shown = f"**{title}**: {meaning}" if meaning else f"**{title}**"
    st.markdown(f"{shown} {what_is(entry)}  \n:small[:gray[{scope}]]")


def to_scrub(view: View) -> None:
    """A link to the Scrub page at the step and selection."""
    query = {"run": view.history.id, "group": view.group, "step": str(view.step)}
    if select := here()["select"]:
        query["select"] = select
    st.page_link("pages/scrub.py", label=f"Scrub at step {view.step:,}", icon=":material/linear_scale:", query_params=query)
