"""What the seed's constant ε would have said, and why it misleads."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from snowball_core.charts.overlay import MOST_POINTS, UNITS, distance_data, distance_spec
from snowball_core.export.pictures import Plate
from snowball_core.measures.verdict import FACTOR, SEEDS_EPSILON
from snowball_core.store.run_folder import Run
from snowball_core.tables.verdict_rows import CellWidths, disagreement

from ..shared.help_links import what_is
from ..shared.text import many
from . import cached_verdict

_ENTRIES = {"epsilon": "L∞ in ε", "weight": "largest_linf_weight", "cells": "largest_linf_cells"}


def seeds_epsilon(run: Run, snapshots: int, group: str) -> dict[str, Plate]:
    """One distance in three units over the steps, and how wide a cell is in ε; the pictures, to be taken home."""
    table, widths = cached_verdict.distances(str(run.path), snapshots, group)
    st.subheader("What the seed's ε hides", anchor="epsilon")
    st.markdown(_why(widths, group, int(table["step"].iloc[-1])) + f" {what_is('L∞ in ε')}")
    st.markdown(f"**{disagreement(table)}**")
    grid, plates = st.grid(3, min_column_width=330, gap="medium"), {}
    for unit, (title, _, one) in UNITS.items():
        with grid.cell():
            points = distance_data(table, unit)
            thin = "" if len(points) < MOST_POINTS else f"{len(points):,} of {snapshots:,} snapshots drawn"
            told = " · ".join([f"{group} tokens", f"unit: {title}", *([thin] if thin else [])])
            st.markdown(
                f"**Largest L∞ in {title}** {what_is(_ENTRIES[unit])}  \n:small[:gray[{told}]]  \n:small[:gray[{run.id}]]"
            )
            bound = pd.DataFrame({"value": [FACTOR * one], "asks": [_asks(unit)]})
            data = {"distances": points, "bound": bound}
            spec = distance_spec(unit, run.config.last_step, float(table[unit].max()))
            alt = (
                f"Largest L∞ in {title} over the steps: at the end {table[unit].iloc[-1]:.4g}, at most {table[unit].max():.4g}"
            )
            st.vega_lite_chart(spec | {"datasets": data}, key=f"distance-{unit}", alt=alt, width="stretch")
            note = f"{thin or 'Every change drawn'}. Dashed: {_asks(unit)}."
            plates[unit] = Plate(f"Largest L∞ in {title}", spec, data, title, False, note)
    st.caption(
        f"The largest L∞ of any pair of the group over {many(snapshots, 'recorded snapshot')}, every change drawn unless said "
        "above. Dashed: what each form of the criterion asks for."
    )
    return plates


def _asks(unit: str) -> str:
    return (
        f"corrected: below {FACTOR} cells"
        if unit == "cells"
        else f"the seed: below {FACTOR} ε, that is {FACTOR * SEEDS_EPSILON:.0e}"
    )


def _why(widths: CellWidths, group: str, step: int) -> str:
    narrow, median, wide = (f"{float(f'{width:.3g}'):,g}" for width in widths.in_epsilon)
    return (
        f"The first notebook measured distances in ε = {SEEDS_EPSILON:.0e} and took that for the spacing of numbers. It is σ, "
        f"the noise of the initial state. At step {step:,} a cell of the {group} tokens' components is {narrow} to {wide} ε "
        f"wide, half of them at least {median} ε: two rows one cell apart, the least that two rows can differ by there, count "
        "as many ε."
    )
