"""Lineage, the page that answers: which black hole became which, and why did any part again."""

from __future__ import annotations

from pages.parts.lineage.view import lineage_view
from pages.parts.shared.page_frame import over_steps, run_page

run_page(
    "lineage",
    "Lineage",
    "How black holes merged and split, and why. Each token keeps its row; tokens with identical vectors share a block. "
    "Click a block or an event to set the step on all pages.",
    over_steps(lineage_view),
)
