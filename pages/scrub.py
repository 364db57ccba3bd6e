"""Scrub, the page that answers: what were the tokens doing at this step."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.scrub import growing_run
from pages.parts.scrub.bookmarks import bookmark_list
from pages.parts.scrub.component import draw_run
from pages.parts.scrub.exact_step import exact_step
from pages.parts.shared import cached
from pages.parts.shared.divergence_notice import say_diverged
from pages.parts.shared.page_frame import run_page
from pages.parts.shared.run_picker import say_ended
from pages.parts.shared.text import plain
from snowball_core.store.foreign.links import Source
from snowball_core.store.run_folder import Run
from snowball_core.tables.live import recorded_snapshots


def draw(run: Source, group: str, unit: str, _: DeltaGenerator) -> None:
    """Draw what is recorded of the run by now."""
    status = run.status()
    try:
        snapshots = recorded_snapshots(run)
        say_diverged(run, group, snapshots)
    finally:
        say_ended(status)
    began = time.monotonic()
    if status.is_alive and isinstance(run, Run):
        growing_run.watch(run, snapshots)
    elif not snapshots:
        st.warning(f"This run has no snapshots. {plain(status.message)}")
        st.page_link("pages/train.py", label="Resume it on the Train page, or choose another run")
    if snapshots and not cached.history(str(run.path), snapshots).mask(group).any():
        st.info(f"This run has no {group} tokens. Choose another group above.")
    elif snapshots:
        is_drawn = draw_run(run, snapshots, group, unit, status.is_alive)
        growing_run.drawn(began)
        bookmark_list(run, is_drawn)
        exact_step(run, snapshots, group, unit, is_drawn)


run_page(
    "scrub",
    "Scrub",
    "The embedding matrix at every step. Tokens that never occur in the training text (*dead* tokens) can have identical "
    "vectors; each such vector is a *black hole*. Move the slider to see holes form, merge and split.",
    draw,
    has_unit=True,
    is_low=True,
)
