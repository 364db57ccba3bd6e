"""The commands that change a library, one after the other in a copy, and every file that they leave in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .commands import Command, Subject, Words
from .made import SMALL, TEXT

# ``*-made-…`` is the one run of that name.
_OF_ONE = """
annotate {run} --label Made --note note --tags a,b
annotate {run} --tags a,,b,{long}
list --tag a
export {run} --to export --only parcel
trash {run}
trashed
list --json
restore {run} --json
trash {run} --json
empty-trash --json
"""
_OF_STOPPED = """
verify {run}
resume {run} --json
verify {run}
"""
_OF_PACKED = """
trash {run}
import {zip} --json
import {zip}
restore {run}
verify {run} --json
empty-trash --yes
trashed --json
"""
_NEW = f"""
record --preset corrected --name made-run --corpus {TEXT} {SMALL} --steps 60 --sigma 4e-4 --extra moment_hash --json
verify *-made-run --replay --json
fork *-made-run --until 80 --steps 90 --name made-longer
fork *-made-run --step 7 --steps 20 --seed 8 --name made-branch --json
census *-made-branch --json
resume *-made-run
stop *-made-run
list --json
"""
CHANGED = "changed"  # what their outputs' names begin with
_NOT_COMPARED = ("cache", ".turns", "corpora", "lock", "worker.log")


def _lines(text: str, **facts: object) -> Iterator[Words]:
    for line in text.strip().split("\n"):
        yield tuple(line.format(**facts).split())


def sequence(one: Subject, stopped: Sequence[str], packed: Sequence[Path]) -> list[Words]:
    """The words of the commands: of one run, of those that can be resumed, of zips packed by an older version, of new runs."""
    facts = {"run": one.word, "early": one.early, "long": "x" * 300}
    words = [*_lines(_OF_ONE, **facts)]
    for file in packed:
        words += _lines(_OF_PACKED, zip=f"../../{file.name}", run=file.stem)
    if not packed:
        words += [("restore", one.word), ("empty-trash", "--yes")]
    for run in stopped:
        words += _lines(_OF_STOPPED, run=run)
    return [*words, *_lines(_NEW)]


def changed(place: Path, words: Sequence[Words]) -> Iterator[tuple[str, bytes]]:
    """Output and files of each command of a sequence, then the files of the library; ``place/runs`` is the library."""
    library = place / "runs"
    for number, each in enumerate(words):
        command = Command(tuple(next(iter(library.glob(word))).name if word.startswith("*-") else word for word in each))
        for name, content in command.run(place / "out" / str(number)).items():
            yield f"{CHANGED} {number} {' '.join(each)} → {name}", content
    for path in sorted(library.rglob("*")):
        parts = path.relative_to(library).parts
        if path.is_file() and not set(parts) & set(_NOT_COMPARED):
            yield f"{CHANGED} library → {'/'.join(parts)}", path.read_bytes()
