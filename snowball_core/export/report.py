"""A report on a run in one HTML file: pictures, tables and methods inside it, nothing fetched, nothing run."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, Template

from .. import __version__
from ..errors import HistoryError
from ..measures.quantities import COUNTS, OF_COLUMN
from ..memory import Tell, part_of, untold
from ..store.manifest import portable
from ..tables.at_step import exact_numbers
from ..tables.verdict import verdict_of
from .methods import methods
from .pictures import PICTURES, draw
from .tables import OVER_STEPS, TABLES, table_of
from .view import View, footer, manifest_of, named, unit_words

MOST_ROWS = 60
_TABLES = ("verdict", "laws", "holes", "distances", "events", "tokens")
_COLUMNS = {
    "verdict": ("criterion", "form", "asks", "holds", "numbers"),
    "events": ("step", "kind", "tokens", "parent_holes", "child_holes", "cause"),
}
_NAMES = {
    "tokens": "tokens",
    **{column: OF_COLUMN[column].title for column in COUNTS},
    "largest": "tokens in the largest hole",
    "linf_weight": "L∞ of the farthest pair, weight units",
    "linf_cells": "L∞ of the farthest pair, cells",
}


def report_bytes(view: View, tell: Tell = untold) -> bytes:
    """The report: it needs no network, no script and no other file, and follows the reader's light or dark theme."""
    page = _template().render(
        title=f"Snowball report: {named(view.history)}",
        footer=footer(view, unit_words(view.unit)),
        story=view.story,
        summary=_summary(view),
        numbers=_numbers(view),
        bookmarks=_bookmarks(view),
        pictures=[_part(view, name, _picture) for name in _told(PICTURES, "picture", part_of(tell, 0, 2))],
        tables=[_part(view, name, _table) for name in _told(_TABLES, "table", part_of(tell, 1, 2))],
        methods=methods(view.history),
        manifest=_manifest(view),
        version=__version__,
    )
    return page.encode("utf-8", "backslashreplace")


def _told(names: Collection[str], what: str, tell: Tell) -> Iterator[str]:
    """Names one after another, each announced before it."""
    for number, name in enumerate(names):
        tell(number / len(names), f"{what} {number + 1} of {len(names)}")
        yield name


@functools.cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template("report.html")


def _part(view: View, name: str, make: Callable[[View, str], dict[str, Any]]) -> dict[str, Any]:
    """A part of the report, or why it is not in it."""
    try:
        return make(view, name)
    except HistoryError as error:
        return {"name": name, "error": error}


def _summary(view: View) -> str:
    """The outcome in a sentence."""
    verdict = verdict_of(view.history, view.group)
    return (
        f"From step {verdict.first_step:,} to step {verdict.last_step:,} the verdict on the black holes of the "
        f"{verdict.group} tokens is {verdict.outcome}. {verdict.caution}"
    )


def _bookmarks(view: View) -> dict[str, Any] | None:
    """All bookmarks of the run, or why they cannot be read; None where there are none."""
    try:
        table = table_of(view, "bookmarks")
    except HistoryError as error:
        return {"name": "bookmarks", "error": error}
    named = {"token": "token (of a hole its lowest)"}
    return (
        _cells(table.drop(columns="bookmark").rename(columns=named), f"bookmarks by step{_range(view, 'bookmarks')}")
        if len(table)
        else None
    )


def _numbers(view: View) -> dict[str, Any]:
    """The exact numbers of the step."""
    exact = exact_numbers(view.rows)
    numbers = pd.Series([exact[name] for name in _NAMES], dtype=object)
    table = pd.DataFrame({"measure": list(_NAMES.values()), f"at step {view.step:,}": numbers})
    return _cells(table, f"{view.group} tokens at step {view.step:,}")


def _picture(view: View, name: str) -> dict[str, Any]:
    plate = PICTURES[name].make(view)
    alt = f"{plate.title}: {PICTURES[name].what}, {view.group} tokens, {plate.unit}"
    return {"alt": alt, "content": base64.b64encode(draw(view, plate)).decode()}


def _table(view: View, name: str) -> dict[str, Any]:
    table = table_of(view, name)
    table = table[list(_COLUMNS.get(name, table.columns))]
    table = table[[column for column in table if not table[column].isna().all() and not table[column].eq("").all()]]
    thinned = "" if len(table) <= MOST_ROWS else f"; the first {MOST_ROWS:,} of {len(table):,} rows"
    return _cells(table.head(MOST_ROWS), f"{name}: {TABLES[name].what}{_range(view, name)}{thinned}")


def _range(view: View, name: str) -> str:
    """The steps a table is of where these are not all."""
    return f", steps {view.first:,} to {view.last:,}" if name in OVER_STEPS and not view.is_whole else ""


def _cells(table: pd.DataFrame, caption: str) -> dict[str, Any]:
    """The columns of a table and whether each is of numbers, and its cells as text."""
    columns = [(name, all(_is_number(cell) or pd.isna(cell) for cell in table[name])) for name in table]
    rows = [[_text(cell) for cell in row] for row in table.itertuples(index=False, name=None)]
    return {"caption": caption, "columns": columns, "rows": rows}


def _is_number(cell: Any) -> bool:
    return hasattr(cell, "__index__") or isinstance(cell, float)


def _text(cell: Any) -> str:
    """A cell in full: whole numbers with thousands, others with every digit; empty where it is missing."""
    if pd.isna(cell):
        return ""
    return f"{cell:,}" if hasattr(cell, "__index__") else repr(float(cell)) if isinstance(cell, float) else str(cell)


def _manifest(view: View) -> str:
    """``run.json`` without folders of the machine, lists of numbers on one line; empty for a foreign history."""
    known = portable(dict(manifest_of(view.history)))
    text = json.dumps(known, indent=1, ensure_ascii=False) if known else ""
    return re.sub(r"\[[\d\s,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
