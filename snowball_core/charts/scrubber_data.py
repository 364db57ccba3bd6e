"""What the frames of a run show: places and distances of the distinct vectors, in bases and domains fixed for the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import HistoryError
from ..measures.bf16 import Floats, Truths, Words
from ..measures.distances import largest, pairs
from ..measures.principal_axes import PrincipalAxes, axes_of_frames, basis_frames
from ..memory import blocks
from .places import about_mean, axes_about_mean, points_in

MOST_VECTORS = 256
_BLOCK_BYTES = 16 * 1024 * 1024
# Axes take a few copies of a snapshot in float64, and a matrix of components by components.
_MOST_NUMBERS, _MOST_COMPONENTS = 4_000_000, 4_096
Share = Callable[[float], None]


def silent(share: float) -> None:
    """No-op progress callback."""


def check_drawable(history: Words, group: Truths) -> None:
    """Raise if one snapshot of a history is too large to be drawn.

    Raises
    ------
    HistoryError
        If it is.
    """
    tokens, hidden = int(group.sum()), history.shape[2]
    if tokens * hidden > _MOST_NUMBERS or hidden > _MOST_COMPONENTS:
        raise HistoryError(
            f"a snapshot is drawn up to {_MOST_NUMBERS:,} numbers and {_MOST_COMPONENTS:,} components; these have {tokens:,} "
            f"tokens of {hidden:,} components, {tokens * hidden:,} numbers. Choose a smaller group; the tables have no such "
            "limit."
        )


def shots(
    history: Words,
    group: Truths,
    kept: npt.NDArray[np.intp],
    label: npt.NDArray[np.intp],
    part: npt.NDArray[np.intp],
    unit: str,
    settled: int,
    progress: Share = silent,
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Places and distances of the distinct vectors of every frame, one after the other, and the bases they are in.

    Parameters
    ----------
    history : Words, shape (snapshots, vocab, hidden)
    group : ndarray of bool, shape (vocab,)
    kept : ndarray of intp
        The snapshots that are frames.
    label : ndarray of intp, shape (partitions, tokens of the group)
        The number of every token's vector.
    part : ndarray of intp, one per frame
        Its partition.
    unit : {"cells", "weight"}
    settled : int
        Bases and domains are made from the first so many snapshots, so that they keep still while a run grows.
    progress : callable, optional
        Called with the share done, from 0 to 1, after every block.
    """
    early = kept[kept < settled]
    early = early if len(early) else kept[:1]
    chosen = early[basis_frames(len(early), int(group.sum()), history.shape[2])]
    whole = axes_of_frames(history, group, chosen)
    about = axes_about_mean(history, group, chosen, unit)
    firsts = [np.unique(own, return_index=True)[1] for own in label]
    places: list[Floats] = []
    relatives: list[Floats] = []
    distances: list[Floats] = []
    for block in blocks(len(kept), 8 * int(group.sum()) * history.shape[2], _BLOCK_BYTES):
        rows = history[kept[block]][:, group]
        points = points_in(rows, unit)
        inside, near = whole.coordinates(rows), (about_mean(points) - about.origin) @ about.axes.T
        for i, owner in enumerate(part[block]):
            first = firsts[owner]
            places.append(inside[i, first])
            relatives.append(near[i, first])
            distances.append(pairs(points[i, first[:MOST_VECTORS]]))
        progress(block.stop / len(kept))
    arrays = _joined(places, relatives, distances, unit)
    ends = [int(arrays["vector_at"][len(early)]) if len(early) < len(kept) else len(arrays["place"])]
    frame, around = (_domain(arrays[name], ends[0], axes) for name, axes in (("place", whole), ("relative", about)))
    return arrays, {"whole": frame, "about": around, "basis_frames": len(chosen)}


def shades(history: Words, group: Truths, unit: str) -> list[float]:
    """Ends of the logarithmic scale of distances: the run's largest, and one cell or a 4,096th of it."""
    weight, cells = largest(history, group)
    apart = (cells if unit == "cells" else weight)[np.isfinite(weight)]
    high = float(apart.max(initial=0))
    return [1.0, max(high, 1.0)] if unit == "cells" else [high / 4_096, high]


def _joined(places: list[Floats], relatives: list[Floats], distances: list[Floats], unit: str) -> dict[str, npt.NDArray[Any]]:
    vectors, pairs = (np.cumsum([0, *map(len, parts)])[:-1].astype(np.int32) for parts in (places, distances))
    flat = np.concatenate(distances)
    kind: Any = np.float32
    if unit == "cells" and not np.isnan(flat).any():
        # Every count of cells of either format is exact as a whole number; as a float32 only the small ones are.
        kind = np.uint16 if flat.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    return {
        "vector_at": vectors,
        "distance_at": pairs,
        "distance": flat.astype(kind),
        "place": np.concatenate(places).astype(np.float32),
        "relative": np.concatenate(relatives).astype(np.float32),
    }


def _domain(points: npt.NDArray[np.float32], settled: int, axes: PrincipalAxes) -> dict[str, Any]:
    """A frame with a margin around the settled points, or around all where it would not hold them; the shares of variance."""
    for part in (points[:settled], points):
        finite = part[np.isfinite(part).all(axis=1)].astype(np.float64)
        low, high = (finite.min(axis=0), finite.max(axis=0)) if len(finite) else (np.zeros(2), np.zeros(2))
        margin = np.where(high > low, 0.08 * (high - low), np.maximum(1e-9, 1e-6 * np.abs(high)))
        x, y = zip((low - margin).tolist(), (high + margin).tolist(), strict=True)
        every = points[np.isfinite(points).all(axis=1)]
        if (every >= low - margin).all() and (every <= high + margin).all():
            break
    return {"x": x, "y": y, "explained": np.nan_to_num(axes.explained).tolist()}
