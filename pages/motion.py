"""Motion, the page that answers: who still moves, how, and is it physics or the schedule."""

from __future__ import annotations

from pages.parts.motion.view import motion_view
from pages.parts.shared.page_frame import over_steps, run_page

run_page(
    "motion",
    "Motion",
    "Which tokens move, how far, and whether the schedule stops them. The learning rate is plotted under each chart on the "
    "same axis. Click a chart to set the step on all pages.",
    over_steps(motion_view),
    has_unit=True,
)
