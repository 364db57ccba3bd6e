"""A report on a run in one HTML file: pictures, tables and methods inside it, nothing fetched, nothing run."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import pandas as pd

from .. import __version__
from ..errors import HistoryError
from ..quantities import COUNTS, OF_COLUMN
from ..store.manifest import portable
from ..tables.at_step import exact_numbers
from ..tables.verdict import verdict_of
from .methods import methods
from .pictures import PICTURES, draw
from .tables import TABLES
from .view import View, footer, manifest_of, unit_words

MOST_ROWS = 60
_FULL = "The exported tables hold every column and every row; columns that are empty throughout are left out here."
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
_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f23; --quiet: #57606a; --line: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e1117; --ink: #e6edf3; --quiet: #9aa3ac; --line: #30363d; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
.quiet, figcaption, caption { color: var(--quiet); font-size: .875rem; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line); }
.scroll { overflow-x: auto; margin: 1rem 0; } .scroll:focus-visible { outline: 2px solid #0072b2; }
table { border-collapse: collapse; font-size: .875rem; } caption { text-align: left; padding: .2rem 0 .4rem; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td { max-width: 30rem; overflow-wrap: break-word; } pre { overflow-x: auto; font-size: .8rem; white-space: pre-wrap; }
"""


def report_bytes(view: View) -> bytes:
    """The report: it needs no network, no script and no other file, and follows the reader's light or dark theme."""
    history = view.history
    title = f"Snowball report: {history.id}"
    sections = [
        f"<h1>{escape(title)}</h1>",
        "".join(f'<p class="quiet">{escape(line)}</p>' for line in footer(view, unit_words(view.unit))),
        _summary(view),
        _section("Pictures", _pictures(view)),
        _section("Tables", [f'<p class="quiet">{_FULL}</p>', *_tables(view)]),
        _section("Methods", [f"<p>{escape(methods(history))}</p>"]),
        _section("Configuration and provenance", [_provenance(view)]),
        f'<p class="quiet">Written by Snowball {escape(__version__)}.</p>',
    ]
    # The policy forbids whatever a mistake in escaping could let in: scripts, fetches, forms.
    head = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
    )
    return (head + "\n".join(sections) + "\n</main></body></html>\n").encode("utf-8", "backslashreplace")


def _section(title: str, parts: Iterable[str]) -> str:
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(parts)


def _summary(view: View) -> str:
    """The outcome in a sentence, and the exact numbers of the step."""
    found = verdict_of(view.history, view.group)
    lost = f"{view.lost.text}. " if view.lost else ""
    sentence = (
        f"{lost}From step {found.first_step:,} to step {found.last_step:,} the black holes of the {found.group} tokens show: "
        f"{found.outcome}. {found.caution}"
    )
    exact = exact_numbers(view.rows)
    numbers = pd.Series([exact[name] for name in _NAMES], dtype=object)
    rows = pd.DataFrame({"measure": list(_NAMES.values()), f"at step {view.step:,}": numbers})
    return f"<p>{escape(sentence)}</p>{_table(rows, f'{view.group} tokens at step {view.step:,}')}"


def _pictures(view: View) -> list[str]:
    return [_told(name, lambda name=name: _picture(view, name)) for name in PICTURES]  # type: ignore[misc]


def _picture(view: View, name: str) -> str:
    plate = PICTURES[name].make(view)
    source = base64.b64encode(draw(view, plate)).decode()
    alt = escape(f"{plate.title}: {PICTURES[name].what}, {view.group} tokens, {plate.unit}")
    return f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{source}"></figure>'


def _tables(view: View) -> list[str]:
    return [_told(name, lambda name=name: _sheet(view, name)) for name in _TABLES]  # type: ignore[misc]


def _sheet(view: View, name: str) -> str:
    table = TABLES[name].make(view)
    table = table[list(_COLUMNS.get(name, table.columns))]
    table = table[[column for column in table if not table[column].isna().all() and not table[column].eq("").all()]]
    thinned = "" if len(table) <= MOST_ROWS else f"; the first {MOST_ROWS:,} of {len(table):,} rows"
    return _table(table.head(MOST_ROWS), f"{name}: {TABLES[name].what}{thinned}")


def _told(name: str, make: Callable[[], str]) -> str:
    """A part of the report, or why it is not in it."""
    try:
        return make()
    except HistoryError as error:
        return f'<p class="quiet">{escape(name)} is not shown: {escape(str(error))}</p>'


def _table(table: pd.DataFrame, caption: str) -> str:
    """A table of text; numbers to the right, what is missing empty. It can be scrolled by keyboard."""
    numeric = [all(_is_number(cell) or pd.isna(cell) for cell in table[name]) for name in table]
    kinds = [' class="number"' if number else "" for number in numeric]
    head = "".join(f'<th scope="col"{kind}>{escape(str(name))}</th>' for name, kind in zip(table, kinds, strict=True))
    rows = [
        "<tr>" + "".join(f"<td{kind}>{escape(_cell(cell))}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in table.itertuples(index=False, name=None)
    ]
    told = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{told}"><table><caption>{told}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _is_number(cell: Any) -> bool:
    return hasattr(cell, "__index__") or isinstance(cell, float)


def _cell(cell: Any) -> str:
    """A cell in full: whole numbers with thousands, others with every digit."""
    if pd.isna(cell):
        return ""
    return f"{cell:,}" if hasattr(cell, "__index__") else repr(float(cell)) if isinstance(cell, float) else str(cell)


def _provenance(view: View) -> str:
    known = portable(dict(manifest_of(view.history)))
    if not known:
        return '<p class="quiet">A foreign history: nothing is known of its training.</p>'
    text = json.dumps(known, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[\d\s,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
    return f"<details><summary>run.json, without folders of the machine</summary><pre>{escape(text)}</pre></details>"
