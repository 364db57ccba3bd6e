"""What can be pointed at in a picture of one step: the tokens inside a bar, and the pairs of a picture of distances.

Nothing here is seen: clear rectangles lie over what is drawn, each with a tip and the ``token`` a click on it means. A click is
the selection ``picked``. Its second field, ``turn``, is the same in all rows and must be another after every click: a click
that selects what the one before it did is not sent.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import counts_and_places, heatmap

PICKED: dict[str, Any] = {"fields": ["token", "turn"], "on": "click", "clear": False}
MOST_PARTS = 128
MOST_PAIRS = 2_048
_MOST_LISTED = 12
_LOOKED_UP = (("rows", "row", ["who", "token", "turn"]), ("vectors", "number", ["start", "stop", "who"]))


def parts_data(tokens: pd.DataFrame, slots: int) -> pd.DataFrame:
    """The holes and tokens inside the bars that are not one hole, at most :data:`MOST_PARTS` parts a bar.

    Parameters
    ----------
    tokens : DataFrame
        The token table of one group.
    slots : int
        How many holes have a bar of their own.

    Returns
    -------
    DataFrame
        ``start`` and ``stop`` in tokens, as in the bar; ``token`` is the part's first; ``who`` names what is there.
    """
    rows = []
    for name, _, inside in counts_and_places.bars(tokens, slots):
        if name.startswith("hole"):
            continue
        by_hole = inside.sort_values("hole", kind="stable")
        ids, glyphs, holes = (by_hole[column].to_numpy() for column in ("token", "glyph", "hole"))
        starts = np.flatnonzero(np.diff(holes, prepend=-1)) if holes.any() else np.arange(len(ids))
        starts = starts[:: -(-len(starts) // MOST_PARTS)]
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(ids)], strict=True):
            who = _called(int(ids[start]), int(holes[start]), glyphs[start:stop])
            if len(set(holes[start:stop].tolist())) > 1 or (stop - start > 1 and not holes[start]):
                who += "; a click selects the first"
            rows.append((name, start, stop, stop - start, who, int(ids[start])))
    return pd.DataFrame(rows, columns=["place", "start", "stop", "tokens", "who", "token"])


def _called(token: int, hole: int, glyphs: Sequence[str]) -> str:
    """A hole and its first tokens, or tokens that are alone."""
    if not hole and len(glyphs) == 1:
        return f"token {token}" + (f" {glyphs[0]}" if glyphs[0] != str(token) else "")
    more = f" and {len(glyphs) - _MOST_LISTED:,} more" if len(glyphs) > _MOST_LISTED else ""
    what = f"hole {hole}, {len(glyphs):,} tokens" if hole else "alone"
    return f"{what}: {' '.join(glyphs[:_MOST_LISTED])}{more}"


@functools.lru_cache(maxsize=64)
def pairs_spec(rows: int, unit: str) -> dict[str, Any]:
    """Clear rectangles over a picture of distances and its strip; data sets ``rows``, ``vectors`` and ``pairs``.

    A row of the picture is a token. It is a whole rectangle, and has those of its distances to each vector upon it.
    """
    import altair as alt

    across = alt.Scale(domain=[-sum(heatmap.strip_pixels(rows)), rows], nice=False)
    down = alt.Scale(domain=[rows, 0], nice=False)
    clear: dict[str, Any] = {"color": "transparent", "cursor": "pointer", "aria": False}
    row, column = alt.Tooltip("who:N", title="row"), alt.Tooltip("other:N", title="column")
    apart = alt.Tooltip("apart:Q", title="L∞, cells", format=",d")
    if unit != "cells":
        apart = alt.Tooltip("apart:Q", title="L∞, weight units", format=".4~g")
    y = alt.Y("row:Q", scale=down, axis=None)
    bands = alt.Chart(alt.NamedData("rows")).mark_rect(**clear).transform_calculate(below="datum.row + 1")
    bands = bands.encode(y=y, y2="below:Q", tooltip=[row]).add_params(alt.selection_point(name="picked", **PICKED))
    tokens, vectors = (alt.LookupData(alt.NamedData(name), key, fields) for name, key, fields in _LOOKED_UP)
    pairs = (
        alt.Chart(alt.NamedData("pairs"))
        .mark_rect(**clear)
        .transform_calculate(below="datum.row + 1")
        .transform_lookup("row", tokens)
        .transform_lookup("column", vectors, **{"as": ["left", "right", "other"]})
        .encode(x=alt.X("left:Q", scale=across, axis=None), x2="right:Q", y=y, y2="below:Q", tooltip=[row, column, apart])
    )
    described: dict[str, Any] = (
        (bands + pairs)
        .properties(
            height=counts_and_places.PICTURE_HEIGHT,
            background="transparent",
            padding=dict.fromkeys(("left", "right", "top", "bottom"), 0),
        )
        .configure(view=alt.ViewConfig(stroke=None))
        .to_dict()
    )
    # On a canvas a thousand clear rectangles cost nothing to draw.
    return described | {"usermeta": {"embedOptions": {"renderer": "canvas"}}}


def rows_data(tokens: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """The rows of a picture of distances from the top, a token each, with its name and its hole.

    Parameters
    ----------
    tokens : DataFrame
        The token table of one group.
    order : ndarray of int
        Its rows in the picture, those of one vector together.
    """
    ids, glyphs, holes = (tokens[column].to_numpy()[order] for column in ("token", "glyph", "hole"))
    named = zip(ids.tolist(), glyphs.tolist(), holes.tolist(), strict=True)
    who = [_called(token, 0, [glyph]) + (f", in hole {hole}" if hole else "") for token, glyph, hole in named]
    return pd.DataFrame({"row": np.arange(len(order)), "token": ids, "who": who})


def vectors_data(tokens: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """The vectors of the same picture: ``start`` and ``stop`` in rows; ``who`` names the tokens that have it."""
    vector = tokens["vector"].to_numpy()
    drawn = vector[order]
    starts = np.flatnonzero(np.diff(drawn, prepend=-1))
    by_vector = np.argsort(vector, kind="stable")
    ids, glyphs, holes = (tokens[column].to_numpy()[by_vector] for column in ("token", "glyph", "hole"))
    first, last = (np.searchsorted(vector[by_vector], drawn[starts], side) for side in ("left", "right"))
    who = [_called(int(ids[a]), int(holes[a]), glyphs[a:b]) for a, b in zip(first, last, strict=True)]
    stops = np.append(starts[1:], len(drawn))
    return pd.DataFrame({"number": np.arange(len(starts)), "start": starts, "stop": stops, "who": who})


def pairs_data(distances: npt.NDArray[Any], vectors: pd.DataFrame) -> pd.DataFrame:
    """How far each row of a picture is from each vector; without rows where these are more than :data:`MOST_PAIRS`."""
    starts = vectors["start"].to_numpy()
    shape = (len(distances), len(starts)) if len(distances) * len(starts) <= MOST_PAIRS else (0, 0)
    row, column = np.indices(shape, np.int16).reshape(2, -1)
    return pd.DataFrame({"row": row, "column": column, "apart": distances[row, starts[column]]})
