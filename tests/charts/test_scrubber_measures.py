"""Measures that colour positions, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snowball_core.charts.scrubber_blob import reel
from snowball_core.charts.scrubber_measures import frame_measure
from snowball_core.measures.bf16 import from_values

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
