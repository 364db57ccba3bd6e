"""The motion of a run for the page about it: who moved when, where the rate was zero, and what it comes to in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..measures.freezing import RATE_WINDOW, Freezing
from ..measures.identity import packed
from ..memory import release
from ..store.history import History
from .blocks import Progress, blocks, silent

# Below this share of the largest rate a schedule is as good as ended.
_LITTLE = 0.1
DEFINITIONS = {
    "last_move": ("Last move", "the last recorded step at which any token of the group had moved"),
    "mostly_still": ("90 % still", "the last recorded step at which fewer than 90 % of the tokens were still"),
    "slow": (
        f"Under a cell in {RATE_WINDOW} steps",
        f"the last recorded step at which the tokens had moved, on average, a cell or more in the {RATE_WINDOW} steps before",
    ),
}


def who_moved(history: History, progress: Progress = silent) -> npt.NDArray[np.bool_]:
    """Whether a bit of each row changed since the snapshot before; shape ``(snapshots, vocab)``, a byte each."""
    moved = np.zeros(history.words.shape[:2], np.bool_)
    for start, stop in blocks(history):
        first = max(1, start)
        words = packed(history.words[first - 1 : stop])
        moved[first:stop] = (words[1:] != words[:-1]).any(axis=2)
        release(history.words)
        progress(stop, len(history.words))
    return moved


def moves_of_token(history: History, token: int) -> npt.NDArray[np.bool_]:
    """Whether a bit of one token's row changed since the snapshot before; shape ``(snapshots,)``."""
    words = packed(history.words[:, token : token + 1])
    moved = np.zeros(len(words), np.bool_)
    moved[1:] = (words[1:] != words[:-1]).any(axis=(1, 2))
    release(history.words)
    return moved


def freezing_sentence(found: Freezing, group: str, last_step: int, peak: float) -> str:
    """When a group's motion ended, and how much of the learning rate was left to move it.

    Parameters
    ----------
    found : Freezing
    group : str
    last_step : int
        The last recorded one.
    peak : float
        The largest learning rate of the run; NaN where rates are not known.

    Examples
    --------
    >>> freezing_sentence(Freezing(9, 9, 9, True, 0.001, False), "dead", 100, 0.002)
    'The dead tokens last moved at step 9. The learning rate was still up to 0.001 after that, 50% of its peak: it is not the \
schedule alone that stopped them.'
    """
    who = "tokens" if group == "all" else f"{group} tokens"
    if not found.is_frozen:
        return f"The {who} moved until the record ends, at step {last_step:,}: nothing shows that they ever stop."
    said = f"The {who} last moved at step {found.last_move:,}." if found.last_move else f"The {who} never moved."
    if found.is_by_learning_rate is None:
        return f"{said} The learning rate after that is not known: it may have been the schedule that stopped them."
    if found.is_by_learning_rate:
        return f"{said} The learning rate was 0 from then on: nothing could move, whatever the physics."
    left = found.learning_rate_after / peak
    if left < _LITTLE:
        return f"{said} After that the learning rate was at most {left:.2%} of its peak: the schedule may have stopped them."
    rate = f"{found.learning_rate_after:.3g} after that, {left:.0%} of its peak"
    return f"{said} The learning rate was still up to {rate}: it is not the schedule alone that stopped them."


def zero_stretches(history: History) -> list[tuple[int, int]]:
    """The stretches of steps whose learning rate was 0: the step before the first of them, and the last."""
    if history.rates is None or not len(history.rates[0]):
        return []
    steps, is_zero = history.rates[0].astype(np.int64), history.rates[1] == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_zero, [False]]).astype(np.int8))).reshape(-1, 2)
    return [(int(steps[low]) - 1, int(steps[high - 1])) for low, high in edges.tolist()]
