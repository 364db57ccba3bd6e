"""The Compare page without a browser: draws, duplicates, alignment, and runs that do not fit each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paging
import pandas as pd
import pyarrow as pa
import pytest
from conftest import MakeRun
from paging import drawn_sides, sound, specs, texts
from streamlit.testing.v1 import AppTest
from tiny_run import made_run

from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.foreign.links import Link, link_file
from snowball_core.store.run_folder import HISTORY, TENSOR, Run
from snowball_core.tables.at_step import exact_numbers
from snowball_core.tables.draws import nearest
from snowball_core.tables.formats import number

pytestmark = pytest.mark.usefixtures("library")


def opened(*runs: Run | str, **query: str) -> AppTest:
    chosen = ",".join(run if isinstance(run, str) else run.id for run in runs)
    return paging.opened("compare", **({"runs": chosen} if runs else {}), **query)


def redrawn(run: Run, seed: int) -> Run:
    """The run with a history of its own: another draw."""
    words = run.history().words.copy()
    words[1:] ^= np.uint16(seed)
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", words.shape[1:], len(words), {}) as writer:
        for matrix in words:
            writer.append(matrix)
    return run


def table(app: AppTest, column: str) -> pd.DataFrame:
    return next(frame.value for frame in app.dataframe if column in frame.value)


def test_an_empty_library_offers_the_demo() -> None:
    assert "No runs yet" in texts(opened().info)


def test_one_run_is_one_draw_and_the_page_says_what_to_do(make_run: MakeRun) -> None:
    assert "needs at least 2 readable runs" in texts(opened(make_run()).info)


def test_seeds_are_counted_as_draws_and_a_duplicate_is_not(make_run: MakeRun) -> None:
    runs = [make_run(seed=seed, name=f"seed-{seed}") for seed in (1, 2)]
    again = [make_run(seed=1, name=name) for name in ("again", "third")]
    app = opened(runs[0], redrawn(runs[1], 2), *again)
    assert "4 runs, 2 independent draws, all of one setting." in texts(app.markdown)
    # Three pairs of twins are one sentence.
    assert texts(app.warning) == ("**A**, **C** and **D** are duplicates. Duplicate: identical for 21 common steps.")
    assert table(app, "draw")["draw"].tolist() == [1, 2, 1, 1]
    assert table(app, "field")["field"].tolist() == ["seed"]


def test_the_same_configuration_with_other_bits_is_flagged_with_its_step(make_run: MakeRun) -> None:
    app = opened(make_run(name="one"), redrawn(make_run(name="two"), 5))
    assert "Same configuration, other bits: first difference at step 1" in texts(app.warning)
    assert "one draw: differences may be due to chance" in texts(app.markdown)


@pytest.mark.parametrize("align", ["step", "first-merger", "last-change", "rates"])
def test_every_alignment_draws_every_measure(make_run: MakeRun, align: str) -> None:
    runs = [make_run(seed=1, name="one"), redrawn(make_run(seed=2, name="two", steps=12), 3)]
    app = opened(*runs, align=align)
    assert len(app.get("vega_lite_chart")) == 5
    # The trainer's numbers are of no group.
    assert "the whole run (all groups) · unit: nats" in texts(app.markdown)
    assert "not on this axis" not in texts(app.info).lower()


def test_a_draw_with_two_kinds_of_twins_names_each(make_run: MakeRun) -> None:
    app = opened(make_run(name="one"), make_run(name="two"), redrawn(make_run(name="three"), 5))
    assert texts(app.warning).endswith(
        "**C** are duplicates. Duplicate: identical for 21 common steps (B). "
        "Same configuration, other bits: first difference at step 1 (C)."
    )


def test_measures_and_sides_are_chosen_by_words_and_stand_in_the_address_by_name(make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), redrawn(make_run(name="two", seed=2), 3)
    app = opened(one, two, measures="loss", left=two.id)
    measures, left = app.multiselect(key="measures"), app.selectbox(key="left")
    assert (measures.value, left.value) == (["loss"], two.id)
    assert {"U, unique vectors", "Training loss"} <= set(measures.options)
    assert left.options == ["A · one · seed 1 · 20 steps", "B · two · seed 2 · 20 steps"]
    app = sound(measures.select("unique").run())
    assert app.query_params["measures"] == ["loss", "unique"]
    app = sound(app.multiselect(key="measures").set_value([]).run())
    assert app.query_params["measures"] in ("", [""])


def test_a_marked_run_and_a_selection_survive_a_reload(make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2, dead=3)
    app = sound(opened(one, two).selectbox(key="marked").select(two.id).run())
    assert app.query_params["marked"] in (two.id, [two.id])
    again = opened(one, two, marked=two.id, select="t3", at="20")
    assert again.selectbox(key="marked").value == two.id
    assert "Highlighted: B." in texts(again.markdown)
    assert "Highlighted: token 3 (ETX). Left: in hole A of 6 tokens. Right: not a dead token." in texts(again.caption)
    hostile = opened(one, two, marked="<b>", select="x9")
    assert hostile.selectbox(key="marked").value is None
    assert "Click a hole or token to highlight" in texts(hostile.caption)


def test_settings_and_differences_are_reported_in_the_words_of_the_form(make_run: MakeRun) -> None:
    app = opened(make_run(name="one"), redrawn(make_run(name="two", label_shift=2, weight_decay=0.5), 3))
    assert table(app, "field")["field"].tolist() == ["label shift", "weight decay"]
    assert "setting 2: label shift 2, weight decay 0.5" in table(app, "draw")["setting"].tolist()


def test_a_run_of_one_snapshot_is_a_point_on_the_axis_of_the_others(make_run: MakeRun) -> None:
    whole, short = make_run(name="whole"), redrawn(make_run(name="one-snapshot", seed=2, until=0), 3)
    charts = {node.proto.spec: node.proto for node in opened(whole, short, measures="unique").get("vega_lite_chart")}
    spec, proto = next((spec, proto) for spec, proto in charts.items() if '"alone"' in spec)
    assert '"domain": [0, 20]' in spec
    points = {data.name: data for data in proto.datasets}["alone"]
    assert pa.ipc.open_stream(points.data.data).read_all().to_pandas()[["step", "value"]].to_numpy().tolist() == [[0, 6]]


def test_a_run_without_the_event_is_named_and_left_out(make_run: MakeRun) -> None:
    app = opened(make_run(name="long"), make_run(name="short", seed=3, snapshots=2, state="stopped"), align="first-merger")
    assert "Not on this axis: B. They have no first merger" in texts(app.info)


def test_runs_of_other_sizes_steps_and_states_are_compared(make_run: MakeRun) -> None:
    runs = [
        make_run(name="whole"),
        make_run(name="log", steps=300, record="log", seed=2),
        make_run(name="cut", snapshots=6, state="running", seed=3),
        make_run(name="no-dead", dead=0, seed=4),
    ]
    app = opened(*runs)
    assert "4 runs" in texts(app.markdown)
    assert "interrupted" in table(app, "state")["state"].tolist()
    app = opened(*runs, left=runs[2].id, right=runs[1].id, at="300")
    assert "Step 300 is not recorded in this run; showing step 5." in texts(app.caption)
    assert [(side["run"], side["last_step"], side["step"]) for side in drawn_sides(app)] == [
        (runs[2].id, 20, 300),
        (runs[1].id, 300, 300),
    ]
    app = opened(*runs, left=runs[3].id)
    assert "has no dead tokens" in texts(app.info)
    assert [side["run"] for side in drawn_sides(app)] == [runs[1].id]


def test_shapes_that_differ_are_reported_before_any_number(make_run: MakeRun, tmp_path: Path) -> None:
    wide, small = make_run(name="wide"), made_run(tmp_path)
    app = opened(wide, small, group="all")
    kinds = [node.type for node in app.main]
    assert kinds.index("info") < kinds.index("dataframe") < kinds.index("vega_lite_chart")
    text = texts(app.info)
    assert text.startswith(
        "The 2 runs differ in shapes: tokens 16 (A), 4 (B); components 4 (A), 2 (B); snapshots 21 (A), 4 (B)."
    )
    assert "The numbers of tokens differ." in text
    assert table(app, "measure")["measure"].tolist()[0] == "tokens"
    assert texts(opened(wide, make_run(name="alike", seed=2)).info) == ""


def test_damaged_missing_and_hostile_runs_are_named_and_the_others_compared(make_run: MakeRun) -> None:
    runs = [make_run(name=name, seed=seed) for name, seed in (("one", 1), ("two", 2), ("cut", 3), ("lost", 4), ("none", 5))]
    (runs[2].path / "run.json").write_text("{")
    (runs[3].path / HISTORY).write_bytes(b"not a tensor" * 100)
    none = make_run(name="empty", snapshots=0, state="failed")
    app = opened(*runs, none, "../../etc/passwd", "no-such-run", "<b>x</b>")
    text = texts(app.warning)
    for words in (
        "damaged run.json",
        "must be a safetensors file",
        "has no snapshots yet",
        "A run id is made of",
        "There is no run",
    ):
        assert words in text
    assert "3 runs" in texts(app.markdown)


def test_the_first_visit_chooses_two_and_writes_them_into_the_address(make_run: MakeRun) -> None:
    ids = sorted((make_run(name=f"run-{i}", seed=i).id for i in range(3)), reverse=True)
    app = opened()
    assert app.multiselect(key="compared").value == ids[:2]
    assert app.query_params["runs"] == [",".join(ids[:2])] or app.query_params["runs"] == ",".join(ids[:2])


def test_the_run_in_hand_is_compared_with_its_nearest(make_run: MakeRun) -> None:
    here = make_run(name="here", seed=1)
    seed, far = make_run(name="seed", seed=2), make_run(name="far", clip=0.5, weight_decay=0.1)
    copy = make_run(name="copy", seed=1)
    assert nearest(here.path.parent, here.id) == [seed.id, far.id, copy.id]
    assert paging.opened("compare", run=here.id).multiselect(key="compared").value == [here.id, seed.id]


@pytest.mark.parametrize("axis", ["symlog", "linear", "events"])
def test_the_axis_of_the_address_is_that_of_the_charts_and_of_both_sides(make_run: MakeRun, axis: str) -> None:
    app = opened(make_run(name="one", seed=1), make_run(name="two", seed=2), axis=axis, measures="unique")
    assert [side["axis"] for side in drawn_sides(app)] == [axis, axis]
    (spec,) = specs(app)
    title = {"symlog": "step (symlog)", "linear": "step", "events": "step (events evenly spaced)"}[axis]
    assert f'"title": "{title}"' in spec
    app = sound(app.segmented_control(key="axis-choice").set_value("linear").run())
    assert [side["axis"] for side in drawn_sides(app)] == ["linear", "linear"]
    assert app.query_params["axis"] in ("linear", ["linear"])


def test_a_loss_that_explodes_is_drawn_symlog(make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), make_run(name="two", seed=2)
    assert "nats (symlog)" not in specs(opened(one, two, measures="loss"))[0]
    metrics = two.path / "metrics.csv"
    *kept, last = metrics.read_text().splitlines()
    metrics.write_text("\n".join([*kept, ",".join([last.split(",")[0], "1e11", *last.split(",")[2:]]), ""]))
    assert "nats (symlog)" in specs(opened(one, two, measures="loss"))[0]


def test_runs_have_one_line_each_or_one_for_each_value_of_a_field(make_run: MakeRun) -> None:
    runs = [make_run(name="one"), redrawn(make_run(name="two", seed=2), 3), redrawn(make_run(name="three", clip=0.5), 5)]
    app = opened(*runs, measures="unique")
    lines = table(app, "line")["line"]
    assert len(set(lines)) == 3
    assert set(app.selectbox(key="by").options) == {"run", "setting", "seed", "clip"}
    app = sound(app.selectbox(key="by").select("clip").run())
    assert table(app, "line")["line"].duplicated().tolist() == [False, True, False]
    assert '"domain": ["clip 1.0 (A, B)", "clip 0.5 (C)"]' in specs(app)[0]
    assert opened(*runs, by="moon").selectbox(key="by").value == "run"


def test_the_other_seeds_of_a_run_are_added_by_a_button(make_run: MakeRun) -> None:
    first, second = make_run(name="a", seed=1), make_run(name="b", seed=2)
    other = make_run(name="c", seed=3, learning_rate=0.5)
    app = sound(opened(first, other).button(key="add-seeds").click().run())
    assert app.multiselect(key="compared").value == [first.id, other.id, second.id]


def test_a_range_of_steps_is_told_until_it_is_cleared_on_every_page(make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), redrawn(make_run(name="two", seed=2), 7)
    app = opened(one, two, **{"from": "5", "to": "9"})
    assert "Steps 5 to 9 only" in texts(app.markdown)
    app = sound(app.button(key="clear-range").click().run())
    assert "Steps 5 to 9 only" not in texts(app.markdown)
    assert not {"from", "to"} & set(app.query_params)


def test_seeds_are_added_of_a_recorded_run_and_of_opened_files_none(make_run: MakeRun, tmp_path: Path) -> None:
    first, second = make_run(name="a", seed=1), make_run(name="b", seed=2)
    files = [link_file(tmp_path, Link(str(run.path / "history.safetensors"))) for run in (first, second)]
    app = sound(opened(files[0].id, first).button(key="add-seeds").click().run())
    assert app.multiselect(key="compared").value == [files[0].id, first.id, second.id]
    button = opened(*(file.id for file in files)).button(key="add-seeds")
    assert button.disabled
    assert "that of an opened file is unknown" in button.help


@pytest.mark.parametrize("step", [9, 10])
def test_both_sides_show_the_same_step_with_the_numbers_of_their_files(make_run: MakeRun, step: int) -> None:
    one, two = make_run(name="one", seed=1), redrawn(make_run(name="two", seed=2), 7)
    app = opened(one, two, at=str(step))
    numbers = table(app, "measure").set_index("measure")
    for side, run in (("left", one), ("right", two)):
        exact = exact_numbers(run.history().words[step][run.dead])
        assert numbers.loc["U unique vectors", f"{side}, step {step}"] == f"{exact['unique']:,}"
        assert numbers.loc["Largest L∞ (weight units)", f"{side}, step {step}"] == number(exact["linf_weight"])
    names = [(side["name"], side["step"], side["alive"], side["story"]) for side in drawn_sides(app)]
    assert names == [
        ("A · one · seed 1 · 20 steps", step, False, ""),
        ("B · two · seed 2 · 20 steps", step, False, ""),
    ]


def test_a_marked_run_is_drawn_as_data(make_run: MakeRun) -> None:
    one, two = make_run(name="one", seed=1), redrawn(make_run(name="two", seed=2), 7)
    app = opened(one, two)
    before = specs(app)
    assert specs(sound(app.selectbox(key="marked").select(two.id).run())) == before
