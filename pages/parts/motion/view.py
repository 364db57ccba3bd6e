"""The Motion page below its pickers: the numbers of the step, when motion ends, and the pictures over the run."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from snowball_core.charts import motion
from snowball_core.charts.motion_columns import Scene
from snowball_core.charts.step_axis import Picture
from snowball_core.export.pictures import PICTURES, Plate
from snowball_core.measures.freezing import known_rates
from snowball_core.tables.motion import DEFINITIONS, freezing_of, freezing_sentence, token_motion, who_moved, zero_stretches
from snowball_core.tables.per_step import MOTION_COLUMNS, step_table

from ..shared import cached
from ..shared.downloads import take_these
from ..shared.file_stamps import of_run
from ..shared.help_links import what_is
from ..shared.page_frame import Whole, names_of, to_scrub
from ..shared.run_picker import only_one_snapshot
from ..shared.selection import go

_MEANINGS = {
    "Moved": "Tokens of which a bit changed since the recorded step before.",
    "Frozen": "Tokens of which no bit changed since the recorded step before.",
    "Bulk speed": "Length of the displacement of the group's centroid, weight units per optimizer step.",
    "Thermal speed": "Root mean square of the displacements relative to the centroid's, weight units per optimizer step.",
    "Coherence": "Mean cosine of the moved tokens' displacements with the centroid's; 1: all together. None if nobody moved.",
    "Learning rate": "Of the optimizer step that led here.",
}
# Names of files and widgets that are not those of the pictures of an export.
_KEYS = {"freeze-map": "map"}


@of_run(st.cache_data, max_entries=4, show_spinner="Measuring how every token moved…")
def _steps(path: str, snapshots: int) -> pd.DataFrame:
    return step_table(cached.history(path, snapshots))[["tokens", *MOTION_COLUMNS]]


@of_run(st.cache_data, max_entries=4, show_spinner=False)
def _tokens(path: str, snapshots: int) -> pd.DataFrame:
    return token_motion(cached.history(path, snapshots))


@of_run(st.cache_resource, max_entries=4, show_spinner="Looking when every token moved…")
def _moved(path: str, snapshots: int) -> npt.NDArray[np.bool_]:
    return who_moved(cached.history(path, snapshots))


def motion_view(whole: Whole, unit: str) -> None:
    """Everything about the group's motion; ``unit`` is that of the displacements."""
    if whole.snapshots < 2:
        only_one_snapshot(whole.run, "Motion is what happened from one recorded step to the next")
        return
    history, steps = whole.history, _steps(whole.path, whole.snapshots)
    table = steps[steps["group"] == whole.group].reset_index(drop=True)
    peak = float(history.rates[1].max()) if history.rates is not None and len(history.rates[1]) else float("nan")
    found = freezing_of(history, steps, whole.group)
    st.markdown(freezing_sentence(found, whole.group, int(history.steps[-1]), peak))
    scene = Scene(table, history.rates, zero_stretches(history), whole.axis)
    _now(whole, table)
    _freezing(scene, {name: getattr(found, name) for name in DEFINITIONS})
    tokens = _tokens(whole.path, whole.snapshots)[history.mask(whole.group)]
    _figures(whole, scene, tokens, unit)
    st.caption("Tables are exact, nothing thinned: regimes, speeds, coherence, percentiles; first and last moves, paths.")


def _now(whole: Whole, table: pd.DataFrame) -> None:
    """The numbers of the step."""
    row = table.iloc[whole.index]
    since = f" since step {int(whole.history.steps[whole.index - 1]):,}" if whole.index else ", the first recorded step"
    with st.container(horizontal=True, vertical_alignment="center", key="now"):
        st.markdown(f"**At step {whole.step:,}** · {whole.group}: {int(row['tokens']):,} tokens{since}")
        to_scrub(whole)
    # Nothing was recorded before the first step: that nobody moved since would be said of no motion at all.
    told = _numbers(whole, row) if whole.index else dict.fromkeys(_MEANINGS, "–")
    cells = st.grid(6, min_column_width=120)
    for label, definition in _MEANINGS.items():
        cells.metric(label, told[label], help=definition)
    st.markdown(
        f":small[:gray[Moved and frozen: tokens. Speeds: weight units per optimizer step ({what_is('bulk motion')}). "
        f"Coherence: mean cosine, from −1 to 1 ({what_is('coherence')}).]]"
    )


def _numbers(whole: Whole, row: pd.Series) -> dict[str, str]:
    """The numbers of a step, by their labels."""
    rates = whole.history.rates
    used = [] if rates is None else rates[1][rates[0] == whole.step].tolist()
    return {
        "Moved": f"{int(row['moved']):,}",
        "Frozen": f"{int(row['frozen']):,}",
        "Bulk speed": f"{row['bulk_speed_weight']:.3g}",
        "Thermal speed": f"{row['thermal_speed_weight']:.3g}",
        "Coherence": "none" if pd.isna(row["coherence"]) else f"{row['coherence']:.3f}",
        "Learning rate": f"{used[0]:.3g}" if used else "not known",
    }


