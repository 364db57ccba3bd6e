"""Runs being recorded: progress, loss, speed, time left, and the buttons that stop and resume."""

from __future__ import annotations

import streamlit as st

from snowball_core import charts, jobs
from snowball_core.errors import SnowballError
from snowball_core.runs import Run, open_run, run_paths, runs_folder
from snowball_core.status import Status, read_status, request_stop

from .run_picker import offer_demo, state_badge
from .words import duration, plain

_MOST = 3


def watched_runs() -> None:
    """Draw the runs under way, or the most recent one."""
    st.subheader("Progress")
    paths = run_paths(runs_folder())
    alive = [path.name for path in paths if read_status(path).is_alive][:_MOST]
    shown = alive or [path.name for path in paths[:1]]
    if not shown:
        offer_demo()
    for run_id in shown:
        with st.container(border=True):
            st.fragment(_panel, run_every=1.0 if run_id in alive else None)(run_id, run_id in alive)


def _panel(run_id: str, was_alive: bool) -> None:
    try:
        run = open_run(runs_folder(), run_id)
        status = run.status()
        if was_alive and not status.is_alive:
            st.rerun()
        _progress(run, status)
        _buttons(run, status)
    except SnowballError as error:
        st.error(plain(error))


def _progress(run: Run, status: Status) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{run.id}**")
        state_badge(status)
    last = run.config.last_step
    pace = f" · {status.steps_per_second:.1f} steps/s" if status.steps_per_second else ""
    left = f" · about {duration(status.seconds_left)} left" if status.seconds_left is not None and status.is_alive else ""
    st.progress(min(1.0, status.step / max(1, last)), text=f"step {status.step:,} of {last:,}{pace}{left}")
    if status.message:
        st.caption(plain(status.message))
    if status.state == "queued":
        st.caption("The worker is loading; the first step comes in a few seconds.")
    loss, width = charts.loss_data(run.metrics())
    if len(loss):
        datasets = {"loss": loss, "cursor": charts.cursor_data(status.step)}
        spec = charts.loss_spec(last, False, 180)
        st.vega_lite_chart(spec | {"datasets": datasets}, key=f"loss-{run.id}", alt="Training loss over the steps")
        thinned = f" · each point is the mean of {width} steps" if width > 1 else ""
        st.caption(f"Training loss of {run.id}, nats per position{thinned}")


def _buttons(run: Run, status: Status) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if status.is_alive:
            st.button(
                "Stop and keep what is recorded",
                key=f"stop-{run.id}",
                icon=":material/stop:",
                disabled=status.state == "stopping",
                on_click=_stop,
                args=(run,),
            )
        elif status.state != "completed":
            st.button("Resume", key=f"resume-{run.id}", icon=":material/resume:", on_click=_resume, args=(run.id,))
        st.page_link("pages/scrub.py", label="Scrub through this run", query_params={"run": run.id})
    if problem := st.session_state.pop(f"problem-{run.id}", None):
        st.error(plain(problem))


def _stop(run: Run) -> None:
    try:
        request_stop(run.path)
    except SnowballError as error:
        st.session_state[f"problem-{run.id}"] = str(error)


def _resume(run_id: str) -> None:
    try:
        jobs.resume(runs_folder(), run_id)
    except SnowballError as error:
        st.session_state[f"problem-{run_id}"] = str(error)
