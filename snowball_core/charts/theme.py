"""Colours of everything that is drawn: holes, hidden classes, counts, regimes, runs, distances, the step; legends."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np

DEAD, LIVE, ALONE = "#0072B2", "#E69F00", "#8A939C"
CURSOR, MOVED = "#D4A017", LIVE
HOLES = (DEAD, "#D55E00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9")
# Colours that are others on a dark page.
IN_THE_DARK = {DEAD: HOLES[5]}
GREYS = ("#6B747D", "#9AA3AC", "#C3CAD1")
# Lines that are no run's and no hole's.
SERIES = (DEAD, HOLES[1])
# Lines of a comparison by the theme that they are drawn on, each with a contrast of 3 or more to its background.
BACKGROUNDS = {"light": "#FFFFFF", "dark": "#10151C"}
RUN_HUES = {
    "light": ("#0072B2", "#D55E00", "#12A67C", "#CC5FA0", "#6B4C00", "#56616D"),
    "dark": ("#56B4E9", "#F0803C", "#2BC79B", "#E58FC0", "#F0E442", "#D7DCE2"),
}
# The first is solid; as many as hues, so that each pair of hue and dashes is one line's.
RUN_DASHES = ((1, 0), (9, 3), (2, 2), (9, 3, 2, 3), (5, 2), (14, 3, 2, 3, 2, 3))
BANDS = {"light": ("#8A939C", "#C3CAD1"), "dark": ("#9AA3AC", "#6B747D")}
# Colour and dashes of the line of each count.
LINES: dict[str, tuple[str, list[int]]] = {
    "unique": (HOLES[2], [1, 0]),
    "black_holes": (HOLES[1], [6, 2]),
    "population": (DEAD, [1, 0]),
    "singletons": (ALONE, [2, 2]),
}
# Letter, colour and words of each kind of event, as drawn above the counts; emission counts as a split.
EVENTS: dict[str, tuple[str, str, str]] = {
    "formation": ("f", HOLES[2], "formed"),
    "absorption": ("a", HOLES[5], "absorbed tokens"),
    "coalescence": ("m", DEAD, "merged"),
    "fission": ("s", HOLES[1], "split or lost tokens"),
    "evaporation": ("e", HOLES[3], "evaporated"),
}
REGIME_LINES = (
    ("frozen", GREYS[0]),
    ("one component, one cell", "#F5D68B"),
    ("several components, one cell", LIVE),
    ("further than a cell", "#A3530A"),
)
# Distances: none, and near to far.
ZERO = "#000000"
NEAR_TO_FAR = ("#3B528B", "#21918C", "#5DC863", "#FDE725")
# Below this width of a picture its legend is a column.
_LEGEND_WIDTH = 420
# Inside a hole the classes are lighter and darker steps of its colour; the largest class has the colour itself.
_STEPS = (0.0, 0.5, -0.35, 0.7, 0.25)


def hole_colour(rank: int) -> str:
    """The colour of the black hole of this rank (1 is the largest); 0 is a singleton."""
    if rank == 0:
        return ALONE
    return HOLES[rank - 1] if rank <= len(HOLES) else GREYS[(rank - 1 - len(HOLES)) % len(GREYS)]


class LineStyle(NamedTuple):
    """A name in a legend, the colour of its line and its dashes in pixels."""

    name: str
    colour: str
    dashes: tuple[int, ...]


def line_style(name: str, rank: int, theme: str = "light") -> LineStyle:
    """The line of a run, or of a group of runs, of this rank, from 0: 36 differ in hue or dashes, six in both.

    Examples
    --------
    >>> line_style("A", 0), line_style("H", 7).dashes
    (LineStyle(name='A', colour='#0072B2', dashes=(1, 0)), (2, 2))
    """
    hues = RUN_HUES[theme]
    turn = rank // len(hues)
    return LineStyle(name, hues[rank % len(hues)], RUN_DASHES[(rank + turn) % len(RUN_DASHES)])


def band_style(name: str, rank: int, theme: str = "light") -> LineStyle:
    """The band over the draws of a setting, where colours are the runs': a grey."""
    return LineStyle(name, BANDS[theme][rank % len(BANDS[theme])], RUN_DASHES[0])


def swatch(style: LineStyle) -> str:
    """A line of a legend as the address of a small SVG picture."""
    dashes = " ".join(map(str, style.dashes))
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="36" height="12"><path d="M0 6H36" stroke-width="3" '
        f'stroke="{style.colour}" stroke-dasharray="{dashes}"/></svg>'
    )
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def shaded(colour: str, shade: int) -> str:
    """A hole's colour, made lighter or darker for one of its hidden classes; 0 (the largest) and −1 (unknown) leave it.

    Examples
    --------
    >>> shaded("#0072B2", 0), shaded("#0072B2", 1)
    ('#0072B2', '#80b8d8')
    """
    step = _STEPS[shade % len(_STEPS)] if shade > 0 else 0.0
    if step == 0.0:
        return colour
    parts = np.array(list(bytes.fromhex(colour[1:])), np.float64)
    mixed = parts + ((255.0 if step > 0 else 0.0) - parts) * abs(step)
    return "#" + bytes(np.rint(mixed).astype(np.uint8)).hex()


def ink(colour: str) -> str:
    """Black or white, whichever is read more easily on a colour.

    Examples
    --------
    >>> ink("#0072B2"), ink("#F0E442")
    ('#FFFFFF', '#10151C')
    """
    red, green, blue = ((byte / 255) ** 2.2 for byte in bytes.fromhex(colour[1:]))
    return "#FFFFFF" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.25 else "#10151C"


def wrapped(part: Any) -> Any:
    """A description of one picture whose legends have a line for each entry where a line for all has no room."""
    if isinstance(part, list):
        return [wrapped(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: {**each, "columns": {"expr": f"width < {_LEGEND_WIDTH} ? 1 : 0"}}
        if name == "legend" and isinstance(each, dict)
        else wrapped(each)
        for name, each in part.items()
    }
