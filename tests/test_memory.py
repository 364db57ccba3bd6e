"""What a pass over a history on disk leaves in memory: nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from snowball_core.charts.fixed_axes import stage
from snowball_core.charts.scrubber_blob import reel
from snowball_core.measures.bf16 import Words
from snowball_core.measures.census import change_steps, history_leaders
from snowball_core.measures.distances import largest_linf
from snowball_core.measures.extent import extents
from snowball_core.measures.motion import motion
from snowball_core.memory import release

SHAPE = (800, 64, 32)
GROUP = np.arange(SHAPE[1]) < 8
PASSES: dict[str, Callable[[Words], Any]] = {
    "census": history_leaders,
    "changes": change_steps,
    "bounds": lambda words: largest_linf(words, GROUP),
    "extents": extents,
    "motion": lambda words: motion(words, {}),
    "frames": lambda words: reel(words, np.arange(len(words)), GROUP, "cells"),
    "stage": lambda words: stage(words, GROUP),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.bin"
    np.random.default_rng(3).integers(0, 0x4000, SHAPE, np.uint16).tofile(path)
    return path


def mapped_bytes(path: Path) -> int:
    return sum(part.rss for part in psutil.Process().memory_maps(grouped=False) if part.path == str(path))


@pytest.mark.skipif(sys.platform != "linux", reason="reads the maps of a process")
@pytest.mark.parametrize("name", PASSES)
def test_a_pass_over_a_history_gives_its_pages_back(file: Path, name: str) -> None:
    words = np.memmap(file, np.uint16, "r", shape=SHAPE)
    words.max()
    assert mapped_bytes(file) == words.nbytes
    PASSES[name](words)
    assert mapped_bytes(file) < words.nbytes / 4
    release(words)
    assert mapped_bytes(file) == 0


def test_pages_given_back_are_read_again_and_copies_are_left_alone(file: Path) -> None:
    words = np.memmap(file, np.uint16, "r", shape=SHAPE)
    whole = words.copy()
    release(words[3:7, :2])
    release(whole)
    release(None)
    np.testing.assert_array_equal(words, whole)
