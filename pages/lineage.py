"""Lineage, the page that answers: which black hole became which, and why did any part again."""

from __future__ import annotations

from pages.parts.lineage.view import lineage_view
from pages.parts.shared.page_frame import over_steps, run_page

run_page(
    "lineage",
    "Lineage",
    "Which black hole became which, and why did any part again? Every token keeps its row; tokens that are one vector share a "
    "block. Click a block or an event: the step moves there, here and on the Scrub page.",
    over_steps(lineage_view),
)
