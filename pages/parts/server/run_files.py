"""The library, a run, and every file that a run or a file from elsewhere can be exported as: answers below ``/api``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from snowball_core.charts.overlay import UNITS as EPSILON_UNITS
from snowball_core.charts.step_axis import KINDS, step_axis
from snowball_core.charts.svg import png_bytes
from snowball_core.errors import SnowballError
from snowball_core.export.bundle import folder_zip
from snowball_core.export.files import Write, items
from snowball_core.export.pictures import Plate, draw, places_plate
from snowball_core.export.tables import OVER_STEPS, PER_RUN, PER_STEP
from snowball_core.export.view import View, view_of
from snowball_core.memory import Tell, untold
from snowball_core.store.archive import run_files
from snowball_core.store.files.regular_files import identity
from snowball_core.store.files.tensor_header import history_file
from snowball_core.store.foreign.links import OpenedFile, Source, open_source, read_source, source_path
from snowball_core.store.foreign.tensor import tokens_of
from snowball_core.store.history import foreign
from snowball_core.store.run_folder import Run, corpora_folder, runs_folder
from snowball_core.tables.formats import FORMATS
from snowball_core.tables.library import ORDERS, RunRow, answer_of, library_table, matching, ordered, row, run_rows
from snowball_core.tables.live import recorded_snapshots
from snowball_core.tables.run_summary import GROUPS

from ..lineage import biography
from ..shared import cached
from ..shared.file_stamps import file_stamp, stamp, text_stamp
from ..shared.run_picker import damage
from ..shared.selection import LOOKS
from ..verdict import epsilon
from .sent_files import HEADERS, Sendable, one_of, refusing, require_known, sent, whole

_VIEW = ("step", "group", "unit", "from", "to")
_FILE = ("file", "tensor", "dead", "text")
# What pictures of pages are drawn by besides.
_OF_PICTURES = ("select", "axis", "unfold", "colour", "basis")
_FILTERS = ("find", "state", "of-preset", "tag", "order", "group")
_RUN_ZIP, _FOLDER_ZIP, _GIF = "run.zip", "export.zip", "steps.gif"


def library(request: Request) -> Response:
    """Every run with its state and counts, as ``list --json`` says it."""
    group, rows = _rows(request.query_params)
    return JSONResponse({"runs": [answer_of(each, group) for each in rows]}, headers=HEADERS)


def table_of_runs(request: Request) -> Response:
    """The table of the Library page, with the filters of its address."""
    kind = request.path_params["kind"]
    if kind not in FORMATS:
        raise HTTPException(
            404, f'The table of runs is one of {", ".join(f"runs.{each}" for each in FORMATS)}; got "{kind[:80]}".'
        )
    group, rows = _rows(request.query_params)
    content = FORMATS[kind](library_table(rows, group))
    return sent(request, f"runs.{kind}", (content,), lambda file: file.write(content))


def _rows(query: QueryParams) -> tuple[str, list[RunRow]]:
    require_known(query, _FILTERS)
    group, order = one_of(query, "group", GROUPS, "dead"), one_of(query, "order", ORDERS, next(iter(ORDERS)))
    with refusing(409):
        rows = run_rows(runs_folder())
    words = (query.getlist(name) for name in ("state", "of-preset", "tag"))
    return group, ordered(matching(rows, query.get("find", ""), *words), order, group)


def about_run(request: Request) -> Response:
    """A run with its state and counts, and the address of every file it can be exported as."""
    run = _run(request)
    require_known(request.query_params, ("group",))
    group = one_of(request.query_params, "group", GROUPS, "dead")
    with refusing(409):
        found = _files(view_of(cached.history(str(run.path), _recorded(run))))
    listed = {place: f"{request.url.path}/{place}" for place in found}
    facts = {"run": run.id, **asdict(run.link)} if isinstance(run, OpenedFile) else answer_of(row(run.path), group)
    return JSONResponse(facts | {"files": listed}, headers=HEADERS)


def file_of_run(request: Request) -> Response:
    """A file of a run."""
    run = _run(request)
    try:
        return _answer(request, run_file(run, request.path_params["file"], request.query_params))
    except FileNotFoundError:
        with refusing(404):
            open_source(runs_folder(), run.id)  # it was put away meanwhile
        raise


def run_file(run: Source, place: str, query: QueryParams) -> Sendable:
    """The file of a run at an address below its own."""
    with refusing(409):
        snapshots = _recorded(run)
        cached.history(str(run.path), snapshots)
        content = [(path.name, identity(path)) for path in run_files(run)] if isinstance(run, Run) else stamp(str(run.path))
    arguments = _arguments(query)
    with refusing(422):
        view = cached.view(str(run.path), snapshots, *arguments)
    return _file(place, query, view, ("run", run.id, snapshots, content), run)


def _answer(request: Request, file: Sendable) -> Response:
    with refusing(file.refused):
        return sent(request, file.name, file.key, lambda target: file.write(target, untold))


def file_of_foreign(request: Request) -> Response:
    """A file of a history from elsewhere, which ``file`` names as the Library page does."""
    query = request.query_params
    arguments = _arguments(query, _FILE)
    with refusing(404):
        path = history_file(query.get("file", ""))
    tensor, dead, text = (query.get(name, "") for name in _FILE[1:])
    with refusing(409 if path.exists() else 404):
        dead_ids = tokens_of(dead) if dead else None
        history = foreign(path, tensor or None, dead_ids, text or None, corpora_folder(runs_folder()))
    with refusing(422):
        view = view_of(history, *arguments)
    key = ("file", path, file_stamp(path), text_stamp(runs_folder(), text), tensor, dead, text)
    return _answer(request, _file(request.path_params["file"], query, view, key))


def _run(request: Request) -> Source:
    with refusing(404):
        path = source_path(runs_folder(), request.path_params["run"])
    with refusing(409):
        return read_source(path)


def _recorded(run: Source) -> int:
    if not (count := recorded_snapshots(run)):
        raise HTTPException(
            409, f'An export needs a recorded snapshot; "{run.id}" has none yet. Wait for it, or choose another.'
        )
    return count


def _arguments(query: QueryParams, more: tuple[str, ...] = ()) -> tuple[Any, ...]:
    """Step, group, unit and range of a query, as ``view_of`` takes them."""
    require_known(query, (*_VIEW, *more, "only", *_OF_PICTURES))
    step, first, last = (whole(query, name) for name in ("step", "from", "to"))
    return step, query.get("group"), query.get("unit"), first, last


def _files(view: View) -> Mapping[str, Write]:
    """Address below that of the run → what writes the file; names are those of an export's folder but for these."""
    zipped = f"{view.history.id}.zip"
    found = {each.name.replace("pictures/", "charts/"): each.write for each in items(view)}
    return {_RUN_ZIP if name == zipped else name: write for name, write in found.items()}


