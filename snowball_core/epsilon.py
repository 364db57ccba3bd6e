"""The seed's constant ε beside the lattice: one distance in ε, in weight units and in cells, and how wide a cell is in ε."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .bf16 import Words, ulp
from .verdict import FACTOR, SEEDS_EPSILON


def epsilon_table(steps: npt.NDArray[np.int64], weight: npt.NDArray[np.float64], cells: npt.NDArray[Any]) -> pd.DataFrame:
    """The largest L∞ of a group at every recorded step in three units, and what the two forms of the criterion say of it.

    Parameters
    ----------
    steps : ndarray of int64, shape (snapshots,)
    weight, cells : ndarray, shape (snapshots,)
        The largest L∞ in weight units and in cells.

    Returns
    -------
    DataFrame
        Columns ``step``, ``weight``, ``epsilon`` (weight / 1e-5), ``cells``, ``seed_holds`` (below ten ε),
        ``cells_hold`` (below ten cells).

    Examples
    --------
    >>> table = epsilon_table(np.array([7]), np.array([9.8e-4]), np.array([1]))
    >>> table[["seed_holds", "cells_hold"]].values.tolist()
    [[False, True]]
    """
    return pd.DataFrame(
        {
            "step": steps,
            "weight": weight,
            "epsilon": weight / SEEDS_EPSILON,
            "cells": cells,
            "seed_holds": weight < FACTOR * SEEDS_EPSILON,
            "cells_hold": cells < FACTOR,
        }
    )


@dataclass(frozen=True)
class CellWidths:
    """How wide the cells are that some rows lie in, weight units."""

    narrowest: float
    median: float
    widest: float

    @property
    def in_epsilon(self) -> tuple[float, float, float]:
        """The three widths in the seed's ε."""
        return self.narrowest / SEEDS_EPSILON, self.median / SEEDS_EPSILON, self.widest / SEEDS_EPSILON


def cell_widths(rows: Words) -> CellWidths:
    """The spacing of the number format at the components of some rows, over all of them.

    Parameters
    ----------
    rows : Words, shape (tokens, hidden)

    Examples
    --------
    >>> cell_widths(np.array([[0x3F80, 0x3D80]], np.uint16)).widest
    0.0078125
    """
    width = ulp(rows)
    return CellWidths(float(width.min()), float(np.median(width)), float(width.max()))


def disagreement(table: pd.DataFrame) -> str:
    """At how many recorded steps of an :func:`epsilon_table` the two forms contradict each other, in words."""
    differs = table[table["seed_holds"] != table["cells_hold"]]
    if differs.empty:
        return "The two forms agree at " + (
            "the one recorded step." if len(table) == 1 else f"all {len(table):,} recorded steps."
        )
    first, last = int(differs["step"].iloc[0]), int(differs["step"].iloc[-1])
    at = f"step {first:,}" if len(differs) == 1 else f"the first of them step {first:,}, the last {last:,}"
    wide, narrow = int(differs["cells_hold"].sum()), int(differs["seed_holds"].sum())
    sides = [f"at {wide:,} ε calls wide what is compact on the lattice"] if wide else []
    sides += [f"at {narrow:,} ε calls compact what is wide on the lattice"] if narrow else []
    return (
        f"The two forms contradict each other at {len(differs):,} of {len(table):,} recorded steps, {at}: {', '.join(sides)}."
    )
