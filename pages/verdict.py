"""Verdict, the page that answers: what became of the black holes, and may one say so."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/verdict.py")

from pages.parts.shared.divergence_notice import say_diverged, say_nothing_finite  # noqa: E402
from pages.parts.shared.downloads import Stand, take_these  # noqa: E402
from pages.parts.shared.group_and_unit import pick_group, say_unusable  # noqa: E402
from pages.parts.shared.run_footer import provenance  # noqa: E402
from pages.parts.shared.run_picker import is_empty, offer_demo, only_one_snapshot, pick_run, say_refusal  # noqa: E402
from pages.parts.verdict.criteria import criteria, outcome  # noqa: E402
from pages.parts.verdict.epsilon import seeds_epsilon  # noqa: E402
from pages.parts.verdict.laws import monitors  # noqa: E402
from snowball_core.errors import SnowballError  # noqa: E402
from snowball_core.tables.live import group_mask, recorded_snapshots  # noqa: E402

st.title("Verdict")
st.markdown(
    "What became of the black holes? The experiment's three questions with their numbers, as the first notebook asked them and "
    "as they should be asked; the laws every run must obey; and what the notebook's ε hides."
)
address, run = st.query_params.to_dict(), None
if is_empty():
    offer_demo()
else:
    pickers, told = st.container(horizontal=True, vertical_alignment="bottom", gap="medium"), st.container()
    with pickers:
        run = pick_run(told)
        group = pick_group()
if run is not None:
    say_unusable(run, address)
    try:
        recorded, path = recorded_snapshots(run), str(run.path)
        snapshots = say_diverged(run, group, recorded)
        if not recorded:
            st.info(
                "Nothing is recorded in this run yet: a verdict needs a snapshot. Choose another run, or wait a few seconds."
            )
        elif not group_mask(run.dead, group).any():
            st.info(f"This run has no {group} tokens, so there is nothing to judge: choose another group above.")
        elif not snapshots:
            say_nothing_finite(run)
        elif snapshots < 2:
            only_one_snapshot(run, "A verdict is on what became of black holes from the first recorded step to the last")
        else:
            outcome(path, snapshots, group)
            criteria(path, snapshots, group)
            monitors(run, snapshots, group)
            plates = seeds_epsilon(run, snapshots, group)
            take_these(Stand(run, recorded, group, "cells"), plates, ("verdict", "laws"))
        provenance(run)
    except SnowballError as error:
        say_refusal(error, run)
