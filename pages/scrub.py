"""Scrub, the page that answers: what were the tokens doing at this step."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/scrub.py")

from pages.parts.scrub import growing_run  # noqa: E402
from pages.parts.scrub.component import is_native, scrubber  # noqa: E402
from pages.parts.scrub.exact_step import exact_step  # noqa: E402
from pages.parts.scrub.exact_view import exact_view  # noqa: E402
from pages.parts.scrub.playback import EVERY_SECONDS, is_playing  # noqa: E402
from pages.parts.shared.divergence_notice import say_diverged  # noqa: E402
from pages.parts.shared.run_footer import provenance  # noqa: E402
from pages.parts.shared.run_picker import is_empty, offer_demo, pick_run, say_ended, say_refusal  # noqa: E402
from pages.parts.shared.selection import pick_group, pick_unit, say_unusable  # noqa: E402
from snowball_core.errors import SnowballError  # noqa: E402
from snowball_core.tables.census import drawable_snapshots, recorded_snapshots  # noqa: E402

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
        group, unit = pick_group(), pick_unit()
if run is not None:
    status = run.status()
    alive = status.is_alive
    say_unusable(run, address)
    try:
        say_diverged(run, group, recorded_snapshots(run))
    except SnowballError as error:
        say_refusal(error, run, notices)
    say_ended(status)
    drawable, began = 0 if is_native() else drawable_snapshots(run, group), growing_run.began()
    if drawable and alive:
        growing_run.watch(run, drawable)
    if drawable and scrubber(run, drawable, group, unit, alive):
        growing_run.drawn(began)
        exact_step(run, drawable, group, unit)
    else:
        waits = alive and not drawable and not is_native()
        st.fragment(exact_view, run_every=1.0 if alive else EVERY_SECONDS if is_playing() else None)(
            run, group, unit, alive, waits
        )
    provenance(run)
