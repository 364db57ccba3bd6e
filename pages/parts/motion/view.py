"""The Motion page below its pickers: the numbers of the step, when motion ends, and the pictures over the run."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from snowball_core.charts import motion
from snowball_core.charts.motion_columns import Scene
from snowball_core.charts.step_axis import Picture, StepAxis
from snowball_core.export.pictures import PICTURES
from snowball_core.export.view import View
from snowball_core.measures.freezing import known_rates
from snowball_core.store.status import read_status
from snowball_core.tables.formats import number
from snowball_core.tables.motion import DEFINITIONS, freezing_of, freezing_sentence, zero_stretches

from ..shared import cached
from ..shared.downloads import take_these
from ..shared.help_links import what_is
from ..shared.page_frame import caption, to_scrub
from ..shared.run_picker import only_one_snapshot
from ..shared.selection import go

_MEANINGS = {
    "Moved": "Tokens with a changed bit since the previous snapshot.",
    "Frozen": "Tokens without a changed bit since the previous snapshot.",
    "Bulk speed": "Length of the displacement of the group's centroid, weight units per optimizer step.",
    "Thermal speed": "Root mean square displacement relative to the centroid, weight units per optimizer step.",
    "Coherence": "Mean cosine of the moved tokens' displacements with the centroid's; 1: parallel. None if no token moved.",
    "Learning rate": "Learning rate of this optimizer step.",
}


def motion_view(view: View, axis: StepAxis) -> None:
    """Everything about the group's motion; the unit of the view is that of the displacements."""
    if len(view.judged.steps) < 2:
        only_one_snapshot(view, "Motion needs at least two snapshots")
        return
    path, snapshots, group = cached.key(view)
    history, steps = view.judged, cached.motion(path, snapshots)
    table = steps[steps["group"] == group].reset_index(drop=True)
    peak = float(history.rates[1].max()) if history.rates is not None and len(history.rates[1]) else float("nan")
    found = freezing_of(history, steps, group)
    alive = bool(view.history.kept_in) and read_status(Path(str(view.history.kept_in))).is_alive
    text = freezing_sentence(found, group, int(history.steps[-1]), peak)
    st.markdown(f"Not yet known: the run is under way, at step {int(history.steps[-1]):,}." if alive else text)
    scene = Scene(table, history.rates, zero_stretches(history), axis)
    _now(view, table)
    _freezing(scene, {name: getattr(found, name) for name in DEFINITIONS}, alive)
    _figures(view, scene)
    st.caption("Tables contain all snapshots: regimes, speeds, coherence, percentiles; first and last moves, path lengths.")


def _now(view: View, table: pd.DataFrame) -> None:
    """The numbers of the step."""
    index = view.history.index(view.step)
    row = table.iloc[index]
    since = f" since step {int(view.history.steps[index - 1]):,}" if index else ", the first snapshot"
    with st.container(horizontal=True, vertical_alignment="center", key="now"):
        st.markdown(f"**At step {view.step:,}** · {view.group}: {int(row['tokens']):,} tokens{since}")
        to_scrub(view)
    # Nothing was recorded before the first step: that nobody moved since would be said of no motion at all.
    numbers = _numbers(view, row) if index else dict.fromkeys(_MEANINGS, "–")
    cells = st.grid(6, min_column_width=160)
    for label, definition in _MEANINGS.items():
        cells.metric(label, numbers[label], help=definition)
    st.markdown(
        f":small[:gray[Moved and frozen: tokens. Speeds: weight units per optimizer step ({what_is('bulk motion')}). "
        f"Coherence: mean cosine, from −1 to 1 ({what_is('coherence')}).]]"
    )


def _numbers(view: View, row: pd.Series) -> dict[str, str]:
    """The numbers of a step, by their labels."""
    rates = view.history.rates
    used = [] if rates is None else rates[1][rates[0] == view.step].tolist()
    return {
        "Moved": f"{int(row['moved']):,}",
        "Frozen": f"{int(row['frozen']):,}",
        "Bulk speed": number(row["bulk_speed_weight"]),
        "Thermal speed": number(row["thermal_speed_weight"]),
        "Coherence": "none" if pd.isna(row["coherence"]) else f"{row['coherence']:.3f}",
        "Learning rate": number(used[0]) if used else "unknown",
    }


