"""Scrub, the page that answers: what were the tokens doing at this step."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/scrub.py")

from pages.parts.scrub import growing_run  # noqa: E402
from pages.parts.scrub.bookmarks import bookmark_list, open_bookmark  # noqa: E402
from pages.parts.scrub.component import draw_run  # noqa: E402
from pages.parts.scrub.exact_step import exact_step  # noqa: E402
from pages.parts.shared.divergence_notice import say_diverged  # noqa: E402
from pages.parts.shared.run_footer import provenance  # noqa: E402
from pages.parts.shared.run_picker import is_empty, offer_demo, pick_run, say_ended, say_refusal  # noqa: E402
from pages.parts.shared.saved_views import saved_views  # noqa: E402
from pages.parts.shared.selection import pick_group, pick_unit, say_unusable  # noqa: E402
from pages.parts.shared.text import plain  # noqa: E402
from snowball_core.errors import SnowballError  # noqa: E402
from snowball_core.store.run_folder import Run  # noqa: E402
from snowball_core.tables.live import group_mask, recorded_snapshots  # noqa: E402


def draw(run: Run, group: str, unit: str) -> None:
    """Draw what is recorded of the run by now."""
    status = run.status()
    try:
        snapshots = recorded_snapshots(run)
        say_diverged(run, group, snapshots)
    finally:
        say_ended(status)
    began = growing_run.began()
    if status.is_alive:
        growing_run.watch(run, snapshots)
    elif not snapshots:
        st.warning(f"Nothing was recorded in this run. {plain(status.message)}")
        st.page_link("pages/train.py", label="Resume it on the Train page, or choose another run")
    if not group_mask(run.dead, group).any():
        st.info(f"This run has no {group} tokens, so there is nothing to draw for them: choose another group above.")
    elif snapshots:
        is_drawn = draw_run(run, snapshots, group, unit, status.is_alive)
        growing_run.drawn(began)
        bookmark_list(run, is_drawn)
        exact_step(run, snapshots, group, unit, is_drawn)


heading = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="heading")
heading.title("Scrub", width="stretch")
st.markdown(
    "What were the tokens doing at this step? Tokens that never occur in the text (*dead* tokens) can share one and the same "
    "vector, a *black hole*. Move the slider and see holes merge, part or stay."
)
notices = st.container()
address, run = st.query_params.to_dict(), None
if is_empty():
    offer_demo()
else:
    with heading:
        run = pick_run(notices)
        open_bookmark(run, notices)
        group, unit = pick_group(), pick_unit()
if run is not None:
    say_unusable(run, address)
    try:
        draw(run, group, unit)
    except SnowballError as error:
        say_refusal(error, run, notices)
    saved_views(run, "scrub")
    provenance(run)
