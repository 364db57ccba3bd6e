"""Measures that colour positions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from snowball_core.charts.scrubber_blob import reel
from snowball_core.charts.scrubber_measures import coloured, colouring, frame_measure, token_measure
from snowball_core.measures.bf16 import from_values
from snowball_core.tables.at_step import group_table

GROUP = np.ones(3, np.bool_)
STEPS = np.array([0, 10, 20, 30])
# Token 0 joins 1 at step 10; token 2 moves at step 30; nothing happens at step 20.
ROWS = [[[3, 4], [0, 1], [0, 0]], [[0, 1], [0, 1], [0, 0]], [[0, 1], [0, 1], [0, 0]], [[0, 1], [0, 1], [6, 8]]]
NAN = float("nan")


def measured(measure: str, rows: list[list[list[float]]] = ROWS) -> list[float]:  # type: ignore[assignment]
    words = from_values(np.array(rows, np.float32))
    return frame_measure(words, STEPS, GROUP, reel(words, STEPS, GROUP, "weight"), measure).tolist()


@pytest.mark.parametrize(
    ("measure", "by_frame"),
    [
        # The vectors of a frame: the largest first, so the hole of tokens 0 and 1 from the second frame on, then token 2.
        ("norm", [[5, 1, 0], [1, 0], [1, 10]]),
        ("displacement", [[0, 0, 0], [3, 0], [3, 8]]),
        ("move", [[NAN, NAN, NAN], [10, NAN], [10, 30]]),
    ],
)
def test_a_vector_has_the_largest_value_of_its_tokens(measure: str, by_frame: list[list[float]]) -> None:
    np.testing.assert_array_equal(measured(measure), np.concatenate(by_frame))


def test_a_row_that_is_not_finite_has_no_norm() -> None:
    rows = [[[3, 4], [0, 1], [0, 0]], *([[[NAN, 4], [0, 1], [0, 0]]] * 3)]
    np.testing.assert_array_equal(np.sort(measured("norm", rows)[3:]), [0, 1, NAN])


@pytest.mark.parametrize("measure", ["norm", "displacement", "move"])
def test_the_points_and_shades_of_an_exported_picture_are_the_scrubbers(measure: str) -> None:
    words, every = from_values(np.array(ROWS, np.float32)), np.array(measured(measure))
    vectors, frames = (3, 2, 2), (0, 1, 3)
    for number, snapshot in enumerate(frames):
        tokens = group_table(words[snapshot], None, GROUP)
        points = pd.DataFrame({"token": tokens["token"][~tokens["vector"].duplicated()]})
        numbers = token_measure(words, STEPS, GROUP, "weight", measure)(snapshot)
        own = every[sum(vectors[:number]) :][: vectors[number]]
        np.testing.assert_array_equal(np.sort(coloured(points, tokens, numbers)["value"]), np.sort(own))
    shades = colouring(words, STEPS, GROUP, "weight", measure)
    assert (shades.low, shades.high) == (np.nanmin(every), np.nanmax(every))


def test_a_measure_that_nothing_has_is_shaded_from_0_to_1() -> None:
    words = from_values(np.array(ROWS[:1], np.float32))
    shades = colouring(words, STEPS[:1], GROUP, "weight", "move")
    assert (shades.low, shades.high) == (0, 1)
