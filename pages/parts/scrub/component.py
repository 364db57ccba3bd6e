"""The scrubber: draws every step of a run in the browser, and tells the server where it came to rest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from snowball_core.charts.scrubber_blob import Reel, packed_blob
from snowball_core.errors import SnowballError
from snowball_core.store.run_folder import Run
from snowball_core.tables.per_step import last_hole_change
from snowball_core.tables.text import glyph

from ..shared import cached
from ..shared.file_stamps import drawn
from ..shared.help_links import address
from ..shared.selection import AXES, arrive, follow_to_the_end, here, write_down
from ..shared.text import plain
from .growing_run import WATCH

FRAGMENT = "exact-step"
_KEY = "scrubber"
_FIELDS = ("run", "group", "unit", "file", "tensor", "dead", "text")
# What each picture shows, under its name in docs/measures.md.
_EXPLAINED = {"counts": "unique", "sizes": "hidden class", "distances": "heatmap", "places": "principal-axes"}
# Rows of the picture of distances; of more tokens it draws some, and says so.
_MOST_ROWS = 512
_DRAWING = Path(__file__).parent / "drawing"
_SCRIPTS = ("data", "axis", "counts", "pictures", "places", "labels", "pointer", "playback", "main")
# Registered once per server, when this module is first imported: a component has one home.
_SCRUBBER = st.components.v2.component(
    "scrubber",
    html=(_DRAWING / "scrubber.html").read_text(),
    css=(_DRAWING / "scrubber.css").read_text(),
    js="\n".join((_DRAWING / f"{name}.js").read_text() for name in _SCRIPTS),
)


def is_native() -> bool:
    """Whether Streamlit's own slider was asked for, by ``SNOWBALL_NATIVE=1`` or ``?native=1``."""
    return os.environ.get("SNOWBALL_NATIVE") == "1" or st.query_params.get("native") == "1"


@dataclass(frozen=True)
class Known:
    """What is known of a history beside its frames, recorded here or not.

    Attributes
    ----------
    id : str
        What tells it from any other.
    snapshots, last_step : int
        Recorded by now; of the whole history.
    default : int
        The step at which a first visit opens.
    group, unit : str
    dead : ndarray of bool, shape (vocab,), or None
        None where it is not known.
    story : str
        What happened, in words; none while it is still happening.
    alive : bool
        Whether it is still being recorded.
    steps : ndarray of int64, shape (snapshots,), or None
        The recorded steps; None of a file, whose snapshots are numbered.
    """

    id: str
    snapshots: int
    last_step: int
    default: int
    group: str
    unit: str
    dead: npt.NDArray[np.bool_] | None
    story: str
    alive: bool = False
    steps: npt.NDArray[np.int64] | None = None


def scrubber(run: Run, snapshots: int, group: str, unit: str, alive: bool) -> bool:
    """Draw a run's scrubber at the step the address names, else where the black holes changed last, or at a growing run's end.

    Returns
    -------
    bool
        False, after saying why, where a file that the frames are made from cannot be read.
    """
    try:
        drawn(str(run.path))
        made = cached.frames(str(run.path), snapshots, group, unit, not alive)
        told = "" if alive else cached.story(str(run.path), snapshots, group) + _caveat(run)
    except SnowballError as error:
        st.warning(f"Not every step can be drawn at once: {plain(error)}")
        return False
    steps = run.steps(snapshots)
    default = int(steps[-1]) if alive else last_hole_change(cached.measures(str(run.path), snapshots), group)
    if not alive:
        follow_to_the_end(run.id, int(steps[-1]))
    mount(made, Known(run.id, snapshots, run.config.last_step, default, group, unit, run.dead, told, alive, steps))
    return True


def _caveat(run: Run) -> str:
    faults = run.manifest.get("faults_carried") or []
    if not faults:
        return ""
    told = "One known fault" if len(faults) == 1 else f"{len(faults)} known faults"
    act = "acts" if len(faults) == 1 else "act"
    return f" {told} of the published experiment {act} on it: see the foot of this page."


