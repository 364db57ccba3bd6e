"""Digests of entries that are recorded one after the other: whether a file still holds them, and which of them differ.

Each entry (a snapshot, a row) leaves eight bytes of its SHA-256. A summary holds the SHA-256 of all of these, and marks of
blocks of equal length, by which damage is placed: to the entry in up to :data:`MOST_MARKS` of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

MOST_MARKS = 1_024
_LEAF = 8
_MARK = 8  # hexadecimal digits


class Summary(NamedTuple):
    """What identifies the first ``entries`` entries: SHA-256 of their digests, and a mark per block of ``every`` entries."""

    entries: int
    sha256: str
    every: int
    marks: str

    def mark(self, block: int) -> str:
        """The mark of one block."""
        return self.marks[block * _MARK : (block + 1) * _MARK]


class Tally:
    """The digests of entries, added one by one."""

    def __init__(self, entries: Iterable[bytes | memoryview] = ()) -> None:
        self._leaves = bytearray()
        for entry in entries:
            self.add(entry)

    @property
    def count(self) -> int:
        """Entries so far."""
        return len(self._leaves) // _LEAF

    def add(self, entry: bytes | memoryview) -> None:
        """Add the next entry."""
        self._leaves += hashlib.sha256(entry).digest()[:_LEAF]

    def summary(self) -> Summary:
        """What identifies the entries so far."""
        every = 1
        while self.count > every * MOST_MARKS:
            every *= 2
        return Summary(self.count, hashlib.sha256(self._leaves).hexdigest(), every, "".join(self.marks(every)))

    def marks(self, every: int) -> list[str]:
        """The marks of blocks of ``every`` entries."""
        block = every * _LEAF
        return [hashlib.sha256(self._leaves[at : at + block]).hexdigest()[:_MARK] for at in range(0, len(self._leaves), block)]

    def damage(self, expected: Summary) -> list[range]:
        """Which of the expected entries these are not, in ranges as narrow as the marks allow; empty if they are the same."""
        if self.count == expected.entries and hashlib.sha256(self._leaves).hexdigest() == expected.sha256:
            return []
        marks, every = self.marks(expected.every), expected.every
        differing = [
            range(i * every, min((i + 1) * every, expected.entries))
            for i in range(len(expected.marks) // _MARK)
            if i >= len(marks) or marks[i] != expected.mark(i)
        ]
        return differing or [range(expected.entries)]


def summary_of(content: Any) -> Summary:
    """A summary out of JSON; ValueError if it is none."""
    if not isinstance(content, dict) or set(content) != set(Summary._fields):
        raise ValueError("a summary of digests has other fields")
    made = Summary(**content)
    numbers = type(made.entries) is int and type(made.every) is int and made.entries >= 0 and made.every >= 1
    texts = isinstance(made.sha256, str) and isinstance(made.marks, str)
    if not numbers or not texts or len(made.marks) != -(-made.entries // made.every) * _MARK:
        raise ValueError("a summary of digests has other values")
    return made
