"""Cached openers: everything is keyed by a run's folder, its files and the number of snapshots recorded, never by arrays."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from snowball_core.charts.scrubber_blob import BUDGET_BYTES, Reel, reel, with_curves
from snowball_core.charts.step_axis import StepAxis
from snowball_core.config import RunConfig
from snowball_core.costs import matrix_speed
from snowball_core.errors import HistoryError
from snowball_core.export.view import View, view_of
from snowball_core.jobs.fork_points import snapshot_at
from snowball_core.jobs.pace import SHAPE, Pace, expected_pace, recorded_pace
from snowball_core.measures.bf16 import Words
from snowball_core.measures.census import Hidden
from snowball_core.measures.flicker import Excursion, excursions, folded, is_folded
from snowball_core.measures.lineage import Lineage
from snowball_core.measures.verdict import Verdict
from snowball_core.store.corpus import Corpus, load_corpus
from snowball_core.store.foreign.links import read_source
from snowball_core.store.history import History, observe
from snowball_core.store.run_folder import corpora_folder, read_run, runs_folder
from snowball_core.tables.divergence import first_snapshots
from snowball_core.tables.lineage import Account, account, biography_table, event_rows, hidden_of
from snowball_core.tables.live import settled
from snowball_core.tables.motion import token_motion, who_moved
from snowball_core.tables.per_step import MOTION_COLUMNS, measured, step_table
from snowball_core.tables.story import story_of
from snowball_core.tables.text import glyph
from snowball_core.tables.verdict import law_rows, verdict_of

from .file_stamps import file_stamp, of_run, stamp
from .progress_bar import Share, kept, once, silent

if TYPE_CHECKING:
    from snowball_core.charts.lineage import DrawnLineage

_BLOCK = 500
_GROWING_BYTES = 6_000_000
_TREES = 8
_SPEEDS: list[float] = []


@of_run(32)
def words(path: str, snapshots: int) -> Words:
    """The first snapshots of a run, read part by part; refused where there are fewer, for then the file was replaced."""
    words: Words = read_source(Path(path)).history().words
    if len(words) < snapshots:
        raise HistoryError(
            f'the history of "{Path(path).name}" must hold the {snapshots:,} snapshots it held a moment ago; it holds '
            f"{len(words):,}. It was replaced: reload the page."
        )
    return words[:snapshots]


@of_run(256)
def _measured(path: str, start: int, stop: int, snapshots: int) -> pd.DataFrame:
    run = read_source(Path(path))
    recorded = History(run.id, words(path, snapshots)[start:stop], run.steps(stop)[start:], run.dead)
    return measured(recorded, slice(0, stop - start), ("counts", "extent"))


@of_run(8, "Counting black holes")
def measures(path: str, snapshots: int, tell: Share = silent) -> pd.DataFrame:
    """Census and largest distances of every snapshot and group; whole blocks of a growing run are measured once."""
    parts = []
    for start in range(0, snapshots, _BLOCK):
        stop = min(start + _BLOCK, snapshots)
        tell(start / snapshots)
        parts.append(_measured(path, start, stop, stop))
    return pd.concat(parts, ignore_index=True)


@of_run(16)
def history(path: str, snapshots: int) -> History:
    """A run's first snapshots, opened."""
    whole = observe(read_source(Path(path)))
    return first_snapshots(replace(whole, words=words(path, snapshots)[: len(whole.words)]), snapshots)


@of_run(4)
def view(path: str, snapshots: int, *place: Any) -> View:
    """A view of a run's first snapshots; ``place`` is a step, group, unit and range as :func:`view_of` takes them."""
    return view_of(history(path, snapshots), *place)


def key(view: View) -> tuple[str, int, str]:
    """What the openers of a whole run know a view by: the folder, the number of snapshots that can be judged, the group."""
    return str(view.history.kept_in), view.history.finite, view.group


def frames(path: str, snapshots: int, group: str, unit: str, finished: bool = True) -> Reel:
    """What the scrubber draws: the frames of a group, with the loss and the rate of every step.

    Those of a growing run are made again every few seconds: they are fewer, and their axes stay for longer than that.
    """

    def made(tell: Share) -> Reel:
        run = history(path, snapshots)
        budget, still = (BUDGET_BYTES, None) if finished else (_GROWING_BYTES, settled(snapshots))
        drawn = reel(run.words, run.steps, run.mask(group), unit, run.moment_hash, budget, still, tell)
        kept("tree", (path, stamp(path), snapshots, group), lambda: drawn.tree, _TREES)
        return with_curves(drawn, run.metrics)

    said = "Loading all steps" if finished else ""
    return once("frames", (path, stamp(path), snapshots, group, unit, finished), made, said)


@of_run(32)
def story(path: str, snapshots: int, group: str) -> str:
    """What happened to the group's black holes, in words; of a run that diverged that first."""
    return story_of(history(path, snapshots), group, tree(path, snapshots, group))


@of_run(_TREES)
def tree(path: str, snapshots: int, group: str) -> Lineage:
    """The lineage of a group without causes: the scrubber's where it was drawn."""
    return lineage_account(path, snapshots, group).tree


