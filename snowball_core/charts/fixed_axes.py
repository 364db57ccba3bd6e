"""Where a group of tokens is drawn during a whole run: one basis, one frame, one path, so that nothing jumps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Floats, Truths, Words
from ..measures.census import change_steps
from ..measures.principal_axes import PrincipalAxes, axes_of_frames, basis_frames
from ..memory import blocks

_BLOCK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Stage:
    """Where a group is drawn during a whole run: basis, domains of every finite row, and the path of its mean, weight units.

    ``path`` has columns x, y and order; it and a basis of some frames are made from ``frames`` of the ``changed`` snapshots
    in which the group's bits changed. ``basis`` says what the axes are of, if not of these frames.
    """

    axes: PrincipalAxes
    x: tuple[float, float]
    y: tuple[float, float]
    path: pd.DataFrame
    frames: int
    changed: int
    basis: str = ""


def stage(history: Words, group: Truths, axes: PrincipalAxes | None = None, basis: str = "") -> Stage:
    """The stage of a group with at least one token over a whole history with at least one snapshot.

    Without ``axes`` those of a sample of its frames; ``basis`` describes other axes in words.
    """
    changed = change_steps(history, group)
    frames = changed[basis_frames(len(changed), int(group.sum()))]
    axes = axes_of_frames(history, group, frames) if axes is None else axes
    lows, highs = zip(*(_ends(places) for places in _places(history, group, changed, axes)), strict=True)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    if not np.isfinite(low).all():  # nothing is finite: an empty frame
        low = high = np.zeros(2)
    margin = np.where(high > low, 0.06 * (high - low), np.maximum(1e-9, 1e-6 * np.abs(high)))
    path = np.concatenate([places.mean(axis=1) for places in _places(history, group, frames, axes)])
    table = pd.DataFrame({"x": path[:, 0], "y": path[:, 1], "order": np.arange(len(path))})
    table = table[np.isfinite(path).all(axis=1)]
    spans = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    return Stage(axes, spans[0], spans[1], table, len(frames), len(changed), basis)


def basis_note(scene: Stage, renewed: str = "") -> str:
    """What the axes are of, in words: without other words some frames of the run, each counted once."""
    if scene.basis:
        return f"Axes of {scene.basis}; frame: every snapshot in which a token moved."
    frames = f"{scene.frames:,} of the {scene.changed:,} snapshots in which a token moved{renewed}, each counted once"
    return f"Axes of some frames: {frames}; frame: all of them."


def _ends(places: Floats) -> tuple[Floats, Floats]:
    """The least and the largest coordinates of the places that are finite; infinite where none is."""
    known = places.reshape(-1, places.shape[-1])
    known = known[np.isfinite(known).all(axis=1)]
    return known.min(axis=0, initial=np.inf), known.max(axis=0, initial=-np.inf)


def _places(history: Words, group: Truths, snapshots: npt.NDArray[np.intp], axes: PrincipalAxes) -> Iterator[Floats]:
    """The group's places in some snapshots, shape (snapshots of a block, tokens, 2), block by block."""
    for part in blocks(len(snapshots), 8 * int(group.sum()) * history.shape[2], _BLOCK_BYTES):
        yield axes.coordinates(history[snapshots[part]][:, group])
