"""Long work, done once per server, with a bar that says how far it is and about how long it takes, and a way to cancel it."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from threadpoolctl import threadpool_limits

from snowball_core.memory import return_memory

from .text import duration

Made = TypeVar("Made")
Share = Callable[[float], None]
Work = tuple[str, tuple[Any, ...]]
_CANCELLED = "cancelled-work"
# Shorter work needs no bar; one that flashes up disturbs.
_WORTH_SAYING_SECONDS = 0.5
# By name: what was made, last used last, and the locks of what is being made.
_MADE: defaultdict[str, OrderedDict[Any, Any]] = defaultdict(OrderedDict)
_LOCKS: dict[tuple[str, Any], Lock] = {}
_GUARD = Lock()


def silent(share: float) -> None:
    """No-op progress callback."""


def once(name: str, key: tuple[Any, ...], make: Callable[[Share], Made], said: str = "", most: int = 4) -> Made:
    """What ``make`` returns, kept for later; while it is made a bar tells the share done and an estimate.

    Streamlit's own cache would replay the bar at every hit, in a place that is gone by then: so this one is kept by hand.
    ``make`` is given a function that it tells the share done, from 0 to 1. Nothing is shown where nothing is ``said``.
    """
    # At every run, also where nothing is made: what follows on the page must keep its place, or it is drawn from nothing.
    place = st.empty() if said and get_script_run_ctx(suppress_warning=True) else None
    if place and (name, key) in st.session_state.get(_CANCELLED, ()):
        _offer_again(place, name, key, said)
    return kept(name, key, lambda: _long(make, place, said, (name, key)), most)


def _offer_again(place: Any, name: str, key: tuple[Any, ...], said: str) -> None:
    """End the run of the page where its work was cancelled, unless it was done meanwhile."""
    if key in _MADE[name]:
        return
    with place.container(horizontal=True, vertical_alignment="center"):
        st.info(f"{said}: cancelled.")
        st.button("Start again", key=f"again-{name}", icon=":material/refresh:", on_click=_restart, args=((name, key),))
    st.stop()


def _cancel(work: Work) -> None:
    st.session_state.setdefault(_CANCELLED, set()).add(work)


def _restart(work: Work) -> None:
    st.session_state[_CANCELLED].discard(work)


def kept(name: str, key: tuple[Any, ...], make: Callable[[], Made], most: int) -> Made:
    """What ``make`` returns, kept by name and key, which holds ids, never arrays; of each name so many, those used last.

    Two threads wait for one piece of work instead of doing it twice.
    """
    with _GUARD:
        lock = _LOCKS.setdefault((name, key), Lock())
    with lock:
        try:
            things = _MADE[name]
            made: Made = things[key] if key in things else make()
        finally:
            with _GUARD:
                _LOCKS.pop((name, key), None)
        with _GUARD:
            things[key] = made
            things.move_to_end(key)
            while len(things) > most:
                things.popitem(last=False)
    return made


def forget() -> None:
    """Let go of everything that was made."""
    with _GUARD:
        for things in _MADE.values():
            things.clear()


def _long(make: Callable[[Share], Made], place: Any, said: str, work: Work) -> Made:
    try:
        # Next to a training run a product of matrices on all processors waits for the slowest of them.
        with threadpool_limits(1, "blas"):
            return make(_told(place, said, work) if place else silent)
    finally:
        return_memory()
        if place:
            place.empty()


def _told(place: Any, said: str, work: Work) -> Share:
    """Draws the share done; pressing Cancel draws the page again, which ends the work at its next share."""
    began, bar = time.monotonic(), None

    def tell(share: float) -> None:
        nonlocal bar
        took = time.monotonic() - began
        if took > _WORTH_SAYING_SECONDS and share < 1:
            if bar is None:
                with place.container(horizontal=True, vertical_alignment="center"):
                    bar = st.empty()
                    st.button("Cancel", key=f"cancel-{work[0]}", icon=":material/close:", on_click=_cancel, args=(work,))
            left = f", about {duration(took * (1 - share) / share)} left" if share > 0 else ""
            bar.progress(min(1.0, share), text=f"{said}: {share:.0%}{left}")

    return tell
