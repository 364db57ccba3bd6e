"""Amounts in words, and text from elsewhere made safe to show."""

from __future__ import annotations

import re

from snowball_core.errors import printable
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
    return "for ever"


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


def plain(text: object) -> str:
    r"""Text to be shown as it is: what Markdown would take for its own is escaped, control characters are spelled out.

    Examples
    --------
    >>> plain("*a* and $b$ :red[c]")
    '\\*a\\* and \\$b\\$ \\:red\\[c\\]'
    """
    return re.sub(r"([\\`*_{}\[\]<>#$|~:&])", r"\\\1", printable(str(text)))