def _file(place: str, query: QueryParams, view: View, key: tuple[object, ...], run: Source | None = None) -> Sendable:
    folder: Write = lambda file, tell: folder_zip(view, file, _only(query), tell)  # noqa: E731
    known = {**_files(view), **_page_pictures(view, query), _FOLDER_ZIP: folder}
    if place not in known:
        near = [name for name in known if name.split("/")[0] == place.split("/")[0]] or list(known)
        raise HTTPException(404, f'A file is one of {", ".join(near)}; got "{place[:80]}".')
    named = view.history.id if run else Path(view.history.id).stem[:80]
    name = f"{named}.zip" if place == _RUN_ZIP else f"{named}-{_file_name(view, place, 'step' in query)}"
    asked = (
        view.step,
        view.group,
        view.unit,
        view.first,
        view.last,
        place,
        *query.getlist("only"),
        *map(query.get, _OF_PICTURES),
    )
    # What a damaged or growing run cannot be made into is no mistake of whoever asks.
    growing = run is not None and (place == _RUN_ZIP or run.status().is_alive or bool(damage(run)))
    return Sendable(name, (*key, *asked), known[place], 409 if growing else 422)


def _file_name(view: View, place: str, is_at_step: bool) -> str:
    """The name of a file below an address, with group, step and range where what it holds depends on them.

    Where no step was named, only tables of one step say which it is.
    """
    folder, _, file = place.rpartition("/")
    stem, suffix = file.rsplit(".", 1)
    is_table, is_of_steps = folder == "tables", file == _GIF or stem == "methods"
    of_group = stem not in PER_RUN if is_table else stem != "methods"
    of_step = stem in PER_STEP if is_table else is_at_step and not is_of_steps
    of_range = not view.is_whole and (stem in OVER_STEPS if is_table else file == _GIF)
    place_in_run = f"-step-{view.step}" * of_step + f"-steps-{view.first}-to-{view.last}" * of_range
    return f"{stem}{f'-{view.group}' * of_group}{place_in_run}.{suffix}"


def _only(query: QueryParams) -> list[str]:
    return [word for word in query.get("only", "").split(",") if word]


def _page_pictures(view: View, query: QueryParams) -> dict[str, Write]:
    """Positions as a page draws them, and of what the library knows the pictures of pages that no export writes."""
    looks = {name: one_of(query, name, words, words[0]) for name, words in LOOKS.items()}
    made: dict[str, Any] = {"charts/places": lambda: places_plate(view, looks["colour"], looks["basis"])}
    if view.history.kept_in:
        made |= {f"charts/largest-linf-{unit}": lambda unit=unit: epsilon.picture(view, unit) for unit in EPSILON_UNITS}
        made["charts/biography"] = lambda: _biography(view, query)

    def written(name: str, kind: str) -> Any:
        def write(file: BinaryIO, tell: Tell) -> None:
            svg = draw(view, made[name]())
            file.write(png_bytes(svg) if kind == "png" else svg)

        return write

    return {f"{name}.{kind}": written(name, kind) for name in made for kind in ("svg", "png")}


def _biography(view: View, query: QueryParams) -> Plate:
    select, members = query.get("select", ""), {f"t{token}" for token in view.mask.nonzero()[0]}
    if select not in members:
        raise SnowballError(f'select must be t and a token of the group, as in t0; got "{select[:80]}".')
    path, judged, group = cached.key(view)
    happened = cached.event_steps(path, judged, group)
    axis = step_axis(one_of(query, "axis", KINDS, KINDS[0]), read_source(Path(path)).last_step, happened)
    return biography.picture(view, axis, query.get("unfold") == "true", int(select[1:]))
