"""The lattice, checked against torch on all 65,536 patterns and against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.measures.bf16 import bits, format_of, from_narrow_ordinal, from_values, narrow_ordinal, ordinal, ulp, values

PATTERNS = np.arange(65_536, dtype=np.uint32).astype(np.uint16)
VALUES = values(PATTERNS)
IS_NAN = np.isnan(VALUES)
FINITE = np.isfinite(VALUES)


def torch_values(words):
    return torch.from_numpy(words.view(np.int16)).view(torch.bfloat16).float().numpy()


def torch_words(numbers):
    return torch.from_numpy(numbers).bfloat16().view(torch.int16).numpy().view(np.uint16)


def floats(patterns):
    return np.array(patterns, np.uint32).view(np.float32)


def test_every_pattern_has_the_bits_torch_gives_its_value():
    assert np.array_equal(VALUES[~IS_NAN].view(np.uint32), torch_values(PATTERNS)[~IS_NAN].view(np.uint32))
    assert np.array_equal(IS_NAN, np.isnan(torch_values(PATTERNS)))


def test_every_value_rounds_to_its_own_pattern():
    assert np.array_equal(from_values(VALUES)[~IS_NAN], PATTERNS[~IS_NAN])


def test_every_nan_rounds_to_a_nan_and_keeps_its_sign():
    rounded = from_values(VALUES[IS_NAN])
    assert np.isnan(values(rounded)).all()
    assert np.array_equal(rounded >> 15, PATTERNS[IS_NAN] >> 15)


@pytest.mark.parametrize("below", [0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
def test_what_lies_between_two_patterns_rounds_as_torch_rounds_it(below):
    between = (PATTERNS.astype(np.uint32) << 16 | below).view(np.float32)
    number = ~np.isnan(between)
    assert np.array_equal(from_values(between)[number], torch_words(between)[number])
    assert np.isnan(values(from_values(between)[~number])).all()


def test_ties_go_to_the_even_neighbour():
    one_and_a_half_cells, half_a_cell = 1 + 1.5 / 128, 1 + 0.5 / 128
    assert values(from_values([half_a_cell, one_and_a_half_cells])).tolist() == [1.0, 1 + 2 / 128]


def test_just_above_a_tie_goes_up_and_just_below_goes_down():
    tie = 1 + 0.5 / 128
    above, below = np.nextafter(np.float32(tie), np.float32(2)), np.nextafter(np.float32(tie), np.float32(0))
    assert values(from_values([below, above])).tolist() == [1.0, 1 + 1 / 128]


def test_the_largest_float32_rounds_to_infinity_and_the_largest_bfloat16_stays():
    largest = np.finfo(np.float32).max
    assert values(from_values([largest, -largest])).tolist() == [np.inf, -np.inf]
    assert values(from_values(VALUES[FINITE].max())) == VALUES[FINITE].max() < np.inf


def test_infinities_and_both_zeros_keep_their_bits():
    assert from_values([np.inf, -np.inf, 0.0, -0.0]).tolist() == [0x7F80, 0xFF80, 0x0000, 0x8000]


def test_a_nan_whose_payload_sits_in_the_lost_bits_does_not_become_infinite():
    assert np.isnan(values(from_values(floats([0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF])))).all()


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_float32_rounds_as_torch_rounds_it(patterns):
    numbers = floats(patterns)
    ours, theirs = from_values(numbers), torch_words(numbers)
    number = ~np.isnan(numbers)
    assert np.array_equal(ours[number], theirs[number])
    assert np.array_equal(np.isnan(values(ours)), np.isnan(numbers))


def test_the_ulp_is_the_distance_to_the_next_value_outward():
    outward = FINITE & FINITE[(PATTERNS.astype(int) + 1) % 65_536]
    next_out = values(PATTERNS[outward] + np.uint16(1)).astype(np.float64)
    assert outward.sum() > 65_000
    assert np.array_equal(ulp(PATTERNS[outward]), np.abs(next_out - VALUES[outward].astype(np.float64)))


def test_the_ulp_of_float32_is_numpys_spacing():
    numbers = np.array([1.0, -1.0, 0.1, 1e-5, 0.0, 1e-45, 3e38, np.finfo(np.float32).tiny], np.float32)
    assert np.array_equal(ulp(numbers), np.abs(np.spacing(numbers)).astype(np.float64))


def test_there_is_no_constant_ulp():
    assert ulp(from_values([1.0, 0.1, 1e-5])).tolist() == [2.0**-7, 2.0**-11, 2.0**-24]


def test_ordinals_rise_by_one_from_each_finite_value_to_the_next():
    unsigned_zero = FINITE & (PATTERNS != 0x8000)
    line = PATTERNS[unsigned_zero][np.argsort(VALUES[unsigned_zero], kind="stable")]
    places = ordinal(line)
    assert np.array_equal(np.diff(places), np.ones(len(places) - 1))
    assert np.array_equal(np.diff(values(line)) > 0, np.ones(len(places) - 1, bool))


def test_both_zeros_are_place_zero_and_their_neighbours_one_away():
    assert ordinal(np.array([0x0000, 0x8000, 0x0001, 0x8001], np.uint16)).tolist() == [0, 0, 1, -1]


def test_infinity_lies_one_place_beyond_the_largest_value():
    assert ordinal(np.array([0x7F7F, 0x7F80, 0xFF7F, 0xFF80], np.uint16)).tolist() == [32_639, 32_640, -32_639, -32_640]


def test_a_place_and_its_pattern_are_inverse_up_to_the_sign_of_zero():
    for numbers in (PATTERNS, values(PATTERNS)):
        assert np.array_equal(from_narrow_ordinal(narrow_ordinal(numbers)), values(PATTERNS), equal_nan=True)


@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
@settings(deadline=None, max_examples=200)
def test_float32_ordinals_order_as_the_values_do(one, other):
    first, second = ordinal(np.array([one, other], np.float32)).tolist()
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


def test_float32_neighbours_are_one_place_apart_across_the_whole_line():
    lowest, highest = ordinal(np.array([-np.inf, np.inf], np.float32)).tolist()
    assert highest - lowest == 2 * (0xFF << 23)
    numbers = np.array([1.0, -1.0, 0.0, 3e-45], np.float32)
    assert np.array_equal(ordinal(np.nextafter(numbers, np.float32(np.inf))) - ordinal(numbers), np.ones(4))


def test_bits_are_a_view_and_keep_the_shape():
    words = np.zeros((2, 3), np.float32)
    bits(words)[1, 2] = 0x3F80_0000
    assert words[1, 2] == 1.0
    assert ulp(words).shape == ordinal(words).shape == values(words).shape == (2, 3)


def test_words_cut_out_of_a_larger_array_are_read_like_copies():
    matrix = PATTERNS.reshape(256, 256)[::3, 5::7]
    for measure in (values, ulp, ordinal):
        assert np.array_equal(measure(matrix)[:40], measure(matrix.copy())[:40])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16, np.uint32])
def test_other_dtypes_are_refused_by_name(dtype):
    with pytest.raises(TypeError, match=rf"uint16 \(bfloat16 bits\) or float32; got {np.dtype(dtype).name}"):
        format_of(np.zeros(2, dtype))
