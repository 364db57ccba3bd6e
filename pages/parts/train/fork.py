"""The run that the form forks, kept in the address: ``fork`` names it, ``at`` a recorded step or its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.jobs.fork_points import Branch, branch
from snowball_core.store.origin import CHECKPOINT
from snowball_core.store.run_folder import open_run, runs_folder

from ..shared.text import plain
from ..shared.url_state import keep, kept

# In the session; "at" alone is the step of the Compare page there.
_RUN, _AT = "forked-run", "forked-at"
_CHANGES = "fork-changes"


def chosen_branch() -> Branch | None:
    """Where the address says to fork; None for a new run, after saying why if it says something that cannot be."""
    run_id, asked = kept("fork", ".+", _RUN), kept("at", ".+", _AT) or CHECKPOINT
    if not run_id:
        return None
    try:
        if asked != CHECKPOINT and not (asked.isascii() and asked.isdigit() and len(asked) < 12):
            st.warning(f'A fork begins at "checkpoint" or at a recorded step; the address says "{plain(asked[:60])}".')
            return None
        run = open_run(runs_folder(), run_id)
        return branch(run, None if asked == CHECKPOINT else int(asked))
    except SnowballError as error:
        st.warning(plain(error))
        return None


def fork(run_id: str, at: str, changes: Mapping[str, str] | None = None) -> None:
    """Make the form one of a fork, with some fields changed; for callbacks."""
    keep(_RUN, run_id)
    keep(_AT, at)
    st.session_state[_CHANGES] = dict(changes or {})


def pop_changes() -> dict[str, str]:
    """The fields that a fork just chosen changes, once."""
    changes: dict[str, str] = st.session_state.pop(_CHANGES, {})
    return changes


def leave() -> None:
    """Make the form one of a new run again; for callbacks."""
    keep(_RUN, "")
    keep(_AT, "")


def explain(at: Branch) -> None:
    """What this fork takes over, what it does not, and the way back."""
    if at.kind == CHECKPOINT:
        text = (
            f"**Exact** continuation from the checkpoint at step {at.step:,}: parameters, optimizer moments, schedule "
            "position and data order are those of the parent, and its recording up to there is copied. Fields that would "
            "break this are fixed."
        )
    else:
        text = (
            f"New run initialized with the W of **step {at.step:,}**, bit for bit. Everything else is reset: the other "
            "parameters are drawn from the seed, optimizer moments are empty, and step count, schedule and data order start "
            "at 0."
        )
    with st.container(border=True, key="fork"):
        st.markdown(f"**Fork of {plain(at.parent.id)}**  \n{text}")
        st.button("Use a preset instead", key="fork-leave", icon=":material/undo:", on_click=leave)
