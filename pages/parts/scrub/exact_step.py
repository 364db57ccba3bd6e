"""The exact view under the scrubber: the part of the page that runs again when the scrubber comes to rest."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.run_folder import Run
from snowball_core.tables.census import group_mask, group_table

from ..shared import cached
from ..shared.downloads import take_home
from ..shared.selection import here, selected, shown_step
from ..shared.text import plain
from . import figures
from .biography import biography
from .component import FRAGMENT
from .figures import Moment
from .step_tables import tables


@st.fragment(key=FRAGMENT)
def exact_step(run: Run, snapshots: int, group: str, unit: str) -> None:
    """The numbers of the step, the biography of what is selected, and the tables, all from the file itself."""
    try:
        index = shown_step(run, snapshots)
        mask = group_mask(run.dead, group)
        rows = cached.rows_at(str(run.path), snapshots, index, mask)
        tokens = group_table(rows, run.dead, mask)
        step, measures = int(run.steps(snapshots)[index]), cached.measures(str(run.path), snapshots)
        moment = Moment(run, snapshots, True, group, unit, step, rows, tokens, measures)
        figures.numbers(moment)
        if (asked := int(here()["step"])) != step:
            st.caption(f"Step {asked:,} is not recorded: step {step:,}, the last recorded one before it, is shown.")
        biography(moment, selected())
        tables(moment)
        take_home(cached.view(str(run.path), snapshots, step, group, unit))
    except SnowballError as error:
        st.error(plain(error))
