"""Tables for a reader at a terminal: aligned, numbers short, token lists folded, cut to the terminal's width."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from ..errors import one_line

MOST_ROWS = 40
_NARROWEST_TEXT, _GAP = 16, "  "
_FOLDED_RANGES = 3
Columns = Mapping[str, Iterable[Any]]


def is_at_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def aligned(columns: Columns, width: int | None = None) -> str:
    """The columns below each other: numbers on the right, text on the left, and a line with the number of rows.

    Of a long table the first and last rows are shown; text is cut with … to fit, from the last column on, then columns are
    left out.

    Examples
    --------
    >>> print(aligned({"step": [0, 1445], "loss": [5.0, 0.1234567], "last_move": ["never", None]}, 80))
     step    loss  last
                   move
        0       5  never
    1,445  0.1235
    2 rows. As CSV: --csv FILE, or send the output into a pipe or file.
    """
    listed = {name: list(cells) for name, cells in columns.items()}
    rows = max((len(cells) for cells in listed.values()), default=0)
    half = MOST_ROWS // 2
    made = [_Column(name, cells if rows <= MOST_ROWS else [*cells[:half], *cells[-half:]]) for name, cells in listed.items()]
    fitting = _fitted(made, shutil.get_terminal_size().columns if width is None else width)
    lines = [*_lines([each.head for each in fitting], fitting), *_lines([each.cells for each in fitting], fitting)]
    if rows > MOST_ROWS:
        lines.insert(len(lines) - half, "…")
    return "\n".join([*lines, _last_line(rows, len(fitting), len(made))])


class _Column:
    """The lines of a heading, the cells as text, and their width."""

    def __init__(self, name: str, cells: Sequence[Any]) -> None:
        self.is_number = all(cell is None or isinstance(cell, int | float) or hasattr(cell, "__index__") for cell in cells)
        self.head, self.cells = name.split("_"), [_text(cell) for cell in cells]
        self.width = max(map(len, [*self.head, *self.cells]))

    def padded(self, text: str) -> str:
        """A text in this column's width, its end cut where it is longer."""
        text = text if len(text) <= self.width else f"{text[: self.width - 1]}…"
        return text.rjust(self.width) if self.is_number else text.ljust(self.width)


def _fitted(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The columns that fit into a width: text is narrowed from the last column on, then the last column left out."""
    fitting = list(columns)
    while (excess := sum(each.width + len(_GAP) for each in fitting) - len(_GAP) - width) > 0:
        wide = [each for each in fitting if not each.is_number and each.width > _NARROWEST_TEXT]
        if wide:
            wide[-1].width = max(_NARROWEST_TEXT, wide[-1].width - excess)
        elif len(fitting) > 1:
            fitting.pop()
        else:
            fitting[0].width = max(1, width)
            break
    return fitting


def _lines(texts: Sequence[Sequence[str]], columns: Sequence[_Column]) -> list[str]:
    """A line for each row of some texts."""
    rows = zip_longest(*texts, fillvalue="")
    return [_GAP.join(each.padded(text) for each, text in zip(columns, row, strict=True)).rstrip() for row in rows]


def _last_line(rows: int, fitting: int, columns: int) -> str:
    count = f"{rows:,} row{'' if rows == 1 else 's'}"
    left_out = [f"{MOST_ROWS} of {count}"] if rows > MOST_ROWS else [count]
    left_out += [f"{fitting} of {columns} columns"] if fitting < columns else []
    return f"{', '.join(left_out)}. As CSV: --csv FILE, or send the output into a pipe or file."


def _text(cell: Any) -> str:
    """A cell: whole numbers with thousands, others with four digits, tokens folded; empty where it is missing."""
    if isinstance(cell, list):
        return folded(cell)
    if isinstance(cell, tuple):
        return " ".join(f"{size:,}" for size in cell)
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}" if not cell.is_integer() or math.fabs(cell) >= 10_000 else f"{cell:,.0f}"
    return f"{cell:,}" if hasattr(cell, "__index__") else one_line(str(cell))


def folded(tokens: Sequence[int]) -> str:
    """Ascending tokens as their number and the first ranges of them.

    Examples
    --------
    >>> folded([*range(10), *range(11, 32), 40, 50, 60])
    '34 tokens: 0–9, 11–31, 40, …'
    >>> folded([7, 8])
    '2 tokens: 7, 8'
    """
    ranges: list[list[int]] = []
    for token in tokens:
        if ranges and token == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], token]
        else:
            ranges.append([token])
    parts = [", ".join(map(str, each)) if each[-1] - each[0] < 2 else f"{each[0]}–{each[-1]}" for each in ranges]
    more = ["…"] if len(parts) > _FOLDED_RANGES else []
    return f"{len(tokens):,} token{'' if len(tokens) == 1 else 's'}: {', '.join(parts[:_FOLDED_RANGES] + more)}"
