"""Principal axes of a whole run, exact, and how much of every step they show."""

from __future__ import annotations

import pandas as pd

from ..measures.census import change_steps
from ..measures.principal_axes import PrincipalAxes, axes_of_run, durations, explained_variance
from ..memory import Progress, silent
from ..store.history import History


def basis_of_run(history: History, group: str, progress: Progress = silent) -> PrincipalAxes:
    """The principal axes of a group over the whole run, every change frame weighted by how long it lasted."""
    changed = change_steps(history.words, history.mask(group), progress)
    return axes_of_run(history.words, history.mask(group), changed, durations(changed, history.steps))


def axes_table(history: History, basis: PrincipalAxes, group: str, progress: Progress = silent) -> pd.DataFrame:
    """One row per recorded step: the share of the group's variance along each axis of a basis, and the share it misses."""
    share, missed = explained_variance(basis, history.words, history.mask(group), progress)
    return pd.DataFrame({"step": history.steps, "group": group, "first": share[:, 0], "second": share[:, 1], "missed": missed})
