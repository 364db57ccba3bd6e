"""Percentiles against a plain sort, drawn columns against their table, pictures offline as on the page."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import vl_convert
from conftest import MakeRun
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snowball_core.charts import lineage, motion
from snowball_core.charts.lineage_data import nature, told_events
from snowball_core.charts.motion_columns import COLUMNS, Scene
from snowball_core.charts.step_axis import Picture, step_axis
from snowball_core.measures.biography import biography
from snowball_core.measures.freezing import Freezing
from snowball_core.measures.motion import PERCENTILES, percentiles
from snowball_core.store.history import History, observe
from snowball_core.tables.lineage import account, event_rows, hidden_of
from snowball_core.tables.motion import freezing_sentence, moves_of_token, token_motion, who_moved, zero_stretches
from snowball_core.tables.per_step import step_table

NAMES = [f"token {token}" for token in range(16)]


@settings(max_examples=200, deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.integers(0, 9)))
def test_percentiles_are_the_smallest_value_that_so_many_tokens_do_not_exceed(amounts: npt.NDArray[np.int64]) -> None:
    for share, values in percentiles(amounts, np.ones(amounts.shape[1], np.bool_)).items():
        for row, value in zip(amounts.tolist(), values.tolist(), strict=True):
            enough = [v for v in sorted(row) if 100 * sum(w <= v for w in row) >= share * len(row)]
            assert value == enough[0]


def test_percentiles_without_tokens_are_zero_and_leave_others_out() -> None:
    amounts = np.array([[5, 1, 9]])
    assert percentiles(amounts, np.zeros(3, np.bool_))[50].tolist() == [0]
    assert percentiles(amounts, np.array([True, True, False]))[100].tolist() == [5]


def scene_of(values: list[float], kind: str = "linear") -> Scene:
    steps = np.arange(len(values))
    table = pd.DataFrame({"step": steps, "tokens": 4, "moved": values})
    return Scene(table, (steps[1:].astype(float), np.ones(len(steps) - 1)), (), step_axis(kind, len(values) - 1))


def test_up_to_so_many_snapshots_every_one_is_drawn_and_beyond_none_is_left_out() -> None:
    few, many = scene_of([1.0] * (COLUMNS + 1)), scene_of(list(np.arange(5_001) % 7), "symlog")
    assert len(few.starts) == COLUMNS
    assert few.thinned == f"{COLUMNS + 1} recorded snapshots, all drawn"
    assert len(many.starts) <= COLUMNS
    assert "columns of up to" in many.thinned
    begun, over = many.ends()
    assert begun[0] == 0
    assert over[-1] == 5_000
    assert (begun[1:] == over[:-1]).all()
    low, high = many.span("moved")
    values = many.table["moved"].to_numpy()
    for column, (a, b) in enumerate(zip(begun.tolist(), over.tolist(), strict=True)):
        inside = values[a + 1 : b + 1]
        assert (low[column], high[column]) == (inside.min(), inside.max())
        assert many.mean("moved")[column] == pytest.approx(inside.mean())


@pytest.mark.parametrize("kind", ["symlog", "linear", "events"])
def test_a_place_on_the_axis_and_its_share_agree(kind: str) -> None:
    axis = step_axis(kind, 1_000, [3, 19])
    shares = axis.share([0, 3, 19, 500, 1_000])
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert (np.diff(shares) > 0).all()
    assert [axis.unshare(share) for share in shares] == pytest.approx(axis.place([0, 3, 19, 500, 1_000]).tolist())


def rendered(picture: Picture, width: int = 500) -> str:
    spec, datasets = picture
    filled: dict[str, Any] = json.loads(json.dumps(spec)) | {
        "datasets": {name: json.loads(table.to_json(orient="records")) for name, table in datasets.items()}
    }
    for panel in filled.get("vconcat", [filled]):
        panel["width"] = width
    return str(vl_convert.vegalite_to_svg(filled))


def is_drawn(picture: str) -> bool:
    """Whether a picture has marks, all of them at places that are numbers."""
    return picture.startswith("<svg") and 'class="mark-' in picture and "NaN" not in picture


def observed(make_run: MakeRun, **fields: Any) -> History:
    return observe(make_run(**fields))


@pytest.mark.parametrize("kind", ["symlog", "linear", "events"])
def test_pictures_of_motion_are_drawn_offline_and_their_descriptions_do_not_depend_on_the_step(
    make_run: MakeRun, kind: str
) -> None:
    history = observed(make_run)
    table = step_table(history)
    scene = Scene(table[table["group"] == "all"], history.rates, [(3, 5)], step_axis(kind, 20, [3, 6]))
    tokens, moved = token_motion(history), who_moved(history)
    makers = [
        lambda step: motion.regime_shares(scene, step),
        lambda step: motion.speeds(scene, step),
        lambda step: motion.displacements(scene, "cells", step),
        lambda step: motion.displacements(scene, "weight", step),
        lambda step: motion.freeze_map(scene, moved, tokens, NAMES, step),
    ]
    for make in makers:
        early, late = make(2), make(17)
        assert early[0] == late[0]
        assert early[1]["cursor"]["step"].tolist() == [2]
        assert is_drawn(rendered(early))
        assert len(early[1]["zero"]) == 1
        for spec, data in motion.panels(early):
            assert is_drawn(rendered((spec, data)))


def test_the_areas_of_the_regimes_are_the_counts_of_the_table(make_run: MakeRun) -> None:
    history = observed(make_run)
    table = step_table(history)
    rows = table[table["group"] == "live"]
    data = motion.regime_shares(Scene(rows, history.rates, (), step_axis("linear", 20)), 3)[1]["regimes"]
    for column, (name, _) in motion.REGIME_LABELS.items():
        area = data[data["regime"] == name]
        for step in range(1, 21):
            held = area[area["x"] >= step].iloc[0]
            assert held["y1"] - held["y0"] == pytest.approx(rows[rows["step"] == step][column].iloc[0] / 10)


def motions(*displacements: list[list[int]]) -> tuple[Scene, pd.DataFrame, npt.NDArray[np.bool_]]:
    """The scene of a made-up group whose tokens move so many cells at each step; their motion; who moved when."""
    words = np.cumsum(np.array([[0] * len(displacements[0]), *displacements], np.uint16), axis=0, dtype=np.uint16)
    history = History("x", 0x3F80 + words[:, :, None], np.arange(len(words)))
    table = step_table(history)
    rates = np.arange(1.0, len(words)), np.ones(len(words) - 1)
    scene = Scene(table[table["group"] == "all"].reset_index(drop=True), rates, (), step_axis("linear", len(words) - 1))
    return scene, token_motion(history), who_moved(history)


def test_where_all_tokens_are_alike_pictures_are_low_and_a_line_is_drawn_once() -> None:
    (alike, tokens, moved), (apart, others, who) = motions([1, 1], [0, 0], [3, 3]), motions([1, 1], [0, 2], [3, 3], [1, 1])
    assert alike.alike == "all 2 tokens alike"
    assert (alike.is_alike(("moved",)), apart.is_alike(("moved",))) == (True, False)
    low, high = (motion.freeze_map(*each, NAMES, 1) for each in ((alike, moved, tokens), (apart, who, others)))
    assert low[1]["rows"]["name"].tolist() == ["all 2 tokens alike"]
    assert high[1]["rows"]["name"].tolist() == ["0 token 0", "1 token 1"]
    for small, large in ((low, high), (motion.regime_shares(alike, 1), motion.regime_shares(apart, 1))):
        assert small[0]["vconcat"][0]["height"] < large[0]["vconcat"][0]["height"] / 2
        assert is_drawn(rendered(small))
    data = motion.displacements(apart, "cells", 1)[1]
    # From step 1 to step 2 one token moved two cells and the other none; before and after, both are alike.
    assert data["median"]["high"].tolist() == [1, 1, 0, 3, 1]
    assert data["farthest"]["high"].fillna(-1).tolist() == [-1, 1, 2, -1, -1]
    assert data["between"]["high"].fillna(-1).tolist() == [-1, 1, 2, -1, -1]
    assert len(motion.displacements(alike, "cells", 1)[0]["vconcat"][0]["layer"]) < len(
        motion.displacements(apart, "cells", 1)[0]["vconcat"][0]["layer"]
    )


def test_who_moved_is_a_changed_bit_of_the_row(make_run: MakeRun) -> None:
    history = observed(make_run)
    slow = [
        [bool((history.words[t, v] != history.words[t - 1, v]).any()) if t else False for v in range(16)] for t in range(21)
    ]
    assert who_moved(history).tolist() == slow
    assert moves_of_token(history, 3).tolist() == [row[3] for row in slow]


def test_the_learning_rate_is_a_line_from_the_start_also_of_a_run_of_one_step(make_run: MakeRun) -> None:
    history = observe(make_run(steps=1))
    table = step_table(history)
    scene = Scene(table[table["group"] == "all"], history.rates, (), step_axis("symlog", 1))
    assert motion.speeds(scene, 1)[1]["rate"].to_numpy().tolist() == [[0.0, 0.001], [1.0, 0.001]]


def test_stretches_of_rate_zero_are_reported_with_the_step_before_them() -> None:
    steps = np.arange(1.0, 7.0)
    words = np.zeros((1, 2, 1), np.uint16)
    metrics = {"step": steps, "learning_rate": np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0])}
    assert zero_stretches(History("x", words, np.arange(1), metrics=metrics)) == [(0, 1), (3, 5)]
    assert zero_stretches(History("x", words, np.arange(1))) == []


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Freezing(9, 9, 9, False, 0.1, False), "Still moving at the last snapshot"),
        (Freezing(9, 9, 9, True, float("nan"), None), "is unknown"),
        (Freezing(9, 9, 9, True, 0.0, True), "the schedule stopped them"),
        (Freezing(9, 9, 9, True, 1e-6, False), "the schedule may have stopped them"),
        (Freezing(9, 9, 9, True, 9e-4, False), "the schedule alone did not stop them"),
    ],
)
def test_why_motion_ended_is_reported_with_what_was_left_of_the_rate(end: Freezing, words: str) -> None:
    assert words in freezing_sentence(end, "dead", 100, 1e-3)


@pytest.mark.parametrize("kind", ["symlog", "linear", "events"])
def test_lanes_and_barcode_are_drawn_offline_and_do_not_depend_on_the_step(make_run: MakeRun, kind: str) -> None:
    history = observed(make_run)
    events = account(history, "dead")
    axis = step_axis(kind, 20, [int(history.steps[event.snapshot]) for event in events.tree.events])
    drawn = lineage.drawn_lineage(events.tree, hidden_of(history, "dead"), history.steps, axis, NAMES)
    for chosen in (None, ("token", 2), ("hole", 2)):
        early, late = (lineage.lanes_chart(drawn, axis, step, chosen) for step in (2, 17))
        assert early[0] == late[0]
        assert is_drawn(rendered(late))
    assert len(late[1]["outline"]) >= 1
    assert set(late[1]["targets"]["step"]) <= set(history.steps.tolist())
    stays = biography(events.tree, 2)
    early, late = (lineage.barcode(drawn, stays, moves_of_token(history, 2), axis, step) for step in (2, 17))
    assert early[0] == late[0]
    assert is_drawn(rendered(late))


def test_a_barcode_of_more_snapshots_than_columns_shows_the_share_of_each() -> None:
    steps = np.arange(2_001)
    moved = steps % 4 == 1
    bars = lineage.moves_data(moved, steps, step_axis("linear", 2_000))
    shares = bars["share"].to_numpy() * (bars["x1"] - bars["x0"])
    assert shares.sum() == pytest.approx(moved.sum())
    assert bars["x1"].max() <= 2_000


def test_events_are_listed_with_populations_and_a_token_to_be_selected(make_run: MakeRun) -> None:
    history = observed(make_run)
    listed = told_events(event_rows(account(history, "dead"), history.steps), NAMES)
    assert listed.iloc[0].tolist()[:3] == [3, "f formation", "singles → 2"]
    assert listed.iloc[1].tolist()[:3] == [6, "a absorption", "2 → 3"]
    assert listed["token"].tolist() == [0] * len(listed)
    assert nature([3, 2, 1]) == "apparent: 3 + 2 + 1 hidden classes"


def test_percentiles_stand_in_the_step_table(make_run: MakeRun) -> None:
    table = step_table(observed(make_run))
    assert {f"displacement_{unit}_p{share}" for unit in ("cells", "weight") for share in PERCENTILES} <= set(table.columns)