def _freezing(scene: Scene, found: dict[str, int], alive: bool) -> None:
    """The three definitions side by side, and whether the schedule has a part in them; of a run under way none is known."""
    st.markdown("**End of motion**, by three definitions: " + what_is("freeze step"))
    beside = st.grid(3, min_column_width=220)
    for name, (label, definition) in DEFINITIONS.items():
        with beside.cell():
            is_known = found[name] < scene.steps[-1] and not alive
            when = f"step {found[name]:,}" if is_known else "not yet"
            st.button(
                f"{label}: {when}",
                key=f"freeze-{name}",
                on_click=go,
                args=(found[name],),
                disabled=alive,
                help="Set the step.",
                width="stretch",
            )
            st.caption(definition[0].upper() + definition[1:] + ".")
    if scene.zero:
        listed = ", ".join(f"{first + 1:,} to {last:,}" for first, last in scene.zero[:4])
        st.warning(f"The learning rate was 0 at steps {listed} (shaded): no motion possible.")
    elif scene.rates is None or not len(scene.rates[0]):
        st.caption("The learning rate of this run is unknown.")
    elif known_rates(scene.rates, int(scene.steps[0]), int(scene.steps[-1])) < scene.steps[-1] - scene.steps[0] - 1:
        st.caption("The learning rate is known at some steps only, and never exactly 0 there. It is plotted under each chart.")
    else:
        st.caption("The learning rate was never exactly 0. It is plotted under each chart.")


def _figures(view: View, scene: Scene) -> None:
    gaps = scene.gaps
    apart = "1 step" if gaps.max() == 1 else f"{int(gaps.min()):,} to {int(gaps.max()):,} steps"
    figures, beside = _drawn(view, scene), st.grid(2, min_column_width=520, gap="medium")
    for name, (meaning, unit, alt, picture) in figures.items():
        with beside.cell():
            caption(view, PICTURES[name].title, meaning, unit, f"{scene.thinned}, {apart} apart", PICTURES[name].entry)
            _draw(name, alt, picture)
            if name == "displacements" and view.unit == "cells":
                st.caption("Spikes: sign changes cross many tiny cells near zero.")
    st.caption(
        "If a column contains several snapshots, shares are means and lines are bands from minimum to maximum. Click a "
        "chart to set the step; click a row of the freeze map to select its token and its last move."
    )
    take_these(view, {name: {} for name in figures}, ("motion", "token-motion"))


def _drawn(view: View, scene: Scene) -> dict[str, tuple[str, str, str, Picture]]:
    """Meaning, unit, what is to be seen, and picture, under the names of the pictures of an export."""
    who, step, word = f"{view.group} tokens", view.step, motion.UNITS[view.unit]
    least, *_, most = (scene.table[f"displacement_{view.unit}_{share}"] for share in motion.SHARES)
    equal = f"; {scene.alike}" if least.equals(most) else ". One line: all tokens alike"
    alike, together = (f"; {scene.alike}" * scene.is_alike(names) for names in (tuple(motion.REGIME_LABELS), ("moved",)))
    path, snapshots, _ = cached.key(view)
    tokens, names = cached.moves(path, snapshots)[view.mask], cached.names_of(view.history)
    return {
        "regimes": (
            *(f"since the previous snapshot{alike}.", "share of tokens per recorded step"),
            *(f"Shares of {who} that are frozen, move by a cell, or further", motion.regime_shares(scene, step)),
        ),
        "freeze-map": (
            *(
                f"{'yellow' if together else 'one row per token; yellow'}: moved; grey: unchanged{together}.",
                "moved per recorded step",
            ),
            f"Moves of the {who}, ordered by last move",
            motion.freeze_map(scene, cached.moved(path, snapshots), tokens, names, step),
        ),
        "speeds": (
            *("of the centroid, and of tokens relative to it.", "weight units per optimizer step; cosine"),
            *(f"Bulk and thermal speed and coherence of {who}", motion.speeds(scene, step)),
        ),
        "displacements": (
            *(f"between consecutive snapshots{equal}.", word),
            *(f"Percentiles of the displacement of {who} in {word}", motion.displacements(scene, view.unit, step)),
        ),
    }


def _draw(key: str, name: str, picture: Picture) -> None:
    """A picture, panel under panel: a column of panels in one chart would not follow the page's width."""
    with st.container(gap=None, key=f"figure-{key}"):
        for number, (spec, datasets) in enumerate(motion.panels(picture)):
            place, alt = f"{key}-{number}", name if number == 0 else f"{name}: lower panel, same axis"
            if "params" in spec:
                felt = functools.partial(_picked, place)
                st.vega_lite_chart(spec | {"datasets": datasets}, key=place, alt=alt, width="stretch", on_select=felt)
            else:
                st.vega_lite_chart(spec | {"datasets": datasets}, key=place, alt=alt, width="stretch")


def _picked(place: str) -> None:
    said: dict[str, Any] = st.session_state[place]["selection"]
    for chosen in (each for parts in said.values() for each in parts[-1:]):
        go(step=int(chosen["step"]), select=f"t{int(chosen['token'])}" if "token" in chosen else None)