@of_run(4, "Computing the lineage")
def lineage_account(path: str, snapshots: int, group: str) -> Account:
    """The lineage of a group."""
    return account(history(path, snapshots), group)


@of_run(64)
def biography(path: str, snapshots: int, group: str, token: int) -> pd.DataFrame:
    """The stays of a token in black holes of the group."""
    return biography_table(lineage_account(path, snapshots, group), history(path, snapshots), token)


@of_run(32)
def event_steps(path: str, snapshots: int, group: str) -> tuple[int, ...]:
    """The recorded steps at which something happened to the group's black holes, ascending."""
    steps, tree = history(path, snapshots).steps, lineage_account(path, snapshots, group).tree
    return tuple(sorted({int(steps[event.snapshot]) for event in tree.events} - {0}))


class Calm(NamedTuple):
    """A lineage without its flicker: the short-lived changes, the lineage, and for every event whether it is none of them."""

    found: tuple[Excursion, ...]
    tree: Lineage
    is_shown: tuple[bool, ...]


@of_run(8, "Detecting short-lived changes")
def calm(path: str, snapshots: int, group: str) -> Calm:
    """The lineage of a group with its flicker folded."""
    tree = lineage_account(path, snapshots, group).tree
    found = excursions(tree, history(path, snapshots).steps)
    shown = tuple(not is_folded(tree, event, found) for event in tree.events)
    return Calm(found, folded(tree, found) if found else tree, shown)


@of_run(8, "Classifying true and apparent holes")
def hidden(path: str, snapshots: int, group: str) -> Hidden | None:
    """The hidden classes of a group through the run; None where moments were not recorded."""
    return hidden_of(history(path, snapshots), group)


@of_run(12, "Computing the layout")
def lanes(path: str, snapshots: int, group: str, axis: StepAxis, unfold: bool) -> tuple[DrawnLineage, dict[str, pd.DataFrame]]:
    """The lanes of a lineage on an axis, and what lies under them."""
    from snowball_core.charts.lineage import drawn_lineage, ground

    found, tree, _ = calm(path, snapshots, group)
    if unfold:
        found, tree = (), lineage_account(path, snapshots, group).tree
    run = history(path, snapshots)
    drawn = drawn_lineage(tree, hidden(path, snapshots, group), run.steps, axis, names_of(run), found)
    return drawn, ground(drawn, axis)


@of_run(12)
def events(path: str, snapshots: int, group: str, unfold: bool) -> pd.DataFrame:
    """The events as they are listed, without those of the first snapshot, whose time is unknown.

    A parting that violates a law is listed even where it is part of a flicker.
    """
    from snowball_core.charts.lineage_data import told_events

    rows = event_rows(lineage_account(path, snapshots, group), history(path, snapshots).steps)
    listed = [
        row
        for row, keep in zip(rows, calm(path, snapshots, group).is_shown, strict=True)
        if (keep or unfold or row["violation"]) and row["previous_step"] is not None
    ]
    return told_events(listed, names_of(history(path, snapshots)))


def names_of(history: History) -> tuple[str, ...]:
    """What each token of the vocabulary is called."""
    return tuple(glyph(token) for token in range(history.words.shape[1]))


@of_run(4, "Measuring displacements")
def motion(path: str, snapshots: int) -> pd.DataFrame:
    """What is known of the motion at every step, for each group."""
    return step_table(history(path, snapshots))[["tokens", *MOTION_COLUMNS]]


@of_run(4)
def moves(path: str, snapshots: int) -> pd.DataFrame:
    """First and last move and path of every token."""
    return token_motion(history(path, snapshots))


@of_run(4, "Detecting moves")
def moved(path: str, snapshots: int) -> npt.NDArray[np.bool_]:
    """Which token moved in which snapshot."""
    return who_moved(history(path, snapshots))


@of_run(32, "Computing the verdict")
def verdict(path: str, snapshots: int, group: str, tell: Share = silent) -> Verdict:
    """The verdict on a group."""
    return verdict_of(history(path, snapshots), group, lambda done, total: tell(done / max(1, total)))


@of_run(16, "Checking the laws")
def laws(path: str, snapshots: int, tell: Share = silent) -> list[dict[str, Any]]:
    """Every law with its violations."""
    return law_rows(history(path, snapshots), lambda done, total: tell(done / max(1, total)))


@of_run(32)
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
    return kept("corpus", (name, errors, folder, files), lambda: load_corpus(name, errors, folder), 4)


def speed() -> float:
    """Floating-point operations per second of this machine: the fastest measured, at most once a minute.

    A machine at work looks slow for a while; a run would not be behind that work for ever.
    """

    def fastest() -> float:
        _SPEEDS[:] = [max([matrix_speed(), *_SPEEDS])]
        return _SPEEDS[0]

    return kept("speed", (int(time.monotonic() // 60),), fastest, 1)


def pace(config: RunConfig) -> Pace:
    """Seconds per step to be expected of a run of a configuration, measured again once a minute."""
    folder, shape = runs_folder(), [getattr(config, name) for name in SHAPE]
    minute = int(time.monotonic() // 60)
    return kept("pace", (minute, folder, *shape), lambda: expected_pace(config, speed(), recorded_pace(folder, config)), 8)
