"""Colours of everything that is drawn: holes, hidden classes, counts, regimes, settings, distances, the step; legends."""

from __future__ import annotations

from typing import Any

import numpy as np

DEAD, LIVE, ALONE = "#0072B2", "#E69F00", "#8A939C"
CURSOR, MOVED = "#D4A017", LIVE
HOLES = (DEAD, "#D55E00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9")
# Colours that are others on a dark page.
IN_THE_DARK = {DEAD: HOLES[5]}
GREYS = ("#6B747D", "#9AA3AC", "#C3CAD1")
# Settings of a comparison, in the order in which they are drawn.
SETTINGS = (*HOLES[:4], LIVE, HOLES[5])
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


def setting_colour(rank: int) -> str:
    """The colour of the setting of this rank, from 0; grey from the seventh on."""
    return SETTINGS[rank] if rank < len(SETTINGS) else ALONE


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
