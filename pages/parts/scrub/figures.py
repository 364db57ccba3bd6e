"""The figures of one moment: every one says what it shows, of which run, step and group, in which unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from snowball_core.charts import counts_and_places, pointing, selection
from snowball_core.charts import heatmap as heatmaps
from snowball_core.charts.fixed_axes import basis_note
from snowball_core.charts.lineage_layout import hues
from snowball_core.charts.step_axis import StepAxis
from snowball_core.errors import SnowballError
from snowball_core.measures.bf16 import Words, finite_rows
from snowball_core.measures.distances import distance_matrix
from snowball_core.quantities import COUNTS, OF_COLUMN
from snowball_core.store.run_folder import Run
from snowball_core.tables.at_step import exact_numbers, tokens_at
from snowball_core.tables.lineage import Account
from snowball_core.tables.live import group_mask, recorded_at, settled

from ..shared import cached
from ..shared.divergence_notice import say_rows
from ..shared.help_links import what_is
from .clicks import clickable
from .heatmap import Box, heatmap, legend


class CloseUp(Protocol):
    """One group of any history at one step, and what can be asked of it there."""

    @property
    def group(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The steps of all snapshots."""

    @property
    def rows(self) -> Words: ...
    @property
    def tokens(self) -> pd.DataFrame:
        """The token table of the group."""

    def near(self) -> pd.DataFrame:
        """The same with hidden classes and motion."""

    def lineage(self) -> Account:
        """The black holes through the whole history."""

    def stays(self, token: int) -> pd.DataFrame:
        """The stays of a token in black holes."""


@dataclass(frozen=True)
class Moment:
    """One group of a run at one step, and what the figures need to keep still.

    Attributes
    ----------
    run : Run
    snapshots : int
        Recorded by now.
    finished : bool
        Whether no worker is at the run.
    group, unit : str
    step : int
    rows : Words, shape (tokens of the group, hidden)
    tokens : DataFrame
        The token table of the group.
    measures : DataFrame
        The measures table of the whole run.
    side : str
        Tells two moments on one page apart.
    selected : tuple of str and int, or None
        "token" or "hole", and the token: what the pictures mark.
    """

    run: Run
    snapshots: int
    finished: bool
    group: str
    unit: str
    step: int
    rows: Words
    tokens: pd.DataFrame
    measures: pd.DataFrame
    side: str = ""
    selected: tuple[str, int] | None = None

    @property
    def index(self) -> int:
        """The snapshot of the step."""
        return recorded_at(self.run.steps(self.snapshots), self.step)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Which tokens are of the group."""
        return group_mask(self.run.dead, self.group)

    @property
    def token(self) -> int | None:
        """The selected token."""
        return None if self.selected is None else self.selected[1]

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The steps of all snapshots recorded by now."""
        return self.run.steps(self.snapshots)

    @cached_property
    def coloured(self) -> pd.DataFrame:
        """The token table with the ``hue`` each hole keeps through the run; without it while that cannot be told."""
        if not self.finished:
            return self.tokens
        try:
            tree = self.lineage().tree
        except SnowballError:
            return self.tokens
        return self.tokens.assign(hue=hues(tree, self.index, np.flatnonzero(self.mask)))

    def near(self) -> pd.DataFrame:
        """The token table with hidden classes and motion; the plain one where a file beside the history cannot be read."""
        try:
            history = cached.history(str(self.run.path), self.snapshots)
        except SnowballError:
            return self.tokens.assign(hidden_class=None)
        return tokens_at(history, recorded_at(history.steps, self.step), self.group)

    def lineage(self) -> Account:
        """The black holes of the group through the run."""
        return cached.lineage_account(str(self.run.path), self.snapshots, self.group)

    def stays(self, token: int) -> pd.DataFrame:
        """The stays of a token in black holes of the group."""
        return cached.biography(str(self.run.path), self.snapshots, self.group, token)

    def caption(self, title: str, meaning: str, unit: str, entry: str) -> None:
        """The heading of a figure; ``entry`` is what explains it on the About page.

        Each line is short enough for a narrow column: pictures side by side begin level.
        """
        told = f"step {self.step:,} · {self.group} tokens · unit: {unit}"
        lines = (f"**{title}** {what_is(entry)}", *(f":small[:gray[{line}]]" for line in (meaning, told, self.run.id)))
        st.markdown("  \n".join(lines))


def _chart(spec: dict[str, Any], key: str, name: str, **datasets: pd.DataFrame) -> None:
    st.vega_lite_chart(spec | {"datasets": datasets}, key=key, alt=name, width="stretch")


def curves(moment: Moment, axis: StepAxis) -> None:
    """Counts over the whole run, loss and learning rate below them, each with a cursor at the step."""
    run = moment.run
    moment.caption("Counts over the run", "the upright line is the step chosen below", "tokens or vectors", "census")
    cursor, made = axis.cursor(moment.step), (moment.snapshots, moment.group, moment.finished, axis.kind, axis)
    data, means, width = cached.curves(str(run.path), *made)
    spec = counts_and_places.counts_spec(axis, len(moment.rows))
    _chart(spec, "counts", "Counts U, C, P and S over the steps", counts=data, cursor=cursor)
    for place, key, name, describe in zip(
        st.columns(2),
        ("loss", "rate"),
        ("Training loss", "Learning rate"),
        (counts_and_places.loss_spec, counts_and_places.rate_spec),
        strict=True,
    ):
        with place:
            _chart(describe(axis, 150), key, f"{name} over the steps", loss=means, cursor=cursor)
    if width > 1:
        st.caption(
            f"Each point of loss and rate is the mean of up to {width} steps; the counts are exact at every recorded step."
        )


