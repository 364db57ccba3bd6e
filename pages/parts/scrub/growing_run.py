"""A run that is still recorded: how far it is, and when the page is worth drawing anew."""

from __future__ import annotations

import time

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.run_folder import Run
from snowball_core.store.status import Status
from snowball_core.tables.live import planned, recorded_snapshots

from ..shared.run_picker import state_badge
from ..shared.text import duration, plain

# All frames are made and sent anew: after five times as long as that took, within these bounds.
_LEAST_SECONDS, _MOST_SECONDS, _SHARE = 3.0, 20.0, 5
_DRAWN = "growing-drawn"
WATCH = "growing-watch"


def drawn(since: float) -> None:
    """Note how long the frames of a growing run took, since a time of ``time.monotonic``."""
    now = time.monotonic()
    st.session_state[_DRAWN] = (now, now - since)


@st.fragment(key=WATCH)
def watch(run: Run, snapshots: int) -> None:
    """One line about a run that is still recorded; draws the page again when there is more of it, and when it ends.

    A callback elsewhere stops every fragment's clock, and only the call of a fragment starts it: so the clock is inside
    another one, which callbacks name.
    """
    _look(run, snapshots)


@st.fragment(run_every=1.0)
def _look(run: Run, snapshots: int) -> None:
    try:
        status, count = run.status(), recorded_snapshots(run)
    except SnowballError as error:
        st.error(plain(error))
        return
    when, took = st.session_state.get(_DRAWN, (0.0, 0.0))
    is_due = not snapshots or time.monotonic() - when > min(_MOST_SECONDS, max(_LEAST_SECONDS, _SHARE * took))
    if not status.is_alive or (count > snapshots and is_due):
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="growing"):
        state_badge(status)
        st.caption(_progress(run, status, count, snapshots) if snapshots else _awaited(status))


def _progress(run: Run, status: Status, count: int, snapshots: int) -> str:
    left = f", about {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
    return f"{count:,} of {planned(run):,} snapshots recorded{left}; the first {snapshots:,} are drawn below"


def _awaited(status: Status) -> str:
    if status.state == "queued":
        return f"Queued: {plain(status.message) or 'waits for its turn'}. The first snapshot appears here."
    return "Starting. The first snapshot appears here in a few seconds."
