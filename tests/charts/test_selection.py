"""What is selected, divided and trailed in the pictures of a step, on a world worked out by hand."""

from __future__ import annotations

import numpy as np

from snowball_core.charts.pointing import pairs_data, parts_data, rows_data, vectors_data
from snowball_core.charts.selection import holes_data, holes_spec, marked_rows, selected_bar
from snowball_core.tables.at_step import token_table

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
    lost = holes_data(TOKENS, 2, np.full(6, 5, np.uint64), np.array([False, True, False, False, True, False]))
    assert lost["said"].tolist() == ["4 not finite", "2 "]


def test_words_in_the_bars_have_one_end_and_no_second() -> None:
    ends = {layer["mark"]["type"]: "x2" in layer["encoding"] for layer in holes_spec(6, 2)["layer"]}
    assert ends == {"bar": True, "text": False}


def test_the_selected_hole_is_outlined_whole_and_a_lone_token_where_it_lies_in_its_bar() -> None:
    bars, parts = holes_data(TOKENS, 2, np.array([5, 1, 6, 5, 1, 5], np.uint64)), parts_data(TOKENS, 2)
    assert selected_bar(bars, parts, TOKENS, 2, 3).to_numpy().tolist() == [["hole 1", 0, 4]]
    assert selected_bar(bars, parts, TOKENS, 2, 4).to_numpy().tolist() == [["single", 1, 2]]
    assert len(selected_bar(bars, parts, TOKENS, 2, 77)) == len(selected_bar(bars, parts, TOKENS, 2, None)) == 0


def test_a_click_in_a_bar_that_is_not_one_hole_means_the_token_or_the_hole_that_lies_there() -> None:
    assert parts_data(TOKENS, 2)[["place", "start", "stop", "token"]].to_numpy().tolist() == [
        ["single", 0, 1, 1],
        ["single", 1, 2, 4],
    ]
    two = token_table(np.array([[1], [2], [2], [1], [1], [3]], np.uint16), np.ones(6, np.bool_))
    assert parts_data(two, 1)[["place", "start", "stop", "token"]].to_numpy().tolist() == [
        ["other holes", 0, 2, 1],
        ["single", 0, 1, 5],
    ]


def test_a_row_of_a_distance_picture_is_a_token_and_its_pairs_are_as_far_apart_as_its_pixels() -> None:
    order = np.array([0, 2, 3, 5, 1, 4])
    rows, vectors = rows_data(TOKENS, order), vectors_data(TOKENS, order)
    assert rows[["row", "token"]].to_numpy().tolist() == [[0, 0], [1, 2], [2, 3], [3, 5], [4, 1], [5, 4]]
    assert rows["who"].tolist()[2:5:2] == ["token 3 ETX, in hole 1", "token 1 SOH"]
    assert vectors[["start", "stop"]].to_numpy().tolist() == [[0, 4], [4, 5], [5, 6]]
    values = np.array([1, 7, 1, 1, 9, 1])[order]
    pairs = pairs_data(np.abs(values[:, None] - values), vectors)
    assert pairs["apart"].to_numpy().reshape(6, 3).tolist() == [[0, 6, 8]] * 4 + [[6, 0, 2], [8, 2, 0]]
    assert pairs[["row", "column"]].to_numpy().tolist() == [[row, column] for row in range(6) for column in range(3)]
    many = token_table(np.arange(50, dtype=np.uint16)[:, None], np.ones(50, np.bool_))
    assert not len(pairs_data(np.zeros((50, 50)), vectors_data(many, np.arange(50))))


def test_a_hole_marks_all_its_rows_and_a_token_its_own() -> None:
    order = np.array([0, 2, 3, 5, 1, 4])
    assert marked_rows(order, TOKENS, ("hole", 3)) == (0, 4)
    assert marked_rows(order, TOKENS, ("token", 3)) == (2, 1)
    # A row that was left out is stood in for by another of its vector.
    assert marked_rows(order[:2], TOKENS, ("token", 3)) == (0, 1)
    assert marked_rows(order[:2], TOKENS, ("token", 4)) is None
    assert marked_rows(order, TOKENS, None) is None
