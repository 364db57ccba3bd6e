"""The exact view under the scrubber: the part of the page that runs again when the scrubber comes to rest."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.runs import Run
from snowball_core.tables import group_mask, group_table

from . import figures, openers
from .biography import biography
from .exact_tables import tables
from .figures import Moment
from .place import here, selected, shown_step
from .scrubber import FRAGMENT
from .takeaway import Stand, take_home
from .words import plain


@st.fragment(key=FRAGMENT)
def exact_step(run: Run, snapshots: int, group: str, unit: str) -> None:
    """The numbers of the step, the biography of what is selected, and the tables, all from the file itself."""
    try:
        index = shown_step(run, snapshots)
        mask = group_mask(run.dead, group)
        rows = openers.rows_at(str(run.path), snapshots, index, mask)
        tokens = group_table(rows, run.dead, mask)
        step, measures = int(run.steps(snapshots)[index]), openers.measures(str(run.path), snapshots)
        moment = Moment(run, snapshots, True, group, unit, step, rows, tokens, measures)
        figures.numbers(moment)
        if (asked := int(here()["step"])) != step:
            st.caption(f"Step {asked:,} is not recorded: step {step:,}, the last recorded one before it, is shown.")
        biography(moment, selected())
        tables(moment)
        take_home(Stand(run, snapshots, group, unit, step))
    except SnowballError as error:
        st.error(plain(error))
