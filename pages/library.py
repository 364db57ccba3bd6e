"""Library, the page that answers: which runs are there, and what became of their black holes."""

from __future__ import annotations

from pages.parts.library.from_file import foreign_view
from pages.parts.library.run_table import runs_view
from pages.parts.library.trash import say_put_away, trash_view
from pages.parts.shared.page_frame import head
from pages.parts.shared.run_picker import say_read_only
from pages.parts.shared.url_state import pick_tab

head(
    "library",
    "Library",
    "Recorded runs and their black holes. Select rows to open, name, compare or delete runs. U: unique vectors; C: black "
    "holes; P: tokens in them.",
)
say_read_only()
say_put_away()
views = (runs_view, foreign_view, trash_view)
for tab, view in zip(pick_tab(["Runs", "From a file", "Trash"], "tab"), views, strict=True):
    if tab.open:
        with tab:
            view()
