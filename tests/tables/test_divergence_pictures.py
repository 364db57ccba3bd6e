"""Pictures, the browser's frames and the export of histories that hold NaN, infinities or very small numbers."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from test_divergence import DEAD, FINITE, INF, NAN, ending

from snowball_core.charts.motion_columns import decades
from snowball_core.charts.overlay import Frame, overlay_spec
from snowball_core.charts.overlay_data import Along, Called, ends_data, lines_data, moments_data
from snowball_core.charts.places import stage
from snowball_core.charts.scrubber_blob import packed_blob, reel
from snowball_core.charts.theme import line_style
from snowball_core.errors import HistoryError
from snowball_core.export.bundle import export_to
from snowball_core.export.pictures import PICTURES, draw
from snowball_core.export.view import view_of
from snowball_core.store.history import History

pytestmark = pytest.mark.filterwarnings("error")

HISTORIES = {
    "every row NaN from a step on": ending([0, 1, 2, 3], NAN),
    "some dead rows NaN from a step on": ending([0, 2], NAN),
    "dead rows infinite from a step on": ending([0, 1, 2], INF),
    "one row at infinity all the time": np.where(np.arange(4)[:, None] == 1, INF, FINITE).astype(np.float32),
    "one row NaN all the time": np.where(np.arange(4)[:, None] == 1, NAN, FINITE).astype(np.float32),
    "every row NaN all the time": np.full((4, 4, 2), NAN, np.float32),
    "every row infinite all the time": np.full((4, 4, 2), -INF, np.float32),
    "numbers near the largest": (FINITE / 9 * np.float32(3.4e38)).astype(np.float32),
}


def shown_of(words, step=None, group="dead", unit="weight"):
    history = History("made up", np.asarray(words, np.float32), np.arange(len(words)), DEAD)
    return view_of(history, step, group, unit)


def domains(spec):
    """Every domain of a description, wherever it stands."""
    if isinstance(spec, dict):
        return [spec[key] for key in spec if key.startswith("domain")] + [
            each for part in spec.values() for each in domains(part)
        ]
    return [each for part in spec for each in domains(part)] if isinstance(spec, list) else []


@pytest.mark.parametrize("unit", ["cells", "weight"])
@pytest.mark.parametrize("name", HISTORIES)
def test_every_picture_has_axes_with_ends_or_says_why_it_is_not_drawn(name, unit):
    words = HISTORIES[name]
    left_out = {}
    for step in (0, len(words) - 1):
        view = shown_of(words, step, "all", unit)
        for motif in PICTURES:
            try:
                plate = PICTURES[motif].make(view)
            except HistoryError as error:
                left_out[motif] = str(error)
                continue
            json.dumps(domains(dict(plate.spec)), allow_nan=False)
            for table in plate.datasets.values():
                numbers = table.select_dtypes("number").astype("float64").to_numpy()
                assert not np.isinf(numbers).any()
    undrawn = {"loss"} if words is HISTORIES["numbers near the largest"] or len(words) > 4 else {"loss", *left_out}
    assert set(left_out) == undrawn
    assert all("finite snapshots" in why for motif, why in left_out.items() if motif != "loss")


@pytest.mark.parametrize("name", ["some dead rows NaN from a step on", "dead rows infinite from a step on"])
@pytest.mark.parametrize("motif", ["counts", "speeds", "distances", "places"])
def test_no_number_that_is_none_is_drawn(name, motif):
    words = HISTORIES[name]
    view = shown_of(words, len(words) - 1, "all")
    for node in ET.fromstring(draw(view, PICTURES[motif].make(view))).iter():
        placed = [text for key, text in node.attrib.items() if key in ("d", "transform", "x", "y", "x1", "x2", "width")]
        assert not any(word in text for text in placed for word in ("NaN", "Infinity"))


@pytest.mark.parametrize("name", HISTORIES)
def test_frames_for_the_browser_have_domains_with_ends(name):
    words = HISTORIES[name]
    for unit in ("cells", "weight"):
        made = reel(words, np.arange(len(words)), DEAD, unit)
        packed_blob(made, {})  # refuses a header with a number that is none
    for unit in ("", "cells", "weight"):
        scene = stage(words, DEAD, unit)
        assert np.isfinite([*scene.x, *scene.y]).all()
        assert scene.x[0] < scene.x[1]
        assert np.isfinite(scene.path[["x", "y"]].to_numpy()).all()


@pytest.mark.parametrize("size", [1e-6, 1e-14, 1e-30, 1e-44, 1e38])
def test_numbers_of_any_size_are_drawn(size):
    words = (FINITE.astype(np.float64) / 9 * size).astype(np.float32)
    view = shown_of(words, group="all")
    moved = view.summary["displacement_weight_p100"]
    assert (moved > 0).any()
    low, high = decades(view.summary[["displacement_weight_p100", "bulk_speed_weight"]])
    assert 0 < low < moved.max() < high < math.inf
    for motif in ("speeds", "displacements", "farthest", "distances", "places"):
        plate = PICTURES[motif].make(view)
        json.dumps(domains(dict(plate.spec)), allow_nan=False)
        if size == 1e-30:
            assert draw(view, plate).startswith(b"<svg")


def test_an_axis_of_decades_keeps_its_upper_end():
    import pandas as pd

    assert decades(pd.DataFrame({"a": [0.0, 2e-17]})) == (1e-17, 2.3e-17)
    assert decades(pd.DataFrame({"a": [NAN, INF, 0.0]})) == (1.0, 1.0)


def test_a_comparison_leaves_out_what_has_no_place_on_its_axes():
    import pandas as pd

    from snowball_core.measures.alignment import Entrant, places

    table = pd.DataFrame({"step": [0, 1, 2, 3], "loss": [1.0, NAN, INF, 2.0], "learning_rate_sum": 0.0})
    runs = [Entrant("a", "s", 1, table, {}), Entrant("b", "s", 2, table.iloc[:0], {})]
    assert places(runs[1], "step") is None
    called, along = Called({"a": "A", "b": "B"}, {"a": "S", "b": "S"}), Along("step")
    lines, _ = lines_data(runs, called, "loss", along)
    assert lines["value"].tolist() == [1.0, 2.0]
    assert ends_data(lines, along, 0.0, 3.0, True)[["text", "x"]].to_numpy().tolist() == [["A", 3.0]]
    assert moments_data(runs, called, "loss", along, "b")[["step", "A"]].to_numpy().tolist() == [[0, "1"], [3, "2"]]
    assert moments_data(runs[1:], called, "loss", along, None).empty
    styles = (line_style("S", 0),)
    spec = overlay_spec(Frame(0.0, 3.0, float(lines["value"].max()), None, True, True, "step", "nats", styles, ("A",)))
    json.dumps(domains(spec), allow_nan=False)


@pytest.mark.parametrize(("step", "is_made"), [(3, True), (4, False)])
def test_the_projectors_files_are_written_together_or_not_at_all(step, is_made, tmp_path: Path):
    written = export_to(shown_of(ending([1], NAN), step), tmp_path / "out", tmp_path / "library", ["projector"])
    assert (len(written.files), len(written.left_out)) == ((4, 0) if is_made else (0, 4))
    made = {path.name for path in (tmp_path / "out").rglob("*.*")}
    assert ("projector_config.json" in made) == ("vectors.tsv" in made) == is_made


def test_an_export_is_of_the_last_finite_step_and_every_text_says_why(tmp_path: Path):
    view = shown_of(ending([0, 1, 2], NAN))
    message = "Diverged at step 4: every dead row is NaN; evaluated up to step 3."
    assert view.step == 3
    names = ["report.html", "pictures/counts.svg", "methods.txt"]
    export_to(view, tmp_path / "out", tmp_path / "library", names)
    texts = {name: (tmp_path / "out" / name).read_text() for name in names}
    assert all("Diverged at step 4" in text for text in texts.values())
    assert message in texts["report.html"]


def test_frames_have_no_event_of_rows_that_are_not_finite():
    whole, cut = (reel(words, np.arange(len(words)), DEAD, "cells") for words in (ending([0, 2], NAN), FINITE))
    assert whole.arrays["event"].tolist() == cut.arrays["event"].tolist() == [1, 3]
    # Tokens 0 and 2 share a row of NaN in the last frame, which has no colour of a hole.
    last = whole.arrays["slot"].reshape(-1, 1)[whole.arrays["partition"][-1]]
    assert last.tolist() == [-1]
    assert reel(np.full((2, 4, 2), NAN, np.float32), np.arange(2), DEAD, "cells").arrays["event"].tolist() == []


def test_a_frame_says_which_rows_are_not_finite_and_where_the_finite_snapshots_end():
    words = ending([0, 2], NAN)
    made = reel(words, np.arange(len(words)), np.ones(4, np.bool_), "weight")
    first = next(step for step in range(len(words)) if not np.isfinite(words[step]).all())
    assert made.header["finite"] == first
    kept = [int(np.flatnonzero(made.arrays["frame"] == frame)[0]) for frame in range(made.header["sent"])]
    assert [kept[: made.header["lost_from"]][-1], kept[made.header["lost_from"]]] == [first - 1, first]
    wanted = ~np.isfinite(words[kept[made.header["lost_from"] :]]).all(axis=-1)
    np.testing.assert_array_equal(made.arrays["lost"], wanted)
    assert wanted.any()
