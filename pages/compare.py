"""Compare, the page that answers: is it the same for another seed, or another setting."""

from __future__ import annotations

import streamlit as st

from pages.parts.compare.cached_runs import key_of, lined_up, measured_entrants
from pages.parts.compare.overlays import overlays
from pages.parts.compare.run_table import differing, roll_call
from pages.parts.compare.runs import pick_runs
from pages.parts.compare.side_by_side import side_by_side
from pages.parts.shared.divergence_notice import lost_of, say_lost
from pages.parts.shared.page_frame import head
from pages.parts.shared.run_picker import is_empty, offer_demo
from pages.parts.shared.saved_views import saved_views
from pages.parts.shared.selection import pick_group, pick_unit
from pages.parts.shared.text import plain
from snowball_core.errors import SnowballError
from snowball_core.measures.alignment import FEWEST
from snowball_core.tables.comparison import letters

head(
    "compare",
    "Compare",
    "Compare runs across seeds and settings on one axis; duplicates are detected.",
)
runs = []
if is_empty():
    offer_demo()
else:
    runs = pick_runs()
    with st.container(horizontal=True, gap="medium"):
        group, unit = pick_group(next((run for run in runs if run.dead is None), None)), pick_unit()
    if len(runs) < FEWEST:
        many = "is one" if runs else "are none"
        st.info(
            f"A comparison needs at least {FEWEST} readable runs; there {many}. Choose another above, or record one with "
            "another seed on the Train page."
        )
        st.page_link("pages/train.py", label="Record another run")
if len(runs) >= FEWEST:
    try:
        keys = tuple(key_of(run) for run in runs)
        found = lined_up(keys)
        names = letters(found)
        for run, (_, snapshots) in zip(runs, keys, strict=True):
            say_lost(lost_of(run, group, snapshots), names[run.id])
        roll_call(found, names, {run.id: run.status() for run in runs})
        entrants = measured_entrants(keys, group)
        st.subheader("On one axis", anchor="axis")
        overlays(entrants, found, group)
        st.subheader("What differs", anchor="differences")
        differing(found, names)
        st.subheader("Side by side at the same step", anchor="side-by-side")
        side_by_side({run.id: run for run in runs}, entrants, names, group, unit)
    except SnowballError as error:
        st.error(plain(error))
    saved_views(runs[0], "compare")
