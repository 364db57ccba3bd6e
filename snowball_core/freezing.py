"""When motion ends: three definitions side by side, and whether the learning rate had ended before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]
_STILL_TENTHS = 9
RATE_WINDOW = 100


@dataclass(frozen=True)
class Freezing:
    """The step after which a group is frozen, by three definitions, and the learning rate afterwards.

    Attributes
    ----------
    last_change : int
        The last recorded step at which any token of the group had moved; the first recorded step if none ever did.
    mostly_still : int
        The last recorded step at which fewer than 90 % of the tokens were still.
    slow : int
        The last recorded step at which the tokens had moved, on average, at least one cell within the hundred steps before it
        (L∞ from snapshot to snapshot, added up).
    is_frozen : bool
        Whether a recorded step without motion follows ``last_change``: else the record ends while tokens move.
    learning_rate_after : float
        The largest learning rate of any step after ``last_change``; NaN if there is no such step, or rates are not known.
    is_by_learning_rate : bool or None
        Whether the group stopped because the rate was zero: rates after ``last_change`` are known and all zero.
    """

    last_change: int
    mostly_still: int
    slow: int
    is_frozen: bool
    learning_rate_after: float
    is_by_learning_rate: bool | None


def freezing(
    moved: Integers, tokens: int, path_cells: Floats, steps: Integers, rates: tuple[Floats, Floats] | None = None
) -> Freezing:
    """When a group's motion ends.

    Parameters
    ----------
    moved : ndarray of int64, shape (snapshots,)
        How many of the group's tokens moved since the snapshot before.
    tokens : int
        In the group.
    path_cells : ndarray of float64, shape (snapshots,)
        Mean over the group's tokens of the L∞ displacement from the snapshot before, cells.
    steps : ndarray of int64, shape (snapshots,)
    rates : tuple of two ndarrays, optional
        Steps, and the learning rate each of them used.

    Examples
    --------
    >>> freezing(np.array([0, 1, 0]), 1, np.array([0.0, 3.0, 0.0]), np.array([0, 5, 900])).last_change
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
        last(_recent_path(path_cells, steps) >= 1.0),
        bool(len(steps)) and not moved[-1],
        largest,
        bool(largest == 0.0) if len(after) else None,
    )


def _recent_path(path: Floats, steps: Integers) -> Floats:
    """How much of a path was made within the hundred steps up to each snapshot; between snapshots it counts as even."""
    reached = np.cumsum(path)
    recent: Floats = reached - np.interp(steps - RATE_WINDOW, steps, reached) if len(steps) else reached
    return recent
