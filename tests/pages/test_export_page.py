"""The Export page without a browser: what it offers and refuses, without writing files."""

from __future__ import annotations

import re

import pytest
from conftest import MakeRun
from paging import opened, sound, texts
from streamlit.testing.v1 import AppTest

from pages.parts.about.glossary import anchors
from snowball_core.export.methods import methods
from snowball_core.export.pictures import PICTURES
from snowball_core.store.history import observe

pytestmark = pytest.mark.usefixtures("library")


def codes(app: AppTest) -> list[str]:
    return [code.value for code in app.code]


def buttons(app: AppTest) -> dict[str, bool]:
    """Label of every link to a file, and of every button that prepares one → whether it can be pressed."""
    slow = {each.label: not each.disabled for each in app.button if each.label.startswith("Prepare ")}
    return {node.proto.label: not node.proto.disabled for node in app.get("link_button")} | slow


def test_an_empty_library_offers_the_demo() -> None:
    app = opened("export")
    assert "No runs yet" in app.info[0].value


def test_the_page_shows_the_methods_paragraph_and_the_command(make_run: MakeRun) -> None:
    run = make_run()
    app = opened("export", run=run.id)
    app.button_group(key="group").set_value("live")
    app.button_group(key="unit").set_value("weight")
    sound(app.number_input(key="export-step").set_value(7).run())
    command, paragraph = codes(app)
    assert command == f".venv/bin/python -m snowball_core export {run.id} --to DIR --step 7 --group live --unit weight"
    assert paragraph == methods(observe(run))
    app = sound(app.button_group(key="export-parts").set_value(["report", "animation"]).run())
    assert codes(app)[0].endswith("--first 0 --last 20 --only report,animation")


def test_a_range_of_steps_is_that_of_the_preview_the_links_and_the_command(make_run: MakeRun) -> None:
    run = make_run()
    app = opened("export", **{"run": run.id, "step": "7", "from": "5", "to": "9", "export-table": "events"})
    assert app.dataframe[0].value["step"].tolist() == [6, 9]
    assert "of 2 rows · steps 5 to 9 only" in texts(app.caption)
    assert codes(app)[0].endswith("--unit cells --first 5 --last 9")
    urls = {node.proto.label: node.proto.url for node in app.get("link_button")}
    assert urls["CSV"] == f"/api/runs/{run.id}/tables/events.csv?step=7&group=dead&unit=cells&from=5&to=9"
    app = sound(app.selectbox(key="export-table").set_value("tokens").run())
    assert "of 6 rows · step 7 · dead tokens" in texts(app.caption)


def test_a_step_that_was_not_recorded_becomes_the_one_before(make_run: MakeRun) -> None:
    run = make_run(record="every-5")
    app = sound(opened("export", run=run.id).number_input(key="export-step").set_value(7).run())
    assert "--step 5 " in codes(app)[0]
    assert "Exported: step 5;" in "\n".join(caption.value for caption in app.caption)


def test_every_file_has_a_link_and_a_run_under_way_is_not_packed(make_run: MakeRun) -> None:
    from snowball_core.store.status import lock_of

    finished = buttons(opened("export", run=make_run(name="finished").id))
    slow = {f"Prepare {name}" for name in ("all files (zip)", "report (HTML)", "animation (GIF)", "run (zip)")}
    names = {"SVG", "PNG", "CSV", "Parquet", "JSON", "Projector vectors (TSV)", "Projector metadata (TSV)"}
    assert slow | names == set(finished)
    assert all(finished.values())
    run = make_run(name="growing", state="running", snapshots=11)
    with lock_of(run.path).acquire():
        growing = buttons(opened("export", run=run.id))
    assert not growing["Prepare run (zip)"]
    assert growing["CSV"]


def test_every_picture_leads_to_what_explains_it(make_run: MakeRun) -> None:
    app, known = opened("export", run=make_run().id), set(anchors().values())
    for name in PICTURES:
        app = sound(app.selectbox(key="export-picture").set_value(name).run())
        assert set(re.findall(r"\(about#([^ )]*)", texts(app.markdown))) <= known
        assert "what is this?" in texts(app.markdown), name


def test_a_run_without_a_snapshot_says_that_there_is_nothing(make_run: MakeRun) -> None:
    app = opened("export", run=make_run(snapshots=0, state="failed").id)
    assert "This run has no snapshots yet" in app.warning[0].value
    assert buttons(app) == {}


def test_a_group_without_tokens_is_refused_in_words(make_run: MakeRun) -> None:
    app = opened("export", run=make_run(dead=0).id, group="dead")
    assert "has no dead tokens" in app.info[0].value
    assert buttons(app) == {}


def test_scrub_draws_links_only_when_they_are_requested(make_run: MakeRun) -> None:
    app = opened("scrub", run=make_run().id)
    assert "Download" in [box.label for box in app.expander]
    assert buttons(app) == {}
