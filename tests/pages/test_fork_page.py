"""Forking on the Train page: what is offered, fixed, explained and refused; run without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun
from paging import opened, sound, texts
from trained_runs import tiny, write_book

from snowball_core.jobs import workers
from snowball_core.jobs.fork_points import Branch
from snowball_core.store.run_folder import Run
from snowball_core.training.loop import record

pytestmark = pytest.mark.usefixtures("library")


def test_a_run_without_a_checkpoint_offers_its_snapshots_only(make_run: MakeRun) -> None:
    run = make_run(record="every-5")
    app = opened("train")
    assert app.button(key=f"fork-exact-{run.id}").disabled
    app.number_input(key=f"fork-step-{run.id}").set_value(13).run()
    assert app.button(key=f"fork-snapshot-{run.id}").label == "Fork from the snapshot at step 10"
    assert "Step 13 was not recorded" in texts(app.caption)


def test_a_run_stopped_before_it_began_is_not_said_to_have_a_snapshot(make_run: MakeRun) -> None:
    run = make_run(snapshots=0, state="stopped")
    app = opened("train")
    assert app.button(key=f"resume-{run.id}")
    text = texts(app.caption)
    assert "No snapshot was recorded, so there is none to fork from." in text
    assert "fork it from" not in text


@pytest.fixture
def trained(library: Path) -> Run:
    return record(tiny(write_book(library / "book.txt"), until=6), library)


def test_a_fork_from_a_snapshot_is_prepared_explained_and_started(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, Branch]] = []

    def start(folder: Path, config: object, at: Branch, corpus: object) -> Run:
        calls.append((config, at))
        return trained

    monkeypatch.setattr(workers, "start", start)
    app = opened("train")
    app.number_input(key=f"fork-step-{trained.id}").set_value(2).run()
    sound(app.button(key=f"fork-snapshot-{trained.id}").click().run())
    assert (app.query_params["fork"], app.query_params["at"]) == (trained.id, "2")
    text = texts(app.markdown)
    for words in ("is the snapshot at step 2", "drawn fresh from the seed", "optimizer moments are fresh"):
        assert words in text
    assert app.text_input(key="field-hidden").disabled
    assert not app.text_input(key="field-batch").disabled
    app.text_input(key="field-learning_rate").set_value("0.003").run()
    sound(app.button(key="start").click().run())
    config, at = calls[0]
    assert (config.initial_state, config.learning_rate) == ("snapshot", 0.003)  # type: ignore[attr-defined]
    assert (at.parent.id, at.kind, at.step) == (trained.id, "snapshot", 2)
    assert "fork" not in app.query_params
    assert app.button(key="start").label == "Start the run"


def test_an_exact_fork_fixes_what_would_make_it_inexact_and_says_what_is_left(trained: Run) -> None:
    app = sound(opened("train").button(key=f"fork-exact-{trained.id}").click().run())
    assert "exactly** from the checkpoint at step 6" in texts(app.markdown)
    assert [app.text_input(key=f"field-{name}").disabled for name in ("batch", "seed", "steps", "until")] == [
        True,
        True,
        False,
        False,
    ]
    assert "(the first 6 are the parent's)" in texts(app.markdown)
    app.text_input(key="field-until").set_value("5").run()
    assert "must train beyond its checkpoint" in texts(sound(app).error)
    assert app.button(key="start").disabled
    app = sound(app.button(key="fork-leave").click().run())
    assert app.text_input(key="field-steps").value == "10000"


def test_a_link_to_a_fork_fills_the_form_of_a_fresh_visit(trained: Run) -> None:
    app = opened("train", fork=trained.id, at="4")
    assert app.text_input(key="field-name").value == "primordial-snowball-fork"
    assert app.selectbox(key="field-initial_state").value == "snapshot"
    assert app.button(key="start").label == "Start the fork"


def test_the_form_of_a_new_run_does_not_offer_a_snapshot() -> None:
    assert list(opened("train").selectbox(key="field-initial_state").options) == ["snowball", "singularity", "normal"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"fork": "../../etc"}, "a run id is made of"),
        ({"fork": "no-such-run"}, "there is no run"),
        ({"fork": "*", "at": "4"}, "a run id is made of"),
        ({"fork": "RUN", "at": "-4"}, 'the address says "-4"'),
        ({"fork": "RUN", "at": "٣"}, "the address says"),
        ({"fork": "RUN", "at": "5000"}, "a fork begins at a recorded step; got 5,000"),
        ({"fork": "RUN"}, "an exact fork needs a checkpoint"),
    ],
)
def test_a_hostile_fork_address_gets_a_friendly_answer(make_run: MakeRun, query: dict[str, str], words: str) -> None:
    run = make_run()
    app = opened("train", **{name: value.replace("RUN", run.id) for name, value in query.items()})
    assert words in texts(app.warning)
    assert app.button(key="start").label == "Start the run"
