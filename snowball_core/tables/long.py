"""Tables too long to hold: a row per step and dimension, a row per step and token, given out block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ..measures.extent import extents
from ..measures.motion import motion
from ..memory import Progress, silent
from ..store.history import History
from .blocks import history_blocks


def dimension_tables(
    history: History, groups: Sequence[str], start: int = 0, stop: int | None = None, progress: Progress = silent
) -> Iterator[pd.DataFrame]:
    """One row per snapshot, group and dimension: centroid, spread and cells spanned.

    ``centroid_weight`` is the mean over the group's tokens, ``spread_weight`` the standard deviation (dividing by their
    number), both in weight units; ``cells_spanned`` is the largest ordinal minus the smallest.
    """
    last = len(history.words) if stop is None else stop
    hidden = history.words.shape[2]
    for part in history_blocks(history):
        first, beyond = max(part.start, start), min(part.stop, last)
        if first >= beyond:
            continue
        extent = extents(history.words[first:beyond], history.dead)
        for group in groups:
            yield pd.DataFrame(
                {
                    "step": np.repeat(history.steps[first:beyond], hidden),
                    "group": group,
                    "dimension": np.tile(np.arange(hidden), beyond - first),
                    "centroid_weight": extent[group].centroid.ravel(),
                    "spread_weight": extent[group].spread.ravel(),
                    "cells_spanned": extent[group].spanned_cells.ravel(),
                }
            )
        progress(beyond, last)


def displacement_tables(history: History, progress: Progress = silent) -> Iterator[pd.DataFrame]:
    """One row per snapshot and token that moved: how far from the snapshot before.

    ``displacement_weight`` is the Euclidean length in weight units, ``displacement_cells`` the farthest any component moved
    (L∞) and ``displacement_cells_sum`` all components together (L1), in cells. Tokens that did not move have no row.
    """
    for part in history_blocks(history, progress):
        displacement = motion(history.words[part], {}, history.words[part.start - 1] if part.start else None)[0]
        snapshot, token = np.nonzero(displacement.moved)
        yield pd.DataFrame(
            {
                "step": history.steps[part][snapshot],
                "token": token,
                "displacement_weight": displacement.weight[snapshot, token],
                "displacement_cells": displacement.cells[snapshot, token],
                "displacement_cells_sum": displacement.cells_sum[snapshot, token],
            }
        )
