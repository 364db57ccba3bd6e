"""A history from a file, opened: everything is keyed by what was typed and the file's size and time, never by arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from snowball_core.charts.scrubber_blob import Reel, reel, with_curves
from snowball_core.measures.bf16 import Words
from snowball_core.memory import Progress
from snowball_core.store.history import History, foreign, tokens_of
from snowball_core.store.run_folder import corpora_folder, runs_folder
from snowball_core.tables.at_step import tokens_at
from snowball_core.tables.lineage import Account, account, biography_table
from snowball_core.tables.per_step import step_table
from snowball_core.tables.verdict import story_of

from ..shared.file_stamps import file_stamp, holder
from ..shared.progress_bar import Share, once

# A vocabulary of at most so many tokens is taken for bytes, as everywhere here; of a larger one nobody knows the names.
_BYTES = 256


class Asked(NamedTuple):
    """What was typed, and the file as it was then: another file under the same path is another history."""

    path: str
    stamp: tuple[int, ...]
    key: str
    dead: str
    text: str


@holder
@st.cache_resource(max_entries=4, show_spinner=False)
def opened(asked: Asked) -> History:
    """The history, read part by part."""
    dead = tokens_of(asked.dead) if asked.dead else None
    return foreign(Path(asked.path), asked.key or None, dead, asked.text or None, corpora_folder(runs_folder()))


def are_bytes(history: History) -> bool:
    """Whether the tokens may be called by the bytes they would be."""
    return len(history.mask("all")) <= _BYTES


def frames(asked: Asked, group: str, unit: str) -> tuple[Reel, str]:
    """What the scrubber draws, and what happened in words.

    Raises
    ------
    HistoryError
        If a snapshot is too large to be drawn.
    """

    def made(tell: Share) -> tuple[Reel, str]:
        history = opened(asked)
        drawn = with_curves(reel(history.words, history.steps, history.mask(group), unit, progress=tell), None)
        return drawn, story_of(history, group)

    return once("foreign-frames", (*asked, group, unit), made, "Gathering every snapshot for the browser", 2)


def lineage(asked: Asked, group: str) -> Account:
    """The black holes of a group through the whole history."""
    said = "Following every black hole"
    return once("foreign-lineage", (*asked, group), lambda tell: account(opened(asked), group, _counted(tell)), said)


def measures(asked: Asked) -> pd.DataFrame:
    """Every measure of every snapshot and group."""
    return once("foreign-steps", asked, lambda tell: step_table(opened(asked), _counted(tell)), "Measuring every snapshot")


def _counted(tell: Share) -> Progress:
    """Progress in snapshots, told as a share."""
    return lambda done, total: tell(done / max(1, total))


@st.cache_data(max_entries=64, show_spinner=False)
def stays(asked: Asked, group: str, token: int) -> pd.DataFrame:
    """The stays of a token in black holes of a group."""
    return biography_table(lineage(asked, group), opened(asked), token)


@dataclass(frozen=True)
class FileMoment:
    """One group of a history from a file at one snapshot.

    Attributes
    ----------
    asked : Asked
    group : str
    index : int
        The snapshot's number, which is its step.
    """

    asked: Asked
    group: str
    index: int

    @property
    def step(self) -> int:
        """The number of the snapshot."""
        return int(self.steps[self.index])

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The numbers of all snapshots."""
        return opened(self.asked).steps

    @cached_property
    def rows(self) -> Words:
        """The rows of the group."""
        history = opened(self.asked)
        rows: Words = history.words[self.index][history.mask(self.group)]
        return rows

    @cached_property
    def tokens(self) -> pd.DataFrame:
        """The token table of the group with its motion; where tokens are no bytes their numbers are their only names."""
        history = opened(self.asked)
        table = tokens_at(history, self.index, self.group)
        return table if are_bytes(history) else table.assign(glyph=table["token"].astype(str))

    def near(self) -> pd.DataFrame:
        """The same: hidden classes were not recorded."""
        return self.tokens

    def lineage(self) -> Account:
        """The black holes of the group through the whole history."""
        return lineage(self.asked, self.group)

    def stays(self, token: int) -> pd.DataFrame:
        """The stays of a token in black holes of the group."""
        return stays(self.asked, self.group, token)


def is_unchanged(asked: Asked) -> bool:
    """Whether the files are still those that were opened."""
    return asked_for(Path(asked.path), asked.key, asked.dead, asked.text).stamp == asked.stamp


def asked_for(path: Path, key: str, dead: str, text: str) -> Asked:
    """What was typed, with the files as they are now: the history and the text."""
    return Asked(str(path), (*file_stamp(path), *(_text_stamp(text) if text else ())), key, dead, text)


def _text_stamp(text: str) -> tuple[int, ...]:
    return file_stamp(corpora_folder(runs_folder()) / f"{text}.txt") or file_stamp(Path(text))
