"""The place: group, unit, step, selection, axis, range, and how positions are drawn, on every page, in session and address.

A page calls :func:`arrive` once, reads :func:`shown_step` and :func:`selected`, and moves with :func:`go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from snowball_core.charts.places import BASES
from snowball_core.charts.scrubber_measures import MEASURES
from snowball_core.charts.step_axis import KINDS
from snowball_core.export.view import UNITS
from snowball_core.store.bookmarks import SELECT as SELECT
from snowball_core.store.foreign.links import Source
from snowball_core.tables.live import recorded_at
from snowball_core.tables.run_summary import GROUPS

from .text import plain
from .url_state import news, pick_segment, write

AXES = KINDS
# How positions are drawn: what their colour shows, and what they are relative to; the first of each is the usual one.
LOOKS = {"colour": ("hole", "hidden", *MEASURES), "basis": BASES}
_PLACE, _AXIS = "scrubber-place", "axis-without-place"


def shown_step(run: Source, snapshots: int) -> int:
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


def arrive(
    run_id: str,
    default: int,
    last_step: int,
    steps: npt.NDArray[np.int64] | None = None,
    grows: bool = False,
) -> dict[str, Any]:
    """Step, selection and axis: the address's where it says anything new (a link, the browser's back), else the last ones.

    A first visit opens at the default; a step beyond the last names nothing. With the recorded ``steps`` the address names the
    one that is shown. While the run ``grows`` the address names none until one is chosen, and leads to the run's end.
    """
    first = {
        "step": default,
        "select": "",
        "axis": _axis_place()["axis"],
        "range": [],
        "heard": 0,
        "run": run_id,
        "is_chosen": False,
        **{name: words[0] for name, words in LOOKS.items()},
    }
    place: dict[str, Any] = st.session_state.setdefault(_PLACE, first)
    if place.setdefault("run", run_id) != run_id:
        _change_run(place, run_id, default)
    place["grows"] = grows
    step, select, axis = (news(name) for name in ("step", "select", "axis"))
    if step and re.fullmatch(r"[0-9]{1,11}", step[-1]) and int(step[-1]) <= last_step and int(step[-1]) != _word(place):
        place |= {"step": int(step[-1]), "is_chosen": True}
    if select is not None:
        place["select"] = select[-1] if select and re.fullmatch(SELECT, select[-1]) else ""
    if axis is not None:
        place["axis"] = axis[-1] if axis and axis[-1] in AXES else place["axis"] if axis else AXES[0]
    _read_range(place, last_step)
    for name, known in LOOKS.items():
        if (words := news(name)) is not None:
            place[name] = words[-1] if words and words[-1] in known else known[0]
    place["shown"] = None
    if steps is not None and not grows:
        place["shown"] = (place["step"], int(steps[recorded_at(steps, int(place["step"]))]))
    write_down(place)
    return place


def _read_range(place: dict[str, Any], last_step: int) -> None:
    """Take the range of steps from the address; one that names no two steps of the run is none."""
    ends = [news(name) for name in ("from", "to")]
    if ends == [None, None]:
        return
    place["range"] = _range_of([st.query_params.get(name) for name in ("from", "to")], last_step)


def _range_of(words: Sequence[str | None], last_step: int) -> list[int]:
    """The range that two words of the address name."""
    return checked_range([int(word) if word and re.fullmatch("[0-9]{1,11}", word) else -1 for word in words], last_step)


def checked_range(ends: object, last_step: int = 10**11) -> list[int]:
    """First and last step of a range; empty where these are no two steps in order.

    Examples
    --------
    >>> checked_range([3, 20]), checked_range([20, 3]), checked_range(None)
    ([3, 20], [], [])
    """
    if not isinstance(ends, list) or len(ends) != 2 or not all(type(end) is int for end in ends):
        return []
    return ends if 0 <= ends[0] < ends[1] <= last_step else []


def chosen_range(steps: npt.NDArray[np.int64]) -> tuple[int, int]:
    """First and last recorded step of the range that loops and exports; of the whole run where none is chosen."""
    ends = here().get("range") or [int(steps[0]), int(steps[-1])]
    first, last = (int(steps[recorded_at(steps, end)]) for end in ends)
    return first, last


def range_of_runs() -> list[int]:
    """First and last step of the range on a page of several runs, where each may end elsewhere; empty where none is chosen."""
    return _range_of([st.query_params.get(name) for name in ("from", "to")], 10**11)


def clear_range() -> None:
    """Choose the whole run, on any page."""
    if place := st.session_state.get(_PLACE):
        place["range"] = []
    for name in ("from", "to"):
        write(name, [])


def _change_run(place: dict[str, Any], run_id: str, default: int) -> None:
    """Leave a run for another: at the same step if the address names one that was chosen."""
    for name in ("following", "shown"):
        place.pop(name, None)  # they were another run's
    place["range"] = []
    if not ("step" in st.query_params and place.get("is_chosen")):
        place |= {"step": default, "is_chosen": False}
    place["run"] = run_id


def follow_to_the_end(run_id: str, newest: int) -> None:
    """Move to the last step of a run that has ended, once, if it was followed: the browser may have drawn itself anew."""
    place = st.session_state.get(_PLACE, {})
    if place.get("run") == run_id and place.pop("alive", False) and place.pop("following", False):
        place["step"] = newest
        write_down(place)


def here() -> dict[str, Any]:
    """The place of this session; a page must have arrived."""
    place: dict[str, Any] = st.session_state[_PLACE]
    return place


def seen_step(default: int) -> int:
    """The step last looked at on any page of this session; ``default`` where no page has arrived."""
    place = st.session_state.get(_PLACE)
    return default if place is None else int(place["step"])


def go(step: int | None = None, select: str | None = None, axis: str | None = None, span: Sequence[int] | None = None) -> None:
    """Move to a step, select a token (``"t65"``), its hole (``"h65"``) or nothing (``""``), choose an axis, a range of steps.

    For callbacks; an empty range is the whole run.
    """
    place = here()
    if step is not None and step >= 0:
        place |= {"step": step, "following": False, "is_chosen": True}
    if select is not None and re.fullmatch(f"(?:{SELECT})?", select):
        place["select"] = select
    if axis in AXES:
        place["axis"] = axis
    if span is not None:
        place["range"] = checked_range(list(span))
    write_down(place)


def _axis_place() -> dict[str, Any]:
    """Where the axis is kept: with the place, before any page has arrived by itself."""
    place: dict[str, Any] = st.session_state.get(_PLACE) or st.session_state.setdefault(_AXIS, {"axis": AXES[0]})
    return place


def axis_here() -> str:
    """The axis of steps, on any page: the address's where it says anything new, else the last one chosen."""
    place, words = _axis_place(), news("axis")
    if words is not None:
        place["axis"] = words[-1] if words and words[-1] in AXES else place["axis"] if words else AXES[0]
    lay_out(place["axis"])
    return str(place["axis"])


