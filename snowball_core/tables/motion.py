"""The motion of a run: of every token, who moved when, when it ends, where the rate was zero, and the same in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..measures.bf16 import Floats, Truths, Words, bits, values
from ..measures.freezing import RATE_WINDOW, Freezing, freezing, known_rates
from ..measures.identity import moved
from ..memory import Progress, silent
from ..store.history import History
from .blocks import history_blocks, walk
from .per_step import VERSION, whole_block

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


def who_moved(history: History, progress: Progress = silent) -> Truths:
    """Whether each token moved since the snapshot before; shape ``(snapshots, vocab)``, a byte each."""
    parts = [np.zeros((0, history.words.shape[1]), np.bool_)]
    for part in history_blocks(history, progress):
        parts.append(moved(history.words[part], history.words[part.start - 1] if part.start else None))
    return np.concatenate(parts)


def moves_of_token(history: History, token: int) -> Truths:
    """Whether one token moved since the snapshot before; shape ``(snapshots,)``."""
    return moved(history.words[:, token][:, None])[:, 0]


def token_motion(history: History, progress: Progress = silent) -> pd.DataFrame:
    """One row per token: first and last move, path made and net displacement.

    ``first_move`` and ``last_move`` are recorded steps, −1 if it never moved. ``path_weight`` adds up Euclidean displacements
    from snapshot to snapshot, ``path_cells`` the largest component's (L∞) in cells; ``net_weight`` is the Euclidean distance
    between the first and the last snapshot. ``straightness`` is net over path: 1 on a straight line, near 0 for a token that
    wanders.
    """
    vocab = history.words.shape[1]
    first, last = np.full(vocab, -1, np.int64), np.full(vocab, -1, np.int64)
    sums: dict[str, Any] = {"moves": np.zeros(vocab, np.int64), "path_weight": np.zeros(vocab)}
    sums["path_cells"] = np.zeros(vocab, np.int64)
    for part in walk(history, whole_block, VERSION, "tokens", progress):
        begun, ended = (part[name].to_numpy() for name in ("first_move", "last_move"))
        first = np.where(first < 0, begun, first)
        last = np.where(ended < 0, last, ended)
        sums = {name: total + part[name].to_numpy() for name, total in sums.items()}
    net, path = _net(history.words), sums["path_weight"]
    with np.errstate(invalid="ignore"):
        straight = np.divide(net, path, out=np.full(vocab, np.nan), where=path > 0)
    columns = {
        "token": np.arange(vocab),
        "group": np.full(vocab, "unknown") if history.dead is None else np.where(history.dead, "dead", "live"),
        "first_move": first,
        "last_move": last,
        "moves": sums["moves"],
        "path_weight": path,
        "net_weight": net,
        # No way is shorter than the straight one: what exceeds 1 is rounding.
        "straightness": np.minimum(straight, 1.0),
        "path_cells": sums["path_cells"],
    }
    return pd.DataFrame(columns)


def _net(words: Words) -> Floats:
    """The Euclidean distance of each row between the first and the last snapshot, weight units; shape ``(vocab,)``.

    A row with its initial bits has distance 0, also at infinity, where a difference is no number.
    """
    if not len(words):
        return np.zeros(words.shape[1])
    with np.errstate(invalid="ignore"):
        apart = values(words[-1]).astype(np.float64) - values(words[0])
    apart[(bits(words[-1]) == bits(words[0])).all(axis=1)] = 0.0
    length: Floats = np.sqrt((apart**2).sum(axis=1))
    return length


def freezing_of(history: History, table: pd.DataFrame, group: str) -> Freezing:
    """When a group's motion ends, by the three definitions, from the :func:`step_table`; judged before it diverged.

    The learning rate after it is named only where it is known at every step, the last aside, which may be under way.
    """
    rows = table[table["group"] == group].iloc[: history.finite]
    tokens = int(rows["tokens"].iloc[0]) if len(rows) else 0
    moved, path = rows["moved"].to_numpy(np.int64), rows["mean_displacement_cells"].to_numpy(np.float64)
    end = freezing(moved, tokens, path, history.steps[: history.finite], history.rates)
    last = int(history.steps[history.finite - 1]) if history.finite else 0
    if known_rates(history.rates, end.last_move, last) >= last - end.last_move - 1:
        return end
    return replace(end, learning_rate_after=float("nan"), is_by_learning_rate=None)


def freezing_table(history: History, steps: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """One row per group: when its motion ends, by three definitions, and the learning rate afterwards, from a step table."""
    rows = [{"group": group, **freezing_of(history, steps, group).columns()} for group in groups]
    return pd.DataFrame(rows).astype({"is_by_learning_rate": "boolean"})


def freezing_sentence(end: Freezing, group: str, last_step: int, peak: float) -> str:
    """When a group's motion ended, and how much of the learning rate, at most ``peak``, was left to move it.

    Examples
    --------
    >>> freezing_sentence(Freezing(9, 9, 9, True, 0.001, False), "dead", 100, 0.002)
    'The dead tokens last moved at step 9. The learning rate was still up to 0.001 after that, 50% of its peak: it is not the \
schedule alone that stopped them.'
    """
    who = "tokens" if group == "all" else f"{group} tokens"
    if not end.is_frozen:
        return f"The {who} moved until the record ends, at step {last_step:,}: nothing shows that they ever stop."
    sentence = f"The {who} last moved at step {end.last_move:,}." if end.last_move else f"The {who} never moved."
    if end.is_by_learning_rate is None:
        return f"{sentence} The learning rate after that is not known: it may have been the schedule that stopped them."
    if end.is_by_learning_rate:
        return f"{sentence} The learning rate was 0 from then on: nothing could move, whatever the physics."
    left = end.learning_rate_after / peak
    if left < _LITTLE:
        return (
            f"{sentence} After that the learning rate was at most {left:.2%} of its peak: the schedule may have stopped them."
        )
    rate = f"{end.learning_rate_after:.3g} after that, {left:.0%} of its peak"
    return f"{sentence} The learning rate was still up to {rate}: it is not the schedule alone that stopped them."


def zero_stretches(history: History) -> list[tuple[int, int]]:
    """The stretches of steps whose learning rate was 0: the step before the first of them, and the last."""
    if history.rates is None or not len(history.rates[0]):
        return []
    steps, is_zero = history.rates[0].astype(np.int64), history.rates[1] == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_zero, [False]]).astype(np.int8))).reshape(-1, 2)
    return [(int(steps[low]) - 1, int(steps[high - 1])) for low, high in edges.tolist()]
