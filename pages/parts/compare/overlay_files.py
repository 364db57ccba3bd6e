"""Files of a comparison, served below ``/api/compare``: each picture and table of the Compare page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from snowball_core.charts.overlay import printed
from snowball_core.charts.step_axis import KINDS
from snowball_core.charts.svg import png_bytes, svg_bytes
from snowball_core.measures.alignment import ALIGNMENTS, Entrant, overlay, places
from snowball_core.store.foreign.links import open_source
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_titles import titles
from snowball_core.tables.comparison import (
    MEASURES,
    LineUp,
    configuration_differences,
    footer,
    groupings,
    letters,
    require_several,
)
from snowball_core.tables.formats import FORMATS
from snowball_core.tables.run_summary import GROUPS

from ..server.sent_files import one_of, refusing, require_known, sent, whole
from ..shared.downloads import PICTURE, TABLE, links
from ..shared.file_stamps import stamp
from .cached_runs import Key, key_of, lined_up, measured_entrants
from .drawing import along_of, drawing_of, note_of, overlaid, whose

_KNOWN = ("runs", "group", "align", "axis", "by", "measures", "marked", "from", "to")


def take_overlays(runs: Sequence[str], measures: Sequence[str], query: Mapping[str, Any]) -> None:
    """Links to every picture and to the table of every recorded step; ``query`` is what they are drawn by."""
    with st.expander("Download", on_change="rerun", key="take-overlays") as box:
        if not box.open:
            return
        query = {"runs": ",".join(runs), **query}
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
    axis = one_of(query, "axis", KINDS, KINDS[0])
    measures = [name for name in query.get("measures", ",".join(MEASURES)).split(",") if name]
    for name in measures:
        one_of({"measures": name}, "measures", MEASURES, name)
    with refusing(409):
        keys = tuple(key_of(run) for run in runs)
        lined = lined_up(keys)
    ends = whole(query, "from"), whole(query, "to")
    by = one_of(query, "by", groupings(lined), "run")

    def entrants() -> list[Entrant]:
        return [each for each in measured_entrants(keys, group) if places(each, align) is not None]

    made: dict[str, Callable[[], bytes]] = {}
    for kind, form in FORMATS.items():
        made[f"tables/overlay.{kind}"] = lambda form=form: form(_inside(overlay(entrants(), measures, align), *ends))  # type: ignore[misc]
        made[f"tables/differences.{kind}"] = lambda form=form: form(configuration_differences(lined))  # type: ignore[misc]
    for name in MEASURES:
        svg = _published(lined, keys, entrants, name, group, align, axis, by, query.get("marked"))
        made |= {f"charts/{name}.svg": svg, f"charts/{name}.png": lambda svg=svg: png_bytes(svg())}  # type: ignore[misc]
    if place not in made:
        raise HTTPException(404, f'A file of a comparison is one of {", ".join(made)}; got "{place[:80]}".')
    name = place.rsplit("/", 1)[-1]
    saved = name if name.startswith("differences") else f"comparison-{name.replace('.', f'-{group}.')}"
    called = titles([run.path for run in runs])
    key = (keys, [stamp(path) for path, _ in keys], place, group, align, axis, by, measures, query.get("marked"), ends, called)
    with refusing(422):
        return sent(request, saved, key, lambda file: file.write(made[place]()))


def _inside(table: pd.DataFrame, first: int | None, last: int | None) -> pd.DataFrame:
    """The rows of a range of steps; of a side that is not given without end."""
    kept = table if first is None else table[table["step"] >= first]
    return (kept if last is None else kept[kept["step"] <= last]).reset_index(drop=True)


def _published(
    lined: LineUp,
    keys: tuple[Key, ...],
    entrants: Callable[[], list[Entrant]],
    measure: str,
    group: str,
    align: str,
    axis: str,
    by: str,
    marked: str | None,
) -> Callable[[], bytes]:
    def svg() -> bytes:
        runs = entrants()
        drawing = drawing_of(runs, lined, by, along_of(runs, keys, group, align, axis), marked)
        found = overlaid(drawing, measure)
        if found.picture is None:
            raise HTTPException(422, f'None of these runs recorded "{measure}".')
        spec, data = found.picture
        title, unit, _ = MEASURES[measure]
        text = footer(lined, letters(lined), ALIGNMENTS[align], whose(measure, group), unit)
        return svg_bytes(printed(spec), data, title, [*text, note_of(drawing, found.is_thinned)])

    return svg
