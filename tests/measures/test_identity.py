"""Identity of bits, beside the plainest computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures.identity import classes, fingerprints, moved_frames, packed, populations

ROWS = st.integers(0, 6).flatmap(
    lambda tokens: st.integers(1, 5).flatmap(
        lambda hidden: st.lists(
            st.lists(st.sampled_from([0, 1, 0x8000, 0x7FC0, 0x7FC1, 0x3F80]), min_size=hidden, max_size=hidden),
            min_size=tokens,
            max_size=tokens,
        ).map(lambda rows: np.array(rows, np.uint16).reshape(tokens, hidden))
    )
)


def naive_classes(rows):
    states: list[bytes] = []
    labels = []
    for row in rows:
        if row.tobytes() not in states:
            states.append(row.tobytes())
        labels.append(states.index(row.tobytes()))
    return labels


@given(ROWS)
@settings(deadline=None, max_examples=200)
def test_classes_are_those_of_comparing_every_row_with_every_other(rows):
    assert classes(rows).tolist() == naive_classes(rows)


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_equal_rows_have_equal_fingerprints_and_different_rows_different_ones(rows):
    prints = fingerprints(rows).tolist()
    assert [prints.index(p) for p in prints] == [naive_classes(rows).index(label) for label in naive_classes(rows)]


def test_vectors_are_numbered_by_their_first_token():
    assert classes(np.array([[9, 9], [1, 1], [9, 9], [0, 0]], np.uint16)).tolist() == [0, 1, 0, 2]


def test_populations_count_the_tokens_of_each_vector():
    assert populations(classes(np.array([[9], [1], [9], [0], [9]], np.uint16))).tolist() == [3, 1, 1]


def test_plus_and_minus_zero_are_different_vectors_although_the_numbers_are_equal():
    rows = np.array([[0.0], [-0.0]], np.float32)
    assert rows[0] == rows[1]
    assert classes(rows).tolist() == [0, 1]
    assert len(set(fingerprints(rows).tolist())) == 2


def test_rows_of_the_same_nan_are_one_vector_and_of_another_nan_another():
    assert classes(np.array([[0x7FC0], [0x7FC0], [0x7FC1]], np.uint16)).tolist() == [0, 0, 1]


def test_rows_that_differ_only_in_the_last_of_an_odd_number_of_components_differ():
    rows = np.zeros((2, 5), np.uint16)
    rows[1, 4] = 1
    assert classes(rows).tolist() == [0, 1]


def test_fingerprints_distinguish_rows_whose_words_are_exchanged():
    one, other = np.arange(8, dtype=np.uint64), np.arange(8, dtype=np.uint64)[::-1]
    assert len(set(fingerprints(np.array([one, other])).tolist())) == 2


def test_fingerprints_of_a_hundred_thousand_different_rows_are_all_different():
    rows = np.zeros((100_000, 8), np.uint16)
    rows[:, :2] = np.arange(100_000, dtype=np.uint32)[:, None].view(np.uint16)
    assert len(np.unique(fingerprints(rows))) == 100_000


def test_fingerprints_do_not_depend_on_how_the_rows_lie_in_memory():
    rows = np.arange(24, dtype=np.uint16).reshape(4, 6)
    assert np.array_equal(fingerprints(np.asfortranarray(rows)), fingerprints(rows))
    assert np.array_equal(fingerprints(rows[::-1])[::-1], fingerprints(rows))


@pytest.mark.parametrize(("hidden", "words"), [(1, 1), (4, 1), (5, 2), (8, 2)])
def test_packing_keeps_every_byte_and_pads_with_zeros(hidden, words):
    rows = np.arange(1, 2 * hidden + 1, dtype=np.uint16).reshape(2, hidden)
    raw = packed(rows)
    assert raw.shape == (2, words)
    for row, padded in zip(rows, raw, strict=True):
        assert padded.tobytes() == row.tobytes().ljust(8 * words, b"\0")


def test_no_rows_are_no_vectors_and_rows_without_components_are_one():
    assert classes(np.empty((0, 3), np.uint16)).tolist() == []
    assert classes(np.empty((3, 0), np.uint16)).tolist() == [0, 0, 0]


def test_the_first_frame_counts_as_moved_only_without_one_before_it():
    frames = np.array([[[1, 2]], [[1, 2]], [[1, 3]]], np.uint16)
    assert moved_frames(frames).tolist() == [True, False, True]
    assert moved_frames(frames, before=frames[0]).tolist() == [False, False, True]
    assert moved_frames(frames, before=frames[2]).tolist() == [True, False, True]


def test_a_nan_that_stays_has_not_moved_and_a_zero_that_changes_sign_has():
    frames = np.array([[[np.nan, 0.0]], [[np.nan, 0.0]], [[np.nan, -0.0]]], np.float32)
    assert moved_frames(frames).tolist() == [True, False, True]


def test_no_frames_have_not_moved():
    assert moved_frames(np.empty((0, 4, 2), np.uint16)).tolist() == []