def mount(made: Reel, known: Known, are_bytes: bool = True) -> None:
    """Draw the scrubber of any history at the step the address names, else at its default.

    It stands outside the fragment that shows the exact step: so its frames are sent once, those of a growing run whenever
    the page is drawn anew. Where tokens are no bytes their numbers are their only names.
    """
    steps = np.arange(known.snapshots) if known.steps is None else known.steps
    place = arrive(known.id, known.default, known.last_step, steps, known.alive, is_file=known.steps is None)
    place |= {"alive": known.alive, "drawn": _asked()}
    follows = known.alive and "step" not in st.query_params
    place.setdefault("following", follows)
    ids = made.header["ids"]
    facts = {
        "run": known.id,
        "group": known.group,
        "last_step": known.last_step,
        "step": place["step"],
        "heard": place["heard"],
        "select": place["select"],
        "axis": place["axis"],
        "most_rows": _MOST_ROWS,
        "alive": known.alive,
        "follow": follows,
        "glyphs": [glyph(token) for token in ids] if are_bytes else None,
        "dead": None if known.dead is None else known.dead[ids].tolist(),
        "story": known.story,
        "sent_told": _sent(made, known.snapshots),
        "told": _captions(made, known.group, known.unit),
        "explained": {picture: address(name) for picture, name in _EXPLAINED.items()},
    }
    _SCRUBBER(key=_KEY, data=packed_blob(made, facts), on_step_change=_moved, on_select_change=_moved, on_axis_change=_moved)


def _moved() -> None:
    """Note what the scrubber says, write it into the address unless it plays on, and draw the exact step alone anew."""
    said: Mapping[str, Any] = st.session_state[_KEY]
    place = here()
    step = said.get("step") or {}
    if isinstance(step.get("at"), int) and step["at"] >= 0:
        place |= {"step": step["at"], "heard": step.get("count", 0), "is_chosen": True}
    if said.get("select") is not None and re.fullmatch(r"(?:[th][0-9]{1,7})?", str(said["select"])):
        place["select"] = said["select"]
    if said.get("axis") in AXES:
        place["axis"] = said["axis"]
    place["following"] = bool(step.get("following"))
    if not step.get("playing"):
        write_down(place)
    if place["drawn"] != _asked():
        return  # another picture was asked for and is not drawn yet: this has broken off its making, so all is drawn anew
    # The watch is named too, so that its clock starts again.
    st.rerun([FRAGMENT, WATCH] if place["alive"] else FRAGMENT)


def _asked() -> dict[str, Any]:
    """What the fields say that decide which picture is drawn."""
    return {key: st.session_state.get(key) for key in _FIELDS}


def _sent(made: Reel, snapshots: int) -> str:
    header = made.header
    if snapshots == 1:
        return "One snapshot recorded: its counts are points, and there is nothing to play."
    told = f"{snapshots:,} snapshots recorded, {header['changed'] - 1:,} differ from the one before; "
    if header["stride"] == 1:
        return told + "every one of them is drawn."
    return told + f"preview every {header['stride']} of them, exact on release. Counts and events are complete."


def _captions(made: Reel, group: str, unit: str) -> dict[str, str]:
    word = "cells" if unit == "cells" else "weight units"
    hidden = "hidden classes" if made.arrays["hidden"].size else "not recorded"
    capped = f" · grey: beyond {made.header['most']} vectors" if made.arrays["unique"].max() > made.header["most"] else ""
    stride = -(-len(made.header["ids"]) // _MOST_ROWS)
    pooled = f"one token in {stride} drawn by hole" if stride > 1 else "by hole"
    return {
        "counts": f"{group} tokens · logarithmic counts",
        "sizes": f"{group} tokens · bar: tokens · parts: {hidden}",
        "distances": f"{group} tokens, {pooled} · L∞ in {word}, log{capped}",
        "places": f"{group} tokens · area: tokens · axes from {made.header['basis_frames']:,} frames · trails: the last 30",
    }
