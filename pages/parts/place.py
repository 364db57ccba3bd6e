"""The place: step, selection and axis, the same on every page, in the session and in the address.

A page calls :func:`arrive` once, reads :func:`shown_step` and :func:`selected`, and moves with :func:`go`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from snowball_core.runs import Run
from snowball_core.tables import recorded_at

from .words import plain

AXES = ("symlog", "linear", "events")
_PLACE = "scrubber-place"
SELECT = "[th][0-9]{1,7}"


def shown_step(run: Run, snapshots: int) -> int:
    """Index of the snapshot the scrubber rests at."""
    return recorded_at(run.steps(snapshots), int(here()["step"]))


def selected() -> tuple[str, int] | None:
    """What was clicked: "token" or "hole", and the token (of a hole its smallest when it was chosen)."""
    return selection(here()["select"])


def selection(word: str) -> tuple[str, int] | None:
    """What the address says of a selection, read.

    Examples
    --------
    >>> selection("t65"), selection("h65"), selection("")
    (('token', 65), ('hole', 65), None)
    """
    return ("hole" if word[0] == "h" else "token", int(word[1:])) if word else None


def arrive(run_id: str, default: int) -> dict[str, Any]:
    """Step, selection and axis: the address's where it changed under us (a link, the browser's back), else the last ones."""
    place: dict[str, Any] = st.session_state.setdefault(
        _PLACE, {"step": default, "select": "", "axis": AXES[0], "heard": 0, "asked": {}}
    )
    asked = {name: st.query_params.get(name) for name in ("step", "select", "axis")}
    before = place["asked"]
    step, select, axis = asked["step"], asked["select"], asked["axis"]
    if step != before.get("step") and step and re.fullmatch(r"[0-9]{1,11}", step):
        place["step"] = int(step)
    if select != before.get("select"):
        place["select"] = select if select and re.fullmatch(SELECT, select) else ""
    if axis != before.get("axis") and axis in AXES:
        place["axis"] = axis
    if place.setdefault("run", run_id) != run_id:
        place.pop("following", None)  # it was another run that was followed
        place |= {} if step else {"step": default, "select": select or ""}
    place |= {"asked": asked, "run": run_id}
    if (before.get("step") and not step) or unusable_place(asked):
        write_down(place)  # back from another page, whose address names no step; or said once that it names nothing
    return place


def follow_to_the_end(run_id: str, newest: int) -> None:
    """Move to the last step of a run that has ended, once, if it was followed: the browser may have drawn itself anew."""
    place = st.session_state.get(_PLACE, {})
    if place.get("run") == run_id and place.pop("alive", False) and place.pop("following", False):
        place["step"] = newest
        write_down(place)


def unusable_place(address: Mapping[str, str | None]) -> list[str]:
    """What an address says of selection and axis and nobody can follow, a sentence each."""
    wrong = []
    select, axis = address.get("select"), address.get("axis")
    if select is not None and not re.fullmatch(SELECT, select):
        wrong.append(f'select must be t or h and a token, as in t65; the address says "{plain(select[:60])}".')
    if axis is not None and axis not in AXES:
        wrong.append(f'axis must be one of {", ".join(AXES)}; the address says "{plain(axis[:60])}".')
    return wrong


def here() -> dict[str, Any]:
    """The place of this session; a page must have arrived."""
    place: dict[str, Any] = st.session_state[_PLACE]
    return place


def seen_step(default: int) -> int:
    """The step last looked at on any page of this session; ``default`` where no page has arrived."""
    place = st.session_state.get(_PLACE)
    return default if place is None else int(place["step"])


def go(step: int | None = None, select: str | None = None, axis: str | None = None) -> None:
    """Move to a step, select a token (``"t65"``), its hole (``"h65"``) or nothing (``""``), choose an axis; for callbacks."""
    place = here()
    if step is not None and step >= 0:
        place |= {"step": step, "following": False}
    if select is not None and re.fullmatch(f"(?:{SELECT})?", select):
        place["select"] = select
    if axis in AXES:
        place["axis"] = axis
    write_down(place)


def write_down(place: dict[str, Any]) -> None:
    """Put the place into the address."""
    step = "" if place.get("following") else str(place["step"])  # a link to a growing run that is followed leads to its end
    for name, value in (("step", step), ("select", place["select"]), ("axis", place["axis"])):
        with contextlib.suppress(StreamlitAPIException):  # raised for the step while the native slider keeps it
            if value and (name != "axis" or value != AXES[0] or "axis" in st.query_params):
                st.query_params[name] = value
            elif name in st.query_params:
                del st.query_params[name]
    place["asked"] = {name: st.query_params.get(name) for name in ("step", "select", "axis")}
