"""The Verdict page and the About page, run without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from paging import opened, sound, texts

from pages.parts.about.glossary import anchors
from pages.parts.shared.text import many
from snowball_core.export.pictures import PICTURES
from snowball_core.measures.laws import LAWS
from snowball_core.measures.verdict import compactness
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.history import observe
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR
from snowball_core.tables.verdict import law_rows, verdict_of
from snowball_core.tables.verdict_rows import cell_widths, disagreement, epsilon_table

pytestmark = pytest.mark.usefixtures("library")

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_library_offers_the_demo() -> None:
    assert "No runs yet" in texts(opened("verdict").info)


@pytest.mark.parametrize("group", ["dead", "live", "all"])
def test_the_verdict_shown_is_the_one_of_the_core(make_run: MakeRun, group: str) -> None:
    verdict = verdict_of(observe(make_run()), group)
    app = opened("verdict")
    app.session_state["group"] = group
    text = texts(app.run().markdown)
    assert f"### {verdict.outcome.capitalize()}" in text
    assert f"({many(verdict.flows.joining, 'join')}, {many(verdict.flows.parting, 'split')})" in text
    assert " tokens began as " in text
    for criterion in verdict.criteria:
        for form in (criterion.seed, criterion.corrected):
            assert form.asks[1:] in text


@pytest.mark.parametrize(("dead", "word"), [(6, "collapsed"), (1, "dispersed")])
def test_the_first_notebooks_word_is_explained_where_one_hole_was_left(make_run: MakeRun, dead: int, word: str) -> None:
    make_run(dead=dead)
    text = texts(opened("verdict").markdown)
    assert f'prints "{word}"' in text
    assert ("whenever C = 1" in text) == (word == "collapsed")


def test_one_run_is_labelled_as_one_draw(make_run: MakeRun) -> None:
    make_run()
    assert "This is a single run" in texts(opened("verdict").caption)


def test_what_was_not_recorded_is_not_called_no(make_run: MakeRun) -> None:
    make_run()  # without recorded moments it is unknown whether a hole is true
    assert "true holes: **not recorded**" in texts(opened("verdict").markdown)


def test_a_run_that_diverged_says_so_first_and_is_judged_to_its_last_finite_step(make_run: MakeRun) -> None:
    run = make_run()
    words = run.history().words.copy()
    words[-1, 0] = 0x7FC0  # NaN
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", words.shape[1:], len(words), {}) as writer:
        for matrix in words:
            writer.append(matrix)
    app = opened("verdict")
    assert app.error[0].value == "Diverged at step 20: 1 of 6 dead rows is NaN; evaluated up to step 19."
    assert "Dead tokens, steps 0 to 19" in texts(app.markdown)
    assert "not a number" not in texts(app.markdown)


def test_every_law_is_listed_with_its_state(make_run: MakeRun) -> None:
    run = make_run()
    table = opened("verdict").table[0].value
    assert len(table) == len(law_rows(observe(run))) >= len(LAWS)
    assert dict(zip(table["law"], table["state"], strict=True))["counts add up"] == "holds"
    assert dict(zip(table["law"], table["state"], strict=True))["hidden classes never part"].startswith("cannot be checked")


def test_a_violation_is_shown_with_its_step_and_a_way_there(make_run: MakeRun) -> None:
    run = make_run()
    lines = (run.path / METRICS).read_text().replace(",0.001,", ",0.0,")  # it moved, and the recorded rate is 0
    (run.path / METRICS).write_text(lines)
    app = opened("verdict")
    expected = [each["step"] for row in law_rows(observe(run)) for each in row["violations"]]
    assert expected
    table = next(frame.value for frame in app.dataframe if "tokens" in frame.value)
    assert table["step"].tolist() == expected
    assert f"{len(expected)} violations" in texts(app.warning)


def test_runs_with_one_snapshot_none_or_no_dead_tokens_get_an_answer(make_run: MakeRun) -> None:
    one = make_run(steps=1, until=0, name="one")
    app = opened("verdict", run=one.id)
    assert "needs at least two snapshots; this run has only one snapshot, at step 0" in texts(app.info)
    assert "###" not in texts(app.markdown)
    assert not app.table
    none = make_run(snapshots=0, state="failed", name="none")
    assert "This run has no snapshots" in texts(opened("verdict", run=none.id).warning)
    alive = make_run(dead=0, name="no-dead")
    assert "has no dead tokens" in texts(opened("verdict", run=alive.id).info)


@pytest.mark.parametrize("damaged", ["run.json", "history.safetensors", "metrics.csv"])
def test_a_damaged_run_gives_a_message(make_run: MakeRun, damaged: str) -> None:
    (make_run().path / damaged).write_text("step\nnot a number\n")
    assert texts(opened("verdict").error)


def test_the_epsilon_table_uses_the_seeds_criterion() -> None:
    weight, cells = np.array([0.0, 9.9e-5, 1e-4, 0.5]), np.array([0, 50, 9, 10])
    table = epsilon_table(np.arange(4), weight, cells)
    for row, one, other in zip(table.itertuples(), weight.tolist(), cells.tolist(), strict=True):
        queries = compactness(one, other)
        assert (row.seed_holds, row.cells_hold) == (queries["seed"]["holds"], queries["cells"]["holds"])
        assert row.epsilon == queries["seed"]["ratio"]
    text = disagreement(table)
    assert "at 2 of 4 recorded steps (first 1, last 2)" in text
    assert 'at 1 the ε test says "spread", the cell test "compact", at 1 the ε test says "compact"' in text
    assert "agree at the one recorded step" in disagreement(table[:1])


def test_the_width_of_a_cell_is_reported_in_epsilon() -> None:
    widths = cell_widths(np.array([[0x3F80, 0x3D80, 0x3F80]], np.uint16))
    assert widths == (2**-11 / 1e-5, 2**-7 / 1e-5, 2**-7 / 1e-5)


def test_about_explains_every_entry_under_a_heading_of_its_own() -> None:
    app = opened("about")
    headings = [element.proto.anchor for kind in (app.header, app.subheader) for element in kind]
    assert set(headings) == set(anchors().values())
    assert len(headings) == len(set(headings))
    assert "there is no constant ε" in texts(app.markdown)


def test_the_entries_of_about_can_be_filtered() -> None:
    app = opened("about")
    field = app.text_input(key="about-filter")
    found = sound(field.set_value("hill number").run())
    assert [element.proto.anchor for element in found.subheader] == ["effective"]
    assert [element.proto.anchor for element in found.header] == ["census"]
    whole = sound(field.set_value("Census").run())
    assert {"unique", "singletons"} <= {element.proto.anchor for element in whole.subheader}
    nothing = sound(field.set_value("nowhere to be found").run())
    assert "No entry contains all these words" in nothing.info[0].value
    assert not nothing.subheader


def test_every_what_is_this_of_the_pages_leads_to_an_entry(make_run: MakeRun) -> None:
    runs = [make_run(name=f"run-{seed}", seed=seed) for seed in (1, 2)]
    known = set(anchors().values())
    queries = {"verdict": {}, "lineage": {}, "motion": {}, "compare": {"runs": ",".join(run.id for run in runs)}}
    queries |= {"export": {"export-picture": PICTURES["speeds"].what}}
    for page, query in queries.items():
        app = opened(page, **query)
        links = re.findall(r"\(about#([^ )]*)", texts(app.markdown) + texts(app.caption))
        assert links, page
        assert set(links) <= known
    assert links == ["bulk-motion"]
