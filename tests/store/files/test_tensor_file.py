"""The history file while it is written: readable by the stock reader at every moment, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from history_files import SHAPE, TENSOR, finished, snapshot, stock, writer
from safetensors import safe_open

from snowball_core.errors import RunError
from snowball_core.store.files.tensor_file import open_tensor
from snowball_core.store.files.tensor_header import opening, read_header, written


def test_a_stock_reader_sees_exactly_what_was_recorded_from_before_the_first_snapshot_to_after_the_last(tmp_path):
    path = tmp_path / "h.safetensors"
    with writer(path, 5) as file:
        assert stock(path).shape == (0, *SHAPE)
        for step in range(5):
            file.append(snapshot(step))
            assert np.array_equal(stock(path), [snapshot(s) for s in range(step + 1)])
            assert np.array_equal(open_tensor(path).words, stock(path))
        file.trim()
    assert np.array_equal(stock(path), [snapshot(s) for s in range(5)])


def test_the_space_is_reserved_before_the_first_snapshot_and_given_back_at_the_end(tmp_path):
    path = tmp_path / "h.safetensors"
    with writer(path, 1_000) as file:
        assert path.stat().st_size > 16 * 1_000
        assert path.stat().st_blocks * 512 >= 16 * 1_000
        file.append(snapshot(0))
        file.trim()
        assert path.stat().st_size == read_header(path).start + 16
        assert stock(path).shape == (1, *SHAPE)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
@pytest.mark.parametrize(("recorded", "capacity"), [(0, 4), (0, 0), (3, 4), (4, 4)])
def test_the_header_is_what_json_encodes(shape, recorded, capacity):
    size, metadata = 2 * math.prod(shape), {"record": "every", "a": 'quote " and é'}
    whole = {
        "__metadata__": metadata,
        TENSOR: {"dtype": "BF16", "shape": [recorded, *shape], "data_offsets": [0, recorded * size]},
    }
    if recorded < capacity:
        room = (capacity - recorded) * size
        whole["reserved"] = {"dtype": "U8", "shape": [room], "data_offsets": [recorded * size, capacity * size]}
    header = written(opening(TENSOR, "BF16", metadata), shape, size, recorded, capacity)
    assert header[8:].rstrip(b" ") == json.dumps(whole, separators=(",", ":")).encode()
    assert len(header) == 8 + int.from_bytes(header[:8], "little") == 1_024


def test_a_trimmed_file_holds_one_tensor_and_the_metadata(tmp_path):
    path = finished(tmp_path / "h.safetensors", 3)
    with safe_open(path, "np") as file:
        assert list(file.keys()) == [TENSOR]
        assert file.metadata() == {"format": "test"}
    assert open_tensor(path).metadata == {"format": "test"}


def test_a_file_trimmed_before_its_first_snapshot_is_still_a_file(tmp_path):
    path = finished(tmp_path / "h.safetensors", 0)
    assert stock(path).shape == open_tensor(path).words.shape == (0, *SHAPE)


def test_a_trimmed_file_grows_again_and_ends_byte_for_byte_like_an_unbroken_one(tmp_path):
    whole, broken = finished(tmp_path / "whole.safetensors", 6), tmp_path / "broken.safetensors"
    with writer(broken, 6) as file:
        file.append(snapshot(0))
        file.append(snapshot(1))
        file.trim()
    with writer(broken, 6) as file:
        assert file.recorded == 2
        assert np.array_equal(stock(broken), [snapshot(0), snapshot(1)])
        for step in range(6):
            file.put(step, snapshot(step))
        file.trim()
    assert broken.read_bytes() == whole.read_bytes()


def test_a_file_closed_without_trimming_continues_and_ends_the_same(tmp_path):
    whole, broken = finished(tmp_path / "whole.safetensors", 6), tmp_path / "broken.safetensors"
    with writer(broken, 6) as file:
        file.append(snapshot(0))
    with writer(broken, 6) as file:
        for step in range(6):
            file.put(step, snapshot(step))
        file.trim()
    assert broken.read_bytes() == whole.read_bytes()


def test_a_trim_that_was_killed_half_way_is_read_and_continued(tmp_path):
    whole, broken = finished(tmp_path / "whole.safetensors", 6), finished(tmp_path / "broken.safetensors", 2)
    with open(broken, "ab") as file:
        file.write(bytes(64))
    assert np.array_equal(open_tensor(broken).words, [snapshot(0), snapshot(1)])
    with writer(broken, 6) as file:
        assert stock(broken).shape[0] == 2
        for step in range(2, 6):
            file.append(snapshot(step))
        file.trim()
    assert broken.read_bytes() == whole.read_bytes()


def test_a_snapshot_already_there_may_be_put_again_but_not_another(tmp_path):
    path = tmp_path / "h.safetensors"
    with writer(path) as file:
        file.put(0, snapshot(0))
        file.put(1, snapshot(1))
        file.put(0, snapshot(0))
        before = path.read_bytes()
        with pytest.raises(RunError, match=r"must repeat what it recorded; snapshot 1 of h\.safetensors came out different"):
            file.put(1, snapshot(9))
        with pytest.raises(RunError, match=r"in order; h.safetensors has 2 and was given number 3"):
            file.put(3, snapshot(3))
        assert path.read_bytes() == before


def test_a_snapshot_that_differs_only_in_the_sign_of_a_zero_is_another(tmp_path):
    with writer(tmp_path / "h.safetensors", dtype="F32") as file:
        file.put(0, np.zeros(SHAPE, np.float32))
        with pytest.raises(RunError, match=r"came out different"):
            file.put(0, -np.zeros(SHAPE, np.float32))


def test_a_full_file_takes_no_more_and_stays_valid(tmp_path):
    path = finished(tmp_path / "h.safetensors", 2)
    with writer(path, 2) as file, pytest.raises(ValueError, match=r"has room for 2 snapshots and is full"):
        file.append(snapshot(2))
    assert stock(path).shape[0] == 2


@pytest.mark.parametrize("wrong", [np.zeros((4, 3), np.uint16), np.zeros(8, np.uint16), np.zeros((2, 4), np.uint16)])
def test_a_snapshot_of_another_shape_is_refused(tmp_path, wrong):
    with writer(tmp_path / "h.safetensors") as file, pytest.raises(ValueError, match=r"must have shape \(4, 2\); got"):
        file.append(wrong)


@pytest.mark.parametrize("wrong", [np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float64), np.zeros(SHAPE, bool)])
def test_numbers_given_to_a_file_of_bits_are_refused(tmp_path, wrong):
    with writer(tmp_path / "h.safetensors") as file, pytest.raises(ValueError, match=r"of BF16 must come as uint16; got"):
        file.append(wrong)


def test_bits_given_to_a_file_of_numbers_are_refused(tmp_path):
    with (
        writer(tmp_path / "h.safetensors", dtype="F32") as file,
        pytest.raises(ValueError, match=r"of F32 must come as float32"),
    ):
        file.append(snapshot(0))


def test_a_snapshot_that_lies_in_memory_by_columns_is_written_by_rows(tmp_path):
    path = tmp_path / "h.safetensors"
    with writer(path) as file:
        file.append(np.asfortranarray(snapshot(0)))
    assert np.array_equal(stock(path)[0], snapshot(0))


@pytest.mark.parametrize(
    ("dtype", "shape", "one"),
    [
        ("U64", (3,), np.array([2**64 - 1, 0, 1], np.uint64)),
        ("F64", (), np.float64(0.1)),
        ("F32", (2,), np.float32([1.5, np.nan])),
    ],
)
def test_hashes_and_single_numbers_are_recorded_too(tmp_path, dtype, shape, one):
    path = tmp_path / "h.safetensors"
    with writer(path, 2, dtype=dtype, shape=shape) as file:
        file.append(one)
        file.append(one)
    words = open_tensor(path, TENSOR).words
    assert words.shape == (2, *shape)
    assert words[1].tobytes() == one.tobytes()


def test_a_tensor_opened_for_reading_cannot_be_written(tmp_path):
    words = open_tensor(finished(tmp_path / "h.safetensors", 2)).words
    with pytest.raises(ValueError, match=r"read-only"):
        words[0, 0, 0] = 1
