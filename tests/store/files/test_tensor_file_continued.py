"""The history file continued, on a full disk and after a kill: nothing recorded is lost, nothing foreign is touched."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from history_files import SHAPE, TENSOR, finished, stock, writer
from safetensors.numpy import save_file

from snowball_core.errors import HistoryError, RunError
from snowball_core.store.files.tensor_file import open_tensor


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
    with pytest.raises(HistoryError, match=r"must be a safetensors file; .* is (empty|a text file|not one)"):
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


def test_where_space_cannot_be_set_aside_the_free_space_is_checked(tmp_path, monkeypatch):
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
from snowball_core.store.files.tensor_file import TensorWriter
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
        result = stock(path)
        assert recorded <= len(result) < 60_000
        recorded = len(result)
        assert np.array_equal(result, np.broadcast_to(np.arange(recorded, dtype=np.uint16)[:, None, None], result.shape))
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
