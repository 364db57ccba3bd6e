"""docs/measures.md as data: its sections, and every word and number of its tables with an anchor of its own."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from snowball_core.measures.quantities import document

MEASURES_PAGE = Path(__file__).resolve().parents[3] / "docs" / "measures.md"
# Facts that are left out where room is scarce.
_BESIDE = ("unit", "group", "needs")
_SEPARATOR = re.compile(r"\|[\s|:-]+\|")


@dataclass(frozen=True)
class GlossaryEntry:
    """One row of a table: its first cell, the names in it, and heading and cell of the other columns that are not empty."""

    title: str
    names: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """The word after the # of a link to it."""
        return anchor(self.names[0])

    @property
    def explanation(self) -> str:
        """What it means, a line for the definition and one for the pitfall, as plain text."""
        said = [(heading, cell) for heading, cell in self.facts if heading not in _BESIDE]
        (_, first), *rest = said
        return _without_markup("\n".join([f"{self.title}: {first}", *(f"{head.capitalize()}: {cell}" for head, cell in rest)]))


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it: paragraphs of Markdown and entries, in order."""

    title: str
    parts: tuple[str | GlossaryEntry, ...]

    @property
    def anchor(self) -> str:
        """The word after the # of a link to it."""
        return anchor(self.title.split(":")[0].split("(")[0])

    @property
    def explanation(self) -> str:
        """First sentence and pitfall of its first paragraph, as plain text; else what its first entry says."""
        first = self.parts[0]
        if isinstance(first, GlossaryEntry):
            return first.explanation
        sentences = re.split(r"(?<=[.;]) ", _without_markup(" ".join(first.split())))
        return "\n".join([sentences[0], *(each for each in sentences[1:] if each.startswith("Pitfall:"))]).rstrip(":;")


def anchor(name: str) -> str:
    """A name as the last part of an address.

    Examples
    --------
    >>> anchor("largest_linf_cells"), anchor("freeze step"), anchor("L∞, L1, L2")
    ('largest-linf-cells', 'freeze-step', 'l-l1-l2')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _without_markup(text: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("*", "")


def sections(text: str) -> list[Section]:
    r"""The sections of a page like docs/measures.md.

    Examples
    --------
    >>> found = sections("# Page\n\n## Census: who\n\nHello.\n\n| number | unit |\n|---|---|\n| `unique` U | vectors |\n")
    >>> found[0].anchor, found[0].parts[0], found[0].parts[1].names, found[0].parts[1].facts
    ('census', 'Hello.', ('unique', 'U'), (('unit', 'vectors'),))
    """
    found = []
    for block in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        parts: list[str | GlossaryEntry] = []
        for paragraph in re.split(r"\n\s*\n", body.strip()):
            lines = paragraph.strip().splitlines()
            if len(lines) > 2 and lines[0].startswith("|") and _SEPARATOR.fullmatch(lines[1].strip()):
                headings = _cells(lines[0])
                parts += [_entry(headings, _cells(line)) for line in lines[2:]]
            elif lines:
                parts.append(paragraph.strip())
        found.append(Section(title.strip(), tuple(parts)))
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _entry(headings: list[str], cells: list[str]) -> GlossaryEntry:
    title = cells[0]
    coded = re.findall(r"`([^`]+)`", title)
    words = [word.strip() for word in re.sub(r"`[^`]+`", "", title).split(",") if word.strip()]
    facts = zip(headings[1:], cells[1:], strict=True)
    return GlossaryEntry(title, tuple([*coded, *words] or [title]), tuple((heading, cell) for heading, cell in facts if cell))


@functools.cache
def measures() -> tuple[Section, ...]:
    """The sections of docs/measures.md."""
    return tuple(sections(document(MEASURES_PAGE.read_text())))


@functools.cache
def explained() -> dict[str, GlossaryEntry | Section]:
    """Every name of docs/measures.md and the entry that explains it; sections by their anchors too."""
    named: dict[str, GlossaryEntry | Section] = {section.anchor: section for section in measures()}
    entries = [part for section in measures() for part in section.parts if isinstance(part, GlossaryEntry)]
    for entry in entries:
        for name in entry.names:
            named.setdefault(name, entry)
    return named


def anchors() -> dict[str, str]:
    """Every name of docs/measures.md and the anchor of what explains it."""
    return {name: each.anchor for name, each in explained().items()}
