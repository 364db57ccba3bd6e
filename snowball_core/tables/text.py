"""Names of tokens, and numbers of things in words."""

from __future__ import annotations

_CONTROL_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)


def glyph(token: int) -> str:
    """A printable name for a token: the character, or the control character's ASCII name.

    Examples
    --------
    >>> [glyph(token) for token in (65, 10, 32, 127, 500)]
    ['A', 'LF', 'space', 'DEL', '500']
    """
    if token < 32:
        return _CONTROL_NAMES[token]
    return {32: "space", 127: "DEL"}.get(token, chr(token) if token < 127 else str(token))


def many(count: int, noun: str) -> str:
    """A number of things, as in "1 recorded step", "301 recorded steps" and "2 hidden classes"."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"
