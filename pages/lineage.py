"""Lineage, the page that answers: which black hole became which, and why did any part again."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/lineage.py")

from pages.parts.lineage.view import lineage_view  # noqa: E402
from pages.parts.shared.page_frame import whole_run  # noqa: E402

st.title("Lineage")
st.markdown(
    "Which black hole became which, and why did any part again? Every token keeps its row; tokens that are one vector share a "
    "block. Click a block or an event: the step moves there, here and on the Scrub page."
)
whole_run(lineage_view)
