"""The step axis that every picture over time shares: symlog, linear, or one stretch of equal width for each event."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .theme import CURSOR

if TYPE_CHECKING:
    import altair as alt

KINDS = ("symlog", "linear", "events")
_MOST_LABELS = 24
Floats = npt.NDArray[np.float64]
# A specification of Vega-Lite, and the tables of its data sets by name.
Picture = tuple[dict[str, Any], dict[str, pd.DataFrame]]


def ticks(last: float, low: float = 0) -> list[int]:
    """Where a symlog axis from ``low`` to ``last`` is labelled: 0 and one, two and five of every power of ten.

    Examples
    --------
    >>> ticks(20), ticks(2, -1)
    ([0, 1, 2, 5, 10, 20], [-1, 0, 1, 2])
    """
    decades = [factor * 10**power for power in range(len(str(int(max(-low, last, 1)))) + 1) for factor in (1, 2, 5)]
    return [-tick for tick in reversed(decades) if -tick >= low] + [0] + [tick for tick in decades if tick <= last]


@dataclass(frozen=True)
class StepAxis:
    """How steps are laid out from left to right, the same for every picture of a page.

    By events the ``knots`` are step 0, the steps at which something happened, and the last step.
    """

    kind: str
    last_step: int
    knots: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """The right end of the axis, in its own coordinate."""
        return max(1, len(self.knots) - 1 if self.kind == "events" else self.last_step)

    def place(self, steps: npt.ArrayLike) -> Floats:
        """The axis's coordinate of some steps; between two events it is linear in steps."""
        at = np.asarray(steps, np.float64)
        return np.interp(at, self.knots, np.arange(len(self.knots))) if self.kind == "events" else at

    def share(self, steps: npt.ArrayLike) -> Floats:
        """How far along the axis some steps are drawn, from 0 at the left end to 1 at the right."""
        at = self.place(steps)
        share: Floats = np.log1p(at) / np.log1p(self.end) if self.kind == "symlog" else at / self.end
        return share

    def unshare(self, share: float) -> float:
        """The axis's coordinate at a share of its length."""
        return float(np.expm1(share * np.log1p(self.end))) if self.kind == "symlog" else share * self.end

    @property
    def column(self) -> str:
        """The column of a table that says where its rows are drawn: its steps, or by events the coordinate ``x``."""
        return "x" if self.kind == "events" else "step"

    def columns(self, steps: npt.ArrayLike, most: int) -> npt.NDArray[np.intp]:
        """For each step the number of the drawn column it falls into, of at most ``most`` columns of equal width."""
        return np.minimum((self.share(steps) * most).astype(np.intp), most - 1)

    def x(self, title: str | None, column: str = "x", zoom: str = "") -> alt.X:
        """The encoding of a column that holds the axis's coordinate; without a title the axis has no labels either.

        ``zoom`` is the domain of a zoomed picture in Vega's language: null, or two coordinates.
        """
        import altair as alt

        domain = [0, self.end]
        symlog = self.kind == "symlog"
        scale = (
            alt.Scale(type="symlog", constant=1, domain=domain, nice=False) if symlog else alt.Scale(domain=domain, nice=False)
        )
        axis = alt.Axis(title=title, grid=False, labels=title is not None, labelOverlap="greedy", **self._labels(zoom))
        return alt.X(f"{column}:Q", scale=scale, axis=axis)

    def window(self, zoom: str) -> str:
        """The share of the axis that a zoomed picture shows, in Vega's language."""
        if self.kind != "symlog":
            return f"({zoom} ? ({zoom}[1] - {zoom}[0]) / {self.end} : 1)"
        ends = (f"log(1 + max(0, {zoom}[{end}]))" for end in (1, 0))
        return f"({zoom} ? ({' - '.join(ends)}) / {math.log1p(self.end)} : 1)"

    def _labels(self, zoom: str) -> dict[str, Any]:
        if self.kind == "symlog":
            return {"values": {"expr": self._zoomed_ticks(zoom)} if zoom else ticks(self.last_step), "format": ",d"}
        if self.kind == "linear":
            return {"format": ",d", "tickMinStep": 1}
        every = -(-len(self.knots) // _MOST_LABELS)
        chosen = [*range(0, len(self.knots) - 1, every), len(self.knots) - 1]
        names = ",".join(f"'{step:,}'" for step in self.knots)
        return {"values": chosen, "labelExpr": f"[{names}][datum.value]"}

    def _zoomed_ticks(self, zoom: str) -> str:
        """The labels of a symlog axis: those of :func:`ticks`, and even ones where less than a decade is shown."""
        apart = f"max(1, pow(10, ceil(log(({zoom}[1] - {zoom}[0]) / 10) / LN10)))"
        even = f"sequence(ceil(max(0, {zoom}[0]) / {apart}) * {apart}, {zoom}[1] + 1e-6, {apart})"
        return f"{zoom} && {zoom}[1] + 1 < 10 * ({zoom}[0] + 1) ? {even} : {ticks(self.last_step)}"

    @property
    def title(self) -> str:
        """The axis in words."""
        return {"symlog": "step (symlog)", "linear": "step", "events": "step (events evenly spaced)"}[self.kind]

    def cursor(self, step: int) -> pd.DataFrame:
        """The cursor's place."""
        return pd.DataFrame({"x": self.place([step]), "step": [step]})


def step_axis(kind: str, last_step: int, event_steps: Iterable[int] = ()) -> StepAxis:
    """The axis of a kind; by events only where there are some, else symlog.

    Examples
    --------
    >>> step_axis("events", 100, [19, 3, 3]).knots
    (0, 3, 19, 100)
    """
    knots = sorted({0, last_step, *event_steps})
    if kind not in KINDS or (kind == "events" and len(knots) < 3):
        kind = "symlog"
    return StepAxis(kind, last_step, tuple(knots) if kind == "events" else ())


def cursor_rule(rows: int | None = None) -> Any:
    """The vertical line at the current step, edged to be visible on every colour; data set ``cursor``.

    With ``rows`` it is as tall as the rows 0 to that number of the picture's y axis, else as tall as the picture.
    """
    import altair as alt

    place = alt.Chart(alt.NamedData("cursor")).encode(x=alt.X("x:Q"))
    if rows is not None:
        place = place.encode(y=alt.YDatum(0), y2=alt.Y2Datum(rows))
    edge = place.mark_rule(color="#10151C", strokeWidth=3.5, opacity=0.4, clip=True)
    return alt.layer(edge, place.mark_rule(color=CURSOR, strokeWidth=2, clip=True))
