"""Cached openers: everything is keyed by a run's folder, its files and the number of snapshots recorded, never by arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from snowball_core.charts.scrubber_blob import BUDGET_BYTES, Reel, reel, with_curves
from snowball_core.costs import matrix_speed
from snowball_core.errors import HistoryError
from snowball_core.jobs.fork_points import snapshot_at
from snowball_core.measures.bf16 import Words
from snowball_core.store.corpus import Corpus, load_corpus
from snowball_core.store.history import History, observe
from snowball_core.store.run_folder import corpora_folder, read_run, runs_folder
from snowball_core.tables.lineage import Account, account, biography_table
from snowball_core.tables.live import settled
from snowball_core.tables.per_step import measured
from snowball_core.tables.verdict import story_of

from .file_stamps import file_stamp, of_run, stamp
from .progress_bar import Share, once

_BLOCK = 500
_GROWING_BYTES = 6_000_000


@of_run(st.cache_resource, max_entries=32, show_spinner=False)
def words(path: str, snapshots: int) -> Words:
    """The first snapshots of a run, read part by part.

    Raises
    ------
    HistoryError
        If there are fewer: the file was replaced since the page counted them.
    """
    words: Words = read_run(Path(path)).history().words
    if len(words) < snapshots:
        raise HistoryError(
            f'the history of "{Path(path).name}" must hold the {snapshots:,} snapshots it held a moment ago; it holds '
            f"{len(words):,}. It was replaced: load the page again."
        )
    return words[:snapshots]


@of_run(st.cache_data, max_entries=256, show_spinner=False)
def _measured(path: str, start: int, stop: int, snapshots: int) -> pd.DataFrame:
    run = read_run(Path(path))
    recorded = History(run.id, words(path, snapshots)[start:stop], run.steps(stop)[start:], run.dead)
    return measured(recorded, slice(0, stop - start), ("counts", "extent"))


def measures(path: str, snapshots: int) -> pd.DataFrame:
    """Census and largest distances of every snapshot and group; whole blocks of a growing run are measured once."""

    def made(tell: Share) -> pd.DataFrame:
        parts = []
        for start in range(0, snapshots, _BLOCK):
            stop = min(start + _BLOCK, snapshots)
            tell(start / snapshots)
            parts.append(_measured(path, start, stop, stop))
        return pd.concat(parts, ignore_index=True)

    return once("measures", (path, snapshots, stamp(path)), made, "Counting the black holes of every step", 8)


@of_run(st.cache_resource, max_entries=16, show_spinner=False)
def history(path: str, snapshots: int) -> History:
    """A run's first snapshots, opened."""
    whole = observe(read_run(Path(path)))
    moments = None if whole.moment_hash is None else whole.moment_hash[:snapshots]
    recorded = words(path, snapshots)[: len(whole.words)]
    return replace(whole, words=recorded, steps=whole.steps[:snapshots], moment_hash=moments)


def rows_at(path: str, snapshots: int, index: int, group: npt.NDArray[np.bool_]) -> Words:
    """The rows of a group in one snapshot."""
    rows: Words = words(path, snapshots)[index][group]
    return rows


def frames(path: str, snapshots: int, group: str, unit: str, finished: bool = True) -> Reel:
    """What the scrubber draws: the frames of a group, with the loss and the rate of every step.

    Those of a growing run are made anew every few seconds: they are fewer, and their axes stay for longer than that.
    """

    def made(tell: Share) -> Reel:
        run = history(path, snapshots)
        budget, still = (BUDGET_BYTES, None) if finished else (_GROWING_BYTES, settled(snapshots))
        drawn = reel(run.words, run.steps, run.mask(group), unit, run.moment_hash, budget, still, tell)
        return with_curves(drawn, run.metrics)

    said = "Gathering every step for the browser" if finished else ""
    return once("frames", (path, stamp(path), snapshots, group, unit, finished), made, said)


@of_run(st.cache_data, max_entries=32, show_spinner=False)
def story(path: str, snapshots: int, group: str) -> str:
    """What happened to the group's black holes, in words; of a run that diverged that first."""
    return story_of(history(path, snapshots), group)


@of_run(st.cache_resource, max_entries=4, show_spinner="Following every black hole through the run…")
def lineage_account(path: str, snapshots: int, group: str) -> Account:
    """The lineage of a group."""
    return account(history(path, snapshots), group)


@of_run(st.cache_data, max_entries=64, show_spinner=False)
def biography(path: str, snapshots: int, group: str, token: int) -> pd.DataFrame:
    """The stays of a token in black holes of the group."""
    return biography_table(lineage_account(path, snapshots, group), history(path, snapshots), token)


@of_run(st.cache_data, max_entries=32, show_spinner=False)
def branch_words(path: str, step: int) -> Words | None:
    """The matrix a run recorded at a step, copied; None where it recorded none."""
    try:
        return snapshot_at(read_run(Path(path)), step).copy()
    except HistoryError:
        return None


def corpus(name: str, errors: str) -> Corpus:
    """The corpus a form names; read again when its file has changed."""
    folder = corpora_folder(runs_folder())
    files = tuple(file_stamp(Path(place)) for place in (name, folder / f"{name}.txt"))
    return _corpus(name, errors, str(folder), files)


@st.cache_resource(ttl=60, max_entries=4, show_spinner=False)
def _corpus(name: str, errors: str, folder: str, files: tuple[tuple[int, ...], ...]) -> Corpus:
    return load_corpus(name, errors, Path(folder))


@st.cache_resource(show_spinner=False)
def _speeds() -> list[float]:
    return []


@st.cache_data(ttl=60, show_spinner=False)
def speed() -> float:
    """Floating-point operations per second of this machine: the fastest measured, at most once a minute.

    A machine at work looks slow for a while; a run would not be behind that work for ever.
    """
    history = _speeds()
    history[:] = [max([matrix_speed(), *history])]
    return history[0]
