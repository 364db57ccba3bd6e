"""When motion ends: three definitions side by side, and whether the learning rate had ended before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bf16 import Floats, Integers, Truths

_STILL_TENTHS = 9
RATE_WINDOW = 100


@dataclass(frozen=True)
class Freezing:
    """The step after which a group is frozen, by three definitions, and the learning rate afterwards.

    Attributes
    ----------
    last_move : int
        The last recorded step at which any token of the group had moved; the first recorded step if none ever did.
    mostly_still : int
        The last recorded step at which fewer than 90 % of the tokens were still.
    slow : int
        The last recorded step at which the tokens had moved, on average, at least one cell within the hundred steps before it
        (L∞ from snapshot to snapshot, added up).
    is_frozen : bool
        Whether a recorded step without motion follows ``last_move``: else the record ends while tokens move.
    learning_rate_after : float
        The largest learning rate of any step after ``last_move``; NaN if there is no such step, or rates are not known.
    is_by_learning_rate : bool or None
        Whether the group stopped because the rate was zero: rates after ``last_move`` are known and all zero.
    """

    last_move: int
    mostly_still: int
    slow: int
    is_frozen: bool
    learning_rate_after: float
    is_by_learning_rate: bool | None

    def columns(self) -> dict[str, int | float | bool | None]:
        """The fields under the names of their columns; ``last_move`` has kept its older one, ``last_change``."""
        return {"last_change" if name == "last_move" else name: value for name, value in self.__dict__.items()}


def freezing(
    moved: Integers, tokens: int, path_cells: Floats, steps: Integers, rates: tuple[Floats, Floats] | None = None
) -> Freezing:
    """When a group's motion ends.

    ``moved`` and ``path_cells`` are of each snapshot: how many of the group's tokens moved since the one before, and the mean
    over its tokens of their L∞ displacement, cells. ``rates`` are steps, and the learning rate each of them used.

    Examples
    --------
    >>> freezing(np.array([0, 1, 0]), 1, np.array([0.0, 3.0, 0.0]), np.array([0, 5, 900])).last_move
    5
    """
    first = int(steps[0]) if len(steps) else 0

    def last(is_moving: Truths) -> int:
        return int(steps[np.flatnonzero(is_moving)[-1]]) if is_moving.any() else first

    end = last(moved > 0)
    after = np.empty(0) if rates is None else rates[1][(rates[0] > end) & (rates[0] <= (steps[-1] if len(steps) else 0))]
    largest = float(after.max()) if len(after) else float("nan")
    return Freezing(
        end,
        # Still are at least 90 %: in whole tokens, since 0.1 has no exact double.
        last(10 * (max(1, tokens) - moved) < _STILL_TENTHS * max(1, tokens)),
        last(_has_moved_lately(np.rint(path_cells * tokens).astype(np.int64), tokens, steps)),
        len(steps) > 1 and not moved[-1],
        largest,
        bool(largest == 0.0) if len(after) else None,
    )


def known_rates(rates: tuple[Floats, Floats] | None, begin: int, end: int) -> int:
    """How many of the steps after ``begin`` to ``end`` have a known learning rate.

    Examples
    --------
    >>> known_rates((np.array([1.0, 2.0]), np.array([0.1, 0.1])), 0, 3), known_rates(None, 0, 3)
    (2, 0)
    """
    return 0 if rates is None else len(np.unique(rates[0][(rates[0] > begin) & (rates[0] <= end)]))


def _has_moved_lately(cells: Integers, tokens: int, steps: Integers) -> Truths:
    """Whether the tokens' mean path within the hundred steps up to each snapshot is at least a cell.

    ``cells`` were moved by all tokens together since the snapshot before. Between two snapshots the path counts as even. In
    whole numbers, multiplied by tokens and steps, so no rounding decides.
    """
    if len(steps) < 2 or not tokens:
        return np.zeros(len(steps), np.bool_)
    reached = np.cumsum(cells)
    begin = np.maximum(steps - RATE_WINDOW, steps[0])
    before = np.minimum(np.searchsorted(steps, begin, side="right") - 1, len(steps) - 2)
    gap, path = np.diff(steps)[before], np.diff(reached)[before]
    recent: Truths = (reached - reached[before]) * gap - path * (begin - steps[before]) >= tokens * gap
    return recent
