"""Cached openers of the Compare page, keyed by folders and snapshot counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from snowball_core.measures.alignment import Entrant
from snowball_core.store.foreign.links import Source
from snowball_core.tables.comparison import LineUp, entrants, line_up, measured, recording
from snowball_core.tables.live import recorded_snapshots

from ..shared import cached
from ..shared.file_stamps import of_run, stamp
from ..shared.progress_bar import Share, once

Key = tuple[str, int]


def key_of(run: Source) -> Key:
    """What a run is cached by: its folder and how much is recorded."""
    return str(run.path), recorded_snapshots(run)


def lined_up(keys: tuple[Key, ...]) -> LineUp:
    """Some runs, with their twins found."""

    def made(tell: Share) -> LineUp:
        return line_up([recording(cached.history(*key)) for key in keys])

    return once("lined-up", (keys, *(stamp(path) for path, _ in keys)), made, "Detecting duplicates")


@of_run(96)
def measures_of(path: str, snapshots: int, group: str) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """What a comparison draws of one run."""
    return measured(cached.history(path, snapshots), group)


def measured_entrants(keys: Sequence[Key], group: str) -> list[Entrant]:
    """The runs, measured; with a progress bar where that takes a while."""
    by_id = {Path(path).name: key for key in keys for path in key[:1]}

    def made(tell: Share) -> list[Entrant]:
        for number, key in enumerate(keys):
            tell(number / len(keys))
            measures_of(*key, group)
        return entrants(lined_up(tuple(keys)), lambda each: measures_of(*by_id[each.id], group))

    return once("entrants", (*keys, *(stamp(path) for path, _ in keys), group), made, "Measuring the runs")
