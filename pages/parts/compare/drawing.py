"""The picture of a measure of several runs: colours, axis and data together, for the page and for its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from snowball_core.charts.overlay import Frame, filled, overlay_spec
from snowball_core.charts.overlay_data import (
    MOST_POINTS,
    Along,
    Called,
    bands_data,
    ends_data,
    lines_data,
    moments_data,
    strengths,
)
from snowball_core.charts.step_axis import Picture, step_axis
from snowball_core.charts.theme import LineStyle, band_style, line_style
from snowball_core.measures.alignment import FEWEST, Entrant, one_per_draw, ribbons
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_titles import titles
from snowball_core.tables.comparison import MEASURES, LineUp, groups, letters

from ..shared import cached
from .cached_runs import Key

_TITLES = {
    "first-merger": "steps after the first merger",
    "last-change": "steps after the last change",
    "rates": "sum of learning rates",
}
# Grey bands are below the lines of their runs.
_MEDIAN_PIXELS = {True: 1.2, False: 3.0}
# A larger value is of a run that diverged: the axis is symlog.
_MOST_LINEAR = 1_000
# What differs between the runs of one setting.
_WITHIN_A_SETTING = ("run", "seed")


class Overlay(NamedTuple):
    """A measure of several runs: its lines, its bands, whether lines are thinned, and the picture, if there is one."""

    lines: pd.DataFrame
    bands: pd.DataFrame
    is_thinned: bool
    picture: Picture | None


@dataclass(frozen=True)
class Drawing:
    """What the pictures of a comparison share.

    ``entrants`` are the runs that have a place. ``styles`` are the legend's lines by name; ``bands`` names the line of each
    setting's band, which is grey where the setting's runs differ in colour. ``marked`` and ``first`` are runs: one that stands
    out, and the one whose steps a click selects.
    """

    entrants: tuple[Entrant, ...]
    called: Called
    styles: Mapping[str, LineStyle]
    bands: Mapping[str, str]
    is_grey: bool
    along: Along
    marked: str | None = None
    first: str | None = None


def whose(measure: str, group: str) -> str:
    """What a measure is of: the trainer's numbers are of no group of tokens."""
    return "the whole run (all groups)" if measure in ("loss", "learning_rate") else f"{group} tokens"


def along_of(entrants: Sequence[Entrant], keys: Sequence[Key], group: str, align: str, axis: str) -> Along:
    """How runs lie along the axis of a kind; by events, those of all of them."""
    if align != "step":
        return Along(align, is_symlog=align != "rates" and axis != "linear")
    happened: set[int] = set()
    if axis == "events":
        for path, snapshots in keys:
            history = cached.history(path, snapshots)
            if history.finite and history.mask(group).any():
                happened |= set(cached.event_steps(path, history.finite, group))
    last = max((int(each.table["step"].iloc[-1]) for each in entrants if len(each.table)), default=0)
    return Along(align, step_axis(axis, last, (step for step in happened if step <= last)))


def styles_of(lined_up: LineUp, by: str, theme: str) -> tuple[dict[str, str], dict[str, LineStyle]]:
    """The group of each run by id, and the line of each group by its name."""
    folder = runs_folder()
    named = groups(lined_up, by, titles([folder / each.id for each in lined_up.recordings]))
    return named, {name: line_style(name, rank, theme) for rank, name in enumerate(dict.fromkeys(named.values()))}


def drawing_of(
    entrants: Sequence[Entrant],
    lined_up: LineUp,
    by: str,
    along: Along,
    marked: str | None = None,
    theme: str = "light",
    first: str | None = None,
) -> Drawing:
    """The runs with a place on the axis, coloured by run or by group; a setting with several draws has a band."""
    named, styles = styles_of(lined_up, by, theme)
    drawn = tuple(each for each in entrants if along.places(each) is not None)
    bands, is_grey = {each.setting: named[each.id] for each in drawn}, by in _WITHIN_A_SETTING
    if is_grey:
        of_setting = groups(lined_up, "setting", {})
        several = [each for each in drawn if _draws(drawn, each.setting) >= FEWEST]
        bands = {each.setting: f"range of {of_setting[each.id]}" for each in several}
        styles |= {name: band_style(name, rank, theme) for rank, name in enumerate(bands.values())}
    known = marked if marked in {each.id for each in drawn} else None
    return Drawing(drawn, Called(letters(lined_up), named), styles, bands, is_grey, along, known, first)


def _draws(entrants: Sequence[Entrant], setting: str) -> int:
    return len(one_per_draw([each for each in entrants if each.setting == setting]))


def overlaid(drawing: Drawing, measure: str) -> Overlay:
    """A measure of the runs of a drawing."""
    along, called = drawing.along, drawing.called
    lines, is_thinned = lines_data(drawing.entrants, called, measure, along)
    found = ribbons(drawing.entrants, measure, along.align)
    if lines.empty:
        return Overlay(lines, found, False, None)
    frame, bands = _frame(drawing, measure, lines), bands_data(found, drawing.bands, along)
    marked = called.letters.get(drawing.marked or "")
    lines = strengths(lines, () if drawing.is_grey else set(bands["group"]), marked)
    moments = moments_data(drawing.entrants, called, measure, along, drawing.first)
    data = {
        "lines": lines,
        "bands": bands.assign(width=_MEDIAN_PIXELS[drawing.is_grey]),
        "alone": lines[lines.groupby("run")["x"].transform("size") == 1],
        "ends": ends_data(lines, along, frame.low, frame.high, frame.is_counted),
        "moments": moments.reindex(columns=["x", "step", "place", *frame.letters], fill_value=""),
    }
    return Overlay(lines, found, is_thinned, (filled(overlay_spec(frame), data), data))


def _frame(drawing: Drawing, measure: str, lines: pd.DataFrame) -> Frame:
    _, unit, is_whole = MEASURES[measure]
    along, letters_of = drawing.along, drawing.called.letters
    if along.axis is not None:
        low, high, title = 0.0, float(along.axis.end), along.axis.title
    else:
        # The same axis for all pictures, also for a measure that some runs or steps lack.
        every = np.concatenate([x for each in drawing.entrants if (x := along.places(each)) is not None])
        low, high = float(np.nanmin(every)), float(np.nanmax(every))
        title = _TITLES[along.align] + (" (symlog)" if along.is_symlog else "")
    right, top = high if high > low else low + 1, float(lines["value"].max())
    styles, drawn = tuple(drawing.styles.values()), tuple(letters_of[each.id] for each in drawing.entrants)
    # A run that diverged would press the others flat.
    is_counted = is_whole or top > _MOST_LINEAR
    return Frame(low, right, top, along.axis, along.is_symlog, is_counted, title, unit, styles, drawn)


def note_of(drawing: Drawing, is_thinned: bool) -> str:
    """What is thinned in a picture, and which run is highlighted."""
    exact = f"Lines with more changes are drawn at {MOST_POINTS} of their steps; bands are computed from all steps."
    marked = f" Highlighted: {drawing.called.letters[drawing.marked]}." if drawing.marked else ""
    return (exact if is_thinned else "All changes are drawn.") + marked
