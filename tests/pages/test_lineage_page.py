"""The Lineage page without a browser: what it shows for small, growing, damaged, lonely and misnamed runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import MakeRun
from paging import opened, sound, specs, texts, token_list

from snowball_core.measures.bf16 import from_values
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import HISTORY, TENSOR, Run
from snowball_core.store.status import lock_of

pytestmark = pytest.mark.usefixtures("library")


def written(run: Run, labels: list[list[int]]) -> Run:
    """The run with a history in which tokens with one label share a vector; the ten live tokens move alone."""
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), len(labels), {}) as writer:
        for step, row in enumerate(labels):
            own = np.array([*row, *range(10, 10 + 16 - len(row))], np.float32) + step * (np.arange(16) >= len(row)) * 0.5
            writer.append(from_values(np.repeat(own[:, None], 4, axis=1)))
    return run


FLICKER = [[0, 0, 2, 3, 4, 5]] * 3 + [[0, 0, 0, 3, 4, 5]] + [[0, 0, 2, 3, 4, 5]] * 3 + [[0, 1, 2, 2, 4, 5]] * 14


def test_the_page_shows_the_story_the_holes_of_the_step_and_every_event(make_run: MakeRun) -> None:
    make_run()
    app = opened("lineage", step="12")
    assert "At step 12" in texts(app.markdown)
    assert "1 black hole: 5 tokens, hidden classes not recorded" in texts(app.markdown)
    assert "Events and causes**: 5 after the first snapshot, which had no holes" in texts(app.markdown)
    assert app.dataframe[0].value["step"].tolist() == [3, 6, 9, 12, 15]
    assert len(specs(app)) == 2


def test_a_range_of_steps_holds_for_the_tables_and_their_files_until_it_is_cleared(make_run: MakeRun) -> None:
    run = make_run()
    app = opened("lineage", run=run.id, step="12", **{"from": "5", "to": "9", "select": "t4"})
    assert "Steps 5 to 9 only" in texts(app.markdown)
    assert "Events and causes**: 2 of 5 after the first snapshot" in texts(app.markdown)
    assert app.dataframe[0].value["step"].tolist() == [6, 9]
    assert len(app.dataframe) == 1, "token 4 joins at step 12: no stay of it is in the range"
    app = sound(app.button(key="clear-range").click().run())
    assert "Steps 5 to 9 only" not in texts(app.markdown)
    assert app.dataframe[0].value["step"].tolist() == [3, 6, 9, 12, 15]
    assert not {"from", "to"} & set(app.query_params)


def test_a_range_without_an_event_is_told(make_run: MakeRun) -> None:
    app = opened("lineage", run=make_run().id, step="12", **{"from": "16", "to": "19"})
    assert "No events from step 16 to step 19." in texts(app.info)


def test_a_first_visit_opens_where_the_holes_changed_last(make_run: MakeRun) -> None:
    make_run()
    assert "At step 15" in texts(opened("lineage").markdown)


def test_the_chart_descriptions_are_the_same_at_two_steps(make_run: MakeRun) -> None:
    make_run()
    assert specs(opened("lineage", step="2", select="h0")) == specs(opened("lineage", step="17", select="t3"))


def test_flicker_is_folded_and_counted_until_it_is_unfolded(make_run: MakeRun) -> None:
    written(make_run(), FLICKER)
    app = opened("lineage")
    assert "2 short-lived hidden" in texts(app.markdown)
    assert app.dataframe[0].value["step"].tolist() == [7, 7]
    assert "short-lived changes: 1, 2 events" in app.toggle(key="unfold").label
    sound(app.toggle(key="unfold").set_value(True).run())
    assert app.dataframe[0].value["step"].tolist() == [3, 4, 7, 7]
    assert "unknown: optimizer moments not recorded" in app.dataframe[0].value["cause"].tolist()[1]


def test_where_everything_was_undone_the_page_does_not_say_that_nothing_happened(make_run: MakeRun) -> None:
    run = written(make_run(), [*FLICKER[:7], *[FLICKER[0]] * 14])
    app = opened("lineage", run=run.id)
    assert "All 2 events after the first snapshot are short-lived and hidden" in texts(app.info)
    assert "2 short-lived hidden" in texts(app.markdown)


def test_the_cause_of_a_parting_is_reported_in_full_at_its_step_and_none_elsewhere(make_run: MakeRun) -> None:
    run = written(make_run(), FLICKER)
    text = "At step 7: Evaporation of 2 tokens, unknown: optimizer moments not recorded "
    text += "(record with --extra moment_hash; form: extra)."
    assert text in texts(opened("lineage", run=run.id, step="7").caption)
    assert "At step 8: no splits." in texts(opened("lineage", run=run.id, step="8").caption)


def test_a_run_whose_holes_never_changed_opens_at_its_last_step(make_run: MakeRun) -> None:
    run = written(make_run(steps=1), [[0, 0, 2, 3, 4, 5]] * 2)
    app = opened("lineage", run=run.id)
    assert "At step 1" in texts(app.markdown)
    assert "No events after the first snapshot" in texts(app.info)
    assert len(specs(app)) == 2


def test_the_token_picker_shows_a_tokens_biography_and_selects_it_everywhere(make_run: MakeRun) -> None:
    make_run()
    app = sound(token_list(opened("lineage", step="12"), "Token").set_value(4).run())
    assert "Token 4 (EOT)**: in 1 black hole; first moved at step 12" in texts(app.markdown)
    assert app.query_params["select"] == "t4"
    app.switch_page("pages/scrub.py")
    assert sound(app.run()).query_params["select"] == "t4"


def test_the_layout_of_steps_is_kept_in_the_address(make_run: MakeRun) -> None:
    make_run()
    app = sound(opened("lineage").segmented_control(key="axis-choice").set_value("events").run())
    assert app.query_params["axis"] == "events"
    assert "events evenly spaced" in specs(app)[0]
    assert "step (symlog)" in specs(opened("lineage"))[0]


@pytest.mark.parametrize(
    "query", [{"select": "<b>"}, {"select": "t99999"}, {"axis": "log10"}, {"step": "9" * 11}, {"step": "-1"}]
)
def test_a_hostile_address_does_no_harm(make_run: MakeRun, query: dict[str, str]) -> None:
    make_run()
    assert "At step" in texts(opened("lineage", **query).markdown)


def test_a_group_in_which_no_token_ever_shared_says_so(make_run: MakeRun) -> None:
    make_run()
    app = opened("lineage", group="live")
    assert "This group never has a black hole" in texts(app.info)
    assert "never in a black hole of this group" in texts(app.markdown)


def test_a_run_without_dead_tokens_or_with_one_snapshot_or_none_says_so(make_run: MakeRun) -> None:
    run = make_run(dead=0, name="all-live")
    assert "no dead tokens" in texts(opened("lineage", run=run.id).info)
    run = make_run(steps=1, until=0, name="just-begun")
    app = opened("lineage", run=run.id)
    assert "this run has only one snapshot, at step 0. Choose another run above" in texts(app.info)
    assert not specs(app)
    assert not app.dataframe
    run = make_run(snapshots=0, state="failed", name="empty")
    assert "This run has no snapshots" in texts(opened("lineage", run=run.id).warning)


def test_an_empty_library_offers_the_demo() -> None:
    assert opened("lineage").button(key="demo")


def test_a_growing_run_is_drawn_as_far_as_recorded_and_drawn_again_when_asked(make_run: MakeRun) -> None:
    run = make_run(snapshots=9, state="running")
    with lock_of(run.path):
        app = opened("lineage")
        assert "Running: showing the first 9 snapshots" in texts(app.info)
        sound(app.button(key="again").click().run())
    assert "This run was interrupted" in texts(opened("lineage").warning)


@pytest.mark.parametrize("damage", ["", "{", "null", '{"config": {"steps": -1}, "dead_ids": []}'])
def test_a_damaged_manifest_or_history_gives_a_message(make_run: MakeRun, damage: str) -> None:
    run = make_run()
    manifest = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(damage)
    assert "damaged run.json" in texts(opened("lineage").error)
    (run.path / "run.json").write_text(manifest)
    (run.path / HISTORY).write_bytes(b"not a tensor at all" * 100)
    assert "must be a safetensors file" in texts(opened("lineage").error)


def test_names_from_a_manifest_are_shown_as_they_are(make_run: MakeRun) -> None:
    run = make_run()
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["corpus"]["name"] = "$x$ *bold* <img src=x>"
    (run.path / "run.json").write_text(json.dumps(manifest))
    assert "\\$x\\$ \\*bold\\* \\<img" in "\n".join(caption.value for caption in opened("lineage").caption)


def test_a_ticked_event_is_no_other_event_where_other_events_are_listed(make_run: MakeRun) -> None:
    written(make_run(), FLICKER)
    names = [opened("lineage", unfold=word).dataframe[0].proto.id for word in ("false", "true", "false")]
    assert names[0] == names[2] != names[1]