def _freezing(scene: Scene, found: dict[str, int]) -> None:
    """The three definitions side by side, and whether the schedule has a part in them."""
    st.markdown("**When does motion end?** Three definitions, because they disagree: " + what_is("freeze step"))
    beside = st.grid(3, min_column_width=220)
    for name, (label, definition) in DEFINITIONS.items():
        with beside.cell():
            text = f"{label}: step {found[name]:,}"
            st.button(text, key=f"freeze-{name}", on_click=go, args=(found[name],), help="Go to this step.", width="stretch")
            st.caption(definition[0].upper() + definition[1:] + ".")
    if scene.zero:
        listed = ", ".join(f"{first + 1:,} to {last:,}" for first, last in scene.zero[:4])
        st.warning(f"The learning rate was 0 at steps {listed}: nothing could move there. It is shaded under every picture.")
    elif scene.rates is None or not len(scene.rates[0]):
        st.caption("The learning rate of this run is not known.")
    elif known_rates(scene.rates, int(scene.steps[0]), int(scene.steps[-1])) < scene.steps[-1] - scene.steps[0] - 1:
        st.caption("The learning rate is not known at every step. Where it is, under every picture, it was never exactly 0.")
    else:
        st.caption("The learning rate was never exactly 0. How small it became stands under every picture.")


def _figures(whole: Whole, scene: Scene, tokens: pd.DataFrame, unit: str) -> None:
    gaps = scene.gaps
    apart = "1 step" if gaps.max() == 1 else f"{int(gaps.min()):,} to {int(gaps.max()):,} steps"
    pace = f"{scene.thinned}, {apart} apart"
    drawn, beside = _drawn(whole, scene, tokens, unit), st.grid(2, min_column_width=520, gap="medium")
    for name, (meaning, unit_of, told, picture) in drawn.items():
        with beside.cell():
            whole.caption(PICTURES[name].title, meaning, unit_of, pace, PICTURES[name].entry)
            _draw(_KEYS.get(name, name), told, picture)
            if name == "displacements" and unit == "cells":
                st.caption("Spikes: a component that crosses zero passes thousands of cells, for they are tiny there.")
    st.caption(
        "Where a column holds several snapshots, shares are their means and lines are bands from the least to the largest. "
        "Click a picture to go to a step; a row of the freeze map selects its token and goes to its last move."
    )
    note = f"{pace}. The upright line is step {whole.step:,}."
    plates = {
        _KEYS.get(name, name): Plate(PICTURES[name].title, *picture, unit_of, False, note)
        for name, (_, unit_of, _, picture) in drawn.items()
    }
    take_these(whole.stand, plates, ("motion", "token-motion"))


def _drawn(whole: Whole, scene: Scene, tokens: pd.DataFrame, unit: str) -> dict[str, tuple[str, str, str, Picture]]:
    """Meaning, unit, what is to be seen, and picture, under the names of the pictures of an export."""
    who, step, word = f"{whole.group} tokens", whole.step, motion.UNITS[unit]
    moved, names = _moved(whole.path, whole.snapshots), names_of(whole.history)
    return {
        "regimes": (
            *("since the recorded step before, and how far.", "share of tokens per recorded step"),
            *(f"Shares of {who} that are frozen, move by a cell, or further", motion.regime_shares(scene, step)),
        ),
        "freeze-map": (
            *("a row a token; amber: it moved, slate: it did not.", "moved per recorded step"),
            f"When each of the {who} moved, those that froze first on top",
            motion.freeze_map(scene, moved, tokens, names, step),
        ),
        "speeds": (
            *("does the group move as one?", "weight units per optimizer step; cosine"),
            *(f"Bulk and thermal speed and coherence of {who}", motion.speeds(scene, step)),
        ),
        "displacements": (
            *("from a recorded step to the next.", word),
            *(f"Percentiles of the displacement of {who} in {word}", motion.displacements(scene, unit, step)),
        ),
    }


def _draw(key: str, name: str, picture: Picture) -> None:
    """A picture, panel under panel: a column of panels in one chart would not follow the page's width."""
    with st.container(gap=None, key=f"figure-{key}"):
        for number, (spec, datasets) in enumerate(motion.panels(picture)):
            place, alt = f"{key}-{number}", name if number == 0 else f"{name}: what stands under it, on the same axis"
            if "params" in spec:
                felt = functools.partial(_picked, place)
                st.vega_lite_chart(spec | {"datasets": datasets}, key=place, alt=alt, width="stretch", on_select=felt)
            else:
                st.vega_lite_chart(spec | {"datasets": datasets}, key=place, alt=alt, width="stretch")


def _picked(place: str) -> None:
    said: dict[str, Any] = st.session_state[place]["selection"]
    for chosen in (each for parts in said.values() for each in parts[-1:]):
        go(step=int(chosen["step"]), select=f"t{int(chosen['token'])}" if "token" in chosen else None)
