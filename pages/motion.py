"""Motion, the page that answers: who still moves, how, and is it physics or the schedule."""

from __future__ import annotations

from pages.parts.motion.view import motion_view
from pages.parts.shared.page_frame import over_steps, run_page

run_page(
    "motion",
    "Motion",
    "Who still moves, how far, and is that physics or the schedule? The learning rate stands under every picture, on the same "
    "axis. Click a step: it moves there, here and on the Scrub page.",
    over_steps(motion_view),
    has_unit=True,
)
