"""The transport: slider, exact entry and keys, all moving one number, the step in the address."""

from __future__ import annotations

import streamlit as st

from snowball_core.runs import Run
from snowball_core.schedules import recorded_steps
from snowball_core.tables import recorded_at

_JUMPS = ((-10, "−10", "Shift+Left"), (-1, "−1", "Left"), (1, "+1", "Right"), (10, "+10", "Shift+Right"))


def transport(run: Run, snapshots: int, default: int) -> int:
    """Draw the transport and return the index of the snapshot to show.

    Parameters
    ----------
    run : Run
    snapshots : int
        How many are recorded now; the slider's range is the whole run's, so that it never jumps.
    default : int
        The step at which a first visit opens.
    """
    steps = run.steps(snapshots)
    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        wanted = _slider(run, default, newest=int(steps[-1]))
        index = recorded_at(steps, wanted)
        for jump, label, keys in _JUMPS:
            goal = int(steps[min(max(index + jump, 0), snapshots - 1)])
            name = f"{'Forward' if jump > 0 else 'Back'} {abs(jump)} recorded {'step' if abs(jump) == 1 else 'steps'}"
            st.button(label, key=f"jump{jump}", help=name, shortcut=keys, on_click=_go, args=(goal,))
        st.session_state["exact-step"] = int(steps[index])
        last = max(1, run.config.last_step)
        st.number_input(
            "Exact step", 0, last, key="exact-step", width=140, on_change=_go_exactly, help="Type a step and press Enter."
        )
    if wanted > steps[-1]:
        st.caption(f"Step {wanted:,} is not recorded: the last recorded step, {steps[-1]:,}, is shown.")
    return index


def _slider(run: Run, default: int, newest: int) -> int:
    """The slider's step; while a run is followed it is another slider, which leaves the address and its history alone."""
    all_steps = recorded_steps(run.config)
    if len(all_steps) == 1:
        st.slider("Step of 0", 0, 1, 0, key="only-step", disabled=True)
        return 0
    key, bind, moved = "step", "query-params", None
    if st.session_state.get("follow"):
        key, bind, moved = "followed-step", None, _go_there
        st.session_state[key] = newest
    label, last = f"Step of {run.config.last_step:,}", run.config.last_step
    strides = set((all_steps[1:] - all_steps[:-1]).tolist())
    if len(strides) == 1:
        stride = strides.pop()
        return int(st.slider(label, 0, last, default - default % stride, stride, key=key, bind=bind, on_change=moved))
    return int(st.select_slider(label, all_steps.tolist(), default, key=key, bind=bind, on_change=moved))


def _go_there() -> None:
    _go(st.session_state["followed-step"])


def _go(step: int) -> None:
    st.session_state["follow"] = False
    st.session_state["step"] = step


def _go_exactly() -> None:
    _go(st.session_state["exact-step"])
