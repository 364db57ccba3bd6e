"""Cached openers: everything is keyed by a run's folder and the number of snapshots recorded, never by arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.bf16 import Words
from snowball_core.census import census_history, class_sizes
from snowball_core.corpus import Corpus, load_corpus
from snowball_core.costs import matrix_speed
from snowball_core.event_tables import Account, account, biography_table
from snowball_core.frames import Reel, reel, with_curves
from snowball_core.observation import observe
from snowball_core.runs import corpora_folder, read_run, runs_folder
from snowball_core.stage import Stage, stage
from snowball_core.story import story as told_story
from snowball_core.tables import group_mask, measures_table

_BLOCK = 500


@st.cache_resource(max_entries=32, show_spinner=False)
def history(path: str, snapshots: int) -> Words:
    """The first snapshots of a run, a read-only memory map."""
    words: Words = read_run(Path(path)).history().words[:snapshots]
    return words


@st.cache_data(max_entries=256, show_spinner=False)
def _measured(path: str, start: int, stop: int, snapshots: int) -> pd.DataFrame:
    run = read_run(Path(path))
    return measures_table(history(path, snapshots)[start:stop], run.steps(stop)[start:], run.dead)


@st.cache_data(max_entries=8, show_spinner="Counting the black holes of every step…")
def measures(path: str, snapshots: int) -> pd.DataFrame:
    """Census and largest distances of every snapshot and group; whole blocks of a growing run are measured once."""
    blocks = range(0, snapshots, _BLOCK)
    parts = [_measured(path, start, min(start + _BLOCK, snapshots), min(start + _BLOCK, snapshots)) for start in blocks]
    return pd.concat(parts, ignore_index=True)


@st.cache_data(max_entries=8, show_spinner=False)
def metrics(path: str, snapshots: int) -> dict[str, Any]:
    """Loss, learning rate and gradient norm per step, as far as they were written when there were so many snapshots."""
    return read_run(Path(path)).metrics()


@st.cache_resource(max_entries=12, show_spinner="Finding the axes of the whole run…")
def scene(path: str, snapshots: int, group: str) -> Stage:
    """The fixed basis and frame of a group over the run's first snapshots."""
    return stage(history(path, snapshots), group_mask(read_run(Path(path)).dead, group))


@st.cache_resource(max_entries=4, show_spinner="Gathering every step for the browser…")
def frames(path: str, snapshots: int, group: str, unit: str) -> Reel:
    """What the scrubber draws: the frames of a group, with the loss and the rate of every step."""
    seen = observe(read_run(Path(path)))
    moments = None if seen.moment_hash is None else seen.moment_hash[:snapshots]
    words = seen.words[:snapshots]
    return with_curves(reel(words, seen.steps[:snapshots], seen.mask(group), unit, moments), seen.metrics)


@st.cache_data(max_entries=32, show_spinner=False)
def story(path: str, snapshots: int, group: str) -> str:
    """What happened to the group's black holes, in words."""
    seen = observe(read_run(Path(path)))
    words, mask = seen.words[:snapshots], seen.mask(group)
    known = None if seen.moment_hash is None else class_sizes(words[-1][mask], seen.moment_hash[len(words) - 1][mask])
    return told_story(census_history(words, mask), seen.steps[:snapshots], group, known)


@st.cache_resource(max_entries=4, show_spinner="Following every black hole through the run…")
def lineage_account(path: str, snapshots: int, group: str) -> Account:
    """The lineage of a group."""
    return account(observe(read_run(Path(path))), group)


@st.cache_data(max_entries=64, show_spinner=False)
def biography(path: str, snapshots: int, group: str, token: int) -> pd.DataFrame:
    """The stays of a token in black holes of the group."""
    return biography_table(lineage_account(path, snapshots, group), observe(read_run(Path(path))), token)


@st.cache_data(ttl=5, max_entries=8, show_spinner=False)
def corpus(name: str, errors: str) -> Corpus:
    """The corpus a form names; read again after a few seconds, since the file may change."""
    return load_corpus(name, errors, corpora_folder(runs_folder()))


@st.cache_data(ttl=60, show_spinner=False)
def speed() -> float:
    """Floating-point operations per second of this machine, as busy as it was within the last minute."""
    return matrix_speed()
