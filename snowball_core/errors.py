"""Errors that a user can mend, and text out of files made safe to print."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence


class SnowballError(Exception):
    """A mistake the user can mend: what must hold, what was given, what to do."""


class ConfigError(SnowballError):
    """A run that cannot be started, with every fault of its configuration at once, each a sentence complete in itself."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            text = self.faults[0]
        else:
            listed = "\n".join(f"  - {fault}" for fault in self.faults)
            text = f"{len(self.faults)} things must change before this run can start:\n{listed}"
        super().__init__(text)


class CorpusError(SnowballError):
    """A text that cannot be trained on."""


class HistoryError(SnowballError):
    """A file that is not a readable history of embedding matrices."""


class ChangedError(HistoryError):
    """A history that was cut or changed while it was read."""


class RunError(SnowballError):
    """A run that does not exist, is busy, or lacks what a request needs."""


class CancelledError(RunError):
    """Work ended by Ctrl-C; the message names what is kept."""


@contextlib.contextmanager
def requiring(rule: str, given: object, advice: str = "", kind: type[SnowballError] = RunError) -> Iterator[None]:
    """Turn an error of the operating system into one that says which rule did not hold of what was given, and what to do."""
    try:
        yield
    except OSError as error:
        raise kind(f'{rule}; "{given}": {error.strerror or error}.{advice and f" {advice}"}') from None


# Control characters but tab and line feed, what turns a line of text around or ends it, and halves of characters.
_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNPRINTABLE = re.compile(f"[{_CONTROL}]")
_NOT_ONE_LINE = re.compile(f"[\t\n{_CONTROL}]")


def printable(text: str) -> str:
    r"""A text whose control characters are spelled out, as Python spells them; line feeds and tabs stay.

    Examples
    --------
    >>> printable("a\x1b[2Jb\u202e")
    'a\\x1b[2Jb\\u202e'
    """
    return _UNPRINTABLE.sub(_spelled, text)


def one_line(text: str) -> str:
    r"""A name out of a file, as part of a line: like :func:`printable`, without line feeds and tabs either.

    Examples
    --------
    >>> one_line("name\nok")
    'name\\nok'
    """
    return _NOT_ONE_LINE.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
