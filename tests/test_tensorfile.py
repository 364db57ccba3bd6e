"""The history file: what a stock reader sees at every moment, after a kill, and in hostile hands."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from snowball_core.errors import HistoryError, RunError
from snowball_core.header import read_header
from snowball_core.tensorfile import TensorWriter, open_tensor

TENSOR = "embedding_history"
SHAPE = (4, 2)


def snapshot(step):
    return np.arange(8, dtype=np.uint16).reshape(SHAPE) + np.uint16(step)


def writer(path, capacity=5, **changes):
    given = {"name": TENSOR, "dtype": "BF16", "shape": SHAPE, "metadata": {"format": "test"}} | changes
    return TensorWriter(path, given["name"], given["dtype"], given["shape"], capacity, given["metadata"])


def stock(path):
    """What a stock reader finds: a uint16 array of the bits."""
    with safe_open(path, "pt") as file:
        return file.get_tensor(TENSOR).view(torch.int16).numpy().view(np.uint16)


def finished(path, steps):
    with writer(path, steps) as file:
        for step in range(steps):
            file.append(snapshot(step))
        file.trim()
    return path


def header_of(path, content, data=b"", length=None):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape=(2, 4, 2), offsets=(0, 32), dtype="BF16"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


# While it is written.


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


# What may be continued.


@pytest.mark.parametrize("changes", [{"name": "other"}, {"dtype": "F32"}, {"shape": (2, 4)}, {"shape": (8,)}])
def test_a_file_of_another_tensor_is_not_continued_and_not_touched(tmp_path, changes):
    path = finished(tmp_path / "h.safetensors", 2)
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"to be continued; it holds something else. Move it away or start a new run."):
        writer(path, **changes)
    assert path.read_bytes() == before


@pytest.mark.parametrize("more", [{}, {"another": np.zeros(3, np.float32)}])
def test_a_foreign_file_of_the_same_tensor_is_not_written_over(tmp_path, more):
    path = tmp_path / "h.safetensors"
    save_file({TENSOR: np.ones((2, *SHAPE), np.float32), **more}, path)
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"to be continued"):
        writer(path, dtype="F32")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", bytes(2_000)])
def test_garbage_is_not_continued_and_not_touched(tmp_path, content):
    path = tmp_path / "h.safetensors"
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=r"is not one"):
        writer(path)
    assert path.read_bytes() == content


# A disk that is too small.


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_too_small_is_refused_before_anything_is_recorded_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        RunError, match=r"must have room for 16\.0 MB of h\.safetensors; No space left on device\. Free some space"
    ):
        writer(tmp_path / "h.safetensors", 1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_small_to_grow_leaves_the_trimmed_file_as_it_was(tmp_path, monkeypatch):
    path = finished(tmp_path / "h.safetensors", 2)
    before = path.read_bytes()
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunError, match=r"must have room"):
        writer(path, 1_000)
    assert path.read_bytes() == before


def test_a_file_larger_than_any_disk_is_refused_by_the_disk_itself(tmp_path):
    with pytest.raises(RunError, match=r"must have room"):
        writer(tmp_path / "h.safetensors", 2**55)
    assert list(tmp_path.iterdir()) == []


def test_where_space_cannot_be_set_aside_the_free_space_is_asked(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    assert stock(finished(tmp_path / "small.safetensors", 2)).shape[0] == 2
    with pytest.raises(RunError, match=r"No space left on device"):
        writer(tmp_path / "large.safetensors", 2**55)


# Killed.

KILLED_WRITER = """
import sys, numpy as np
from pathlib import Path
from snowball_core.tensorfile import TensorWriter
path, steps = Path(sys.argv[1]), int(sys.argv[2])
with TensorWriter(path, "embedding_history", "BF16", (64, 32), steps, {}) as file:
    print("ready", flush=True)
    for step in range(file.recorded, steps):
        file.append(np.full((64, 32), step % 65536, np.uint16))
print("done", flush=True)
"""


def test_a_killed_writer_leaves_whole_snapshots_that_a_stock_reader_opens_and_the_next_writer_continues(tmp_path):
    path, recorded, chance = tmp_path / "h.safetensors", 0, random.Random(1)
    for _ in range(6):
        worker = subprocess.Popen([sys.executable, "-c", KILLED_WRITER, str(path), "60000"], stdout=subprocess.PIPE)
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.001, 0.03))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        found = stock(path)
        assert recorded <= len(found) < 60_000
        recorded = len(found)
        assert np.array_equal(found, np.broadcast_to(np.arange(recorded, dtype=np.uint16)[:, None, None], found.shape))
    assert recorded > 0


def test_readers_of_a_file_being_written_find_only_whole_snapshots(tmp_path):
    path = tmp_path / "h.safetensors"
    worker = subprocess.Popen([sys.executable, "-c", KILLED_WRITER, str(path), "60000"], stdout=subprocess.PIPE)
    try:
        assert worker.stdout.readline() == b"ready\n"
        counts = []
        while len(counts) < 300 or counts[-1] == counts[0]:
            words = open_tensor(path).words
            counts.append(len(words))
            if len(words):
                assert (words[-1] == (len(words) - 1) % 65_536).all()
        assert counts == sorted(counts)
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()


def test_what_a_kill_during_the_making_leaves_is_replaced(tmp_path):
    (tmp_path / ".h.safetensors-new").write_bytes(b"half a header")
    finished(tmp_path / "h.safetensors", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["h.safetensors"]


# Foreign histories.


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
    for path, words in [("nothing", "No such file"), ("", "not a regular file"), ("pipe", "not a regular file")]:
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
    "too many dimensions": {"a": entry((*[1] * 99, 16))},
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
    before = time.monotonic()
    with pytest.raises(HistoryError, match=r"longer than the file"):
        open_tensor(path)
    assert time.monotonic() - before < 1


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
