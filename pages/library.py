"""Library, the page that answers: which runs are there, and what became of their black holes."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/library.py")

from pages.parts.library.from_file import foreign_view  # noqa: E402
from pages.parts.library.run_table import shelf_view  # noqa: E402
from pages.parts.library.trash import say_put_away, trash_view  # noqa: E402
from pages.parts.shared.run_picker import say_read_only  # noqa: E402
from pages.parts.shared.url_state import pick_tab  # noqa: E402

st.title("Library")
st.markdown(
    "Which runs are there, and what became of their black holes? Select rows to open, name, compare or put away runs. "
    "U counts unique vectors, C black holes, P the tokens in them."
)
say_read_only()
say_put_away()
runs, file, trash = pick_tab(["Runs", "From a file", "Trash"], "shelf")
if runs.open:
    with runs:
        shelf_view()
if file.open:
    with file:
        foreign_view()
if trash.open:
    with trash:
        trash_view()
