"""Lines of a comparison: colours on both backgrounds, letters at the ends, values under a crosshair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from snowball_core.charts.overlay import Frame, filled, overlay_spec, printed
from snowball_core.charts.overlay_data import Along, Called, ends_data, lines_data, moments_data, strengths
from snowball_core.charts.step_axis import step_axis
from snowball_core.charts.theme import BACKGROUNDS, BANDS, RUN_HUES, line_style
from snowball_core.measures.alignment import Entrant

CALLED = Called({"a": "A", "b": "B", "c": "C"}, {"a": "x", "b": "y", "c": "y"})


def entrant(run: str, steps: list[int], values: list[float], merger: int | None = None) -> Entrant:
    table = pd.DataFrame({"step": steps, "unique": values, "learning_rate_sum": np.nan})
    return Entrant(run, "s", 1, table, {"first-merger": merger, "last-change": merger})


def luminance(colour: str) -> float:
    parts = np.array(list(bytes.fromhex(colour[1:]))) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_line_has_a_contrast_of_three_and_is_one_of_a_kind(theme: str) -> None:
    for hue in (*RUN_HUES[theme], BANDS[theme][0]):
        low, high = sorted((luminance(hue), luminance(BACKGROUNDS[theme])))
        assert (high + 0.05) / (low + 0.05) >= 3, hue
    styles = [line_style("", rank, theme) for rank in range(36)]
    assert len(set(styles)) == 36
    assert len({style.dashes for style in styles[:6]}) == len({style.colour for style in styles[:6]}) == 6


def test_letters_that_would_cover_each_other_stand_side_by_side() -> None:
    runs = [entrant("a", [0, 9], [4, 1]), entrant("b", [0, 9], [4, 1]), entrant("c", [0, 9], [4, 4])]
    lines, _ = lines_data(runs, CALLED, "unique", Along("step"))
    ends = ends_data(lines, Along("step"), 0, 9, True)
    assert ends[["text", "shift"]].to_numpy().tolist() == [["A", 3], ["B", 18], ["C", 3]]


def test_a_crosshair_reads_the_held_value_of_every_run_and_the_step_to_show() -> None:
    runs = [entrant("a", [0, 4], [3, 2.5], merger=4), entrant("b", [0, 2], [1234, 1], merger=2), entrant("c", [0], [1])]
    at_step = moments_data(runs, CALLED, "unique", Along("step"), "b")
    assert at_step[["step", "place", "A", "B", "C"]].to_numpy().tolist() == [
        [0, "0", "3", "1,234", "1"],
        [2, "2", "3", "1", ""],
        [4, "4", "2.5", "", ""],
    ]
    aligned = moments_data(runs[:2], CALLED, "unique", Along("first-merger"), "b")
    assert aligned[["x", "step", "A", "B"]].to_numpy().tolist() == [[-4, 0, "3", ""], [-2, 0, "3", "1,234"], [0, 2, "2.5", "1"]]
    by_event = Along("step", step_axis("events", 4, [2]))
    assert moments_data(runs, CALLED, "unique", by_event, None)[["x", "step"]].to_numpy().tolist() == [[0, 0], [1, 2], [2, 4]]


def test_a_crosshair_of_a_long_run_has_few_places_and_every_early_step() -> None:
    run = entrant("a", list(range(10_001)), [1.0] * 10_001)
    moments = moments_data([run], CALLED, "unique", Along("step"), None)
    assert len(moments) <= 400
    assert set(range(20)) <= set(moments["step"])


def test_a_highlighted_run_is_wide_and_the_others_pale() -> None:
    lines, _ = lines_data([entrant("a", [0], [1]), entrant("b", [0], [1])], CALLED, "unique", Along("step"))
    assert strengths(lines, (), "B")[["width", "strength"]].to_numpy().tolist() == [[2.4, 0.4], [4.0, 1.0]]
    assert strengths(lines, {"y"}, None)["width"].tolist() == [2.4, 1.4]


def test_a_file_has_a_legend_and_letters_and_no_crosshair() -> None:
    frame = Frame(0, 9, 4, None, True, True, "step", "vectors", (line_style("A", 0),), ("A",))
    page, file = overlay_spec(frame), printed(overlay_spec(frame))
    assert [each["data"]["name"] for each in page["layer"]] == ["bands", "bands", "lines", "alone", "ends", "moments"]
    assert [each["data"]["name"] for each in file["layer"]] == ["bands", "bands", "lines", "alone", "ends"]
    assert "params" in page
    assert "params" not in file
    assert page["layer"][2]["encoding"]["color"]["legend"] is None
    assert file["layer"][2]["encoding"]["color"]["legend"]["orient"] == "top"


def test_a_layer_without_data_is_left_out() -> None:
    page = overlay_spec(Frame(0, 9, 4, None, True, True, "step", "vectors", (line_style("A", 0),), ("A",)))
    one = pd.DataFrame({"x": [0.0]})
    data = {"bands": one[:0], "lines": one, "alone": one[:0], "ends": one, "moments": one}
    assert [each["data"]["name"] for each in filled(page, data)["layer"]] == ["lines", "ends", "moments"]
    assert filled(page, dict.fromkeys(data, one)) == page
