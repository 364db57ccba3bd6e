"""A history is read block by block: no pass over it reads more than a part of the file at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snowball_core.measures.bf16 import Words
from snowball_core.measures.census import change_steps, finite_snapshots, history_leaders
from snowball_core.measures.distances import largest
from snowball_core.measures.extent import extents
from snowball_core.measures.motion import motion
from snowball_core.memory import blocks
from snowball_core.store.files.file_array import FileArray
from snowball_core.store.files.tensor_file import TensorWriter, open_tensor

SHAPE = (800, 64, 32)
PASSES: dict[str, Callable[[Words], Any]] = {
    "census": history_leaders,
    "changes": change_steps,
    "finite": finite_snapshots,
    "bounds": lambda words: largest(words, np.arange(SHAPE[1]) < 8),
    "extents": extents,
    "motion": lambda words: motion(words, {}),
}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    path = tmp_path_factory.mktemp("history") / "history.safetensors"
    with TensorWriter(path, "history", "BF16", SHAPE[1:], SHAPE[0], {}) as file:
        for snapshot in np.random.default_rng(3).integers(0, 0x4000, SHAPE, np.uint16):
            file.append(snapshot)
    return open_tensor(path, "history").words


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_over_a_history_reads_a_part_of_it_at_once(words: Words, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    read = FileArray._gathered_runs

    def recorded(self: FileArray, runs: list[tuple[int, int]], count: int) -> Any:
        sizes.append(count)
        return read(self, runs, count)

    monkeypatch.setattr(FileArray, "_gathered_runs", recorded)
    in_memory = np.array(words)
    sizes.clear()
    PASSES[name](words)
    assert max(sizes, default=0) <= SHAPE[0] / 3
    PASSES[name](in_memory)


def test_blocks_cover_all_entries_in_order_and_report_progress() -> None:
    progress: list[tuple[int, int]] = []
    parts = list(blocks(7, 10, 25, lambda done, total: progress.append((done, total))))
    assert [(part.start, part.stop) for part in parts] == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert progress == [(2, 7), (4, 7), (6, 7), (7, 7)]
    assert [(part.start, part.stop) for part in blocks(2, 100, 25)] == [(0, 1), (1, 2)]
    assert [(part.start, part.stop) for part in blocks(0, 0, 25)] == [(0, 0)]
