"""The pages, run without a browser: what they show for empty, small, growing, damaged and misnamed runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import paging
import pytest
from conftest import MakeRun
from paging import shown, sound, texts
from streamlit.testing.v1 import AppTest

from pages.parts.shared import selection as place_module
from snowball_core.jobs import workers
from snowball_core.store.history import observe
from snowball_core.store.run_folder import Run, run_paths
from snowball_core.store.status import lock_of
from snowball_core.tables.at_step import exact_numbers
from snowball_core.tables.lineage import account
from snowball_core.tables.live import group_mask

pytestmark = pytest.mark.usefixtures("library")


def opened(page: str = paging.FRONT, **query: str) -> AppTest:
    return paging.opened(page, **query)


def specs(app: AppTest) -> dict[str, str]:
    return {node.proto.id or str(place): node.proto.spec for place, node in enumerate(app.get("vega_lite_chart"))}


def test_an_empty_library_says_what_to_do_and_offers_the_demo() -> None:
    app = opened()
    assert "No run is recorded yet" in texts(app.info)
    assert app.button(key="demo").label == "Start a 60-second demo run"


def test_the_demo_button_starts_the_demo_and_shows_it(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def start(folder: Path, config: object) -> Run:
        asked.append(config)
        return make_run(snapshots=0, state="failed", name="demo")

    monkeypatch.setattr(workers, "start", start)
    app = sound(opened().button(key="demo").click().run())
    assert asked[0].name == "demo"  # type: ignore[attr-defined]
    assert "Nothing was recorded in this run" in texts(app.warning)


@pytest.mark.parametrize("group", ["dead", "live", "all"])
def test_the_numbers_shown_are_those_of_the_file(make_run: MakeRun, group: str) -> None:
    run = make_run()
    app = opened(group=group, step="7")
    rows = run.history().words[7][group_mask(run.dead, group)]
    exact = exact_numbers(rows)
    names = ("unique", "black_holes", "population", "singletons", "largest")
    labels = ("U unique", "C black holes", "P in holes", "S singletons", "Largest hole")
    assert [shown(app)[label] for label in labels] == [f"{exact[name]:,}" for name in names]
    assert shown(app)["Farthest, cells"] == f"{exact['linf_cells']:,}"
    assert int(shown(app)["U unique"]) == len(np.unique(rows, axis=0))


def test_a_first_visit_opens_where_the_black_holes_changed_last(make_run: MakeRun) -> None:
    make_run()
    app = opened()
    assert app.slider(key="step").value == 15
    assert "changed for the last time" in texts(app.caption)


def at_step(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "Exact at step" in text.value).split("**")[1]


def test_every_control_moves_the_same_step(make_run: MakeRun) -> None:
    make_run()
    app = opened(step="7")
    assert at_step(sound(app.button(key="jump1").click().run())) == "Exact at step 8"
    assert at_step(sound(app.button(key="jump-10").click().run())) == "Exact at step 0"
    assert at_step(sound(app.text_input(key="go-to").set_value("12").run())) == "Exact at step 12"
    assert app.slider(key="step").value == 12
    assert at_step(sound(app.slider(key="step").set_value(3).run())) == "Exact at step 3"
    assert app.text_input(key="go-to").value == ""


@pytest.mark.parametrize("entry", ["21", "-1", "three", "1e1", "9" * 50])
def test_an_entry_that_is_no_step_changes_nothing_and_says_why(make_run: MakeRun, entry: str) -> None:
    make_run()
    app = sound(opened(step="7").text_input(key="go-to").set_value(entry).run())
    assert at_step(app) == "Exact at step 7"
    assert "whole number from 0 to 20" in app.toast[0].value


def test_a_step_that_was_not_recorded_shows_the_one_before(make_run: MakeRun) -> None:
    run = make_run(steps=300, record="log")
    app = sound(opened().text_input(key="go-to").set_value("101").run())
    assert 101 not in run.steps(1_000)
    assert at_step(app) == "Exact at step 100"
    make_run(steps=20, snapshots=6, state="stopped", name="cut-short")
    app = opened(step="18", run=run_paths(run.path.parent)[0].name)
    if "cut-short" not in app.selectbox(key="run").value:
        app = sound(app.selectbox(key="run").select_index(1).run())
    assert "Step 18 is not recorded: the last recorded step, 5, is shown." in texts(app.caption)


def test_the_chart_descriptions_are_the_same_at_two_steps(make_run: MakeRun) -> None:
    make_run()
    app = opened(step="2")
    before = specs(app)
    assert len(before) == 6
    assert specs(sound(app.slider(key="step").set_value(17).run())) == before


def test_distances_are_drawn_in_cells_and_in_weight_units(make_run: MakeRun) -> None:
    make_run()
    for unit, words in (("cells", "cells</span>"), ("weight", "weight units</span>")):
        bodies = [html.proto.body for html in opened(step="1", unit=unit).get("html")]
        assert any("data:image/png" in body for body in bodies)
        assert any(words in body for body in bodies)


@pytest.mark.parametrize(("asked", "step"), [("102", 102), ("104", 102), ("200", 200), ("2000", 15)])
def test_a_link_to_a_step_between_two_recorded_ones_opens_the_one_before(make_run: MakeRun, asked: str, step: int) -> None:
    run = make_run(steps=200, record="log")
    assert {102, 104, 105} - set(run.steps(999).tolist()) == {104}
    assert at_step(opened(step=asked)) == f"Exact at step {step}"


def test_the_native_curves_lie_on_the_chosen_axis(make_run: MakeRun) -> None:
    happened = {event.snapshot for event in account(observe(make_run()), "dead").tree.events} - {0}
    app = opened(step="7")
    app.segmented_control(key="axis-choice").set_value("events").run()
    assert sound(app).query_params["axis"] in ("events", ["events"])
    curves = [json.loads(spec) for spec in list(specs(app).values())[:3]]
    xs = [curve["layer"][0]["encoding"]["x"] for curve in curves]
    # Step 0, the steps at which something happened and the last one are equally far apart.
    assert [x["scale"]["domain"] for x in xs] == [[0, len(happened) + 1]] * 3
    assert [x["field"] for x in xs] == ["x"] * 3
    app.segmented_control(key="axis-choice").set_value("linear").run()
    assert json.loads(next(iter(specs(sound(app)).values())))["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 20]
    assert at_step(app) == "Exact at step 7"


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_with_one_snapshot_or_two_is_shown(make_run: MakeRun, steps: int) -> None:
    make_run(steps=1, until=steps)
    for group in ("dead", "all"):
        assert shown(opened(group=group))["U unique"]


@pytest.mark.parametrize("step", ["2", "19"])
def test_beside_the_scrubber_the_exact_numbers_are_those_of_the_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.delenv("SNOWBALL_NATIVE")
    run = make_run()
    app = opened(step=step, select="t1")
    exact = exact_numbers(run.history().words[int(step)][run.dead])
    assert at_step(app) == f"Exact at step {step}"
    assert shown(app)["U unique"] == str(exact["unique"])
    assert "Token 1 (SOH)" in texts(app.markdown)
    assert not specs(app)
    frames = app.get("bidi_component")[0].proto.bytes
    assert json.loads(frames[4 : 4 + int.from_bytes(frames[:4], "little")])["step"] == int(step)


def test_beside_the_scrubber_a_step_that_was_not_recorded_is_named(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWBALL_NATIVE")
    make_run(steps=300, record="log")
    assert "Step 101 is not recorded: step 100, the last recorded one before it, is shown." in texts(opened(step="101").caption)
    assert "is not recorded" not in texts(opened(step="100").caption)


@pytest.mark.parametrize("query", [{"select": "<b>"}, {"select": "t99999"}, {"axis": "log10"}, {"step": "9" * 11}])
def test_beside_the_scrubber_a_hostile_address_does_no_harm(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.delenv("SNOWBALL_NATIVE")
    make_run()
    assert shown(opened(**query))["U unique"]


def facts(app: AppTest) -> dict[str, object]:
    blob = app.get("bidi_component")[0].proto.bytes
    return json.loads(blob[4 : 4 + int.from_bytes(blob[:4], "little")])


def test_a_growing_run_is_drawn_at_its_newest_step_and_a_finished_one_where_it_changed_last(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SNOWBALL_NATIVE")
    run = make_run(snapshots=9, state="running")
    with lock_of(run.path):
        app = opened()
        assert at_step(app) == "Exact at step 8"
        assert (facts(app)["alive"], facts(app)["follow"]) == (True, True)
        assert facts(opened(step="3"))["follow"] is False
        assert "9 of 21 snapshots recorded" in texts(app.caption)
    assert facts(opened())["alive"] is False


def test_another_run_is_not_followed_because_a_growing_one_was(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNOWBALL_NATIVE")
    ended, run = make_run(name="ended"), make_run(snapshots=9, state="running", name="growing")
    with lock_of(run.path):
        app = opened(run=run.id)
        assert app.session_state["scrubber-place"]["following"]
        app.selectbox(key="run").set_value(ended.id).run()
        assert not sound(app).session_state["scrubber-place"]["following"]


class Query(dict[str, str]):
    """A query outside a page."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


