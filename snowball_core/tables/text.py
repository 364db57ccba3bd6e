"""Names of tokens, and what happened to the black holes of a run in two sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ..measures.bf16 import Integers
from ..measures.census import Census

_NAMED = 3
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


def story(counts: Sequence[Census], steps: Integers, group: str, classes: Sequence[Sequence[int]] | None = None) -> str:
    """The start, the last change and what it left, from the census of every snapshot.

    ``classes`` are the sizes of the hidden classes in each hole of the last snapshot, as
    :func:`~snowball_core.measures.census.class_sizes` gives them.

    Examples
    --------
    >>> import numpy as np
    >>> story([Census(3, 2, 1, 2, 1, (2,)), Census(3, 1, 1, 3, 0, (3,))], np.array([0, 7]), "dead", [[2, 1]])
    '3 dead tokens began as 2 vectors: one black hole of 2 and one single token. \
At step 7, one black hole of 2 and one single token became one black hole of 3. \
At step 7 this hole is only apparent: its tokens are one vector, but the optimizer remembers 2 hidden classes, \
of 2 and 1, so it can part again.'
    """
    first, last = counts[0], counts[-1]
    changed = [
        i for i in range(1, len(counts)) if counts[i].sizes != counts[i - 1].sizes or counts[i].unique != counts[i - 1].unique
    ]
    named = "" if group == "all" else f"{group} "
    apart = f": {_holes(first)}" if first.black_holes else ""
    sentence = f"{many(first.tokens, f'{named}token')} began as {many(first.unique, 'vector')}{apart}."
    if changed:
        at = changed[-1]
        since = f", and stayed so in every recorded snapshot to step {steps[-1]:,}" if at < len(counts) - 1 else ""
        sentence += f" At step {steps[at]:,}, {_holes(counts[at - 1])} became {_holes(last)}{since}."
    elif len(counts) == 1:
        sentence += f" Only step {steps[0]:,} is recorded: there is nothing to play yet."
    else:
        sentence += f" Nothing of this changed in any recorded snapshot from step {steps[0]:,} to step {steps[-1]:,}."
    if classes and last.black_holes == 1:
        sentence += f" At step {steps[-1]:,} this hole is {_inside(classes[0])}"
    return sentence


def _inside(sizes: Sequence[int]) -> str:
    if len(sizes) == 1:
        return "true: its tokens share the optimizer's memory too."
    listed = _listed([f"{size:,}" for size in sizes[:_NAMED]] + (["more"] if len(sizes) > _NAMED else []))
    classes = f"{len(sizes)} hidden classes, of {listed}"
    return f"only apparent: its tokens are one vector, but the optimizer remembers {classes}, so it can part again."


def _holes(counts: Census) -> str:
    alone = "one single token" if counts.singletons == 1 else f"{counts.singletons:,} single tokens"
    if not counts.black_holes:
        return alone
    if counts.black_holes == 1:
        holes = f"one black hole of {counts.largest:,}"
    elif counts.black_holes <= _NAMED:
        holes = f"black holes of {_listed([f'{size:,}' for size in counts.sizes])}"
    else:
        holes = f"{counts.population:,} tokens in {counts.black_holes:,} black holes"
    return f"{holes} and {alone}" if counts.singletons else holes


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def many(count: int, noun: str) -> str:
    """A number of things, as in "1 recorded step" and "301 recorded steps"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
