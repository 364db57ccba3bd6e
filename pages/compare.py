"""Compare, the page that answers: is it the same for another seed, or another setting."""

from __future__ import annotations

import streamlit as st

from pages.parts.compare.cached_runs import key_of, lined_up, measured_entrants
from pages.parts.compare.drawing import styles_of
from pages.parts.compare.overlays import overlays, pick_grouping, theme
from pages.parts.compare.run_table import differing, roll_call
from pages.parts.compare.runs import pick_runs
from pages.parts.compare.side_by_side import pick_step, side_by_side
from pages.parts.shared.divergence_notice import lost_of, say_lost
from pages.parts.shared.page_frame import head, pick_axis
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
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with row:
        group, unit, axis = pick_group(), pick_unit(), pick_axis()
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
        with row:
            by = pick_grouping(found)
        names, colours = letters(found), theme()
        groups, styles = styles_of(found, by, colours)
        for run, (_, snapshots) in zip(runs, keys, strict=True):
            say_lost(lost_of(run, group, snapshots), names[run.id])
        roll_call(found, {run: styles[name] for run, name in groups.items()}, {run.id: run.status() for run in runs})
        entrants = measured_entrants(keys, group)
        st.subheader("On one axis", anchor="axis")
        pick_step(entrants)
        overlays(entrants, found, keys, group, by, axis, colours)
        st.subheader("What differs", anchor="differences")
        differing(found, names)
        st.subheader("Side by side at the same step", anchor="side-by-side")
        side_by_side({run.id: run for run in runs}, styles_of(found, "run", colours)[0], group, unit, axis)
    except SnowballError as error:
        st.error(plain(error))
    saved_views(runs[0], "compare")