def test_a_step_chosen_on_another_page_is_in_the_address_though_the_run_was_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"step": 8, "select": "", "axis": "symlog", "following": True}
    monkeypatch.setattr(place_module.st, "session_state", {"scrubber-place": place})
    monkeypatch.setattr(place_module.st, "query_params", Query())
    place_module.go(select="t3")
    assert place_module.st.query_params == {"select": "t3"}
    place_module.go(step=5)
    assert place_module.st.query_params == {"select": "t3", "step": "5"}


def test_the_native_slider_follows_a_growing_run(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with lock_of(run.path):
        app = opened()
        assert at_step(app) == "Exact at step 8"
        assert app.toggle(key="follow").value


def test_a_run_without_a_snapshot_says_so(make_run: MakeRun) -> None:
    make_run(snapshots=0, state="failed")
    assert "Nothing was recorded in this run" in texts(opened().warning)


def test_a_run_without_dead_tokens_says_so(make_run: MakeRun) -> None:
    make_run(dead=0)
    assert "no dead tokens" in texts(opened().info)
    assert shown(opened(group="all"))["U unique"] == "16"


def test_a_worker_that_died_leaves_an_interrupted_run_with_every_recorded_step(make_run: MakeRun) -> None:
    make_run(snapshots=9, state="running")
    app = opened()
    assert "This run was interrupted" in texts(app.warning)
    assert at_step(sound(app.button(key="jump10").click().run())) == "Exact at step 8"


def test_the_native_slider_plays_loops_jumps_to_events_and_tells_a_biography(make_run: MakeRun) -> None:
    make_run()
    app = opened(step="7")
    for key, step in (("event1", 9), ("event-1", 6), ("to-Last", 20), ("event1", 20), ("to-First", 0)):
        app.button(key=key).click().run()
        assert at_step(sound(app)) == f"Exact at step {step}"
    before = specs(app)
    paging.token_list(app, "Token whose biography is told").set_value(3).run()
    assert "**Token 3 (ETX)**" in texts(sound(app).markdown)
    assert app.query_params["select"] in ("t3", ["t3"])
    # The selection is framed in the distance picture, a row and a column, and no chart is described anew.
    assert sum(html.proto.body.count('class="marked"') for html in app.get("html")) == 2
    assert specs(app) == before
    app.selectbox(key="pace").set_value("500 steps/s").run()
    app.button(key="play").click().run()
    while app.button(key="play").label == "Pause":
        sound(app.run())
    assert at_step(app) == "Exact at step 20"
    app.text_input(key="loop").set_value("3-5").run()
    app.button(key="play").click().run()
    seen = {at_step(sound(app.run())) for _ in range(4)}
    assert seen <= {f"Exact at step {step}" for step in (3, 4, 5)}
    assert app.button(key="play").label == "Pause"
    assert at_step(sound(app.button(key="to-First").click().run())) == "Exact at step 0"
    assert app.button(key="play").label == "Play"


def test_play_starts_also_when_the_page_was_looked_at_for_long(make_run: MakeRun) -> None:
    make_run()
    app = opened(step="7")
    app.session_state["play-drawn"] -= 60.0
    app.button(key="play").click().run()
    assert sound(app).button(key="play").label == "Pause"
