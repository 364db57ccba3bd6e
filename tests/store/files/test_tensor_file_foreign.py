"""History files from elsewhere and in hostile hands: read whole, or refused in words."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from history_files import TENSOR, entry, finished, header_of, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from snowball_core.errors import HistoryError
from snowball_core.store.files.tensor_file import open_tensor


def test_the_one_tensor_of_a_foreign_file_is_opened_without_its_name(tmp_path):
    numbers = np.arange(16, dtype=np.float32).reshape(2, 4, 2)
    save_file({"mine": numbers}, tmp_path / "h.safetensors", {"by": "me"})
    tensor = open_tensor(tmp_path / "h.safetensors")
    assert (tensor.name, tensor.metadata) == ("mine", {"by": "me"})
    assert np.array_equal(tensor.words, numbers)


def test_data_that_start_at_an_odd_byte_are_read_right(tmp_path):
    path = header_of(tmp_path / "h", json.dumps({"a": entry()}).encode().ljust(101), snapshot(0).tobytes() * 2)
    assert np.array_equal(open_tensor(path).words, [snapshot(0), snapshot(0)])


def test_of_several_tensors_one_must_be_named(tmp_path):
    save_file({"one": np.zeros(3, np.float32), "two": np.ones(3, np.float32)}, tmp_path / "h")
    assert open_tensor(tmp_path / "h", "two").words.tolist() == [1, 1, 1]
    with pytest.raises(HistoryError, match=r"must be named among those in .*: one, two; got no name\."):
        open_tensor(tmp_path / "h")
    with pytest.raises(HistoryError, match=r"one, two; got three\."):
        open_tensor(tmp_path / "h", "three")


def test_a_file_without_tensors_says_so(tmp_path):
    with pytest.raises(HistoryError, match=r"none; got no name"):
        open_tensor(header_of(tmp_path / "h", {}))


def test_float16_is_refused_with_the_reason(tmp_path):
    save_file({"a": np.zeros((1, 4, 2), np.float16)}, tmp_path / "h")
    with pytest.raises(HistoryError, match=r"must be BF16 or F32; it is F16. bfloat16 saved as float16 has lost its bits"):
        open_tensor(tmp_path / "h")


def test_a_missing_file_a_folder_and_a_pipe_are_refused_in_words(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in [("nothing", "No such file"), ("", "Is a directory"), ("pipe", "not a regular file")]:
        with pytest.raises(HistoryError, match=f"must be a readable file; .*{words}"):
            open_tensor(tmp_path / path)


# Hostile headers.

BAD_HEADERS = {
    "a list": [1, 2],
    "a number": 3,
    "an entry that is a word": {"a": "b"},
    "an entry that is a list": {"a": [0, 32]},
    "no shape": {"a": {"dtype": "BF16", "data_offsets": [0, 32]}},
    "no offsets": {"a": {"dtype": "BF16", "shape": [2, 4, 2]}},
    "no dtype": {"a": {"shape": [2, 4, 2], "data_offsets": [0, 32]}},
    "a dtype that is a list": {"a": entry(dtype=["BF16"])},
    "negative offsets": {"a": entry(offsets=(-32, 0))},
    "offsets in the wrong order": {"a": entry(offsets=(32, 0))},
    "three offsets": {"a": entry(offsets=(0, 16, 32))},
    "offsets that are fractions": {"a": entry(offsets=(0.0, 32.0))},
    "offsets that are words": {"a": entry(offsets=("0", "32"))},
    "offsets that are truths": {"a": entry((1,), (False, True), "U8")},
    "infinite offsets": {"a": entry(offsets=(0, float("inf")))},
    "nan offsets": {"a": entry(offsets=(0, float("nan")))},
    "huge offsets": {"a": entry((2**60,), (0, 2**61))},
    "offsets beyond 64 bits": {"a": entry((10**300,), (0, 2 * 10**300))},
    "a negative shape": {"a": entry((-2, -4, 2))},
    "a shape of fractions": {"a": entry((2.0, 4, 2))},
    "a shape of words": {"a": entry(("2", 4, 2))},
    "a shape that is a number": {"a": {"dtype": "BF16", "shape": 16, "data_offsets": [0, 32]}},
    "a shape that is null": {"a": {"dtype": "BF16", "shape": None, "data_offsets": [0, 32]}},
    "a shape larger than the bytes": {"a": entry((3, 4, 2))},
    "a shape smaller than the bytes": {"a": entry((1, 4, 2))},
    "a shape that overflows to fit": {"a": entry((2**32, 2**32, 2))},
    "too many dimensions": {"a": entry((*[1] * 1_000, 16))},
    "overlap": {"a": entry((4, 2), (0, 16)), "b": entry((4, 2), (8, 24))},
    "the same bytes twice": {"a": entry(), "b": entry()},
    "a hole": {"a": entry((2, 2), (0, 8)), "b": entry((2, 2), (24, 32))},
    "not from the start": {"a": entry((4, 2), (16, 32))},
    "metadata that is a list": {"__metadata__": [1], "a": entry()},
    "metadata that holds a number": {"__metadata__": {"a": 1}, "a": entry()},
    "a file cut off": {"a": entry((4, 4, 2), (0, 64))},
}


@pytest.mark.parametrize("fault", BAD_HEADERS)
def test_a_header_with_one_fault_is_refused_as_the_stock_reader_refuses_it(tmp_path, fault):
    path = header_of(tmp_path / "h", BAD_HEADERS[fault], bytes(32))
    with pytest.raises(HistoryError, match=r'a history must be a safetensors file; ".*" is not one'):
        open_tensor(path, "a")
    if fault != "too many dimensions":
        with pytest.raises(SafetensorError):
            safe_open(path, "np")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe\xfd", '{"a":1}'.encode("utf-16"), b"{} {}", b"9" * 5_000, b"NaN"],
)
def test_a_header_that_is_no_json_object_is_refused(tmp_path, content):
    with pytest.raises(HistoryError, match=r"is not one"):
        open_tensor(header_of(tmp_path / "h", content, bytes(32)))


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, 100_000_001, 1_000])
def test_a_header_longer_than_the_file_is_refused_before_it_is_read(tmp_path, length):
    with pytest.raises(HistoryError, match=r"its header is longer than the file"):
        open_tensor(header_of(tmp_path / "h", {"a": entry()}, bytes(32), length))


def test_a_vast_empty_file_is_refused_without_reading_it(tmp_path):
    path = header_of(tmp_path / "h", {"a": entry()}, length=2**36)
    os.truncate(path, 2**40)
    with pytest.raises(HistoryError, match=r"longer than the file"):
        open_tensor(path)


def test_an_empty_tensor_with_impossible_sides_is_refused(tmp_path):
    with pytest.raises(HistoryError):
        open_tensor(header_of(tmp_path / "h", {"a": entry((0, 2**62, 2**62), (0, 0))}))


NUMBERS = st.integers(-5, 70) | st.sampled_from(
    [2**31, 2**63, 2**64, 10**30, 0.5, float("inf"), float("nan"), True, None, "1", []]
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["BF16", "F32", "U64", "F64", "U8", "F16", "NEW", "", None, 3, ["F32"]]),
        "shape": st.lists(NUMBERS, max_size=4) | NUMBERS,
        "data_offsets": st.lists(NUMBERS, max_size=3) | NUMBERS,
    },
)
HEADERS = st.dictionaries(st.sampled_from(["a", "b", "reserved", "__metadata__", ""]), ENTRIES | NUMBERS, max_size=3)


def read_or_refuse(path, name="a"):
    """Whether the tensor could be read, every byte of it; anything but HistoryError falls through."""
    try:
        tensor = open_tensor(path, name)
    except HistoryError:
        return False
    tensor.words.tobytes()
    return True


@given(HEADERS, st.binary(max_size=64))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_header_is_read_whole_or_refused_with_history_error(tmp_path, content, data):
    path = header_of(tmp_path / "h", content, data)
    if read_or_refuse(path):
        entry = content["a"]
        assert len(open_tensor(path, "a").words.tobytes()) == entry["data_offsets"][1] - entry["data_offsets"][0]


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_refused_with_history_error(tmp_path, raw):
    (tmp_path / "h").write_bytes(raw)
    assert not read_or_refuse(tmp_path / "h")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("whole") / "h.safetensors", 3).read_bytes()


@given(st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_history_cut_anywhere_is_refused_with_history_error(tmp_path, whole, data):
    (tmp_path / "h").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert not read_or_refuse(tmp_path / "h", TENSOR)
    (tmp_path / "h").write_bytes(whole)
    assert read_or_refuse(tmp_path / "h", TENSOR)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_still_read_after_header_bytes_changed_is_inside_the_file(tmp_path, whole, changes):
    raw = bytearray(whole)
    for place, byte in changes:
        raw[place] = byte
    (tmp_path / "h").write_bytes(raw)
    if read_or_refuse(tmp_path / "h", TENSOR):
        assert open_tensor(tmp_path / "h", TENSOR).words.tobytes() in raw
