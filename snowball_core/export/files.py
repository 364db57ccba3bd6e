"""Files of an export, each made when it is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pandas as pd

from ..charts.svg import png_bytes
from ..errors import HistoryError
from ..memory import Tell
from ..store.archive import pack
from ..tables.formats import FORMATS
from ..tables.lineage import ytree_csv
from .animation import MOST_FRAMES, gif_bytes
from .methods import latex, markdown, methods
from .pictures import PICTURES, draw
from .projector import metadata_tsv, projector_json, projector_pbtxt, vectors_tsv
from .report import report_bytes
from .tables import TABLES, table_of
from .view import View, run_of

# Writes a file and tells how far it is.
Write = Callable[[BinaryIO, Tell], object]

PARTS = ("tables", "pictures", "methods", "report", "projector", "animation", "parcel")
USUAL = ("tables", "pictures", "methods", "report", "projector")


@dataclass(frozen=True)
class Item:
    """One file of an export: its path in the folder, one of :data:`PARTS`, what it holds, and what writes it."""

    name: str
    part: str
    what: str
    write: Write


def _item(name: str, part: str, what: str, make: Callable[[], bytes]) -> Item:
    return Item(name, part, what, lambda file, tell: file.write(make()))


def items(view: View) -> list[Item]:
    """Every file the exhibit can be exported as, in the order of :data:`PARTS`; nothing is made before it is written."""
    return [*_tables(view), *_pictures(view), *_texts(view), *_projector(view), *_animation(view), *_parcel(view)]


def _tables(view: View) -> list[Item]:
    @functools.lru_cache(maxsize=1)
    def table(name: str) -> pd.DataFrame:
        """Made once for its formats, which are written one after another."""
        return table_of(view, name)

    files = [
        _item(f"tables/{name}.{kind}", "tables", sheet.what, lambda name=name, form=form: form(table(name)))  # type: ignore[misc]
        for name, sheet in TABLES.items()
        for kind, form in FORMATS.items()
    ]
    tree = "the lineage as CSV for ytree"
    return [
        *files,
        _item("tables/tree.ytree.csv", "tables", tree, lambda: ytree_csv(view.lineage.tree, view.history.steps).encode()),
    ]


def _pictures(view: View) -> list[Item]:
    @functools.lru_cache(maxsize=1)
    def svg(name: str) -> bytes:
        """Drawn once for both formats."""
        return draw(view, PICTURES[name].make(view))

    files = []
    for name, motif in PICTURES.items():
        files.append(_item(f"pictures/{name}.svg", "pictures", motif.what, functools.partial(svg, name)))
        files.append(_item(f"pictures/{name}.png", "pictures", motif.what, lambda name=name: png_bytes(svg(name))))  # type: ignore[misc]
    return files


def _texts(view: View) -> list[Item]:
    what, report = "the methods paragraph", "pictures, tables and methods in one page"
    return [
        _item("methods.txt", "methods", what, lambda: _bytes(methods(view.history) + "\n")),
        _item("methods.md", "methods", what, lambda: _bytes(markdown(methods(view.history)))),
        _item("methods.tex", "methods", what, lambda: _bytes(latex(methods(view.history)))),
        Item("report.html", "report", report, lambda file, tell: file.write(report_bytes(view, tell))),
    ]


def _projector(view: View) -> list[Item]:
    beside = "the projector files for TensorBoard's log folder"
    return [
        _item(
            "projector/vectors.tsv",
            "projector",
            "the group's vectors at the step, exact values",
            lambda: vectors_tsv(view.rows),
        ),
        _item("projector/metadata.tsv", "projector", "their tokens and black holes", lambda: metadata_tsv(view)),
        _item("projector/projector_config.json", "projector", "the projector's configuration", lambda: projector_json(view)),
        _item("projector/projector_config.pbtxt", "projector", beside, lambda: projector_pbtxt(view)),
    ]


def _animation(view: View) -> list[Item]:
    what = f"the range of steps as an animation of at most {MOST_FRAMES} frames"
    return [Item("steps.gif", "animation", what, lambda file, tell: file.write(gif_bytes(view, tell)))]


def _parcel(view: View) -> list[Item]:
    run = run_of(view.history)
    if run is None:
        return []
    what = "the run, for import on another machine"
    return [Item(f"{view.history.id}.zip", "parcel", what, lambda file, tell: pack(run, file, tell))]


def chosen(view: View, only: Sequence[str] = ()) -> list[Item]:
    """The files of some parts or names, or of "all"; of none given :data:`USUAL`."""
    files = items(view)
    words = list(only) or list(USUAL)
    known = {*PARTS, *(each.name for each in files), "all"}
    if wrong := [word for word in words if word not in known]:
        raise HistoryError(
            f'exported parts are all, {", ".join(PARTS)}, or a file\'s name such as {files[0].name}; got "{wrong[0]}".'
        )
    return [each for each in files if "all" in words or each.part in words or each.name in words]


def _bytes(text: str) -> bytes:
    """A text in UTF-8; halves of characters, which a path may hold, are spelled out."""
    return text.encode("utf-8", "backslashreplace")
