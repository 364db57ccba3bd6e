"""Export, the page that answers: how do I take this run home."""

from __future__ import annotations

import streamlit as st

from pages.parts.server.front_door import require_front_door

require_front_door("pages/export.py")

from pages.parts.export.choice import choose_stand  # noqa: E402
from pages.parts.export.files import everything, methods_text, pictures, tables, whole_files  # noqa: E402
from pages.parts.shared.group_and_unit import pick_group, pick_unit, say_unusable  # noqa: E402
from pages.parts.shared.run_footer import provenance  # noqa: E402
from pages.parts.shared.run_picker import is_empty, offer_demo, pick_run, say_refusal  # noqa: E402
from snowball_core.errors import SnowballError  # noqa: E402

st.title("Export")
st.markdown(
    "How do I take this run home? Choose what to look at. Every file is made when its button is pressed, says which run, step "
    "and group it is of, and is the same byte for byte as the command writes it."
)
address, run = st.query_params.to_dict(), None
if is_empty():
    offer_demo()
else:
    pickers, told = st.container(horizontal=True, vertical_alignment="bottom", gap="medium"), st.container()
    with pickers:
        run = pick_run(told)
        group, unit = pick_group(), pick_unit()
if run is not None:
    say_unusable(run, address)
    try:
        stand = choose_stand(run, group, unit)
        if stand is not None:
            shown = stand.exhibit()
            everything(stand)
            pictures(stand, shown)
            tables(stand, shown)
            methods_text(stand, shown)
            whole_files(stand, shown)
    except SnowballError as error:
        say_refusal(error, run)
    provenance(run)
