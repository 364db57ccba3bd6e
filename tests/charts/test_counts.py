"""Counts over the run: their change points, and the lines of U and C where both are equal."""

from __future__ import annotations

import pandas as pd

from snowball_core.charts.counts_and_sizes import counts_data


def test_the_line_of_black_holes_is_beside_that_of_vectors_where_they_are_equal() -> None:
    counts = {"unique": [2, 1, 1, 1], "black_holes": [1, 1, 1, 1], "population": [2, 3, 3, 3], "singletons": [1, 0, 0, 0]}
    points = counts_data(pd.DataFrame({"step": [0, 1, 2, 3], "group": "dead", **counts}), "dead")
    lines = {name[0]: part[["step", "count", "offset"]].to_numpy().tolist() for name, part in points.groupby("name")}
    assert lines["C"] == [[0, 1, 0], [1, 1, -3], [3, 1, -3]]
    assert lines["U"] == [[0, 2, 0], [1, 1, 0], [3, 1, 0]]
