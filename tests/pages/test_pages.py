"""The pages, run without a browser: what they show for empty, small, growing, damaged and misnamed runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paging
import pytest
from conftest import MakeRun
from paging import drawn, metrics, sound, texts
from streamlit.testing.v1 import AppTest

from pages.parts.shared import selection as place_module
from snowball_core.jobs import workers
from snowball_core.store.run_folder import Run
from snowball_core.store.status import lock_of
from snowball_core.tables.at_step import exact_numbers
from snowball_core.tables.live import group_mask

pytestmark = pytest.mark.usefixtures("library")


def opened(page: str = paging.FRONT, **query: str) -> AppTest:
    return paging.opened(page, **query)


def test_an_empty_library_says_what_to_do_and_offers_the_demo() -> None:
    app = opened()
    assert "No runs yet" in texts(app.info)
    assert app.button(key="demo").label == "Start a demo run"


def test_the_demo_button_starts_the_demo_and_shows_it(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def start(folder: Path, config: object) -> Run:
        calls.append(config)
        return make_run(snapshots=0, state="failed", name="demo")

    monkeypatch.setattr(workers, "start", start)
    app = sound(opened().button(key="demo").click().run())
    assert calls[0].name == "demo"  # type: ignore[attr-defined]
    assert "This run has no snapshots" in texts(app.warning)


@pytest.mark.parametrize("group", ["dead", "live", "all"])
def test_the_numbers_shown_are_those_of_the_file(make_run: MakeRun, group: str) -> None:
    run = make_run()
    app = opened(group=group, step="7")
    rows = run.history().words[7][group_mask(run.dead, group)]
    exact = exact_numbers(rows)
    names = ("unique", "black_holes", "population", "singletons", "largest")
    labels = ("U unique", "C black holes", "P in holes", "S singletons", "Largest hole")
    assert [metrics(app)[label] for label in labels] == [f"{exact[name]:,}" for name in names]
    assert metrics(app)["Max distance (cells)"] == f"{exact['linf_cells']:,}"
    assert int(metrics(app)["U unique"]) == len(np.unique(rows, axis=0))


def test_a_first_visit_opens_where_the_black_holes_changed_last(make_run: MakeRun) -> None:
    make_run()
    app = opened()
    assert (drawn(app)["step"], at_step(app)) == (15, "Exact at step 15")


def at_step(app: AppTest) -> str:
    return next(text.value for text in app.markdown if "Exact at step" in text.value).split("**")[1]


@pytest.mark.parametrize(("linked", "step"), [("102", 102), ("104", 102), ("200", 200), ("2000", 15)])
def test_a_link_to_a_step_between_two_recorded_ones_opens_the_one_before(make_run: MakeRun, linked: str, step: int) -> None:
    run = make_run(steps=200, record="log")
    assert {102, 104, 105} - set(run.steps(999).tolist()) == {104}
    assert at_step(opened(step=linked)) == f"Exact at step {step}"


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_with_one_snapshot_or_two_is_shown(make_run: MakeRun, steps: int) -> None:
    make_run(steps=1, until=steps)
    for group in ("dead", "all"):
        assert metrics(opened(group=group))["U unique"]


@pytest.mark.parametrize("step", ["2", "19"])
def test_beside_the_scrubber_the_exact_numbers_are_those_of_the_file(make_run: MakeRun, step: str) -> None:
    run = make_run()
    app = opened(step=step, select="t1")
    exact = exact_numbers(run.history().words[int(step)][run.dead])
    assert at_step(app) == f"Exact at step {step}"
    assert metrics(app)["U unique"] == str(exact["unique"])
    assert "Token 1 (SOH)" in texts(app.markdown)
    assert not app.get("vega_lite_chart")
    assert drawn(app)["step"] == int(step)


def test_beside_the_scrubber_a_step_that_was_not_recorded_is_named(make_run: MakeRun) -> None:
    make_run(steps=300, record="log")
    assert "Step 101 is not recorded; showing step 100, the last recorded one before it." in texts(opened(step="101").caption)
    assert "is not recorded" not in texts(opened(step="100").caption)


@pytest.mark.parametrize("query", [{"select": "<b>"}, {"select": "t99999"}, {"axis": "log10"}, {"step": "9" * 11}])
def test_beside_the_scrubber_a_hostile_address_does_no_harm(make_run: MakeRun, query: dict[str, str]) -> None:
    make_run()
    assert metrics(opened(**query))["U unique"]


def test_a_growing_run_is_drawn_at_its_newest_step_and_a_finished_one_where_it_changed_last(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with lock_of(run.path):
        app = opened()
        assert at_step(app) == "Exact at step 8"
        assert (drawn(app)["alive"], drawn(app)["follow"]) == (True, True)
        assert drawn(opened(step="3"))["follow"] is False
        assert "9 of 21 snapshots recorded" in texts(app.caption)
    assert drawn(opened())["alive"] is False


def test_another_run_is_not_followed_because_a_growing_one_was(make_run: MakeRun) -> None:
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
    place = {"step": 8, "select": "", "axis": "symlog", "range": [], "following": True}
    monkeypatch.setattr(place_module.st, "session_state", {"scrubber-place": place})
    monkeypatch.setattr(place_module.st, "query_params", Query())
    place_module.go(select="t3")
    assert place_module.st.query_params == {"select": "t3"}
    place_module.go(step=5)
    assert place_module.st.query_params == {"select": "t3", "step": "5"}


def test_a_run_without_a_snapshot_says_so(make_run: MakeRun) -> None:
    make_run(snapshots=0, state="failed")
    assert "This run has no snapshots" in texts(opened().warning)


@pytest.mark.parametrize(("state", "words"), [("queued", "Queued: waits"), ("running", "Starting.")])
def test_a_run_before_its_first_snapshot_says_what_it_waits_for(make_run: MakeRun, state: str, words: str) -> None:
    run = make_run(snapshots=0, state=state)
    with lock_of(run.path):
        app = opened()
    assert words in texts(app.caption)
    assert not app.get("bidi_component")


def test_a_run_without_dead_tokens_says_so(make_run: MakeRun) -> None:
    make_run(dead=0)
    assert "no dead tokens" in texts(opened().info)
    assert metrics(opened(group="all"))["U unique"] == "16"


def test_a_worker_that_died_leaves_an_interrupted_run_with_every_recorded_step(make_run: MakeRun) -> None:
    make_run(snapshots=9, state="running")
    app = opened(step="18")
    assert "This run was interrupted" in texts(app.warning)
    assert at_step(app) == "Exact at step 8"
