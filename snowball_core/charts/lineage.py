"""Pictures of a lineage: black holes as lanes over the steps, and a token's biography as a barcode."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.biography import Stay
from ..measures.census import Hidden
from ..measures.flicker import Excursion
from ..measures.lineage import Lineage, hole_name, hole_ranks
from .lineage_data import HEIGHT, chosen_rows, frames, labels, marks, outlines, placed, targets
from .lineage_layout import Lanes, lanes
from .step_axis import Picture, StepAxis, cursor_rule
from .theme import ALONE, CURSOR, GREYS, MOVED, hole_colour

BARCODE_COLUMNS = 480
_AXIS_PIXELS = 42
# Where a picture is fitted into a page, its axis and title are within this height.
_OUTER = HEIGHT + 90
_HEAD = 0.065
# The steps in view, in Vega's language: null where all are.
_ZOOMED = "zoom.x0"


@dataclass(frozen=True)
class DrawnLineage:
    """A lineage as it is to be drawn, with the names of all tokens of the vocabulary."""

    tree: Lineage
    lanes: Lanes
    steps: npt.NDArray[np.int64]
    names: tuple[str, ...]


def drawn_lineage(
    tree: Lineage,
    hidden: Hidden | None,
    steps: npt.NDArray[np.int64],
    axis: StepAxis,
    names: Sequence[str],
    flickers: Sequence[Excursion] = (),
) -> DrawnLineage:
    """A lineage laid out for an axis; ``flickers`` is what is folded in it."""
    return DrawnLineage(tree, lanes(tree, hidden, steps, axis.share(steps), flickers), steps, tuple(names))


def ground(drawn: DrawnLineage, axis: StepAxis) -> dict[str, pd.DataFrame]:
    """The data of the lanes that are the same for every step and selection."""
    blocks = placed(drawn.lanes, drawn.steps, axis)
    events = marks(drawn.tree, drawn.steps, axis)
    rows = max(1, len(drawn.lanes.order))
    return {
        "blocks": blocks[["x0", "x1", "y0", "y1", "colour", "node"]],
        "frames": frames(blocks),
        "labels": labels(blocks, rows),
        "marks": events[["x", "letters"]],
        "targets": targets(blocks, events, drawn.tree, drawn.steps, axis, drawn.names, _HEAD * rows),
    }


def lanes_chart(
    drawn: DrawnLineage,
    axis: StepAxis,
    step: int,
    chosen: tuple[str, int] | None = None,
    laid: dict[str, pd.DataFrame] | None = None,
) -> Picture:
    """Black holes as lanes: a row a token, a block a hole, shades its hidden classes, letters the events, a line the step.

    ``chosen`` is "token" or "hole", and the token; ``laid`` is what :func:`ground` gave, where it is at hand. Data sets are
    those of :func:`ground`, and ``chosen``, ``outline``, ``cursor``. The description is the same for all steps of a run and
    axis; its selection ``picked`` gives ``step`` and ``token`` of what was clicked. The wheel zooms the steps, a drag moves
    them, a double click shows all.
    """
    data = ground(drawn, axis) if laid is None else laid
    what, token = chosen or ("", -1)
    index = max(0, int(np.searchsorted(drawn.steps, step, "right")) - 1)
    moving = {
        "chosen": chosen_rows(drawn.lanes, [token] if what == "token" else []),
        "outline": outlines(data["blocks"], drawn.tree, index, token if what == "hole" else -1),
        "cursor": axis.cursor(step),
    }
    return _lanes_spec(max(1, len(drawn.lanes.order)), axis), data | moving


@functools.lru_cache(maxsize=64)
def _lanes_spec(rows: int, axis: StepAxis) -> dict[str, Any]:
    every = max(1, 10 ** (len(str(rows)) - 1))
    ticks = alt.Axis(
        values=list(range(0, rows + 1, every)),
        title="tokens, one row each",
        minExtent=_AXIS_PIXELS,
        grid=False,
    )
    y = alt.Y(
        "y0:Q",
        scale=alt.Scale(domain=[-_HEAD * rows, rows], reverse=True, nice=False, zero=False),
        axis=ticks,
    )
    x = axis.x(axis.title, "x0", _ZOOMED)
    box = {"x": x, "y": y, "x2": "x1", "y2": "y1"}
    blocks = _of("blocks").mark_rect(clip=True).encode(**box, color=alt.Color("colour:N", scale=None))
    rules = _of("marks").mark_rule(color=ALONE, opacity=0.35, clip=True).encode(x=alt.X("x:Q"))
    # Beside its rule and above the rows, to which the cursor keeps: neither crosses it out.
    letters = _of("marks").mark_text(
        color=ALONE, fontSize=12, fontWeight="bold", align="left", baseline="top", dx=3, dy=4, clip=True
    )
    wide = f"width / {axis.window(_ZOOMED)}"
    is_in_view = f"(!{_ZOOMED} || datum.x1 > {_ZOOMED}[0])"
    fitting = _of("labels").transform_filter(f"{is_in_view} && {wide} >= datum.least && {wide} < datum.most")
    # A label keeps to the part of its block that is in view.
    inside = alt.ExprRef("5 + max(0, -scale('x', datum.x))")
    room = alt.ExprRef("scale('x', datum.x) < 0 ? max(1, scale('x', datum.x1) - 8) : 0")
    written = fitting.mark_text(align="left", baseline="middle", dx=inside, limit=room, fontSize=12.5, clip=True)
    row = _of("chosen").encode(y=alt.Y("y:Q"))
    layers = (
        blocks,
        _of("frames").mark_rect(filled=False, stroke=GREYS[0], strokeWidth=1, clip=True, aria=False).encode(**box),
        rules,
        written.encode(
            x=alt.X("x:Q"),
            y=alt.Y("y:Q"),
            text="text:N",
            color=alt.Color("ink:N", scale=None),
        ),
        _of("outline").mark_rect(filled=False, stroke=CURSOR, strokeWidth=2, clip=True, aria=False).encode(**box),
        row.mark_rule(color=CURSOR, strokeWidth=1.5, strokeDash=[3, 2], aria=False),
        row.mark_point(shape="triangle-left", filled=True, color=CURSOR, size=70, opacity=1, aria=False).encode(
            x=alt.value("width")
        ),
        cursor_rule(rows),
        letters.encode(x=alt.X("x:Q"), y=alt.value(0), text="letters:N"),
        _targets(box),
    )
    described: dict[str, Any] = alt.layer(*layers).properties(height=_OUTER).to_dict()
    return described


def _targets(box: dict[str, Any]) -> alt.Chart:
    """Invisible marks that take clicks and show the tooltips."""
    fields = (
        ("what:N", "what"),
        ("nature:N", "type"),
        ("time:N", "steps"),
        ("who:N", "tokens"),
    )
    picked = alt.selection_point(name="picked", fields=["step", "token"], on="click", clear=False)
    zoom = alt.selection_interval(name="zoom", bind="scales", encodings=["x"])
    unseen = _of("targets").mark_rect(
        fillOpacity=0,
        strokeOpacity=0,
        fill=ALONE,
        cursor="pointer",
        clip=True,
        aria=False,
    )
    felt: alt.Chart = unseen.encode(**box, tooltip=[alt.Tooltip(field, title=title) for field, title in fields]).add_params(
        picked, zoom
    )
    return felt


def _of(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name))


def barcode(
    drawn: DrawnLineage,
    stays: Sequence[Stay],
    moved: npt.NDArray[np.bool_],
    axis: StepAxis,
    step: int,
) -> Picture:
    """A token's biography: above, the black holes it was in, by colour; below, when it moved; a line at the step.

    ``moved`` says of each snapshot whether the token moved since the one before. Data sets ``stays``, ``moves``, ``cursor``.
    """
    return _barcode_spec(axis), {
        "stays": _stays(drawn, stays, axis),
        "moves": moves_data(moved, drawn.steps, axis),
        "cursor": axis.cursor(step),
    }


def _stays(drawn: DrawnLineage, stays: Sequence[Stay], axis: StepAxis) -> pd.DataFrame:
    rank, last = hole_ranks(drawn.tree), len(drawn.steps) - 1
    rows = []
    for stay in stays:
        begun, beyond = (
            int(drawn.steps[stay.first]),
            int(drawn.steps[min(stay.last + 1, last)]),
        )
        x0, x1 = axis.place([begun, beyond]).tolist()
        until = f"{begun:,} to {int(drawn.steps[stay.last]):,}"
        rows.append(
            (
                x0,
                max(x1, x0 + 0.004),
                "in a hole",
                hole_colour(rank[stay.hole] + 1),
                f"black hole {hole_name(stay.hole)}",
                until,
            )
        )
    return pd.DataFrame(rows, columns=["x0", "x1", "lane", "colour", "what", "time"])


def moves_data(moved: npt.NDArray[np.bool_], steps: npt.NDArray[np.int64], axis: StepAxis) -> pd.DataFrame:
    """When a token moved, as stretches from recorded step to recorded step; columns x0, x1, lane, share, what, time.

    Where more snapshots were recorded than are drawn, those that fall into one column are one piece, with the share of them in
    which it moved.
    """
    column = axis.columns(steps, BARCODE_COLUMNS)[1:] if len(steps) > BARCODE_COLUMNS else np.arange(len(steps) - 1)
    if not len(column):
        return pd.DataFrame(columns=["x0", "x1", "lane", "share", "what", "time"])
    starts = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
    counts = np.diff(np.append(starts, len(column)))
    share = np.add.reduceat(moved[1:].astype(np.float64), starts) / counts
    # Equal neighbours are one stretch.
    starts, share = (part[np.append(True, share[1:] != share[:-1])] for part in (starts, share))
    ends = np.append(starts[1:], len(column))
    begun, over = steps[starts], steps[ends]
    table = pd.DataFrame(
        {
            "x0": axis.place(begun),
            "x1": axis.place(over),
            "lane": "moved",
            "share": share,
        }
    )
    table["what"] = np.where(
        share == 0,
        "unchanged",
        np.where(share == 1, "moved in every snapshot", "moved in some snapshots"),
    )
    table["time"] = [f"{a:,} to {b:,}" for a, b in zip(begun.tolist(), over.tolist(), strict=True)]
    return table[table["share"] > 0]


@functools.lru_cache(maxsize=64)
def _barcode_spec(axis: StepAxis) -> dict[str, Any]:
    lanes = alt.Scale(domain=["in a hole", "moved"], paddingInner=0.2, paddingOuter=0.1)
    y = alt.Y(
        "lane:N",
        scale=lanes,
        axis=alt.Axis(title=None, ticks=False, domain=False, minExtent=_AXIS_PIXELS),
    )
    box = {
        "x": axis.x(axis.title, "x0"),
        "x2": "x1",
        "y": y,
        "tooltip": [alt.Tooltip("what:N", title="state"), alt.Tooltip("time:N", title="steps")],
    }
    stays = _of("stays").mark_rect(clip=True).encode(**box, color=alt.Color("colour:N", scale=None))
    opacity = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.15, 1]), legend=None)
    moves = _of("moves").mark_rect(color=MOVED, clip=True).encode(**box, opacity=opacity)
    described: dict[str, Any] = alt.layer(stays, moves, cursor_rule()).properties(height=150).to_dict()
    return described
