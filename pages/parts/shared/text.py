"""Amounts in words, and text from elsewhere made safe to show."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.errors import printable
from snowball_core.measures.lineage import hole_name
from snowball_core.tables.text import many as many


def duration(seconds: float) -> str:
    """A time a person can plan with.

    Examples
    --------
    >>> [duration(s) for s in (8.2, 75, 1_150, 40_000)]
    ['10 seconds', '1 minute', '19 minutes', '11 hours']
    """
    for unit, length, below in (
        ("second", 1, 60),
        ("minute", 60, 5_400),
        ("hour", 3_600, 172_800),
        ("day", 86_400, float("inf")),
    ):
        if seconds < below:
            count = max(1, round(seconds / length)) if unit != "second" else max(5, 5 * round(seconds / 5))
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "unlimited time"


def time_range(seconds: tuple[float, float]) -> str:
    """A range of times; one time where both ends round to the same.

    Examples
    --------
    >>> time_range((70, 250)), time_range((40, 250)), time_range((70, 80))
    ('1 to 4 minutes', '40 seconds to 4 minutes', 'about 1 minute')
    """
    least, most = map(duration, seconds)
    if least == most:
        return f"about {least}"
    number, _, unit = least.partition(" ")
    return f"{number if unit.rstrip('s') == most.split()[-1].rstrip('s') else least} to {most}"


def size(count: float) -> str:
    """An amount of bytes, in decimal units.

    Examples
    --------
    >>> size(164_000_000)
    '164 MB'
    """
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{count / length:,.3g} {unit}"
    return f"{count:.0f} bytes"


def number_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Settings of the number columns of a table: whole numbers with thousands separators, others to four digits."""
    formats = {
        name: "localized" if pd.api.types.is_integer_dtype(table[name]) else "%.4g" for name in table.select_dtypes("number")
    }
    return {str(name): st.column_config.NumberColumn(format=form) for name, form in formats.items()}


def named_holes(table: pd.DataFrame) -> pd.DataFrame:
    """A table with the names of black holes in place of their numbers in the lineage."""
    return table.assign(hole=[hole_name(int(hole)) for hole in table["hole"]])


def capitalised(sentence: str) -> str:
    """A sentence with a capital first letter; a first word that is a file name or a quotation stays as it is.

    Examples
    --------
    >>> capitalised("a run must end"), capitalised("run.json must be whole")
    ('A run must end', 'run.json must be whole')
    """
    return sentence[:1].upper() + sentence[1:] if re.match(r"[a-z-]+[ ,;:]", sentence) else sentence


def plain(text: object) -> str:
    r"""Text without markup: Markdown's characters are escaped, control characters spelled out; errors begin with a capital.

    Examples
    --------
    >>> plain("*a* and $b$ :red[c]"), plain(ValueError("step must be 0"))
    ('\\*a\\* and \\$b\\$ \\:red\\[c\\]', 'Step must be 0')
    """
    if isinstance(text, Exception):
        text = capitalised(str(text))
    return re.sub(r"([\\`*_{}\[\]<>#$|~:&])", r"\\\1", printable(str(text)))
