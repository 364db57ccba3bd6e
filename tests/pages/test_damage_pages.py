"""The pages of a damaged run, without a browser: each names the damage and shows everything that can be read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import MakeRun
from damaging import holds, lines
from paging import drawn, metrics, opened, sound, texts

from snowball_core.errors import HistoryError
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.integrity.quick_check import damage
from snowball_core.store.manifest import sealed
from snowball_core.store.run_folder import HISTORY, Run, read_run
from snowball_core.store.run_titles import title_of
from snowball_core.store.status import hold

pytestmark = pytest.mark.usefixtures("library")
MOMENTS = "moment_hash.safetensors"


def with_moments(run: Run, count: int) -> Run:
    """The run with moments recorded for some of its snapshots."""
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["config"]["extra"] = "moment_hash"
    (run.path / "run.json").write_text(json.dumps(sealed(manifest)))
    with TensorWriter(run.path / MOMENTS, "moment_hash", "U64", (16,), count, {}) as writer:
        for _ in range(count):
            writer.append(np.zeros(16, np.uint64))
    return read_run(run.path)


@pytest.mark.parametrize("page", ["scrub", "lineage", "motion", "verdict", "export"])
def test_every_page_says_the_damage_of_its_run(make_run: MakeRun, page: str) -> None:
    run = make_run()
    assert not opened(page, run=run.id).error
    holds(run.path / HISTORY, 15)
    app = opened(page, run=run.id)
    assert "history.safetensors must hold 21 snapshots of this completed run; it holds 15." in texts(app.error)
    (run.path / HISTORY).unlink()
    assert "history.safetensors is missing" in texts(opened(page, run=run.id).error)


@pytest.mark.parametrize("page", ["scrub", "lineage", "motion", "verdict", "export", "train", "compare"])
def test_a_history_that_cannot_be_read_is_reported_once(make_run: MakeRun, page: str) -> None:
    run, other = make_run(), make_run(name="other")
    (run.path / HISTORY).write_bytes((run.path / HISTORY).read_bytes()[:-9])
    left = {"continue-run": run.id} if page == "train" else {}
    query = {"runs": f"{run.id},{other.id}"} if page == "compare" else {"run": run.id}
    app = opened(page, left, **query)
    text = "\n".join((texts(app.error), texts(app.warning)))
    assert (text.count("the file is cut off"), text.count(str(run.path))) == (1, 0)
    assert ("This run is omitted" in text) == (page == "compare")


def test_compare_says_the_damage_of_each_of_its_runs(make_run: MakeRun) -> None:
    runs = [make_run(name="one"), make_run(name="two")]
    (runs[1].path / "status.json").unlink()
    app = opened("compare", runs=",".join(run.id for run in runs))
    assert f"The run {title_of(runs[1])} is damaged." in texts(app.error)
    assert "status.json is missing" in texts(app.error)
    assert runs[0].id not in texts(app.error)


def test_the_train_page_and_the_library_say_it_too(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "metrics.csv").unlink()
    assert "metrics.csv is missing" in texts(opened("train").error)
    table = opened("library").dataframe[0].value
    assert table["state"].tolist() == ["damaged"]
    assert table["damage"].tolist() == list(damage(run))
    assert "metrics.csv is missing" in texts(opened("library", {"library-chosen": [run.id]}).warning)


def test_a_run_whose_status_was_lost_is_not_said_to_have_been_killed(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "status.json").unlink()
    app = opened("scrub", run=run.id)
    assert ("status.json is missing" in texts(app.error), texts(app.warning)) == (True, "")
    app = opened("train")
    assert "status.json is missing" in texts(app.error)
    assert "It was killed" not in texts(app.warning)
    assert app.get("progress")[0].proto.text == "step 20 of 20"
    assert "rewrites the status, without training" in texts(app.caption)
    table = opened("library").dataframe[0].value
    assert table[["step", "last_step"]].to_numpy().tolist() == [[20, 20]]


@pytest.mark.parametrize("kept", [10, 0])
def test_where_learning_rates_are_lost_no_page_judges_by_them(make_run: MakeRun, kept: int) -> None:
    run = make_run()
    lines(run.path / "metrics.csv", lambda rows: [*rows[: kept + 1], ""])
    states = dict(opened("verdict", run=run.id).table[0].value[["law", "state"]].to_numpy())
    reason = "at the 10 of 20 steps" if kept else "cannot be checked: the learning rates are unknown: no metrics.csv"
    assert reason in states["zero rate is rest"]
    assert metrics(opened("motion", run=run.id, step="20"))["Learning rate"] == "unknown"
    assert metrics(opened("motion", run=run.id, step="7"))["Learning rate"] == ("0.001" if kept else "unknown")
    reason = texts(opened("motion", run=run.id).caption)
    assert "was never exactly 0. It is plotted" not in reason
    assert ("known at some steps only" if kept else "learning rate of this run is unknown") in reason


def test_a_shorter_recording_beside_the_history_shortens_no_page(make_run: MakeRun) -> None:
    run = with_moments(make_run(), 4)
    app = opened("scrub", run=run.id)
    assert "moment_hash.safetensors must hold 21 snapshots of this completed run; it holds 4." in texts(app.error)
    assert drawn(app)["sent_told"].startswith("21 snapshots recorded")


@pytest.mark.parametrize("content", [b"not a tensor", None])
def test_where_the_moments_cannot_be_read_every_step_is_drawn_all_the_same(make_run: MakeRun, content: bytes | None) -> None:
    run = with_moments(make_run(), 21)
    (run.path / MOMENTS).unlink()
    if content:
        (run.path / MOMENTS).write_bytes(content)
    app = opened("scrub", run=run.id)
    assert MOMENTS in texts(app.error)
    arrays = drawn(app)["arrays"]
    assert (arrays["step"][2], arrays["hidden"][2]) == (21, 0)


def test_a_run_that_is_being_recorded_is_not_called_damaged(make_run: MakeRun) -> None:
    run = with_moments(make_run(snapshots=9, state="running"), 10)
    with hold(run.path):
        for page in ("scrub", "lineage"):
            assert not opened(page, run=run.id).error


@pytest.mark.parametrize("page", ["scrub", "compare"])
def test_where_the_frames_cannot_be_made_the_numbers_stand_all_the_same(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    runs = [make_run(name=name) for name in ("one", "two")]

    def refuse(*_: object) -> None:
        raise HistoryError("the history was changed meanwhile. Measure it again.")

    monkeypatch.setattr("pages.parts.shared.cached.frames", refuse)
    app = opened(page, **({"step": "3"} if page == "scrub" else {"at": "3", "runs": ",".join(run.id for run in runs)}))
    assert ("cannot be drawn" if page == "compare" else "Cannot draw") in texts(app.warning)
    assert "the history was changed meanwhile. Measure it again." in texts(app.warning)
    assert not [each for each in app.get("bidi_component") if each.key not in ("bookmarks-handed", "handed")]
    if page == "compare":
        assert "left, step 3" in app.dataframe[-1].value
    else:
        assert metrics(sound(app.number_input(key="typed-step").set_value(9).run()))["U unique"] == "3"
