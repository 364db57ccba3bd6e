"""The runs of a comparison on one axis: each picture with its data, drawn on the page and served below ``/api/compare``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from snowball_core.charts.overlay import MOST_POINTS, Frame, lines_data, overlay_spec, printed, ribbons_data, widths
from snowball_core.charts.step_axis import Picture
from snowball_core.charts.svg import png_bytes, svg_bytes
from snowball_core.measures.alignment import ALIGNMENTS, Entrant, overlay, places, ribbons
from snowball_core.store.foreign.links import open_source
from snowball_core.store.run_folder import runs_folder
from snowball_core.tables.comparison import (
    MEASURES,
    LineUp,
    configuration_differences,
    footer,
    letters,
    require_several,
    setting_names,
)
from snowball_core.tables.formats import FORMATS
from snowball_core.tables.run_summary import GROUPS

from ..server.sent_files import one_of, refusing, require_known, sent
from ..shared.downloads import PICTURE, TABLE, links
from ..shared.file_stamps import stamp
from .cached_runs import key_of, lined_up, measured_entrants

_AXIS_TITLES = {
    "step": "step (symlog)",
    "first-merger": "steps after the first merger (symlog)",
    "last-change": "steps after the last change (symlog)",
    "rates": "sum of learning rates",
}
_KNOWN = ("runs", "group", "align", "measures", "marked")


class Overlay(NamedTuple):
    """A measure of several runs: its lines, its ribbons, whether lines are thinned, and the picture, if there is one."""

    lines: pd.DataFrame
    ribbons: pd.DataFrame
    is_thinned: bool
    picture: Picture | None


def whose(measure: str, group: str) -> str:
    """What a measure is of: the trainer's numbers are of no group of tokens."""
    return "the whole run (all groups)" if measure in ("loss", "learning_rate") else f"{group} tokens"


def overlaid(entrants: Sequence[Entrant], called: Mapping[str, str], measure: str, align: str, marked: str | None) -> Overlay:
    """A measure of the runs that have a place on the axis; ``called`` names runs and settings, ``marked`` is a run."""
    lines, is_thinned = lines_data(entrants, called, measure, align)
    bands = ribbons(entrants, measure, align)
    ribboned = {called[setting] for setting in bands["setting"].unique()}
    is_one_of_many = lines["setting"].isin(ribboned)
    lines["strength"] = np.where(is_one_of_many, 0.55, 1.0)
    if lines.empty:
        return Overlay(lines, bands, False, None)
    frame = _frame(entrants, called, measure, align, lines)
    wide, bands = widths(frame.settings, ribboned, frame.is_counted), ribbons_data(bands, called, align)
    lines["width"] = np.where(is_one_of_many, 1.3, lines["setting"].map(wide))
    data = {
        "lines": lines,
        "ribbons": bands.assign(width=bands["setting"].map(wide)),
        "alone": lines[lines.groupby("run")["x"].transform("size") == 1],
        "marked": lines[lines["run"] == called.get(marked or "")].assign(width=2.8),
    }
    return Overlay(lines, bands, is_thinned, (overlay_spec(frame), data))


def _frame(entrants: Sequence[Entrant], called: Mapping[str, str], measure: str, align: str, lines: pd.DataFrame) -> Frame:
    _, unit, is_whole = MEASURES[measure]
    settings = tuple(dict.fromkeys(called[each.setting] for each in entrants))
    # The same axis for all pictures, also for a measure that some runs or steps lack.
    along = np.concatenate([x for each in entrants if (x := places(each, align)) is not None])
    low, high = float(np.nanmin(along)), float(np.nanmax(along))
    right, top = high if high > low else low + 1, float(lines["value"].max())
    return Frame(low, right, top, align != "rates", is_whole, _AXIS_TITLES[align], unit, settings)


def note_of(is_thinned: bool, gold: str | None) -> str:
    """What is thinned in a picture, and which run is marked."""
    exact = f"Lines with more changes are drawn at {MOST_POINTS} of their steps; bands are computed from all steps."
    return (exact if is_thinned else "All changes are drawn.") + (f" Yellow: {gold}." if gold else "")


def take_overlays(runs: Sequence[str], measures: Sequence[str], group: str, align: str, marked: str | None) -> None:
    """Links to every picture and to the table of every recorded step."""
    with st.expander("Download", on_change="rerun", key="take-overlays") as box:
        if not box.open:
            return
        query = {"runs": ",".join(runs), "group": group, "align": align, "marked": marked}
        for measure in measures:
            _row(MEASURES[measure][0], "compare/charts", measure, PICTURE, query)
        what = "All recorded steps of all runs, with axis positions"
        _row(what, "compare/tables", "overlay", TABLE, query | {"measures": ",".join(measures)})


def _row(title: str, place: str, name: str, kinds: tuple[str, ...], query: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":small[{title}:]", width="content")
        links(place, name, kinds, query)


def file_of_comparison(request: Request) -> Response:
    """A file of a comparison of the runs that the query names."""
    place, query = request.path_params["file"], request.query_params
    require_known(query, _KNOWN)
    names = list(dict.fromkeys(name for name in query.get("runs", "").split(",") if name))
    with refusing(422):
        require_several(len(names))
    with refusing(404):
        runs = [open_source(runs_folder(), name) for name in names]
    group, align = one_of(query, "group", GROUPS, "dead"), one_of(query, "align", ALIGNMENTS, "step")
    measures = [name for name in query.get("measures", ",".join(MEASURES)).split(",") if name]
    for name in measures:
        one_of({"measures": name}, "measures", MEASURES, name)
    with refusing(409):
        keys = tuple(key_of(run) for run in runs)
        lined = lined_up(keys)

    def entrants() -> list[Entrant]:
        return [each for each in measured_entrants(keys, group) if places(each, align) is not None]

    made: dict[str, Callable[[], bytes]] = {}
    for kind, form in FORMATS.items():
        made[f"tables/overlay.{kind}"] = lambda form=form: form(overlay(entrants(), measures, align))  # type: ignore[misc]
        made[f"tables/differences.{kind}"] = lambda form=form: form(configuration_differences(lined))  # type: ignore[misc]
    for name in MEASURES:
        svg = _published(lined, entrants, name, group, align, query.get("marked"))
        made |= {f"charts/{name}.svg": svg, f"charts/{name}.png": lambda svg=svg: png_bytes(svg())}  # type: ignore[misc]
    if place not in made:
        raise HTTPException(404, f'A file of a comparison is one of {", ".join(made)}; got "{place[:80]}".')
    name = place.rsplit("/", 1)[-1]
    saved = name if name.startswith("differences") else f"comparison-{name.replace('.', f'-{group}.')}"
    key = (keys, [stamp(path) for path, _ in keys], place, group, align, measures, query.get("marked"))
    with refusing(422):
        return sent(request, saved, key, lambda file: file.write(made[place]()))


def _published(
    lined: LineUp, entrants: Callable[[], list[Entrant]], measure: str, group: str, align: str, marked: str | None
) -> Callable[[], bytes]:
    def svg() -> bytes:
        names, drawn = letters(lined), entrants()
        called = names | setting_names(lined)
        found = overlaid(drawn, called, measure, align, marked)
        if found.picture is None:
            raise HTTPException(422, f'None of these runs recorded "{measure}".')
        spec, data = found.picture
        gold = called[marked] if marked in {each.id for each in drawn} else None
        title, unit, _ = MEASURES[measure]
        lines = [*footer(lined, names, ALIGNMENTS[align], whose(measure, group), unit), note_of(found.is_thinned, gold)]
        return svg_bytes(printed(spec), data, title, lines)

    return svg
