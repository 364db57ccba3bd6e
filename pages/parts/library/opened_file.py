"""A history from a file, opened: everything is keyed by what was typed and the file's size and time, never by arrays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from snowball_core.charts.scrubber_blob import Reel, reel, with_curves
from snowball_core.memory import Progress
from snowball_core.store.history import History, foreign, tokens_of
from snowball_core.store.run_folder import corpora_folder, runs_folder
from snowball_core.tables.lineage import Account, account, biography_table
from snowball_core.tables.per_step import step_table
from snowball_core.tables.verdict import story_of

from ..shared.file_stamps import file_stamp
from ..shared.progress_bar import Share, kept, once


class FileKey(NamedTuple):
    """What was typed, and the file as it was then: another file under the same path is another history."""

    path: str
    stamp: tuple[int, ...]
    tensor: str
    dead: str
    text: str


def opened(file: FileKey) -> History:
    """The history, read part by part."""

    def made() -> History:
        dead = tokens_of(file.dead) if file.dead else None
        return foreign(Path(file.path), file.tensor or None, dead, file.text or None, corpora_folder(runs_folder()))

    return kept("foreign", file, made, 4)


def frames(file: FileKey, group: str, unit: str) -> tuple[Reel, str]:
    """What the scrubber draws, and what happened in words; a HistoryError where a snapshot is too large."""

    def made(tell: Share) -> tuple[Reel, str]:
        history = opened(file)
        drawn = with_curves(reel(history.words, history.steps, history.mask(group), unit, progress=tell), None)
        return drawn, story_of(history, group)

    return once("foreign-frames", (*file, group, unit), made, "Gathering every snapshot for the browser", 2)


def lineage(file: FileKey, group: str) -> Account:
    """The black holes of a group through the whole history."""
    said = "Following every black hole"
    return once("foreign-lineage", (*file, group), lambda tell: account(opened(file), group, _counted(tell)), said)


def measures(file: FileKey) -> pd.DataFrame:
    """Every measure of every snapshot and group."""
    return once("foreign-steps", file, lambda tell: step_table(opened(file), _counted(tell)), "Measuring every snapshot")


def _counted(tell: Share) -> Progress:
    """Progress in snapshots, told as a share."""
    return lambda done, total: tell(done / max(1, total))


def stays(file: FileKey, group: str, token: int) -> pd.DataFrame:
    """The stays of a token in black holes of a group."""
    told = lineage(file, group)
    return kept("foreign-stays", (*file, group, token), lambda: biography_table(told, opened(file), token), 64)


def is_unchanged(file: FileKey) -> bool:
    """Whether the files are still those that were opened."""
    return key_of(Path(file.path), file.tensor, file.dead, file.text).stamp == file.stamp


def key_of(path: Path, tensor: str, dead: str, text: str) -> FileKey:
    """What was typed, with the files as they are now: the history and the text."""
    return FileKey(str(path), (*file_stamp(path), *(_text_stamp(text) if text else ())), tensor, dead, text)


def _text_stamp(text: str) -> tuple[int, ...]:
    return file_stamp(corpora_folder(runs_folder()) / f"{text}.txt") or file_stamp(Path(text))
