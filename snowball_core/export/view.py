"""A view of a run or foreign history: step, group, unit and range, checked once; what exports derive from it; the footer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import __version__
from ..charts.lineage_layout import hues
from ..charts.places import Stage, stage
from ..errors import HistoryError
from ..measures.bf16 import Words, format_of
from ..store.history import History
from ..store.manifest import configuration_hash
from ..store.run_folder import Run, read_run
from ..store.run_titles import title
from ..tables.at_step import group_table
from ..tables.divergence import Divergence, divergence, judged
from ..tables.lineage import Account, account
from ..tables.per_step import step_table, with_metrics
from ..tables.story import story_of

UNITS = ("cells", "weight")
_SHORT = 12
Made = TypeVar("Made")


@dataclass(frozen=True)
class Named(Generic[Made]):
    """A named table or picture: what it holds, how it is made of a view; its heading and its entry on the About page."""

    what: str
    make: Callable[[View], Made]
    title: str = ""
    entry: str = ""


@dataclass(frozen=True, eq=False)
class View:
    """A run or foreign history at one recorded step, for one group and unit of distances; first and last step of a range.

    The range is that of the animation and of the tables over steps.
    """

    history: History
    step: int
    group: str
    unit: str
    first: int
    last: int

    @functools.cached_property
    def summary(self) -> pd.DataFrame:
        """One row per snapshot and group with every measure, and loss and rate where they are known."""
        table = step_table(self.history)
        return with_metrics(table, self.history.metrics) if self.history.metrics else table

    @functools.cached_property
    def lost(self) -> Divergence | None:
        """Where the run diverged; None where it is finite."""
        return divergence(self.history, self.group)

    @functools.cached_property
    def judged(self) -> History:
        """The part of the run that pictures over the run are of: all of it, or the steps before it diverged."""
        return judged(self.history)

    @functools.cached_property
    def judged_summary(self) -> pd.DataFrame:
        """The rows of :attr:`summary` of that part."""
        summary = self.summary
        return summary if self.lost is None else summary[summary["step"].isin(self.judged.steps)]

    @functools.cached_property
    def lineage(self) -> Account:
        """The lineage of the group."""
        return account(self.history, self.group)

    @functools.cached_property
    def story(self) -> str:
        """What happened to the group's black holes, in words."""
        return story_of(self.history, self.group, self.lineage.tree)

    @functools.cached_property
    def stage(self) -> Stage:
        """Where the group is drawn during the whole run."""
        return stage(self.history.words, self.mask, self.unit)

    @property
    def is_whole(self) -> bool:
        """Whether the range is all recorded steps."""
        return (self.first, self.last) == (int(self.history.steps[0]), int(self.history.steps[-1]))

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which tokens are of the group."""
        return self.history.mask(self.group)

    @functools.cached_property
    def rows(self) -> Words:
        """The group's rows at the step."""
        return self.history.rows(self.step, self.group)

    @functools.cached_property
    def tokens(self) -> pd.DataFrame:
        """One row per token of the group at the step."""
        return self.tokens_at(self.step)

    def tokens_at(self, step: int) -> pd.DataFrame:
        """One row per token of the group at any recorded step, with the ``hue`` its hole keeps through the run."""
        hue = hues(self.lineage.tree, self.history.index(step), np.flatnonzero(self.mask))
        return group_table(self.history.rows(step, self.group), self.history.dead, self.mask).assign(hue=hue)


def view_of(
    history: History,
    step: int | None = None,
    group: str | None = None,
    unit: str | None = None,
    first: int | None = None,
    last: int | None = None,
) -> View:
    """A checked view; what is not given is the last step, the dead (or all, where they are not known), cells, every step.

    Of a run that diverged the last finite step, where there is one.
    """
    if not len(history.steps):
        raise HistoryError(f'an export needs a recorded snapshot; "{history.id}" has none yet.')
    if unit not in (None, *UNITS):
        raise HistoryError(f'a unit is one of {", ".join(UNITS)}; got "{unit}".')
    chosen = group or ("dead" if "dead" in history.groups else "all")
    if not history.mask(chosen).any():
        raise HistoryError(f'"{history.id}" has no {chosen} tokens to export. Choose another group.')
    ends = int(history.steps[0]), int(history.steps[-1])
    span = [end if given is None else given for given, end in zip((first, last), ends, strict=True)]
    at = int(history.steps[history.finite - 1]) if step is None else step  # −1 is the last one too
    for wanted in (at, *span):
        history.index(wanted)
    if span[0] > span[1]:
        raise HistoryError(f"a range of steps must end where it begins or later; got {span[0]:,} to {span[1]:,}.")
    return View(history, at, chosen, unit or UNITS[0], span[0], span[1])


def run_of(history: History) -> Run | None:
    """The recorded run behind an observation; None for a foreign history."""
    return None if history.config is None or history.kept_in is None else read_run(history.kept_in)


def manifest_of(history: History) -> Mapping[str, Any]:
    """The run's ``run.json``; empty for a foreign history."""
    run = run_of(history)
    return {} if run is None else run.manifest


@functools.lru_cache(maxsize=64)
def unit_words(unit: str) -> str:
    """The unit of distances, spelled out."""
    return "cells" if unit == "cells" else "weight units"


def named(history: History) -> str:
    """A run's name and id; of a foreign history its id."""
    is_recorded = history.config is not None and history.kept_in is not None
    return f"{title(history.kept_in)} (run {history.id})" if is_recorded and history.kept_in else history.id


def identity_line(history: History) -> str:
    """What identifies the run: its id, the hash of its configuration, the recordings."""
    known, steps = configuration_hash(history.config), history.steps
    count, vocab, hidden = history.words.shape
    parts = [
        f"configuration {known[:_SHORT]}" if known else "foreign history, configuration unknown",
        f"{format_of(history.words).name} [{count:,}, {vocab:,}, {hidden:,}], steps {steps[0]:,} to {steps[-1]:,}",
        f"Snowball {__version__}",
    ]
    return " · ".join(parts)


def footer(view: View, unit: str = "", step: bool = True, note: str = "") -> tuple[str, ...]:
    """The lines under a picture of one step or of the whole run.

    They say where the run diverged; run, step, group, unit; what identifies it; what is thinned.
    """
    history = view.history
    size = f"{int(history.mask(view.group).sum()):,} of {history.words.shape[1]:,}"
    at = f"step {view.step:,}" if step else f"steps {history.steps[0]:,} to {history.steps[-1]:,}"
    parts = [named(history), at, f"{view.group} tokens ({size})", *([f"unit: {unit}"] if unit else [])]
    notices = [f"{view.lost.text}."] if view.lost else []
    return *notices, " · ".join(parts), identity_line(history), *([note] if note else [])
