"""Where a history stops being finite: the step it diverged at, what was lost there, and the part that can be judged.

A run diverged at the first recorded step at which a row of its matrix holds a NaN or an infinity. One row is
enough: through the softmax and the norm of the gradient it reaches every other. Verdict, story, laws,
lineage and comparisons are of the steps before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..measures.bf16 import Words, finite_rows, nan_rows
from ..store.history import History

_OTHERS = {"dead": "live", "live": "dead"}


@dataclass(frozen=True)
class Divergence:
    """The first recorded step at which a history is not finite, and the one before, up to which everything is judged.

    Of the group's tokens at that step some rows hold a NaN, and others an infinity and no NaN. ``text`` has no full stop.
    """

    step: int
    judged_to: int | None
    group: str
    tokens: int
    nan_rows: int
    infinite_rows: int
    text: str

    def to_json(self) -> dict[str, Any]:
        """The divergence as a JSON object."""
        return asdict(self)


def divergence(history: History, group: str) -> Divergence | None:
    """Where a history diverged, and the sentence for one group; None where it is finite.

    Examples
    --------
    >>> words = np.array([[[0.0], [1.0]], [[np.nan], [1.0]], [[np.nan], [np.nan]]], np.float32)
    >>> found = divergence(History("made up", words, np.array([0, 2, 4])), "all")
    >>> found.text
    'Diverged at step 2: 1 of 2 rows is NaN; judged to step 0'
    """
    at = history.finite
    if at == len(history.words):
        return None
    mask, words = history.mask(group), history.words[at]
    nan, infinite = _lost(words, mask)
    step, before = int(history.steps[at]), int(history.steps[at - 1]) if at else None
    what = _told(nan, infinite, int(mask.sum()), group)
    if not (nan or infinite):
        other = _OTHERS[group]
        what = f"no {group} row, but {_told(*_lost(words, ~mask), int((~mask).sum()), other)}"
    judged = "no step before it is recorded, so nothing can be judged" if before is None else f"judged to step {before:,}"
    return Divergence(step, before, group, int(mask.sum()), nan, infinite, f"Diverged at step {step:,}: {what}; {judged}")


def judged(history: History) -> History:
    """The part of a history that can be judged: its snapshots before the divergence; itself where there is none."""
    return history if history.finite == len(history.words) else first_snapshots(history, history.finite)


def first_snapshots(history: History, count: int) -> History:
    """The first snapshots of a history."""
    moments = None if history.moment_hash is None else history.moment_hash[:count]
    return replace(history, words=history.words[:count], steps=history.steps[:count], moment_hash=moments)


def _lost(words: Words, mask: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """How many rows of a group hold a NaN, and how many an infinity and no NaN."""
    nan = nan_rows(words)
    return int((nan & mask).sum()), int((~finite_rows(words) & ~nan & mask).sum())


def _told(nan: int, infinite: int, tokens: int, group: str) -> str:
    row = "row" if group == "all" else f"{group} row"
    if tokens in (nan, infinite):
        return f"every {row} is {'NaN' if nan else 'infinite'}"
    counted = f"{nan or infinite:,} of {tokens:,} {row}s {'is' if (nan or infinite) == 1 else 'are'}"
    if not nan:
        return f"{counted} infinite"
    return f"{counted} NaN" + (f", {infinite:,} infinite" if infinite else "")
