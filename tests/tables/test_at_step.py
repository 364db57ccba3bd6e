"""One step from close by, against counting by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from snowball_core.measures.bf16 import from_values, ordinal
from snowball_core.store.history import History
from snowball_core.tables.at_step import distances_at, events_near, holes_at, tokens_at
from snowball_core.tables.lineage import account

# Three snapshots of five tokens, one component: 0 and 1 meet, 2 joins them, then 0 leaves.
NUMBERS = np.array([[1, 2, 3, 4, 5], [1, 1, 3, 4, 5], [2, 1, 1, 4, 5]], np.float32)[:, :, None]
MOMENTS = np.array([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 2, 4, 5]], np.uint64)
SEEN = History("by-hand", from_values(NUMBERS), np.array([0, 10, 20]), np.arange(5) < 4, MOMENTS)


def test_the_tokens_of_a_step_have_their_hidden_class_and_how_far_they_came() -> None:
    table = tokens_at(SEEN, 1, "dead")
    assert table["hole"].tolist() == [1, 1, 0, 0]
    assert table["hidden_class"].tolist()[:2] == [1, 2]
    assert table["hidden_class"].isna().tolist() == [False, False, True, True]
    far = int(ordinal(from_values([2.0]))[0]) - int(ordinal(from_values([1.0]))[0])
    assert table["moved_cells"].tolist() == [0, far, 0, 0]
    assert tokens_at(SEEN, 0, "all")["moved_cells"].isna().all()


def test_a_hole_of_two_hidden_classes_is_apparent_and_of_one_true() -> None:
    assert holes_at(tokens_at(SEEN, 1, "dead"))[["nature", "hidden_classes"]].to_numpy().tolist() == [["apparent", "1 + 1"]]
    assert holes_at(tokens_at(SEEN, 2, "dead"))[["nature", "hidden_classes"]].to_numpy().tolist() == [["true", "2"]]
    unknown = History("by-hand", SEEN.words, SEEN.steps, SEEN.dead)
    assert holes_at(tokens_at(unknown, 2, "dead"))["nature"].tolist() == ["not recorded"]


def test_the_distances_of_a_step_are_those_of_all_pairs() -> None:
    rows = SEEN.words[1][:4]
    table, shares = distances_at(rows)
    apart = [abs(int(ordinal(a)[0]) - int(ordinal(b)[0])) for a, b in combinations(rows, 2)]
    assert table.iloc[0].tolist() == ["L∞", "cells", min(apart), np.median(apart), pytest.approx(np.mean(apart)), max(apart)]
    assert shares["adjacent"] == np.mean([far <= 1 for far in apart])


def test_the_events_near_a_step_come_in_order_with_what_was_before_and_after() -> None:
    lineage = account(SEEN, "dead")
    table = events_near(lineage, SEEN.steps, 10)
    assert table[["step", "after", "what", "from", "to"]].to_numpy().tolist() == [
        [10, 0, "formation", "2 single", "2"],
        [20, 10, "absorption", "2 and 1 single", "2"],
        [20, 10, "emission", "2", "2 and 1 single"],
    ]
    assert events_near(lineage, SEEN.steps, 0, most=1)["step"].tolist() == [10]
