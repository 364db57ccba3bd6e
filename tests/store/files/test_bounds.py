"""Bounds: what headers, snapshots and texts cost is known before memory is taken, and what is too much is refused in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from history_files import entry, header_of
from safetensors import safe_open
from safetensors.numpy import save_file

from snowball_core.config import RunConfig
from snowball_core.config_checks import config_faults
from snowball_core.errors import CorpusError, HistoryError, RunError
from snowball_core.memory import MOST_SNAPSHOTS, tables_bytes
from snowball_core.schedules import recorded_steps
from snowball_core.store.corpus import Corpus, from_bytes, read_file
from snowball_core.store.files import tensor_header as headers
from snowball_core.store.files.tensor_header import MOST_TENSORS, read_header
from snowball_core.store.history import foreign
from snowball_core.store.metric_rows import read_metrics
from snowball_core.training.model import WindowOrder
from snowball_core.training.trainer import Training

MANY = 3_000
HEADERS = {
    "lists": b'{"h":[' + b"[]," * MANY + b"[]]}",
    "objects": b'{"h":[' + b"{}," * MANY + b"{}]}",
    "numbers": b'{"h":[' + b"70000," * MANY + b"1]}",
    "strings": b'{"h":[' + b'"",' * MANY + b'""]}',
    "names": b"{" + b"".join(b'"%d":1,' % number for number in range(MANY // 2)) + b'"h":1}',
}


def limited(*words: object, megabytes: int) -> tuple[int, str, float]:
    """Exit status, stderr and largest memory in MB of the command line in a process that gets so much address space."""
    code = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20}, {megabytes << 20}))\n"
        "from snowball_core.cli.main import main\n"
        "status = main(sys.argv[1:])\n"
        "print('largest', next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stderr, int(done.stdout.rsplit("largest", 1)[1]) / 1_024


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and told in other ways there")
def test_a_header_of_many_objects_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = header_of(tmp_path / "h.safetensors", b'{"h":[' + b"[]," * 8_000_000 + b"[]]}", bytes(8))
    code, error, used = limited("census", path, "--runs", tmp_path, megabytes=2_000)
    assert code == 2
    assert "lists more than 100,000 tensors" in error
    assert used < 200


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_many_objects_are_refused_before_they_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for limit, most in {"_MOST_MARKS": 2_000, "_MOST_STRINGS": 1_000, "_HARMLESS": 5_000}.items():
        monkeypatch.setattr(headers, limit, most)
    monkeypatch.setattr(headers.json, "loads", lambda text: pytest.fail("parsed"))
    with pytest.raises(HistoryError, match=r"its header of [0-9,]+ bytes lists more than 100,000 tensors"):
        read_header(header_of(tmp_path / "h", HEADERS[name], bytes(8)))


def test_as_many_tensors_as_there_may_be_are_read_and_one_more_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MOST_TENSORS", 50)
    tensors = {f"layer{number}": entry((1, 2, 1, 2), (8 * number, 8 * number + 8)) for number in range(51)}
    with pytest.raises(HistoryError, match=r"its header lists 51 tensors, more than 50"):
        read_header(header_of(tmp_path / "h", tensors, bytes(51 * 8)))
    tensors.popitem()
    assert len(read_header(header_of(tmp_path / "h", tensors, bytes(50 * 8))).tensors) == 50


def test_a_string_without_an_end_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="its header is not JSON"):
        read_header(header_of(tmp_path / "h", b'{"' + b'\\"' * 2_000_000, bytes(8)))


def test_a_large_header_of_a_real_shape_is_read(tmp_path: Path) -> None:
    name = "model.layers.{}.mlp.experts.down_proj.weight" + "_" * 150
    tensors = {name.format(number): entry((2, 2), (8 * number, 8 * number + 8)) for number in range(10_000)}
    path = header_of(tmp_path / "h", tensors, bytes(80_000))
    assert path.stat().st_size > 2_500_000
    assert len(read_header(path).tensors) == 10_000 < MOST_TENSORS


def test_metadata_are_counted_as_the_few_strings_they_are(tmp_path: Path) -> None:
    metadata = json.dumps({"tags": [{"[{,:": '"'}] * 300_000})
    save_file({"h": np.ones((2, 4, 3), np.float32)}, tmp_path / "h.safetensors", {"training": metadata})
    assert read_header(tmp_path / "h.safetensors").metadata == {"training": metadata}
    assert foreign(tmp_path / "h.safetensors").words.shape == (2, 4, 3)


@pytest.mark.parametrize("metadata", [{"__metadata__": None}, {"__metadata__": {}}, {}])
def test_what_the_stock_reader_opens_opens_here(tmp_path: Path, metadata: dict[str, object]) -> None:
    numbers = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    content = {
        "mark": entry((0,), (0, 0), "F32"),
        "marks": entry((0, 4, 3), (0, 0), "F32"),
        "history": entry((2, 4, 3), (0, 96), "F32"),
        "last": entry((3, 0, 0), (96, 96), "BF16"),
    }
    path = header_of(tmp_path / "h.safetensors", {**metadata, **content}, numbers.tobytes())
    with safe_open(path, "np") as stock:
        assert set(stock.keys()) == set(content)
    assert np.array_equal(foreign(path).words, numbers)
    with pytest.raises(HistoryError, match="several tensors"):
        foreign(header_of(tmp_path / "h.safetensors", {"marks": content["marks"], "more": content["marks"]}))


def tiny_snapshots(path: Path, count: int) -> Path:
    header_of(path, {"h": entry((count, 2, 2), (0, 8 * count))})
    os.truncate(path, path.stat().st_size + 8 * count)
    return path


def test_more_snapshots_than_can_be_measured_are_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "preadv", lambda *given: pytest.fail("read"))
    path = tiny_snapshots(tmp_path / "h.safetensors", MOST_SNAPSHOTS + 1)
    with pytest.raises(HistoryError, match=r"at most 1,000,001 snapshots to be measured; .* has 1,000,002, whose tables would"):
        foreign(path)
    assert len(foreign(tiny_snapshots(path, MOST_SNAPSHOTS)).words) == MOST_SNAPSHOTS


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and told in other ways there")
def test_the_tables_of_tiny_snapshots_take_the_memory_that_is_reported(tmp_path: Path) -> None:
    count = 20_000
    path = tmp_path / "h.safetensors"
    words = np.random.default_rng(0).integers(0x3F80, 0x3F83, (count, 2, 2), np.uint16)
    header_of(path, {"h": entry((count, 2, 2), (0, 8 * count))}, words.tobytes())
    code, error, used = limited("census", path, "--dead", "0", "--runs", tmp_path, megabytes=4_000)
    assert (code, error) == (0, "")
    assert used < 170 + tables_bytes(count) / 1e6


@pytest.mark.parametrize(("record", "steps", "count"), [("every", 10**6, 1_000_001), ("every-10", 10**7, 1_000_001)])
def test_a_run_records_no_more_snapshots_than_can_be_measured(record: str, steps: int, count: int) -> None:
    config = RunConfig(steps=steps, record=record)
    assert len(recorded_steps(config)) == count == MOST_SNAPSHOTS
    assert config_faults(config) == []
    closer = RunConfig(steps=min(10**7, steps + 1), record="every" if record == "every" else "every-9")
    (fault,) = config_faults(closer)
    assert fault.startswith(f"a run must record at most 1,000,001 snapshots; got {len(recorded_steps(closer)):,}")
    assert config_faults(RunConfig(steps=10**7, record="log")) == []
    assert config_faults(RunConfig(steps=10**7, until=1_000)) == []


def test_ids_stay_bytes_and_every_batch_is_the_same() -> None:
    corpus = from_bytes(bytes(range(32, 127)) * 50, "text")
    training = Training(RunConfig(context=16, batch=4, hidden=8, heads=2, layers=1, steps=3, record="every", extra=""), corpus)
    assert training.ids.dtype == np.uint8
    numbers = torch.from_numpy(corpus.ids.astype(np.int64))
    for step in (1, 2, 2_000):
        windows = numbers[training.order.starts(step)[:, None] + torch.arange(17)]
        inputs, targets, _ = training.batch(step)
        assert torch.equal(inputs, windows[:, :16])
        assert torch.equal(targets, windows[:, training.config.label_shift :])


@pytest.mark.parametrize("windows", [1, 5, 1_000, 70_000])
def test_an_order_of_half_the_size_is_the_same_order(windows: int) -> None:
    order = WindowOrder(windows, 7, seed=3)
    for epoch in (0, 1):
        whole = torch.randperm(windows, generator=torch.Generator().manual_seed(3 + epoch))
        starts = [order.starts(1 + epoch * order.steps_per_epoch + k) for k in range(order.steps_per_epoch)]
        assert torch.equal(torch.cat(starts), whole)
        assert starts[0].dtype == torch.int64


@pytest.mark.parametrize("vocab", [3, 99, 128, 256])
def test_missing_tokens_are_those_that_no_byte_is(vocab: int) -> None:
    ids = np.frombuffer(b"\0\1ab" * 600_000, np.uint8)
    kept = Corpus("text", ids, "")
    assert kept.byte_counts.tolist() == np.bincount(ids, minlength=128).tolist()
    assert np.flatnonzero(~kept.is_missing(vocab)).tolist() == [each for each in (0, 1, 97, 98) if each < vocab]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "some.safetensors"
    os.mkfifo(path) if kind == "pipe" else path.mkdir() if kind == "folder" else path.symlink_to("/dev/zero")
    with pytest.raises(HistoryError, match=r"must be a readable file; .*some\.safetensors"):
        foreign(path)
    with pytest.raises(CorpusError, match=r"must be a text file; .*some\.safetensors"):
        read_file(path)
    with pytest.raises(RunError, match=r"must be a readable file; .*some\.safetensors"):
        read_metrics(path)
