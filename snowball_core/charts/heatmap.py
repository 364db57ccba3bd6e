"""A picture of pairwise distances: the order of its rows, its shades, its pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from .theme import NEAR_TO_FAR, ZERO, hole_colour

MOST_PIXELS = 512
_SHADES = 200
_WEIGHT_RANGE = 4_096.0


@dataclass(frozen=True)
class Shades:
    """A logarithmic scale of distances, fixed for a run: everything up to ``low`` has the first shade, ``high`` the last."""

    low: float
    high: float


def shades_of(measures: pd.DataFrame, group: str, unit: str) -> Shades:
    """The scale of a run's heatmaps: its largest finite distance, and below it one cell or a 4,096th."""
    apart = pd.to_numeric(measures.loc[measures["group"] == group, f"largest_linf_{unit}"]).astype("float64").to_numpy()
    high = float(apart[np.isfinite(apart)].max(initial=0.0))
    return Shades(1.0 if unit == "cells" else high / _WEIGHT_RANGE, max(high, 1.0 if unit == "cells" else 0.0))


def picture_order(tokens: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Rows of a heatmap: by black hole, largest first, then the singletons; thinned evenly to what a screen shows."""
    hole = tokens["hole"].to_numpy()
    order = np.lexsort((tokens["vector"].to_numpy(), np.where(hole == 0, len(hole) + 1, hole)))
    return order[:: max(1, -(-len(order) // MOST_PIXELS))]


def distance_picture(distances: npt.NDArray[Any], hues: npt.NDArray[np.integer[Any]], scale: Shades) -> bytes:
    """A palette PNG of pairwise distances, a pixel a pair, and left of it a strip in the colours of the holes.

    Zero distance has its own flat colour; other distances are shaded logarithmically; a pair without a distance (NaN) is clear.
    """
    apart = np.asarray(distances, np.float64)
    spread = np.log(max(scale.high, scale.low * 1.000001) / scale.low) if scale.low > 0 else 1.0
    with np.errstate(divide="ignore"):
        part = np.log(np.maximum(apart, scale.low) / scale.low) / spread if scale.low > 0 else np.zeros_like(apart)
    part = np.nan_to_num(part, nan=0.0, posinf=1.0)
    shade = np.where(apart == 0, 0, 1 + np.clip(np.rint(part * (_SHADES - 1)), 0, _SHADES - 1)).astype(np.uint8)
    shade[np.isnan(apart)] = _SHADES + 1
    ranks = sorted({int(rank) for rank in hues})
    strip = np.array([_SHADES + 2 + ranks.index(int(rank)) % (254 - _SHADES) for rank in hues], np.uint8)
    width = max(1, len(hues) // 24)
    gap = np.full((len(hues), max(1, width // 2)), _SHADES + 1, np.uint8)
    pixels = np.hstack([np.repeat(strip[:, None], width, axis=1), gap, shade])
    image = Image.fromarray(pixels, "P")
    colours = [ZERO, *ramp(), "#808080", *[hole_colour(rank) for rank in ranks][: 254 - _SHADES]]
    image.putpalette(bytes.fromhex("".join(colour[1:] for colour in colours)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=_SHADES + 1)
    return buffer.getvalue()


def ramp() -> list[str]:
    """The colours of distances above zero, near to far."""
    stops = np.array([list(bytes.fromhex(colour[1:])) for colour in NEAR_TO_FAR], np.float64)
    at = np.linspace(0, len(stops) - 1, _SHADES)
    mixed = np.stack([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    return ["#" + bytes(np.rint(colour).astype(np.uint8)).hex() for colour in mixed]
