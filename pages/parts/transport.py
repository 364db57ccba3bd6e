"""The transport: slider, exact entry and keys, all moving one number, the step in the address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from snowball_core.runs import Run
from snowball_core.schedules import recorded_steps
from snowball_core.tables import recorded_at

_STAY_IN_VIEW = """<style>
[data-testid="stLayoutWrapper"]:has(> .st-key-transport), .st-key-transport {
  position: sticky; top: 3.6rem; z-index: 9; padding-bottom: 0.4rem;
  background: light-dark(#ffffffd9, #10151cd9); backdrop-filter: blur(14px);
}
</style>"""
_JUMPS = ((-10, "−10", "Shift+Left"), (-1, "−1", "Left"), (1, "+1", "Right"), (10, "+10", "Shift+Right"))


def transport(run: Run, snapshots: int, default: int, alive: bool) -> int:
    """Draw the transport and return the index of the snapshot to show.

    Parameters
    ----------
    run : Run
    snapshots : int
        How many are recorded now; the slider's range is the whole run's, so that it never jumps.
    default : int
        The step at which a first visit opens.
    alive : bool
        Whether the run is still being recorded, so that its newest step can be followed.
    """
    steps = run.steps(snapshots)
    st.html(_STAY_IN_VIEW)
    with st.container(horizontal=True, vertical_alignment="bottom", key="transport"):
        # Here and not beside the picker: a button of this fragment can only let go of a toggle of this fragment.
        follow = alive and st.toggle(
            "Follow", key="follow", value="step" not in st.query_params, help="Keep showing the newest recorded step."
        )
        wanted = _slider(run, default, int(steps[-1]) if follow else None)
        index = recorded_at(steps, wanted)
        for jump, label, keys in _JUMPS:
            goal = int(steps[min(max(index + jump, 0), snapshots - 1)])
            name = f"{'Forward' if jump > 0 else 'Back'} {abs(jump)} recorded {'step' if abs(jump) == 1 else 'steps'}"
            st.button(label, key=f"jump{jump}", help=name, shortcut=keys, on_click=_go, args=(goal,))
        st.session_state["exact-step"] = int(steps[index])
        last = max(1, run.config.last_step)
        help = "Type a step and press Enter."
        st.number_input("Exact step", 0, last, key="exact-step", width=140, on_change=_go_exactly, args=(run,), help=help)
    if steps[index] == default > 0:
        st.caption(f"At step {default:,} the black holes of this group changed for the last time. The left arrow goes back.")
    if wanted > steps[-1]:
        st.caption(f"Step {wanted:,} is not recorded: the last recorded step, {steps[-1]:,}, is shown.")
    return index


def _slider(run: Run, default: int, followed: int | None) -> int:
    """The slider's step; while a run is followed it is another slider, which leaves the address and its history alone."""
    all_steps = recorded_steps(run.config)
    if len(all_steps) == 1:
        st.slider("Step of 0", 0, 1, 0, key="only-step", disabled=True)
        return 0
    ties: dict[str, Any] = {"key": "step", "bind": "query-params"}
    if followed is not None:
        ties = {"key": "followed-step", "on_change": _go_there}
        st.session_state["followed-step"] = followed
    label, last = f"Step of {run.config.last_step:,}", run.config.last_step
    strides = set((all_steps[1:] - all_steps[:-1]).tolist())
    if len(strides) == 1:
        stride = strides.pop()
        return int(st.slider(label, 0, last, default - default % stride, stride, **ties))
    return int(st.select_slider(label, all_steps.tolist(), default, **ties))


def _go_there() -> None:
    _go(st.session_state["followed-step"])


def _go(step: int) -> None:
    st.session_state["follow"] = False
    st.session_state["step"] = step


def _go_exactly(run: Run) -> None:
    steps = recorded_steps(run.config)
    _go(int(steps[recorded_at(steps, st.session_state["exact-step"])]))