def lay_out(axis: str) -> None:
    """Choose an axis, for every page."""
    _axis_place()["axis"] = axis
    write("axis", [axis] if axis != AXES[0] else [])


def write_down(place: dict[str, Any]) -> None:
    """Put the place into the address."""
    # A link to a growing run that is followed leads to its end.
    leads_to_the_end = place.get("following") or (place.get("grows") and not place.get("is_chosen"))
    write("step", [] if leads_to_the_end else [str(_word(place))])
    write("select", [place["select"]] if place["select"] else [])
    for name, end in zip(("from", "to"), place["range"] or [None, None], strict=True):
        write(name, [] if end is None else [str(end)])
    write("axis", [place["axis"]] if place["axis"] != AXES[0] else [])
    for name, word in looks().items():
        write(name, [word] if word != LOOKS[name][0] else [])


def looks() -> dict[str, str]:
    """How positions are drawn: a word for each of :data:`LOOKS`."""
    return {name: str(here().get(name, known[0])) for name, known in LOOKS.items()}


def _word(place: dict[str, Any]) -> int:
    """The step as the address names it: the recorded one that is shown."""
    asked, shown = place.get("shown") or (None, None)
    return int(place["step"] if shown is None or asked != place["step"] else shown)


def pick_group(run: Source | None = None) -> str:
    """The group of tokens to look at; all where the dead tokens of the ``run`` are not known."""
    if run is not None and run.dead is None:
        help = "The dead tokens of this file are unknown. Open it again in the Library with its text or dead tokens."
        st.segmented_control("Group", ["all"], default="all", key="group-of-file", disabled=True, help=help)
        return "all"
    help = "Dead tokens never occur in the training text; live tokens do."
    return pick_segment("Group", "group", GROUPS, "dead", is_always_named=True, help=help)


def pick_unit() -> str:
    """The unit of distances."""
    help = "Cells: steps on the lattice of the number format. Weight units: plain difference."
    return pick_segment("Distances in", "unit", UNITS, "cells", is_always_named=True, help=help)


def say_unusable(run: Source, address: Mapping[str, str]) -> None:
    """Name what the address asked for and does not exist, once, instead of quietly showing something else."""
    wrong = []
    for name, known in (("group", GROUPS), ("unit", UNITS), *LOOKS.items()):
        asked = address.get(name)
        if asked is not None and asked not in known:
            wrong.append(f'{name} must be one of {", ".join(known)}; the address says "{plain(asked[:60])}".')
    step = address.get("step")
    last = run.last_step
    if step is not None and not (step.isascii() and step.isdigit() and len(step) < 12 and int(step) <= last):
        wrong.append(f'step must be a whole number from 0 to {last:,}; the address says "{plain(step[:60])}".')
    select, axis = address.get("select"), address.get("axis")
    if select is not None and not re.fullmatch(SELECT, select):
        wrong.append(f'select must be t or h and a token, as in t65; the address says "{plain(select[:60])}".')
    elif select is not None and int(select[1:]) >= run.vocab:
        wrong.append(f"select must be a token of the run, 0–{run.vocab - 1:,}; the address says {select}.")
    ends = [address.get(name) for name in ("from", "to")]
    if ends != [None, None] and not _range_of(ends, last):
        given = " and ".join(f'"{plain(end[:60])}"' for end in ends if end is not None)
        wrong.append(f"from and to must be two steps from 0 to {last:,} in order; the address says {given}.")
    if axis is not None and axis not in AXES:
        wrong.append(f'axis must be one of {", ".join(AXES)}; the address says "{plain(axis[:60])}".')
    if wrong:
        st.warning("  \n".join([*wrong, "Showing the default view."]))
