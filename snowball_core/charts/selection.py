"""Pictures of one step that show what is selected, hidden classes and trails: constant descriptions, everything else is data.

They are the native Scrub view's. A click on a bar or a point is the selection ``picked``: see ``pointed_charts``.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Words
from . import counts_and_places
from .fixed_axes import Stage
from .pointing import PICKED
from .theme import ALONE, CURSOR

TRAIL = 30
MOST_TRAILS = 64
_LIGHTER = 0.55
_ROOM_FOR_WORDS = 1.4


@functools.lru_cache(maxsize=64)
def holes_spec(tokens: int, slots: int) -> dict[str, Any]:
    """Black holes at one step as bars divided by hidden class; data sets ``sizes``, ``parts`` and ``selected``."""
    import altair as alt

    axis = alt.Axis(title="tokens", tickCount=5, labelExpr=f"datum.value <= {max(1, tokens)} ? datum.label : ''")
    base = alt.Chart(alt.NamedData("sizes")).encode(
        y=alt.Y(
            "place:N", scale=alt.Scale(domain=counts_and_places.bar_names(slots)), axis=alt.Axis(**counts_and_places.BAR_AXIS)
        ),
        x=alt.X("start:Q", scale=alt.Scale(domain=[0, _ROOM_FOR_WORDS * max(1, tokens)], nice=False), axis=axis),
    )
    bars = base.mark_bar().encode(
        x2="stop:Q",
        color=alt.Color("colour:N", scale=None),
        opacity=alt.Opacity("shade:Q", scale=None, legend=None),
        tooltip=[
            alt.Tooltip("place:N", title="what"),
            alt.Tooltip("tokens:Q"),
            alt.Tooltip("nature:N", title="hidden classes"),
            alt.Tooltip("who:N", title="which"),
        ],
    )
    bars = bars.add_params(alt.selection_point(name="picked", **PICKED))
    parts = alt.Chart(alt.NamedData("parts")).mark_bar(color="transparent", aria=False)
    told = [alt.Tooltip("place:N", title="what"), alt.Tooltip("who:N", title="here")]
    parts = parts.encode(y="place:N", x="start:Q", x2="stop:Q", tooltip=told)
    words = base.mark_text(align="left", dx=5, color=ALONE, fontSize=13, aria=False)
    words = words.encode(x="stop:Q", text="said:N")
    ring = alt.Chart(alt.NamedData("selected")).mark_bar(filled=False, stroke=CURSOR, strokeWidth=3, aria=False)
    outline = ring.encode(y="place:N", x="start:Q", x2="stop:Q")
    described: dict[str, Any] = (bars + parts + words + outline).properties(height=counts_and_places.PICTURE_HEIGHT).to_dict()
    return described


def holes_data(
    tokens: pd.DataFrame,
    slots: int,
    hidden: npt.NDArray[np.uint64] | None,
    finite: npt.NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """The parts of every bar, the most populous hidden class first; one part where classes are unknown or mean nothing.

    Parameters
    ----------
    tokens : DataFrame
        The token table of one group.
    slots : int
        How many holes have a bar of their own.
    hidden : ndarray of uint64, shape (tokens of the group,), or None
        The hash of each token's moments, where they were recorded.
    finite : ndarray of bool, shape (tokens of the group,), optional
        Whether each row holds finite numbers only; rows that do not share no black hole, whatever their bits. All, if left out.

    Returns
    -------
    DataFrame
        ``start`` and ``stop`` in tokens; ``token`` is the hole's smallest, −1 for a bar that is not one hole.
    """
    rows = []
    for name, colour, part in counts_and_places.bars(tokens, slots):
        is_hole = name.startswith("hole")
        at = tokens.index.get_indexer(part.index)
        is_lost = is_hole and finite is not None and not finite[at].any()
        own = None if hidden is None or not is_hole or is_lost else hidden[at]
        sizes = [len(part)] if own is None else sorted(np.unique(own, return_counts=True)[1].tolist(), reverse=True)
        nature = ("" if own is None else "true" if len(sizes) == 1 else "apparent") if is_hole else ""
        classes = f"{nature}: {' + '.join(map(str, sizes[:8]))}{' + …' if len(sizes) > 8 else ''}" if nature else "–"
        nature, classes = ("not finite", "NaN or infinite: no hole") if is_lost else (nature, classes)
        stops = np.cumsum(sizes)
        for i, (size, stop) in enumerate(zip(sizes, stops, strict=True)):
            said = f"{len(part):,} {nature}" if stop == stops[-1] else ""
            shade, token = (_LIGHTER if i % 2 else 1.0), int(part["token"].min()) if is_hole else -1
            rows.append(
                (
                    name,
                    stop - size,
                    stop,
                    len(part),
                    colour,
                    shade,
                    said,
                    classes,
                    counts_and_places.listed(part["glyph"]),
                    token,
                )
            )
    columns = ["place", "start", "stop", "tokens", "colour", "shade", "said", "nature", "who", "token"]
    return pd.DataFrame(rows, columns=columns)


def selected_bar(bars: pd.DataFrame, parts: pd.DataFrame, tokens: pd.DataFrame, slots: int, token: int | None) -> pd.DataFrame:
    """The outline of the bar of the hole a token is in, or of its part of another bar; without rows where it is in none.

    Parameters
    ----------
    bars, parts : DataFrame
        From :func:`holes_data` and :func:`~snowball_core.charts.pointing.parts_data`.
    tokens : DataFrame
        The token table of the group.
    slots : int
        How many holes have a bar of their own.
    token : int or None
        What is selected.
    """
    own = bars.iloc[:0]
    for name, _, inside in () if token is None else counts_and_places.bars(tokens, slots):
        at = np.flatnonzero(inside.sort_values("hole", kind="stable")["token"] == token)
        if len(at) and name.startswith("hole"):
            own = bars[bars["place"] == name]
        elif len(at):
            own = parts[(parts["place"] == name) & (parts["start"] <= at[0]) & (at[0] < parts["stop"])]
    return own.groupby("place", as_index=False).agg(start=("start", "min"), stop=("stop", "max"))


def vectors_spec(scene: Stage, tokens: int) -> dict[str, Any]:
    """The picture of places with trails and a ring; data sets ``places``, ``path``, ``trails`` and ``selected``."""
    spec = copy.deepcopy(counts_and_places.places_spec(scene, tokens))
    path, points = spec["layer"]
    axes = {name: points["encoding"][name] for name in ("x", "y")}
    trails = {
        "data": {"name": "trails"},
        "mark": {"type": "line", "clip": True, "opacity": 0.5, "strokeWidth": 1.6, "aria": False},
        "encoding": axes
        | {
            "detail": {"field": "token", "type": "nominal"},
            "order": {"field": "order", "type": "quantitative"},
            "color": {"field": "colour", "type": "nominal", "scale": None},
        },
    }
    ring = {
        "data": {"name": "selected"},
        "mark": {
            "type": "point",
            "filled": False,
            "clip": True,
            "stroke": CURSOR,
            "strokeWidth": 3,
            "opacity": 1,
            "aria": False,
        },
        "encoding": axes | {"size": points["encoding"]["size"]},
    }
    points["name"] = "vectors"
    spec["params"] = [{"name": "picked", "select": {"type": "point"} | PICKED, "views": ["vectors"]}]
    spec["layer"] = [path, trails, points, ring]
    return spec


def selected_point(places: pd.DataFrame, tokens: pd.DataFrame, token: int | None) -> pd.DataFrame:
    """The ring around the vector a token has, a little wider than its marker; without rows where it has none."""
    vector = tokens.loc[tokens["token"] == token, "vector"]
    mates = tokens.loc[tokens["vector"].isin(vector), "token"]
    found = places.loc[places["token"].isin(mates), ["x", "y", "population"]]
    return found.assign(population=1.5 * found["population"] + 0.02 * len(tokens))


def trails_data(scene: Stage, lately: Words, places: pd.DataFrame, tokens: pd.DataFrame) -> pd.DataFrame:
    """Where each vector's first token was in the last snapshots, the present one last; of those alone that moved.

    Parameters
    ----------
    scene : Stage
    lately : Words, shape (snapshots, tokens of the group, hidden)
    places : DataFrame
        The points of the picture.
    tokens : DataFrame
        The token table of the group.

    Returns
    -------
    DataFrame
        Columns token, colour, x, y, order; without rows where there are more than :data:`MOST_TRAILS` vectors.
    """
    parts = [pd.DataFrame({"token": [], "colour": [], "x": [], "y": [], "order": []})]
    if len(places) <= MOST_TRAILS:
        row_of = {int(token): row for row, token in enumerate(tokens["token"])}
        for token, colour in zip(places["token"], places["colour"], strict=True):
            rows = lately[:, row_of[int(token)]]
            kept = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]).any(axis=1)])
            if len(kept) > 1:
                at = scene.axes.coordinates(rows[kept][:, None])[:, 0]
                kept, at = kept[np.isfinite(at).all(axis=1)], at[np.isfinite(at).all(axis=1)]
                parts.append(pd.DataFrame({"token": token, "colour": colour, "x": at[:, 0], "y": at[:, 1], "order": kept}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def marked_rows(order: npt.NDArray[np.intp], tokens: pd.DataFrame, selected: tuple[str, int] | None) -> tuple[int, int] | None:
    """The rows of a distance picture that are selected: the first, and how many; of a hole all, of a token its own.

    Where the token's own row was left out it is that of another token of its vector; ``None`` where there is none.
    """
    if selected is None:
        return None
    what, token = selected
    drawn = tokens.iloc[order]
    vector = tokens.loc[tokens["token"] == token, "vector"]
    own, mates = np.flatnonzero(drawn["token"] == token), np.flatnonzero(drawn["vector"].isin(vector))
    rows = mates if what == "hole" else own if len(own) else mates[:1]
    return (int(rows[0]), len(rows)) if len(rows) else None
