"""Pictures of distances over the steps: constant chart descriptions and the data that fill them."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from .counts_and_places import DEAD


@functools.lru_cache(maxsize=64)
def farthest_spec(last_step: int, unit: str, is_empty: bool = False) -> dict[str, Any]:
    """The largest L∞ of a group over the steps; data set ``farthest``; ``is_empty`` where it holds no number."""
    import altair as alt

    ticks = [0, *[factor * 10**power for power in range(len(str(last_step))) for factor in (1, 2, 5)]]
    scale = alt.Scale(type="symlog", constant=1, domain=[0, max(1, last_step)], nice=False)
    axis = alt.Axis(values=ticks, labelOverlap="greedy", format=",d", title="step (symlog)", grid=False)
    upright = alt.Axis(minExtent=42, maxExtent=42, tickCount=4, title=unit, format=",d" if unit == "cells" else ".2~g")
    line = alt.Chart(alt.NamedData("farthest")).mark_line(color=DEAD, interpolate="step-after", strokeWidth=1.8, clip=True)
    drawn = line.encode(
        x=alt.X("step:Q", scale=scale, axis=axis),
        y=alt.Y("linf:Q", axis=upright, scale=alt.Scale(domain=[0, 1]) if is_empty else alt.Scale(domainMin=0)),
        tooltip=[alt.Tooltip("step:Q", format=",d"), alt.Tooltip("linf:Q", format=".4~g", title=unit)],
    )
    described: dict[str, Any] = drawn.properties(height=160).to_dict()
    return described


def farthest_data(measures: pd.DataFrame, group: str, unit: str) -> pd.DataFrame:
    """The steps at which a group's largest L∞ changed, and the last one; columns step, linf.

    Empty where a row is not finite: there bits have a distance in cells, but numbers have none.

    Examples
    --------
    >>> table = pd.DataFrame({"step": [0, 1, 2, 3], "group": "all", "largest_linf_cells": [4, 4, 2, 2]})
    >>> table["largest_linf_weight"] = [0.4, 0.4, 0.2, 0.2]
    >>> farthest_data(table, "all", "cells")["step"].tolist()
    [0, 2, 3]
    """
    rows = measures[measures["group"] == group]
    linf = pd.to_numeric(rows[f"largest_linf_{unit}"]).astype("float64")
    linf = linf.where(rows["largest_linf_weight"].abs() < float("inf"))
    kept = linf.ne(linf.shift()) | (rows["step"] == rows["step"].max())
    return pd.DataFrame({"step": rows.loc[kept, "step"], "linf": linf[kept]})
