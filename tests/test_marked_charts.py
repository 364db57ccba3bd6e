"""What is selected, divided and trailed in the pictures of a step, on a world worked out by hand."""

from __future__ import annotations

import numpy as np

from snowball_core.marked_charts import holes_data, marked_rows, selected_bar
from snowball_core.tables import token_table

# Tokens 0, 2, 3 and 5 are one vector, 1 and 4 are alone.
TOKENS = token_table(np.array([[1], [7], [1], [1], [9], [1]], np.uint16), np.ones(6, np.bool_))


def test_a_bar_is_divided_by_hidden_class_and_says_what_it_is() -> None:
    parts = holes_data(TOKENS, 2, np.array([5, 1, 6, 5, 1, 5], np.uint64))
    hole = parts[parts["place"] == "hole 1"]
    assert hole[["start", "stop", "said", "token"]].to_numpy().tolist() == [[0, 3, "", 0], [3, 4, "4 apparent", 0]]
    assert parts[parts["place"] == "single"][["stop", "said", "token"]].to_numpy().tolist() == [[2, "2 ", -1]]
    whole = holes_data(TOKENS, 2, np.full(6, 5, np.uint64))
    assert whole["said"].tolist() == ["4 true", "2 "]
    assert holes_data(TOKENS, 2, None)["said"].tolist() == ["4 ", "2 "]


def test_the_selected_hole_is_outlined_whole_and_nothing_else() -> None:
    parts = holes_data(TOKENS, 2, np.array([5, 1, 6, 5, 1, 5], np.uint64))
    assert selected_bar(parts, TOKENS, 2, 3).to_numpy().tolist() == [["hole 1", 0, 4]]
    assert len(selected_bar(parts, TOKENS, 2, 77)) == len(selected_bar(parts, TOKENS, 2, None)) == 0


def test_a_hole_marks_all_its_rows_and_a_token_its_own() -> None:
    order = np.array([0, 2, 3, 5, 1, 4])
    assert marked_rows(order, TOKENS, ("hole", 3)) == (0, 4)
    assert marked_rows(order, TOKENS, ("token", 3)) == (2, 1)
    # A row that was left out is stood in for by another of its vector.
    assert marked_rows(order[:2], TOKENS, ("token", 3)) == (0, 1)
    assert marked_rows(order[:2], TOKENS, ("token", 4)) is None
    assert marked_rows(order, TOKENS, None) is None
