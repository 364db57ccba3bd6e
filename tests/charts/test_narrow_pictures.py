"""Pictures on a narrow screen: labels that fit their block, and legends that wrap."""

from __future__ import annotations

import pandas as pd

from snowball_core.charts.lineage_data import labels
from snowball_core.charts.theme import wrapped


def drawn_at(width: float, share: float = 0.5) -> list[str]:
    """What is written on a block of 51 tokens, true, in a picture of this width."""
    block = {
        "node": 0,
        "hole": 1,
        "top": 0,
        "bottom": 51,
        "share0": 0.0,
        "share1": share,
        "x1": 1.0,
        "x0": 0.0,
        "colour": "#0072B2",
    }
    table = labels(pd.DataFrame([block | {"population": 51, "classes": (51,)}]), 51)
    return table.loc[(table["least"] <= width) & (width < table["most"]), "text"].tolist()


def test_of_a_blocks_labels_the_longest_that_fits_is_drawn() -> None:
    fitting = [[], ["A"], ["A 51 tokens"], ["A 51 tokens, true"]]
    assert [drawn_at(width) for width in (12, 40, 200, 900)] == fitting
    assert drawn_at(900, share=0.01) == []


def test_a_block_that_is_too_low_has_no_label() -> None:
    block = {
        "node": 0,
        "hole": 1,
        "top": 0,
        "bottom": 1,
        "share0": 0.0,
        "share1": 1.0,
        "x1": 1.0,
        "x0": 0.0,
        "colour": "#0072B2",
    }
    assert labels(pd.DataFrame([block | {"population": 1, "classes": ()}]), 500).empty


def test_every_legend_wraps_where_there_is_no_room_and_all_else_stays() -> None:
    legend = {"orient": "top", "title": None}
    spec = {"height": 9, "layer": [{"encoding": {"color": {"field": "a", "legend": legend}, "fill": {"legend": None}}}]}
    encoding = wrapped(spec)["layer"][0]["encoding"]
    assert encoding["color"] == {"field": "a", "legend": legend | {"columns": {"expr": "width < 420 ? 1 : 0"}}}
    assert encoding["fill"] == {"legend": None}
    assert "columns" not in legend
    assert wrapped(spec)["height"] == 9
