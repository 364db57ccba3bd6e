"""Export, the page that answers: how do I take this run home."""

from __future__ import annotations

from pages.parts.export.files import export_view
from pages.parts.shared.page_frame import run_page

run_page(
    "export",
    "Export",
    "Download tables, pictures and reports of a run. Each file names its run, step and group, and is byte-identical to the "
    "output of the command.",
    export_view,
    has_unit=True,
)
