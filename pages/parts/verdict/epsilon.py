"""What the original notebook's ε would have said, and why it misleads."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from snowball_core.charts.overlay import UNITS, distance_data, distance_spec
from snowball_core.charts.overlay_data import MOST_POINTS
from snowball_core.export.pictures import Plate
from snowball_core.export.view import View
from snowball_core.measures.verdict import FACTOR, ORIGINAL_EPSILON
from snowball_core.tables.verdict_rows import cell_widths, disagreement, epsilon_table

from ..shared import cached
from ..shared.help_links import what_is
from ..shared.page_frame import caption
from ..shared.text import many

_ENTRIES = {"epsilon": "L∞ in ε", "weight": "largest_linf_weight", "cells": "largest_linf_cells"}


def picture(view: View, unit: str) -> Plate:
    """The largest L∞ of every step in a unit, with what each form of the criterion asks for; as drawn and as published."""
    (table, _), (title, _, one), config = _distances(view), UNITS[unit], view.history.config
    points = distance_data(table, unit)
    thin = "" if len(points) < MOST_POINTS else f"{len(points):,} of {len(table):,} snapshots drawn"
    bound = pd.DataFrame({"value": [FACTOR * one], "asks": [_asks(unit)]})
    spec = distance_spec(unit, config.last_step if config else int(view.history.steps[-1]), float(table[unit].max()))
    note = f"{thin or 'All changes drawn'}. Dashed: {_asks(unit)}."
    return Plate(f"Largest L∞ in {title}", spec, {"distances": points, "bound": bound}, title, False, note)


def original_epsilon(view: View) -> None:
    """One distance in three units over the steps, and how wide a cell is in ε."""
    table, widths = _distances(view)
    st.subheader("Effect of the original notebook's ε", anchor="epsilon")
    st.markdown(_why(widths, view.group, int(table["step"].iloc[-1])) + f" {what_is('L∞ in ε')}")
    st.markdown(f"**{disagreement(table)}**")
    grid = st.grid(3, min_column_width=330, gap="medium")
    for unit in UNITS:
        with grid.cell():
            plate, values = picture(view, unit), table[unit]
            thin = plate.note.split(". ")[0]
            caption(view, plate.title, "", plate.unit, "" if thin.startswith("All") else thin, _ENTRIES[unit])
            alt = f"{plate.title} over the steps: last {values.iloc[-1]:.4g}, maximum {values.max():.4g}"
            st.vega_lite_chart({**plate.spec, "datasets": plate.datasets}, key=f"distance-{unit}", alt=alt, width="stretch")
    st.caption(
        f"Largest L∞ of any pair of the group over {many(len(table), 'recorded snapshot')}. All changes are drawn unless "
        "stated above. Dashed: threshold of the criterion."
    )


def _distances(view: View) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """The largest L∞ of every step in three units, and how wide cells are at the last."""
    path, snapshots, group = cached.key(view)
    table = cached.measures(path, snapshots)
    mine = table[table["group"] == group]
    columns = (mine[name].to_numpy() for name in ("step", "largest_linf_weight", "largest_linf_cells"))
    return epsilon_table(*columns), cell_widths(view.judged.words[-1][view.mask])


def _asks(unit: str) -> str:
    return (
        f"corrected: below {FACTOR} cells"
        if unit == "cells"
        else f"original notebook: below {FACTOR} ε = {FACTOR * ORIGINAL_EPSILON:.0e}"
    )


def _why(widths: tuple[float, ...], group: str, step: int) -> str:
    narrow, median, wide = (f"{float(f'{width:.3g}'):,g}" for width in widths)
    return (
        f"The original notebook measures distances in ε = {ORIGINAL_EPSILON:.0e}, taken as the spacing of numbers. In fact it "
        f"is σ, the noise of the initial state. At step {step:,} the cells of the {group} tokens' components are {narrow} to "
        f"{wide} ε wide (median {median} ε). Two rows one cell apart, the smallest possible difference, are therefore that "
        "many ε apart."
    )
