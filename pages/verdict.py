"""Verdict, the page that answers: what became of the black holes, and may one say so."""

from __future__ import annotations

from pages.parts.shared.page_frame import run_page
from pages.parts.verdict.view import verdict_view

run_page(
    "verdict",
    "Verdict",
    "What became of the black holes? The experiment's three questions with their numbers, as the first notebook asked them and "
    "as they should be asked; the laws every run must obey; and what the notebook's ε hides.",
    verdict_view,
)
