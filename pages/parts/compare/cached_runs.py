"""Cached openers of the Compare page, keyed by folders and snapshot counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from snowball_core.measures.alignment import Entrant
from snowball_core.store.run_folder import Run
from snowball_core.tables.census import recorded_snapshots
from snowball_core.tables.comparison import LineUp, entrants, line_up, measured, recording
from snowball_core.tables.draws import ComparedRun

from ..shared import cached
from ..shared.file_stamps import Stamp, of_run, stamp
from ..shared.text import duration

_PATIENCE = 0.7
Key = tuple[str, int]


def key_of(run: Run) -> Key:
    """What a run is cached by: its folder and how much is recorded."""
    return str(run.path), recorded_snapshots(run)


def lined_up(keys: tuple[Key, ...]) -> LineUp:
    """Some runs, with their twins found."""
    return _lined_up(keys, tuple(stamp(path) for path, _ in keys))


@st.cache_resource(max_entries=4, show_spinner="Looking for duplicates…")
def _lined_up(keys: tuple[Key, ...], stamps: tuple[Stamp, ...]) -> LineUp:
    return line_up([recording(cached.history(*key)) for key in keys])


@of_run(96)
def measures_of(path: str, snapshots: int, group: str) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """What a comparison draws of one run."""
    return measured(cached.history(path, snapshots), group)


def measured_entrants(keys: Sequence[Key], group: str) -> list[Entrant]:
    """The runs, measured; with a progress bar where that takes a while."""
    began, bar, done = time.monotonic(), st.empty(), 0
    by_id = {Path(path).name: (path, snapshots) for path, snapshots in keys}

    def measure(each: ComparedRun) -> tuple[pd.DataFrame, dict[str, int | None]]:
        nonlocal done
        took = time.monotonic() - began
        if took > _PATIENCE:
            left = f": about {duration(took / done * (len(keys) - done))} left" if done else ""
            bar.progress(done / len(keys), f"Measuring run {done + 1} of {len(keys)}{left}")
        done += 1
        return measures_of(*by_id[each.id], group)

    try:
        return entrants(lined_up(tuple(keys)), measure)
    finally:
        bar.empty()
