"""Long work, done once per server, with a bar that says how far it is and about how long it takes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import streamlit as st
from threadpoolctl import threadpool_limits

from snowball_core.memory import return_memory

from .text import duration

Made = TypeVar("Made")
Share = Callable[[float], None]
# Below this nobody needs a bar, and one that flashes up disturbs.
_WORTH_SAYING_SECONDS = 0.5


@st.cache_resource(show_spinner=False)
def _shelf(name: str) -> tuple[OrderedDict[Any, Any], Lock]:
    """What was made under this name, last used last, and the lock of those who make it."""
    return OrderedDict(), Lock()


def once(name: str, key: tuple[Any, ...], make: Callable[[Share], Made], said: str = "", most: int = 4) -> Made:
    """What ``make`` returns, kept for later; while it is made a bar tells the share done and an estimate.

    Streamlit's own cache would replay the bar at every hit, in a place that is gone by then: so this one is kept by hand.

    Parameters
    ----------
    name : str
        A shelf of its own for each kind of thing.
    key : tuple
        Ids, never arrays.
    make : callable
        Gets a function that it tells the share done, from 0 to 1.
    said : str
        What is being done; nothing is shown without it.
    most : int
        How many are kept; the one not used for longest goes.
    """
    things, lock = _shelf(name)
    # At every run, also where nothing is made: what follows on the page must keep its place, or it is drawn from nothing.
    place = st.empty() if said else None
    with lock:  # two tabs wait for one piece of work instead of doing it twice
        if key not in things:
            try:
                # Next to a training run a product of matrices on all processors waits for the slowest of them.
                with threadpool_limits(1, "blas"):
                    things[key] = make(_told(place, said) if place else lambda share: None)
            finally:
                return_memory()
                if place:
                    place.empty()
        things.move_to_end(key)
        while len(things) > most:
            things.popitem(last=False)
        made: Made = things[key]
        return made


def _told(place: Any, said: str) -> Share:
    began = time.monotonic()

    def tell(share: float) -> None:
        took = time.monotonic() - began
        if took > _WORTH_SAYING_SECONDS and share < 1:
            left = f", about {duration(took * (1 - share) / share)} left" if share > 0 else ""
            place.progress(min(1.0, share), text=f"{said}: {share:.0%}{left}")

    return tell
