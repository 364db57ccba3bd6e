"""Where a run diverged: said first on every page that shows it, with the number of snapshots that can be judged."""

from __future__ import annotations

import streamlit as st

from snowball_core.measures.bf16 import Words, finite_rows
from snowball_core.measures.census import census
from snowball_core.store.foreign.links import Source
from snowball_core.tables.divergence import Divergence, divergence

from . import cached
from .text import plain


def lost_of(run: Source, group: str, snapshots: int) -> Divergence | None:
    """Where a run diverged; None where all that is recorded is finite."""
    return divergence(cached.history(str(run.path), snapshots), group) if snapshots else None


def say_diverged(run: Source, group: str, snapshots: int) -> int:
    """Say where a run diverged, if it did; the number of snapshots that can be judged."""
    say_lost(lost_of(run, group, snapshots))
    return cached.history(str(run.path), snapshots).finite if snapshots else 0


def say_lost(lost: Divergence | None, name: str = "") -> None:
    """A divergence in words, of one run of several by its name; nothing where there is none."""
    if lost is not None:
        st.error(f"**{plain(name)}**: {lost.text}." if name else f"{lost.text}.", icon=":material/trending_up:")


def say_rows(rows: Words) -> None:
    """Say of one step's rows which are not finite, and what is counted without them; nothing where all are."""
    finite = finite_rows(rows)
    if lost := int((~finite).sum()):
        rest = census(rows[finite])
        st.warning(
            f"{lost:,} of {len(rows):,} rows {'is' if lost == 1 else 'are'} NaN or infinite at this step. The counts above "
            f"compare them by bits; distances and positions are undefined. Without them: U {rest.unique:,}, C "
            f"{rest.black_holes:,}, P {rest.population:,}, S {rest.singletons:,}."
        )


def say_nothing_finite(run: Source) -> None:
    """Say of a run whose first recorded step is not finite that there is nothing to judge, and where its rows are."""
    st.info("This run has no finite snapshot. Choose another run above.")
    st.page_link("pages/scrub.py", label="Open in Scrub", query_params={"run": run.id})
