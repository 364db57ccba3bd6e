"""What can be pointed at in a picture of one step: the tokens inside a bar, and the pairs of a picture of distances.

Nothing here is seen: clear rectangles lie over what is drawn, each with a tip and the ``token`` a click on it means. A click is
the selection ``picked``. Its second field, ``turn``, is the same in all rows and must be another after every click: a click
that selects what the one before it did is not sent.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import charts

PICKED: dict[str, Any] = {"fields": ["token", "turn"], "on": "click", "clear": False}
MOST_PARTS = 128
MOST_PAIRED = 32
_MOST_LISTED = 12


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
    for name, _, inside in charts.bars(tokens, slots):
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


def _called(token: int, hole: int, glyphs: npt.NDArray[np.object_]) -> str:
    """A hole and its first tokens, or tokens that are alone."""
    if not hole and len(glyphs) == 1:
        return f"token {token}" + (f" {glyphs[0]}" if glyphs[0] != str(token) else "")
    more = f" and {len(glyphs) - _MOST_LISTED:,} more" if len(glyphs) > _MOST_LISTED else ""
    what = f"hole {hole}, {len(glyphs):,} tokens" if hole else "alone"
    return f"{what}: {' '.join(glyphs[:_MOST_LISTED])}{more}"


@functools.lru_cache(maxsize=64)
def pairs_spec(rows: int, unit: str) -> dict[str, Any]:
    """Clear rectangles over a picture of distances and its strip; data sets ``vectors`` and ``pairs``.

    A row of the picture is a whole rectangle, and has the rectangles of its pairs upon it.
    """
    import altair as alt

    across = alt.Scale(domain=[-sum(charts.strip_pixels(rows)), rows], nice=False)
    down = alt.Scale(domain=[rows, 0], nice=False)
    clear: dict[str, Any] = {"color": "transparent", "cursor": "pointer", "aria": False}
    row, column = alt.Tooltip("who:N", title="row"), alt.Tooltip("other:N", title="column")
    apart = alt.Tooltip("apart:Q", title="L∞, cells", format=",d")
    if unit != "cells":
        apart = alt.Tooltip("apart:Q", title="L∞, weight units", format=".4~g")
    y = alt.Y("start:Q", scale=down, axis=None)
    bands = alt.Chart(alt.NamedData("vectors")).mark_rect(**clear)
    bands = bands.encode(y=y, y2="stop:Q", tooltip=[row]).add_params(alt.selection_point(name="picked", **PICKED))
    known = alt.NamedData("vectors")
    pairs = (
        alt.Chart(alt.NamedData("pairs"))
        .mark_rect(**clear)
        .transform_lookup("row", alt.LookupData(known, "number", ["start", "stop", "who", "token", "turn"]))
        .transform_lookup(
            "column", alt.LookupData(known, "number", ["start", "stop", "who"]), **{"as": ["left", "right", "other"]}
        )
        .encode(x=alt.X("left:Q", scale=across, axis=None), x2="right:Q", y=y, y2="stop:Q", tooltip=[row, column, apart])
    )
    frame = alt.ViewConfig(stroke=None)
    described: dict[str, Any] = (
        (bands + pairs)
        .properties(
            height=charts.PICTURE_HEIGHT, background="transparent", padding=dict.fromkeys(("left", "right", "top", "bottom"), 0)
        )
        .configure(view=frame)
        .to_dict()
    )
    # On a canvas a thousand clear rectangles cost nothing to draw.
    return described | {"usermeta": {"embedOptions": {"renderer": "canvas"}}}


def vectors_data(tokens: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """The vectors of a picture of distances from the top: ``start`` and ``stop`` in rows, ``token`` the smallest that has it.

    Parameters
    ----------
    tokens : DataFrame
        The token table of one group.
    order : ndarray of int
        Its rows in the picture, those of one vector together.
    """
    vector = tokens["vector"].to_numpy()
    drawn = vector[order]
    starts = np.flatnonzero(np.diff(drawn, prepend=-1))
    by_vector = np.argsort(vector, kind="stable")
    ids, glyphs, holes = (tokens[column].to_numpy()[by_vector] for column in ("token", "glyph", "hole"))
    first, last = (np.searchsorted(vector[by_vector], drawn[starts], side) for side in ("left", "right"))
    return pd.DataFrame(
        {
            "number": np.arange(len(starts)),
            "start": starts,
            "stop": np.append(starts[1:], len(drawn)),
            "token": ids[first],
            "who": [_called(int(ids[a]), int(holes[a]), glyphs[a:b]) for a, b in zip(first, last, strict=True)],
        }
    )


def pairs_data(distances: npt.NDArray[Any], vectors: pd.DataFrame) -> pd.DataFrame:
    """How far each two vectors of a picture are apart; no rows where it has more than :data:`MOST_PAIRED` vectors."""
    count = len(vectors) if len(vectors) <= MOST_PAIRED else 0
    row, column = np.divmod(np.arange(count * count), max(1, count))
    starts = vectors["start"].to_numpy()
    apart = distances[starts[row], starts[column]] if count else []
    return pd.DataFrame({"row": row, "column": column, "apart": apart})
