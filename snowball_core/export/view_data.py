"""A run from one viewpoint, ready to be exported: what several exports need is made once."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..charts.fixed_axes import Stage, stage
from ..charts.lineage_layout import hues
from ..measures.bf16 import Words
from ..store.history import Observation
from ..tables.census import group_table, with_metrics
from ..tables.divergence import Divergence, divergence, judged
from ..tables.lineage import Account, account
from ..tables.per_step import step_table
from .view import Viewpoint


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A run or foreign history and the viewpoint of an export.

    Parameters
    ----------
    seen : Observation
    view : Viewpoint
    """

    seen: Observation
    view: Viewpoint

    @functools.cached_property
    def summary(self) -> pd.DataFrame:
        """One row per snapshot and group with every measure, and loss and rate where they are known."""
        table = step_table(self.seen)
        return with_metrics(table, self.seen.metrics) if self.seen.metrics else table

    @functools.cached_property
    def lost(self) -> Divergence | None:
        """Where the run diverged; None where it is finite."""
        return divergence(self.seen, self.view.group)

    @functools.cached_property
    def judged(self) -> Observation:
        """The part of the run that pictures over the run are of: all of it, or the steps before it diverged."""
        return judged(self.seen)

    @functools.cached_property
    def judged_summary(self) -> pd.DataFrame:
        """The rows of :attr:`summary` of that part."""
        whole = self.summary
        return whole if self.lost is None else whole[whole["step"].isin(self.judged.steps)]

    @functools.cached_property
    def lineage(self) -> Account:
        """The lineage of the group."""
        return account(self.seen, self.view.group)

    @functools.cached_property
    def stage(self) -> Stage:
        """Where the group is drawn during the whole run."""
        return stage(self.seen.words, self.mask)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which tokens are of the group."""
        return self.seen.mask(self.view.group)

    @functools.cached_property
    def rows(self) -> Words:
        """The group's rows at the step."""
        return self.seen.rows(self.view.step, self.view.group)

    @functools.cached_property
    def tokens(self) -> pd.DataFrame:
        """One row per token of the group at the step."""
        return self.tokens_at(self.view.step)

    def tokens_at(self, step: int) -> pd.DataFrame:
        """One row per token of the group at any recorded step, with the ``hue`` its hole keeps through the run.

        The group's name is "unknown" where the dead are not known.
        """
        rows, dead = self.seen.rows(step, self.view.group), self.seen.dead
        hue = hues(self.lineage.tree, self.seen.index(step), np.flatnonzero(self.mask))
        table = group_table(rows, np.zeros(len(self.mask), np.bool_) if dead is None else dead, self.mask).assign(hue=hue)
        return table.assign(group="unknown") if dead is None else table