def numbers(moment: CloseUp) -> None:
    """The exact numbers of the step, each with its definition."""
    exact = exact_numbers(moment.rows)
    with st.container(key="exact"):
        st.markdown(f"**Exact at step {moment.step:,}** · {moment.group}: {exact['tokens']:,} tokens")
        cells = st.grid(6, min_column_width=112)
        for name in (*COUNTS, "largest"):
            known = OF_COLUMN[name]
            cells.metric(f"{known.symbol} {known.short}".strip(), f"{exact[name]:,}", help=f"{known.formula.capitalize()}.")
        is_finite = math.isfinite(exact["linf_weight"])
        cells.metric(
            "Farthest, cells",
            f"{exact['linf_cells']:,}" if is_finite else "none",
            f"{_short(exact['linf_weight'])} weight" if exact["linf_weight"] == exact["linf_weight"] else "no number",
            delta_color="off",
            delta_arrow="off",
            help="L∞: the largest difference of any component between any two tokens: in cells of the number format's lattice, "
            f"and in weight units (exactly {exact['linf_weight']!r}).",
        )
        say_rows(moment.rows)


def _short(number: float) -> str:
    """A number in two digits, marked where they are not all of it."""
    told = f"{number:.2g}"
    return told if float(told) == number else f"≈ {told}"


def sizes(moment: Moment) -> None:
    """Populations of the black holes, divided by hidden class."""
    hidden = cached.hidden_at(str(moment.run.path), moment.snapshots, moment.index, moment.mask)
    meaning = "a divided bar is only apparent" if hidden is not None else "tokens that are one vector"
    moment.caption("Black holes", meaning, "tokens", "hidden class" if hidden is not None else "population")
    slots = counts_and_places.slots_of(moment.measures, moment.group)
    data = selection.holes_data(moment.coloured, slots, hidden, finite_rows(moment.rows))
    parts = pointing.parts_data(moment.tokens, slots)
    clickable(
        selection.holes_spec(len(moment.rows), slots),
        moment.tokens,
        "sizes",
        moment.side,
        "Populations of the black holes at the step",
        sizes=data,
        parts=parts,
        selected=selection.selected_bar(data, parts, moment.tokens, slots, moment.token),
    )
    if hidden is None:
        st.caption("Hidden classes were not recorded: a true hole is not told from an apparent one.")


def distances(moment: Moment) -> None:
    """The heatmap of pairwise L∞ distances."""
    word = "cells" if moment.unit == "cells" else "weight units"
    moment.caption("How far apart", "a pixel is a pair; black: no distance", f"L∞ in {word}", "heatmap")
    order = heatmaps.picture_order(moment.tokens)
    scale = heatmaps.shades_of(moment.measures, moment.group, moment.unit)
    apart = distance_matrix(moment.rows[order], moment.unit)
    picture = heatmaps.distance_picture(apart, counts_and_places.hue_of(moment.coloured)[order], scale)
    described = f"Pairwise L∞ distances of {moment.group} tokens at step {moment.step:,}, in {word}"
    marked = selection.marked_rows(order, moment.tokens, moment.selected)
    vectors = pointing.vectors_data(moment.tokens, order)
    with heatmap(picture, described, f"heatmap{moment.side}", _crossed(len(order), *marked) if marked else ()):
        clickable(
            pointing.pairs_spec(len(order), moment.unit),
            None,
            "pairs",
            moment.side,
            "The pairs of the picture under it, to point at",
            rows=pointing.rows_data(moment.tokens, order),
            vectors=vectors,
            pairs=pointing.pairs_data(apart, vectors),
        )
    legend(scale, moment.unit)
    shown = "every token" if len(order) == len(moment.rows) else f"{len(order):,} of {len(moment.rows):,} tokens"
    st.caption(
        f"Rows and columns: {shown}, ordered by black hole; the strip at the left has the holes' colours. Logarithmic shades."
    )


def places(moment: Moment) -> None:
    """Principal components in a basis fixed for the run."""
    moment.caption("Where they are", "principal axes; area: number of tokens", "weight units", "principal-axes")
    basis = moment.snapshots if moment.finished else settled(moment.snapshots)
    scene = cached.scene(str(moment.run.path), basis, moment.group)
    data = counts_and_places.places_data(scene, moment.rows, moment.coloured)
    lately = cached.lately(str(moment.run.path), moment.snapshots, moment.index, moment.mask, selection.TRAIL)
    clickable(
        selection.vectors_spec(scene, len(moment.rows)),
        moment.tokens,
        "places",
        moment.side,
        "Places of the vectors on two principal axes",
        places=data,
        path=scene.path,
        trails=selection.trails_data(scene, lately, data, moment.tokens),
        selected=selection.selected_point(data, moment.tokens, moment.token),
    )
    renewed = "" if moment.finished else f" of the first {basis:,}, renewed as the run grows"
    most = selection.MOST_TRAILS
    trails = f"the last {selection.TRAIL} snapshots" if len(data) <= most else f"none, there are more than {most} vectors"
    st.caption(f"{basis_note(scene, renewed)} Grey line: path of the group's mean. Trails: {trails}.")


def _crossed(rows: int, first: int, count: int) -> tuple[Box, Box]:
    """The row and the column of a distance picture that are selected, beside its strip."""
    strip = sum(heatmaps.strip_pixels(rows))
    across = rows + strip
    return (0.0, first / rows, 1.0, count / rows), ((strip + first) / across, 0.0, count / across, 1.0)
