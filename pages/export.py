"""Export, the page that answers: how do I take this run home."""

from __future__ import annotations

from pages.parts.export.files import export_view
from pages.parts.shared.page_frame import run_page

run_page(
    "export",
    "Export",
    "How do I take this run home? Choose what to look at. Every file has an address, made when it is asked for; it says which "
    "run, step and group it is of, and is the same byte for byte as the command writes it.",
    export_view,
    has_unit=True,
)
