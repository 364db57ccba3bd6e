"""Verdict, the page that answers: what became of the black holes, and may one say so."""

from __future__ import annotations

from pages.parts.shared.page_frame import run_page
from pages.parts.verdict.view import verdict_view

run_page(
    "verdict",
    "Verdict",
    "The experiment's three criteria, as the original notebook computed them and corrected; laws that every run must "
    "satisfy; and the effect of the notebook's constant ε.",
    verdict_view,
)
