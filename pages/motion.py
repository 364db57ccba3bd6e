"""Motion, the page that answers: who still moves, how, and is it physics or the schedule."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/motion.py")

from pages.parts.motion.view import motion_view  # noqa: E402
from pages.parts.shared.group_and_unit import pick_unit  # noqa: E402
from pages.parts.shared.page_frame import whole_run  # noqa: E402

st.title("Motion")
st.markdown(
    "Who still moves, how far, and is that physics or the schedule? The learning rate stands under every picture, on the same "
    "axis. Click a step: it moves there, here and on the Scrub page."
)
whole_run(motion_view, pick_unit)
