"""Outlines of holes and lines between hidden classes in the lanes, with blocks worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from snowball_core.charts.lineage_data import frames, placed
from snowball_core.charts.lineage_layout import Lanes
from snowball_core.charts.step_axis import step_axis

# Rows 0 to 4 are one hole of two hidden classes; rows 5 and 6 another; rows 7 and 8 belong to the first again.
ROWS = [(0, 3, 0, 0), (3, 5, 0, 1), (5, 7, 1, 0), (7, 9, 0, 0)]
BLOCKS = pd.DataFrame(
    [{"first": 0, "last": 4, "top": t, "bottom": b, "node": n, "hole": n + 1, "rank": n, "shade": s} for t, b, n, s in ROWS]
)


def test_a_hole_has_an_outline_for_each_stretch_of_rows_and_thin_lines_inside() -> None:
    blocks = placed(Lanes(np.arange(9), BLOCKS, 1, 1), np.arange(6), step_axis("linear", 5))
    gaps = (blocks["y0"].to_numpy()[1:] - blocks["y1"].to_numpy()[:-1]).tolist()
    assert gaps[1] == gaps[2] > 2 * gaps[0] > 0
    outlines = frames(blocks)
    edges = [(0, 1), (3, 3), (2, 2)]  # first and last block of each stretch, the first hole's before the second's
    expected = [(blocks["y0"][a], blocks["y1"][b]) for a, b in edges]
    assert list(zip(outlines["y0"], outlines["y1"], strict=True)) == expected
    assert len(frames(blocks.head(0))) == 0
