"""Playback and jumps for the native slider: the step goes on by the server's clock, twice a second."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

import streamlit as st

from snowball_core.store.run_folder import Run
from snowball_core.tables.census import recorded_at

from ..shared.cached import event_steps

EVERY_SECONDS = 0.5
_LOG = "log time, ×10 in 4 s"
_PACES = {"2 steps/s": 2, "10 steps/s": 10, "100 steps/s": 100, "500 steps/s": 500}
_BEGAN, _AT, _DRAWN = "play-began", "play-at", "play-drawn"
_LEFT_SECONDS = 20.0
_PLAYS = "playing"
# The keys of the drawn scrubber, but for [ and ]: a shortcut of Streamlit cannot be a sign.
_KEYS = """| key | what it does |
|---|---|
| Space | play, pause |
| ← → | one recorded step back, forward |
| Shift ← → | ten recorded steps |
| Page Up, Page Down | the event before, after |
| Home, End | the first step, the last |
| Tab, Enter | from field to field, press |"""


def is_playing() -> bool:
    """Whether the native slider moves by itself."""
    return bool(st.session_state.get(_PLAYS))


def pause() -> None:
    """Let the step rest; for callbacks and before the button is drawn."""
    st.session_state[_PLAYS] = False
    _begin_anew()


def advance(run: Run, snapshots: int) -> int | None:
    """The step playback is at; ``None`` where it rests. At the end it comes to rest, in a loop it begins anew."""
    if is_playing() and time.monotonic() - st.session_state.get(_DRAWN, math.inf) > _LEFT_SECONDS:
        pause()  # the page was left while it played
    st.session_state[_DRAWN] = time.monotonic()
    if not is_playing():
        return None
    steps = run.steps(snapshots)
    first, last = _span(int(steps[-1]))
    began, origin = st.session_state.get(_BEGAN, (None, 0))
    if began is None:
        origin = int(st.session_state.get(_AT, st.session_state.get("step", first)))
        origin = origin if first <= origin < last else first
        began = time.monotonic()
        st.session_state[_BEGAN] = (began, origin)
    step = min(last, int(_after(origin, time.monotonic() - began)))
    if step == last and st.session_state.get("loop"):
        st.session_state[_BEGAN] = (time.monotonic(), first)  # a loop shows its last step too
    elif step == last:
        pause()
        st.session_state["step"] = step
        return None
    st.session_state[_AT] = int(steps[recorded_at(steps, step)])
    return int(st.session_state[_AT])


def controls(run: Run, snapshots: int, group: str, step: int, go: Callable[[int], None]) -> None:
    """Draw play, pace, loop, and the jumps to the ends and to the events; ``go`` is the callback that moves the slider."""
    steps = run.steps(snapshots)
    with st.container(horizontal=True, vertical_alignment="bottom", key="playback"):
        label, icon = ("Pause", ":material/pause:") if is_playing() else ("Play", ":material/play_arrow:")
        help = "The step goes on by itself until the end, or in the loop."
        st.button(label, key="play", icon=icon, shortcut="Space", on_click=_turn, help=help)
        st.selectbox("Speed", [*_PACES, _LOG], key="pace", width=170, on_change=_begin_anew)
        help = "Two steps, as in 3-19: playback stays between them. Empty: the whole run."
        st.text_input("Loop", key="loop", placeholder="3-19", width=100, on_change=_begin_anew, help=help)
        for label, goal, key in (("First", int(steps[0]), "Home"), ("Last", int(steps[-1]), "End")):
            st.button(label, key=f"to-{label}", shortcut=key, on_click=go, args=(goal,))
        for label, side, key in (("Event before", -1, "PageUp"), ("Event after", 1, "PageDown")):
            st.button(label, key=f"event{side}", shortcut=key, on_click=_to_event, args=(run, snapshots, group, step, side, go))
        with st.popover("Keys", key="keys"):
            st.markdown(_KEYS)
            st.caption("A field that is typed in keeps its keys for itself.")


def _begin_anew() -> None:
    st.session_state.pop(_BEGAN, None)
    if not is_playing():
        st.session_state.pop(_AT, None)


def _turn() -> None:
    """Play where it rests, rest where it plays."""
    st.session_state[_PLAYS] = not is_playing()
    st.session_state[_DRAWN] = time.monotonic()  # whoever looked long before pressing play has not left the page
    if not is_playing() and _AT in st.session_state:
        st.session_state["step"] = st.session_state[_AT]
    _begin_anew()


def _to_event(run: Run, snapshots: int, group: str, step: int, side: int, go: Callable[[int], None]) -> None:
    steps = run.steps(snapshots)
    stops = [int(steps[0]), *event_steps(str(run.path), snapshots, group), int(steps[-1])]
    beyond = [stop for stop in stops if (stop - step) * side > 0]
    if beyond:
        go(min(beyond, key=lambda stop: abs(stop - step)))


def _span(last: int) -> tuple[int, int]:
    """The loop's two steps; the whole run where none is named, or one that cannot be."""
    marks = re.fullmatch(r"\s*(\d{1,9})\s*[-–]\s*(\d{1,9})\s*", st.session_state.get("loop") or "")
    if marks and int(marks[1]) < min(last, int(marks[2])):
        return int(marks[1]), min(last, int(marks[2]))
    return 0, last


def _after(origin: int, seconds: float) -> float:
    pace = st.session_state.get("pace", next(iter(_PACES)))
    if pace == _LOG:
        return math.expm1(min(40.0, math.log1p(origin) + math.log(10) * seconds / 4))
    return origin + _PACES[pace] * seconds
