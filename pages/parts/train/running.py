"""What is being recorded now: the runs at work, live, and the queue behind them."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.jobs import workers
from snowball_core.jobs.queue import waiting
from snowball_core.store.run_folder import Run, open_run, runs_folder
from snowball_core.store.run_titles import title_of
from snowball_core.store.status import is_read_only, request_stop

from ..shared import cached
from ..shared.text import many, plain, time_range
from .recorded import show_next
from .run_progress import progress

_PROBLEM = "problem-under-way"


def under_way() -> None:
    """Draw every run a worker is at, live, then those that wait; nothing where nothing is under way."""
    alive, queue = _state()
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))
    if alive:
        st.subheader("Running")
    for run_id in [run_id for run_id in alive if run_id not in queue]:
        with st.container(border=True, key=f"live-{run_id}"):
            st.fragment(_live, run_every=1.0)(run_id)
    if queue:
        with st.container(border=True, key="queue"):
            _queue(queue)
    st.fragment(_notice, run_every=2.0)(alive, queue)


def _state() -> tuple[list[str], list[str]]:
    alive = workers.alive(runs_folder())
    return alive, [run_id for run_id in waiting(runs_folder()) if run_id in alive]


def _notice(alive: list[str], queue: list[str]) -> None:
    """Draw the page again when a run began, ended or moved up, whoever made it do so."""
    if _state() != (alive, queue):
        st.rerun()


def _live(run_id: str) -> None:
    try:
        run = open_run(runs_folder(), run_id)
        status = run.status()
        if not status.is_alive:
            st.rerun()
        progress(run, status)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Stop",
                key=f"stop-{run_id}",
                icon=":material/stop:",
                disabled=status.state == "stopping" or is_read_only(),
                on_click=_stop,
                args=(run,),
            )
            st.page_link("pages/scrub.py", label="Open in Scrub", query_params={"run": run_id})
            st.caption("Stops after the current step. Nothing is lost; resume continues bit for bit.")
    except SnowballError as error:
        st.error(plain(error))


def _queue(queue: list[str]) -> None:
    """The runs that wait for their turn, in order, each with the button that takes it out."""
    st.markdown(f"**Queue: {many(len(queue), 'run')}.** One run trains at a time; the next starts automatically.")
    for place, run_id in enumerate(queue, start=1):
        with st.container(horizontal=True, vertical_alignment="center"):
            try:
                run = open_run(runs_folder(), run_id)
                status = run.status()
                needs = time_range(cached.pace(run.config).seconds(run.config.last_step - status.step))
                st.markdown(f"{place}. **{plain(title_of(run))}** {plain(status.message)}, then needs {needs}")
                st.button(
                    "Remove from queue",
                    key=f"cancel-{run_id}",
                    icon=":material/close:",
                    disabled=is_read_only(),
                    on_click=_stop,
                    args=(run,),
                )
            except SnowballError as error:
                st.error(plain(error))


def _stop(run: Run) -> None:
    try:
        request_stop(run.path)
        show_next(run.id)
    except SnowballError as error:
        st.session_state[_PROBLEM] = error
