"""Where a group of tokens is drawn during a whole run: one basis, one frame, one path, so that nothing jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .bf16 import Words
from .census import change_steps
from .geometry import PrincipalAxes, basis_frames, run_axes
from .memory import release

_BLOCK = 512


@dataclass(frozen=True)
class Stage:
    """Where a group is drawn during a whole run: basis, domains, and the path of its mean.

    Attributes
    ----------
    axes : PrincipalAxes
    x, y : tuple of float
        Domains holding every token at every step, weight units.
    path : DataFrame
        The group's centroid, columns x, y and order.
    frames, changed : int
        Snapshots the basis was made from, and snapshots in which the group's bits changed.
    """

    axes: PrincipalAxes
    x: tuple[float, float]
    y: tuple[float, float]
    path: pd.DataFrame
    frames: int
    changed: int


def stage(history: Words, group: npt.NDArray[np.bool_]) -> Stage:
    """The stage of a group with at least one token over a whole history with at least one snapshot."""
    changed = change_steps(history, group)
    frames = changed[basis_frames(len(changed), int(group.sum()))]
    axes = run_axes(history, group, frames)
    lows, highs = [], []
    for start in range(0, len(changed), _BLOCK):
        places = axes.coordinates(history[changed[start : start + _BLOCK]][:, group]).reshape(-1, 2)
        lows.append(places.min(axis=0))
        highs.append(places.max(axis=0))
        release(history)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    margin = np.where(high > low, 0.06 * (high - low), 1e-9)
    path = axes.coordinates(history[frames][:, group]).mean(axis=1)
    release(history)
    table = pd.DataFrame({"x": path[:, 0], "y": path[:, 1], "order": np.arange(len(path))})
    spans = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    return Stage(axes, spans[0], spans[1], table, len(frames), len(changed))
