"""Which runs are one draw: worked out by hand on worlds of a few numbers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowball_core.config import FIELDS, RunConfig
from snowball_core.tables.draws import (
    COPY,
    DUPLICATE,
    NO_PART,
    OTHER_BITS,
    SAME_BITS,
    SAME_BYTES,
    ComparedRun,
    Twins,
    deciding,
    draw_hash,
    draw_numbers,
    first_difference,
    setting_hash,
    twins,
)

A, B = {"seed": 1, "clip": 1.0}, {"seed": 2, "clip": 1.0}


def recorded(name: str, fields: dict[str, object] | None, numbers: list[float], steps: list[int] | None = None) -> ComparedRun:
    words = np.array(numbers, np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    return ComparedRun(name, fields, words, np.array(steps if steps is not None else range(len(numbers))))


def test_a_name_a_longer_recording_and_the_machine_make_no_other_draw() -> None:
    one = deciding(RunConfig(name="one", threads=1, until=5, record="every-2", corpus="a").to_json(), "ab")
    other = deciding(RunConfig(name="other", threads=2, until=9, record="log", corpus="b").to_json(), "ab")
    assert draw_hash(one) == draw_hash(other)
    assert draw_hash(one) != draw_hash(deciding(RunConfig(learning_rate=2e-3).to_json(), "ab"))
    assert draw_hash(one) != draw_hash({**one, "text_sha256": "ac"})
    assert set(NO_PART) < set(FIELDS)


def test_a_setting_is_a_configuration_without_its_seed() -> None:
    assert setting_hash(A) == setting_hash(B)
    assert draw_hash(A) != draw_hash(B)
    assert setting_hash(A) != setting_hash({"seed": 1, "clip": 2.0})


def test_the_hash_does_not_depend_on_the_order_of_the_fields() -> None:
    assert draw_hash({"a": 1, "b": 2}) == draw_hash({"b": 2, "a": 1})


def test_an_exact_duplicate_is_found_though_one_run_is_longer() -> None:
    pairs = twins([recorded("x", A, [0, 1, 2]), recorded("y", A, [0, 1, 2, 3])])
    assert pairs == [Twins("x", "y", DUPLICATE, 3, None)]


def test_the_same_configuration_with_other_bits_is_reported_with_its_step() -> None:
    assert twins([recorded("x", A, [0, 1, 2]), recorded("y", A, [0, 1, 5])]) == [Twins("x", "y", OTHER_BITS, 3, 2)]


def test_equal_bits_under_another_configuration_are_a_copy_but_an_equal_start_is_not() -> None:
    assert [pair.kind for pair in twins([recorded("x", A, [0, 1]), recorded("y", B, [0, 1])])] == [COPY]
    assert twins([recorded("x", A, [0, 1]), recorded("y", B, [0, 2])]) == []
    assert twins([recorded("x", A, [0]), recorded("y", B, [0, 2])]) == []


@pytest.mark.parametrize("fields", [A, None])
def test_of_a_file_of_unknown_configuration_only_its_bits_are_reported(fields: dict[str, object] | None) -> None:
    one = recorded("x", fields, [0, 1, 2])
    assert twins([one, recorded("y", None, [0, 1, 2])]) == [Twins("x", "y", SAME_BYTES, 3, None)]
    assert twins([one, recorded("y", None, [0, 1])]) == [Twins("x", "y", SAME_BITS, 2, None)]
    assert twins([one, recorded("y", None, [0, 1, 5])]) == twins([one, recorded("y", None, [0])]) == []
    # The numbers of a file's snapshots are not the steps of the run it is a copy of.
    assert twins([recorded("x", A, [0, 1, 2], [0, 10, 20]), recorded("y", None, [0, 1, 2])]) == [
        Twins("x", "y", SAME_BYTES, 3, None)
    ]
    # One snapshot that is all that both hold is a copy; that one begins with it is none.
    assert twins([recorded("x", fields, [7]), recorded("y", None, [7])]) == [Twins("x", "y", SAME_BYTES, 1, None)]
    assert twins([recorded("x", fields, []), recorded("y", None, [])]) == []


@pytest.mark.parametrize("length", [63, 64, 65, 200])
def test_a_copy_is_one_only_if_every_snapshot_is(length: int) -> None:
    numbers = [float(number) for number in range(length)]
    one = recorded("x", None, numbers)
    assert [pair.kind for pair in twins([one, recorded("y", None, numbers)])] == [SAME_BYTES]
    for wrong in (0, length // 2, length - 1):
        assert twins([one, recorded("y", None, [*numbers[:wrong], -1.0, *numbers[wrong + 1 :]])]) == []


def test_two_unknown_configurations_are_not_one() -> None:
    assert twins([recorded("x", None, [0, 1]), recorded("y", None, [0, 2])]) == []


def test_runs_of_the_same_configuration_without_a_common_step_are_still_one_draw() -> None:
    pairs = twins([recorded("x", A, [1], [1]), recorded("y", A, [2], [2])])
    assert pairs == [Twins("x", "y", OTHER_BITS, 0, None)]


def test_minus_zero_is_another_bit_than_zero() -> None:
    assert first_difference(recorded("x", A, [0.0, 0.0]), recorded("y", A, [0.0, -0.0])) == (2, 1)


def test_matrices_of_other_shapes_or_formats_share_no_step() -> None:
    one = recorded("x", A, [0, 1])
    narrow = ComparedRun("y", A, one.words[:, :1], one.steps)
    whole = ComparedRun("z", A, one.words.view(np.uint16), one.steps)
    assert first_difference(one, narrow) == first_difference(one, whole) == (0, None)
    assert [pair.kind for pair in twins([one, narrow])] == [OTHER_BITS]


def test_twins_of_twins_are_one_draw() -> None:
    pairs = [Twins("a", "c", DUPLICATE, 1, None), Twins("c", "d", COPY, 1, None)]
    assert draw_numbers(["a", "b", "c", "d"], pairs) == [1, 2, 1, 1]
    assert draw_numbers(["d", "c", "b", "a"], pairs) == [1, 1, 2, 1]


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6))
def test_draws_are_the_components_of_the_graph_of_twins(edges: set[tuple[int, int]]) -> None:
    ids = list("abcdef")
    pairs = [Twins(ids[min(e)], ids[max(e)], DUPLICATE, 1, None) for e in sorted(edges) if e[0] != e[1]]
    reached = {run: {run} for run in ids}  # the oracle: walk until nothing is new
    for _ in ids:
        for pair in pairs:
            both = reached[pair.first] | reached[pair.second]
            for run in both:
                reached[run] = reached[run] | both
    numbers = dict(zip(ids, draw_numbers(ids, pairs), strict=True))
    for one, other in combinations(ids, 2):
        assert (numbers[one] == numbers[other]) == (other in reached[one])
    assert max(numbers.values()) == len({frozenset(component) for component in reached.values()})


@pytest.mark.parametrize("length", [63, 64, 65, 200])
def test_the_first_difference_is_found_wherever_it_is(length: int) -> None:
    numbers = list(range(length + 2))
    changed = [*numbers[:length], -1, -1]
    assert first_difference(recorded("x", A, numbers), recorded("y", A, changed)) == (length + 2, length)
