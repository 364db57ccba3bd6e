"""The Train page, run without a browser: the form, the run under way, the queue, and what an ended run offers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import MakeRun
from paging import labels, opened, sound, texts
from streamlit.testing.v1 import AppTest

from pages.parts.shared import cached
from snowball_core.errors import RunError
from snowball_core.jobs import compute_choice, workers
from snowball_core.jobs.pace import Pace
from snowball_core.presets import PRESETS, PURPOSES
from snowball_core.store.run_folder import Run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.run_titles import title
from snowball_core.store.status import STARTING, Status, lock_of, stop_marker, write_status

pytestmark = pytest.mark.usefixtures("library")


def specs(app: AppTest) -> dict[str, str]:
    return {node.proto.id or str(place): node.proto.spec for place, node in enumerate(app.get("vega_lite_chart"))}


def test_the_form_shows_every_fault_at_once_and_writes_nothing(library: Path) -> None:
    app = opened("train")
    for name, value in {"sigma": "-1", "steps": "many", "heads": "3", "vocab": "64", "learning_rate": "-0.1"}.items():
        app.text_input(key=f"field-{name}").set_value(value)
    message = texts(sound(app.run()).error)
    for words in (
        "sigma must be",
        "steps must be a whole number",
        "divisible by heads",
        "vocab must exceed",
        "learning_rate must be",
    ):
        assert words in message
    assert "5 things must change" in message
    assert "5 things must change before it can start" in texts(app.markdown)
    assert app.button(key="start").disabled
    assert list(library.iterdir()) == []


def test_the_form_follows_the_preset_and_lists_its_faults() -> None:
    app = opened("train")
    app.radio(key="preset").set_value("jiggle").run()
    assert app.text_input(key="field-jiggle_sigma").value == "0.001"
    app.text_input(key="field-corpus").set_value("python-manual").run()
    assert "labels shifted twice" in texts(app.markdown)


def test_the_estimate_follows_the_form() -> None:
    app = opened("train")
    before = next(text.value for text in app.markdown if "on disk" in text.value)
    app.text_input(key="field-steps").set_value("100").run()
    after = next(text.value for text in app.markdown if "on disk" in text.value)
    assert "10,001 snapshots" in before
    assert "101 snapshots" in after


def test_what_can_move_follows_the_form() -> None:
    app = opened("train")
    assert "can decrease" in texts(app.markdown)
    app.radio(key="preset").set_value("primordial-snowball").run()
    app.text_input(key="field-corpus").set_value("python-manual").run()
    assert "never decreases" in texts(sound(app).markdown)


def test_a_text_without_dead_tokens_is_allowed_and_reported(tmp_path: Path) -> None:
    text = tmp_path / "every-byte.txt"
    text.write_bytes(bytes([*range(1, 128), *[65] * 2_000]).replace(b"\r", b"") + b"\r")
    app = opened("train")
    app.text_input(key="field-corpus").set_value(str(text))
    app.text_input(key="field-vocab").set_value("128")
    sound(app.run())
    assert " dead." in texts(app.markdown) + texts(app.info)


def test_the_start_button_passes_the_form_on(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def start(folder: Path, config: object, at: object = None, corpus: object = None) -> Run:
        calls.append(config)
        return make_run()

    monkeypatch.setattr(workers, "start", start)
    app = opened("train")
    app.text_input(key="field-steps").set_value("60")
    sound(app.button(key="start").click().run())
    assert calls[0].steps == 60  # type: ignore[attr-defined]
    assert len(run_paths(make_run().path.parent)) >= 1


def test_a_read_only_library_refuses_to_train(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    app = opened("train")
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    # Pressed in a page that was drawn before.
    app = sound(app.button(key="start").click().run())
    assert "cannot be started, changed or deleted" in texts(app.info)
    assert app.button(key="start").disabled
    assert list(library.iterdir()) == []


# Presets.


def test_every_preset_says_what_it_is_for_and_how_many_faults_it_repeats() -> None:
    assert set(PURPOSES) == set(PRESETS)
    captions = list(opened("train").radio(key="preset").proto.captions)
    assert all(purpose in caption for purpose, caption in zip(PURPOSES.values(), captions, strict=True))
    assert "no known bugs" in captions[0]
    assert "4 known bugs" in captions[1]


# Under way.


@contextmanager
def at_work(*runs: Run) -> Iterator[None]:
    """As if a worker were at each of the runs."""
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(lock_of(run.path))
        yield


def waits(folder: Path, run: Run, place: int) -> None:
    tickets = folder / ".turns" / "cpu"
    tickets.mkdir(parents=True, exist_ok=True)
    (tickets / f"{place:020d}_{run.id}").touch()
    write_status(run.path, Status("queued", 0, run.config.last_step, message=f"waits for number {place - 1}"))


def test_a_run_under_way_shows_progress_counts_loss_and_rate(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with at_work(run):
        app = opened("train")
        numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers == {"U": "4", "C": "1", "P": "3", "Loss": "4.92", "Learning rate": "0.001"}
    assert "step 8 of 20" in next(node.proto.text for node in app.get("progress"))
    alts = [node.proto.alt for node in app.get("vega_lite_chart")]
    assert [alt.split()[0] for alt in alts] == ["Counts", "Training", "Learning"]
    assert all(run.id in alt for alt in alts)
    assert "Stop" in labels(app)


def test_the_charts_of_a_growing_run_are_the_same_descriptions_with_more_data(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with at_work(run):
        app = opened("train")
        before = specs(app)
        write_status(run.path, Status("running", 15, 20, 1.0, 5.0))
        assert specs(sound(app.run())) == before


def test_the_queue_names_each_run_its_place_and_lets_it_be_taken_out(make_run: MakeRun, library: Path) -> None:
    first = make_run(snapshots=3, state="running", name="first")
    second, third = (make_run(snapshots=0, state="queued", name=name) for name in ("second", "third"))
    waits(library, third, 2)
    waits(library, second, 1)
    with at_work(first, second, third):
        app = opened("train")
        listed = [text.value for text in app.markdown if text.value[:2] in ("1.", "2.")]
        assert "Queue: 2 runs." in texts(app.markdown)
        assert title(second.path) in listed[0].replace("\\", "")
        assert title(third.path) in listed[1].replace("\\", "")
        sound(app.button(key=f"cancel-{third.id}").click().run())
    assert stop_marker(third.path).exists()
    assert not stop_marker(second.path).exists()


# Ended.


@pytest.mark.parametrize(
    ("state", "message", "words"),
    [
        ("failed", "its text has changed", "Resume retries from the last checkpoint"),
        ("stopped", "", "Resume continues bit for bit"),
        ("completed", "", "Fork to extend it"),
    ],
)
def test_an_ended_run_says_how_why_and_what_to_do(make_run: MakeRun, state: str, message: str, words: str) -> None:
    run = make_run(snapshots=9, state=state)
    write_status(run.path, Status(state, 8, 20, message=message))
    app = opened("train")
    text = texts(app.markdown) + texts(app.warning)
    assert words in text
    assert message[1:] in text
    assert ("Resume" in labels(app)) == (state != "completed")


def test_an_interrupted_run_repeats_the_last_line_of_its_worker(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    (run.path / "worker.log").write_text('{"run": "x"}\nTraceback:\nMemoryError: *out* of room\n')
    assert "MemoryError: *out* of room" in texts(opened("train").warning)
    (run.path / "worker.log").unlink()
    app = opened("train")
    assert "The worker process ended unexpectedly" in texts(app.warning)
    assert "Last line" not in texts(app.warning)


def test_resume_says_what_is_left_and_sends_a_worker(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(snapshots=9, state="stopped")
    sent: list[str] = []
    monkeypatch.setattr(workers, "resume", lambda folder, run_id: sent.append(run_id))
    app = opened("train")
    assert "From step 0: 20 steps, of which 8 steps recomputed and checked" in texts(app.caption)
    sound(app.button(key=f"resume-{run.id}").click().run())
    assert sent == [run.id]


def test_a_resume_that_failed_is_shown_with_the_reason_though_another_run_was_shown_meanwhile(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, other = make_run(snapshots=9, state="stopped", name="aaa"), make_run(name="zzz")
    queued, failed = Status("queued", 8, 20, message=STARTING), Status("failed", 8, 20, message="its checkpoint is damaged")
    monkeypatch.setattr(workers, "resume", lambda folder, run_id: write_status(chosen.path, queued))
    app = opened("train", {"continue-run": chosen.id})
    sound(app.button(key=f"resume-{chosen.id}").click().run())
    assert app.selectbox(key="continue-run").value == other.id
    write_status(chosen.path, failed)
    sound(app.run())
    assert app.selectbox(key="continue-run").value == chosen.id
    assert "Its checkpoint is damaged" in texts(app.warning)


def test_a_run_that_diverged_says_so_once_and_offers_a_fork_with_a_tenth_of_the_rate_first(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="failed", learning_rate=0.5)
    write_status(run.path, Status("failed", 8, 20, message="Diverged at step 9: the loss must stay finite; it became nan"))
    app = opened("train")
    said = texts(app.error) + texts(app.warning) + texts(app.markdown)
    assert said.count("Diverged at step 9") == 1
    primary = {button.label for button in app.button if button.proto.type == "primary"}
    assert "Fork with a lower rate" in primary
    assert "Resume" not in primary
    assert "From the snapshot at step 7, before the loss exploded, with learning rate 0.05" in texts(app.caption)
    app = sound(app.button(key=f"fork-lower-{run.id}").click().run())
    assert app.text_input(key="field-learning_rate").value == "0.05"
    assert (app.query_params["at"], app.query_params["set"]) == ("7", "learning_rate:0.05")


def test_the_same_state_without_a_divergence_offers_resume_first(make_run: MakeRun) -> None:
    make_run(snapshots=9, state="stopped")
    app = opened("train")
    assert "Fork with a lower rate" not in labels(app)
    assert "Resume" in {button.label for button in app.button if button.proto.type == "primary"}


# The form's address.


def test_the_form_survives_a_reload_by_the_fields_that_its_address_names() -> None:
    app = opened("train")
    app.radio(key="preset").set_value("jiggle").run()
    app.text_input(key="field-steps").set_value("300")
    app.selectbox(key="field-label_shift").set_value(1)
    app = sound(app.toggle(key="field-tied").set_value(False).run())
    query = {name: app.query_params[name] for name in ("preset", "set")}
    assert query["preset"] == "jiggle"
    assert sorted(query["set"]) == ["label_shift:1", "steps:300", "tied:false"]
    # This way into the app knows one word of a name; a browser's address has them all.
    again = [opened("train", preset="jiggle", set=word) for word in sorted(query["set"])]
    assert again[0].selectbox(key="field-label_shift").value == 1
    assert again[1].text_input(key="field-steps").value == "300"
    assert again[1].radio(key="preset").value == "jiggle"
    assert again[1].text_input(key="field-jiggle_sigma").value == "0.001"
    assert again[2].toggle(key="field-tied").value is False


def test_an_untouched_form_leaves_the_address_alone() -> None:
    app = opened("train")
    assert "set" not in app.query_params
    assert "preset" not in app.query_params


@pytest.mark.parametrize("word", ["colour:red", "label_shift:7", "tied:maybe", "steps"])
def test_an_address_that_sets_no_field_is_reported_and_passed_over(word: str) -> None:
    app = opened("train", set=word)
    if word == "steps":
        assert app.text_input(key="field-steps").value == ""
        return
    assert f'"{word}" does not' in texts(app.warning)
    assert app.selectbox(key="field-label_shift").value == 1


def test_another_preset_takes_the_changes_back() -> None:
    app = opened("train", set="steps:300")
    assert app.text_input(key="field-steps").value == "300"
    app = sound(app.radio(key="preset").set_value("singularity").run())
    assert app.text_input(key="field-steps").value == "5000"
    assert "set" not in app.query_params


# What the form warns of.


@pytest.mark.parametrize(("rate", "warned"), [("0.3", False), ("1", True), ("1000", True)])
def test_a_rate_that_will_diverge_is_warned_of(rate: str, warned: bool) -> None:
    app = opened("train", set=f"learning_rate:{rate}")
    assert ("will diverge" in texts(app.warning)) == warned
    assert not app.button(key="start").disabled


def test_the_default_text_is_said_not_to_be_the_published_one() -> None:
    app = opened("train")
    assert "Not the published text" in texts(app.caption)
    app.text_input(key="field-corpus").set_value("gatsby").run()
    assert "Not the published text" not in texts(app.caption)


def test_the_time_is_one_range_of_what_was_recorded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(cached, "recorded_pace", lambda folder, config: Pace(0.1, 0.4))
    assert "**17 to 67 minutes, " in texts(opened("train").markdown)


def test_resume_is_estimated_by_the_speed_of_the_run_itself(make_run: MakeRun) -> None:
    make_run(steps=3_000, snapshots=101, state="stopped")
    assert "about 5 minutes. Bit-identical" in texts(opened("train").caption)


def test_the_faster_arithmetic_is_named_before_the_start_and_decides_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(compute_choice, "_measured", lambda shape: {"f32": 0.031, "bf16": 0.012})
    monkeypatch.setattr(
        cached, "recorded_pace", lambda folder, config: Pace(0.1, 0.4) if config.compute == "bf16" else Pace(1.0, 4.0)
    )
    app = opened("train", set="compute:auto")
    assert "Compute auto: bf16; measured here, a step takes 31.0 ms with f32, 12.0 ms with bf16." in texts(app.caption)
    assert "**17 to 67 minutes, " in texts(app.markdown)
    assert not app.button(key="start").disabled

    def fails(shape: str) -> dict[str, float]:
        raise RunError("compute auto needs a few measured steps. Choose f32 or bf16.")

    monkeypatch.setattr(compute_choice, "_measured", fails)
    app = opened("train", set="compute:auto")
    assert "Choose f32 or bf16" in texts(app.error)
    assert app.button(key="start").disabled
