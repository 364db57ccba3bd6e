"""The transport: slider, exact entry and keys, all moving one number, the step in the address."""

from __future__ import annotations

import streamlit as st

from snowball_core.schedules import recorded_steps
from snowball_core.store.run_folder import Run
from snowball_core.tables.live import recorded_at

from ..shared.selection import here, write_down
from .playback import advance, controls, is_playing, pause

_PLACED = "step-placed"

_JUMPS = ((-10, "−10", "Shift+Left"), (-1, "−1", "Left"), (1, "+1", "Right"), (10, "+10", "Shift+Right"))


def transport(run: Run, snapshots: int, group: str, default: int, alive: bool) -> int:
    """Draw the transport and return the index of the snapshot to show.

    Parameters
    ----------
    run : Run
    snapshots : int
        How many are recorded now; the slider's range is the whole run's, so that it never jumps.
    group : {"dead", "live", "all"}
        Whose events the jumps go to.
    default : int
        The step at which a first visit opens.
    alive : bool
        Whether the run is still being recorded, so that its newest step can be followed.
    """
    steps = run.steps(snapshots)
    going = advance(run, snapshots)
    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        if going is not None:
            wanted = _followed(run, going)
        elif alive and _follow():
            wanted = _followed(run, int(steps[-1]))
        else:
            wanted = _slider(run)
        index = recorded_at(steps, wanted)
        for jump, label, keys in _JUMPS:
            goal = int(steps[min(max(index + jump, 0), snapshots - 1)])
            name = f"{'Forward' if jump > 0 else 'Back'} {abs(jump)} recorded {'step' if abs(jump) == 1 else 'steps'}"
            st.button(label, key=f"jump{jump}", help=name, shortcut=keys, on_click=_go, args=(goal,))
        _entry(run, int(steps[index]))
    controls(run, snapshots, group, int(steps[index]), _go)
    if steps[index] == default > 0:
        st.caption(f"At step {default:,} the black holes of this group changed for the last time. The left arrow goes back.")
    if wanted > steps[-1]:
        st.caption(f"Step {wanted:,} is not recorded: the last recorded step, {steps[-1]:,}, is shown.")
    return index


def _slider(run: Run) -> int:
    steps, label = recorded_steps(run.config), f"Step of {run.config.last_step:,}"
    strides = set((steps[1:] - steps[:-1]).tolist())
    if not strides:
        st.slider(label, 0, 1, 0, key="only-step", disabled=True)
        return 0
    place, own = here(), st.session_state.get("step")
    run_before, step_before = st.session_state.get(_PLACED, (None, None))
    if own is None or step_before != place["step"]:
        own = int(place["step"])  # the place was moved by something else than this slider
    if own != st.session_state.get("step") or run_before != run.id:
        # A link may name a step between two recorded ones, and another run may record others.
        st.session_state["step"] = int(steps[recorded_at(steps, int(own))])
    if len(strides) == 1:
        return int(st.slider(label, 0, int(steps[-1]), step=strides.pop(), key="step", persist_state="session"))
    return int(st.select_slider(label, steps.tolist(), key="step", persist_state="session"))


def settle(step: int, is_followed: bool) -> None:
    """Note the step that is shown, and write it into the address unless it moves by itself."""
    place = here()
    is_moved = st.session_state.get(_PLACED) == (place["run"], place["step"]) and place["step"] != step
    place |= {"step": step, "following": is_followed, "is_chosen": place.get("is_chosen") or (is_moved and not is_followed)}
    st.session_state[_PLACED] = (place["run"], step)
    if not is_playing():
        write_down(place)


def _follow() -> bool:
    """The toggle that keeps showing the newest step; on, unless the address names a step.

    It stands here and not beside the picker: a button of a fragment can only let go of a toggle of the same fragment.
    """
    help = "Keep showing the newest recorded step. Switch it off to move the slider."
    return st.toggle("Follow", key="follow", value="step" not in st.query_params, on_change=_let_go, help=help)


def _followed(run: Run, newest: int) -> int:
    """A slider that only shows: a second one, so that address and history are left alone while the step moves by itself."""
    st.session_state["followed-step"] = newest
    last = max(1, run.config.last_step)
    return st.slider(f"Step of {run.config.last_step:,}", 0, last, key="followed-step", disabled=True)


def _entry(run: Run, step: int) -> None:
    """The exact entry. It is empty between uses: a field that was rewritten at every step could send back an old one."""
    help = "Type a step and press Enter."
    st.text_input("Go to step", key="go-to", placeholder=f"{step:,}", width=120, on_change=_go_exactly, args=(run,), help=help)


def _go(step: int) -> None:
    pause()
    st.session_state["follow"] = False
    st.session_state["step"] = step


def _go_exactly(run: Run) -> None:
    text = st.session_state["go-to"].strip().replace(",", "")
    st.session_state["go-to"] = ""
    if text:
        steps = recorded_steps(run.config)
        if text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= steps[-1]:
            _go(int(steps[recorded_at(steps, int(text))]))
        else:
            st.toast(f"A step is a whole number from 0 to {steps[-1]:,}.")


def _let_go() -> None:
    if not st.session_state["follow"]:
        st.session_state["step"] = st.session_state.get("followed-step", 0)
