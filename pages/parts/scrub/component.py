"""The scrubber: draws every step of one history, or of two locked by step, in the browser, and says where it came to rest."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from snowball_core.charts import theme
from snowball_core.charts.scrubber_blob import EVENT_BITS, Reel, packed_blob
from snowball_core.charts.scrubber_measures import frame_measure
from snowball_core.errors import SnowballError
from snowball_core.measures.quantities import OF_COLUMN
from snowball_core.store.foreign.links import Source
from snowball_core.store.history import History
from snowball_core.tables.per_step import last_hole_change
from snowball_core.tables.text import glyph

from ..shared import cached, downloads
from ..shared.file_stamps import drawn
from ..shared.help_links import address, words
from ..shared.selection import AXES, LOOKS, SELECT, arrive, checked_range, follow_to_the_end, here, looks, write_down
from ..shared.text import many, plain
from .colours import COLOURS, hand_measure
from .growing_run import WATCH

FRAGMENT = "exact-step"
_KEY = "scrubber"
_FIELDS = ("run", "group", "unit", "file", "tensor", "dead", "text", "compared", "left", "right")
_STATE = ("step", "select", "axis", "range", *LOOKS)
_DRAWN_FIELDS = "scrubber-fields"
# What each picture and each count shows, under its names in docs/measures.md; the first is the entry that is linked to.
_EXPLAINED = {
    "counts": tuple(theme.LINES),
    "sizes": ("true hole", "hidden class"),
    "distances": ("heatmap",),
    "places": ("principal-axes",),
    **{column: (column,) for column in theme.LINES},
}
_PICTURES = ("counts", "sizes", "distances", "places")
# Rows of the picture of distances; of more tokens it draws some, and says so.
_MOST_ROWS = 512
# A vocabulary of at most so many tokens is taken for bytes, as everywhere here; of a larger one in a file no names are known.
_BYTES = 256


def _both(colour: str) -> tuple[str, str]:
    """A colour on a light and on a dark page."""
    return colour, theme.IN_THE_DARK.get(colour, colour)


_PALETTE: dict[str, Any] = {name.lower(): getattr(theme, name) for name in ("ALONE", "CURSOR", "GREYS", "NEAR_TO_FAR")}
_PALETTE["events"] = [
    {"bit": EVENT_BITS[kind], "letter": letter, "colour": _both(colour), "words": words}
    for kind, (letter, colour, words) in theme.EVENTS.items()
]
_LINES = {
    column: (OF_COLUMN[column].symbol, OF_COLUMN[column].short, _both(colour), dashes)
    for column, (colour, dashes) in theme.LINES.items()
}
_DRAWING = Path(__file__).parent / "drawing"
_SCRIPTS = (
    *(
        "data",
        "axis",
        "counts",
        "pictures",
        "places",
        "zoom",
        "colours",
        "labels",
        "search",
        "bookmarks",
        "pointer",
        "playback",
    ),
    "narrow",
    "main",
)
# Registered once per server, when this module is first imported: a component has one home.
_SCRUBBER = st.components.v2.component(
    "scrubber",
    html=(_DRAWING / "scrubber.html").read_text(),
    css="\n".join((_DRAWING / f"{name}.css").read_text() for name in ("scrubber", "narrow")),
    js="\n".join((_DRAWING / f"{name}.js").read_text() for name in _SCRIPTS),
)


@dataclass(frozen=True)
class Side:
    """A history in the scrubber.

    Attributes
    ----------
    id : str
        What tells it from any other.
    story : str
        What happened, in words; none while it is still happening.
    name : str
        Its name where there are two sides.
    alive : bool
        Whether it is still being recorded.
    """

    id: str
    history: History
    reel: Reel
    group: str
    story: str = ""
    name: str = ""
    alive: bool = False

    @property
    def last_step(self) -> int:
        """The last step of the whole history, recorded by now or not."""
        config = self.history.config
        return int(self.history.steps[-1]) if config is None else config.last_step


def are_bytes(history: History) -> bool:
    """Whether the tokens may be called by the bytes they are."""
    return history.config is not None or history.words.shape[1] <= _BYTES


def draw_run(run: Source, snapshots: int, group: str, unit: str, alive: bool) -> bool:
    """Draw a run at the step of the address, else where its holes changed last, or at a growing run's end.

    False, after saying why, where a snapshot is too large or a file cannot be read.
    """
    path = str(run.path)
    drawn(path)
    history = cached.history(path, snapshots)
    newest, side = int(history.steps[-1]), None
    try:
        reel = cached.frames(path, snapshots, group, unit, not alive)
        story = "" if alive else cached.story(path, snapshots, group) + _caveat(run)
        side = Side(run.id, history, reel, group, story, alive=alive)
    except SnowballError as error:
        st.warning(f"Cannot draw all steps: {plain(str(error))}")
    default = newest if alive else last_hole_change(cached.measures(path, snapshots), group)
    if not alive:
        follow_to_the_end(run.id, newest)
    # Only now: while frames are made, the scrubber on the screen still moves the run before.
    arrive(run.id, default, run.last_step, history.steps, alive)
    if side:
        draw_here(side)
    return side is not None


def _caveat(run: Source) -> str:
    faults = run.manifest.get("faults_carried") or []
    if not faults:
        return ""
    return f" This run reproduces {many(len(faults), 'known bug')} of the published code (details below)."


def draw_here(side: Side) -> None:
    """Draw one history at the place of this session; the page must have arrived there."""
    place, follows = here(), side.alive and "step" not in st.query_params
    place.setdefault("following", follows)
    place["alive"] = side.alive
    fields = {name: place[name] for name in ("step", "heard", "select", "axis", "range")}
    draw(_KEY, [side], fields | {"follow": follows, **looks()}, _moved)
    history, reel = side.history, side.reel
    measured = functools.partial(frame_measure, history.words, history.steps, history.mask(side.group), reel)
    hand_measure([side.id, side.group, reel.header["unit"]], measured)


def draw(key: str, sides: Sequence[Side], place: Mapping[str, Any], moved: Callable[[], None]) -> None:
    """Draw histories locked by step, outside of the fragment of the exact step, so that their frames are sent once.

    ``place`` has ``step``, ``heard``, ``select``, ``axis``, ``range`` and ``follow``; without ``colour`` and ``basis`` the
    usual ones are meant. ``moved`` is called when the scrubber came to rest, and while it plays, and reads :func:`reported`.
    """
    st.session_state[_DRAWN_FIELDS] = _fields()
    data = b"".join(packed_blob(side.reel, _facts(side) | dict(place)) for side in sides)
    heard: dict[str, Any] = {f"on_{field}_change": moved for field in _STATE}
    _SCRUBBER(key=key, data=data, **heard)


def reported(key: str) -> dict[str, Any]:
    """What a scrubber says: ``playing``, ``following``; where known ``step``, ``heard``, ``select``, ``axis``, ``range``."""
    state: Mapping[str, Any] = st.session_state[key]
    step = state.get("step") or {}
    report: dict[str, Any] = {name: bool(step.get(name)) for name in ("playing", "following")}
    if isinstance(step.get("at"), int) and step["at"] >= 0:
        report |= {"step": step["at"], "heard": step.get("count", 0)}
    if re.fullmatch(f"(?:{SELECT})?", str(state.get("select"))):
        report["select"] = state["select"]
    if state.get("axis") in AXES:
        report["axis"] = state["axis"]
    report |= {name: state[name] for name, known in LOOKS.items() if state.get(name) in known}
    if state.get("range") is not None:
        report["range"] = checked_range(state["range"])
    return report


def redraw(*fragments: str) -> None:
    """Run fragments alone, for the callback of a scrubber; where another picture was asked for, the page runs as it does."""
    # The callback interrupted the drawing of another picture: then the whole page runs again.
    if st.session_state[_DRAWN_FIELDS] == _fields():
        st.rerun(list(fragments))


def _moved() -> None:
    report, place = reported(_KEY), here()
    is_playing = report.pop("playing")
    # The browser repeats the range it said last, though another one may have come from the address since.
    if report.get("range") == place.get("range_said"):
        report.pop("range", None)
    else:
        place["range_said"] = report["range"]
    is_coloured = report.get("colour", place.get("colour")) != place.get("colour")
    place |= report | ({"is_chosen": True} if "step" in report else {})
    if not is_playing:
        write_down(place)
    # The watch is named too, so that its clock starts again.
    redraw(FRAGMENT, *([COLOURS] if is_coloured else []), *([WATCH] if place.get("alive") else []))


def _fields() -> dict[str, Any]:
    """What the fields say that decide which picture is drawn."""
    return {key: st.session_state.get(key) for key in _FIELDS}


def _facts(side: Side) -> dict[str, Any]:
    history, ids = side.history, side.reel.header["ids"]
    drawn_as = {"group": side.group, "unit": side.reel.header["unit"]}
    return {
        "run": side.id,
        "name": side.name,
        "group": side.group,
        "last_step": side.last_step,
        "most_rows": _MOST_ROWS,
        "alive": side.alive,
        "glyphs": [glyph(token) for token in ids] if are_bytes(history) else None,
        "dead": None if history.dead is None else history.dead[ids].tolist(),
        "story": side.story,
        "sent_told": _sent(side.reel, len(history.steps)),
        "told": _captions(side.reel, side.group),
        "palette": _PALETTE,
        "lines": _LINES,
        "files": {part: downloads.address(f"runs/{side.id}/charts/{part}.png", drawn_as) for part in _PICTURES},
        "explained": {part: {"href": address(names[0]), "title": words(*names)} for part, names in _EXPLAINED.items()},
    }


def _sent(reel: Reel, snapshots: int) -> str:
    header = reel.header
    if snapshots == 1:
        return "Only one snapshot recorded: nothing to play."
    differ = f"{snapshots:,} snapshots recorded, {header['changed'] - 1:,} differ from the previous one; "
    if header["stride"] == 1:
        return differ + "all are drawn."
    return differ + f"the preview shows one in {header['stride']}; exact on release. Counts and events are complete."


def _captions(reel: Reel, group: str) -> dict[str, str]:
    header = reel.header
    word = "cells" if header["unit"] == "cells" else "weight units"
    hidden = "hidden classes, one optimizer state each" if reel.arrays["hidden"].size else "not recorded"
    capped = f" · grey: not among the {header['most']} largest vectors" if reel.arrays["unique"].max() > header["most"] else ""
    stride = -(-len(header["ids"]) // _MOST_ROWS)
    pooled = f"1 in {stride} tokens drawn, ordered by hole" if stride > 1 else "ordered by hole"
    return {
        "counts": f"{group} tokens · log scale",
        "sizes": f"{group} tokens · shades: {hidden}",
        "distances": f"{group} tokens, {pooled} · L∞ in {word}, log{capped}",
        "places": f"{group} tokens · area: size · axes of {header['basis_frames']:,} snapshots · trails: last 30",
    }
