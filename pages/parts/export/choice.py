"""What an export is about: the step and the range that all pages share."""

from __future__ import annotations

import streamlit as st

from snowball_core.export.view import View
from snowball_core.store.foreign.links import Source
from snowball_core.tables.live import recorded_at
from snowball_core.tables.per_step import last_hole_change

from ..shared import cached
from ..shared.selection import arrive, go, here, shown_step

_RANGE = "export-range"


def choose_view(run: Source, snapshots: int, group: str, unit: str) -> View:
    """The step and the range asked for, snapped to recorded steps."""
    steps = run.steps(snapshots)
    default = last_hole_change(cached.measures(str(run.path), snapshots), group)
    arrive(run.id, default, run.last_step, steps, run.status().is_alive)
    first, last = int(steps[0]), int(steps[-1])
    st.session_state["export-step"] = min(max(int(here()["step"]), first), last)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.number_input("Step", first, last, key="export-step", on_change=_moved, width=160, help="Shared by all pages.")
        ends = _range(first, last)
    step = int(steps[shown_step(run, snapshots)])
    start, end = (int(steps[recorded_at(steps, wanted)]) for wanted in ends)
    recorded = "every step is recorded" if len(steps) == last + 1 else f"{len(steps):,} of {last + 1:,} steps are recorded"
    st.caption(f"Exported: step {step:,}; tables over steps and the animation: steps {start:,} to {end:,}; {recorded}.")
    return cached.view(str(run.path), snapshots, step, group, unit, start, end)


def _range(first: int, last: int) -> tuple[int, int]:
    """The range of steps; of a run with one step that step."""
    if first == last:
        return first, last
    ends = here()["range"] or (first, last)
    st.session_state[_RANGE] = tuple(min(max(end, first), last) for end in ends)
    chosen: tuple[int, int] = st.slider(  # type: ignore[assignment]
        "Range of steps",
        first,
        last,
        key=_RANGE,
        format="localized",
        on_change=lambda: go(span=() if st.session_state[_RANGE] == (first, last) else st.session_state[_RANGE]),
        help="First and last step of tables over steps and of the GIF; shift-drag over the counts on Scrub sets it too.",
    )
    return chosen


def _moved() -> None:
    go(int(st.session_state["export-step"]))
