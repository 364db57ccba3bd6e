"""A table as a file: CSV, Parquet and JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def unformulated(cell: Any) -> Any:
    """The cell of a table, prefixed with an apostrophe where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> unformulated("=1+1"), unformulated("a")
    ("'=1+1", 'a')
    """
    return f"'{cell}" if str(cell).startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The table as CSV; text that a spreadsheet would take for a formula is prefixed with an apostrophe.

    Examples
    --------
    >>> import pandas as pd
    >>> csv_bytes(pd.DataFrame({"glyph": ["=", "a"], "hole": [-1, 2]})).decode().split()
    ['glyph,hole', "'=,-1", 'a,2']
    """
    safe = table.copy()
    for name in safe.select_dtypes(include=["object", "string"]):
        safe[name] = [unformulated(cell) for cell in safe[name]]
    text: str = safe.to_csv(index=False)
    return text.encode()


def csv_lines(columns: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    """Columns of numbers, names and tuples of numbers as lines of CSV, without a DataFrame, as :func:`csv_bytes` writes them.

    Examples
    --------
    >>> list(csv_lines({"step": [0, 1], "sizes": [(2, 2), ()], "effective": [1.5, None]}))
    ['step,sizes,effective', '0,2 2,1.5', '1,,']
    """
    yield ",".join(columns)
    for row in zip(*columns.values(), strict=True):
        cells = (" ".join(map(str, cell)) if isinstance(cell, tuple) else "" if cell is None else str(cell) for cell in row)
        yield ",".join(cells)


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def json_bytes(table: pd.DataFrame) -> bytes:
    """The table as JSON: an array of objects, a row a line; missing and NaN are null, infinities text; no digit is lost.

    Examples
    --------
    >>> import pandas as pd
    >>> json_bytes(pd.DataFrame({"step": [0, 1], "loss": [float("nan"), 0.1]})).decode().splitlines()
    ['[', '{"step": 0, "loss": null},', '{"step": 1, "loss": 0.1}', ']']
    """
    columns = {str(name): table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}
    lines = [
        json.dumps(dict(zip(columns, map(_sayable, row), strict=True)), ensure_ascii=False)
        for row in zip(*columns.values(), strict=True)
    ]
    return ("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n").encode()


def _sayable(cell: Any) -> Any:
    """A number for JSON, which has no infinities: None instead."""
    if hasattr(cell, "item"):
        cell = cell.item()
    return cell if not isinstance(cell, float) or math.isfinite(cell) else str(cell)


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {"csv": csv_bytes, "parquet": parquet_bytes, "json": json_bytes}
