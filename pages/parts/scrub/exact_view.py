"""What one step of a run looks like: the part of the Scrub page that runs again when the step changes."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.charts.step_axis import StepAxis, step_axis
from snowball_core.errors import SnowballError
from snowball_core.store.run_folder import Run
from snowball_core.store.status import Status
from snowball_core.tables.census import (
    drawable_snapshots,
    group_mask,
    group_table,
    last_hole_change,
    planned,
    recorded_snapshots,
    settled,
)

from ..shared import cached
from ..shared.cached import event_steps
from ..shared.downloads import take_home
from ..shared.file_stamps import are_as_drawn
from ..shared.page_frame import pick_axis
from ..shared.run_picker import say_refusal, state_badge
from ..shared.selection import arrive, selected
from ..shared.text import plain
from . import figures
from .biography import biography, pick_among
from .figures import Moment
from .playback import is_playing
from .step_tables import tables
from .transport import settle, transport

_PLAYED = "was-playing"


def exact_view(run: Run, group: str, unit: str, was_alive: bool, waits: bool) -> None:
    """Draw the run at the chosen step; when its worker has ended since the page was drawn, the whole page is drawn anew.

    Parameters
    ----------
    run : Run
    group : {"dead", "live", "all"}
    unit : {"cells", "weight"}
    was_alive : bool
        Whether a worker was at the run when the page was drawn.
    waits : bool
        Whether this view stands in only until there is something for the scrubber to draw.
    """
    try:
        status, snapshots = run.status(), recorded_snapshots(run)
        if was_alive and (not status.is_alive or (waits and drawable_snapshots(run, group))):
            st.rerun()  # the worker has ended, or there is something for the scrubber to draw
        if not are_as_drawn(str(run.path)):
            st.rerun()  # the scrubber shows a history that was replaced
        heading = st.container(horizontal=True, vertical_alignment="center")
        with heading:
            state_badge(status)
            st.caption(f"{snapshots:,} of {planned(run):,} snapshots recorded")
        if snapshots:
            _draw(run, snapshots, group, unit, not status.is_alive, heading)
        elif status.is_alive:
            st.info(_awaited(status))
        else:
            st.warning(f"Nothing was recorded in this run. {plain(status.message)}")
            st.page_link("pages/train.py", label="Resume it on the Train page, or choose another run")
    except SnowballError as error:
        say_refusal(error, run)


def _awaited(status: Status) -> str:
    if status.state == "queued":
        reason = plain(status.message) or "waits for its turn"
        return f"The run has not begun: it {reason}. Its first snapshot appears here by itself."
    return "The run is starting: its first snapshot appears here in a few seconds."


def _draw(run: Run, snapshots: int, group: str, unit: str, finished: bool, heading: DeltaGenerator) -> None:
    if is_playing() != st.session_state.get(_PLAYED, False):
        st.session_state[_PLAYED] = is_playing()
        st.rerun()  # so that the view goes on by itself, or comes to rest
    mask = group_mask(run.dead, group)
    if not mask.any():
        st.info(f"This run has no {group} tokens, so there is nothing to draw for them: choose another group above.")
        return
    measures = cached.measures(str(run.path), snapshots)
    default = last_hole_change(measures, group) if finished else 0
    arrive(run.id, default, run.config.last_step, grows=not finished)
    with heading:
        axis = _axis(run, snapshots if finished else settled(snapshots), group)
    curves = st.container()
    index = transport(run, snapshots, group, default, alive=not finished)
    step = int(run.steps(snapshots)[index])
    rows = cached.rows_at(str(run.path), snapshots, index, mask)
    # Other pages open where this one was left; a link to a run that is followed names no step.
    settle(step, not finished and bool(st.session_state.get("follow")))
    tokens = group_table(rows, run.dead, mask)
    moment = Moment(run, snapshots, finished, group, unit, step, rows, tokens, measures, selected=selected())
    with curves:
        figures.curves(moment, axis)
    figures.numbers(moment)
    pictures = st.grid(3, min_column_width=320, gap="medium")
    for figure in (figures.sizes, figures.distances, figures.places):
        with pictures.cell():
            figure(moment)
    # Under the pictures: a click in one of them must not move it away.
    chosen = pick_among(moment)
    if chosen:
        biography(moment, chosen)
    tables(moment)
    take_home(cached.view(str(run.path), snapshots, step, group, unit))


def _axis(run: Run, snapshots: int, group: str) -> StepAxis:
    """The chosen layout of steps; holes are followed through the run only where their events are asked for."""
    kind = pick_axis()
    return step_axis(kind, run.config.last_step, event_steps(str(run.path), snapshots, group) if kind == "events" else ())
