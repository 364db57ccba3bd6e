"""What runs are called: labels, experiments with what they change, equal names, and what is cached."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.config import RunConfig
from snowball_core.config_checks import NearestPreset, preset
from snowball_core.store.corpus import GATSBY_SHA256
from snowball_core.store.notes import Notes, annotate
from snowball_core.store.run_titles import described, state, state_word, title, titles
from snowball_core.store.status import Status, write_status
from snowball_core.tables.library import RunRow, library_table
from snowball_core.tables.run_summary import Glance, measured

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seed": 43, "until": 400}, "jiggle · seed 43 · 400 steps"),
        ({"corpus": "/data/other.txt"}, "jiggle, changed: corpus · seed 42 · 10,000 steps"),
        (
            {"name": "", "clip": 0.5, "heads": 4, "warmup": 5},
            "jiggle, changed: heads, warmup and 1 more · seed 42 · 10,000 steps",
        ),
        ({"name": "my-run", "clip": 0.5}, "my-run · seed 42 · 10,000 steps"),
    ],
)
def test_a_run_is_named_by_its_experiment_seed_and_length(changes: dict[str, object], name: str) -> None:
    assert described(RunConfig(**{**preset("jiggle").to_json(), **changes}), {}) == name  # type: ignore[arg-type]


def test_another_path_of_the_published_text_is_no_change() -> None:
    config = RunConfig(**{**preset("jiggle").to_json(), "corpus": "/data/gatsby.txt"})
    assert described(config, {"corpus": {"sha256": GATSBY_SHA256}}) == "jiggle · seed 42 · 10,000 steps"
    assert "changed: corpus" in described(config, {"corpus": {"sha256": "0" * 64}})


@pytest.mark.parametrize(
    ("near", "published", "words"),
    [
        (NearestPreset("corrected", ("corpus",)), True, "corrected + published text"),
        (NearestPreset("corrected", ("clip", "corpus")), True, "corrected + clip, published text"),
        (NearestPreset("corrected", ("corpus",)), False, "corrected + corpus"),
        (NearestPreset("jiggle", ("corpus",)), True, "jiggle"),
        (NearestPreset("jiggle", ("corpus_errors",)), True, "jiggle + corpus errors"),
    ],
)
def test_the_library_names_the_published_text(near: NearestPreset, published: bool, words: str) -> None:
    at_rest = RunRow(Path("x"), Status("completed"), Glance(nearest=near, is_published=published), Notes(), 0)
    assert library_table([at_rest], "dead")["preset"].tolist() == [words]


def test_a_run_trained_on_the_published_text_says_so_under_any_name(make_run: MakeRun) -> None:
    assert not measured(make_run().path).is_published
    assert all(measured(path).is_published for path in (ROOT / "runs").glob("*-*"))


def test_a_label_comes_first_and_a_damaged_run_has_its_id(make_run: MakeRun) -> None:
    run = make_run(name="one")
    assert title(run.path) == "one · seed 42 · 20 steps"
    annotate(run.path, label="The long fall")
    assert title(run.path) == "The long fall"
    annotate(run.path, label="")
    (run.path / "run.json").write_text("{")
    assert title(run.path) == run.id


def test_equal_names_end_with_the_id(make_run: MakeRun, tmp_path: Path) -> None:
    one, two, other = make_run(name="one"), make_run(name="one"), make_run(name="other")
    assert titles([run.path for run in (one, two, other)]) == {
        one.id: f"one · seed 42 · 20 steps ({one.id})",
        two.id: f"one · seed 42 · 20 steps ({two.id})",
        other.id: "other · seed 42 · 20 steps",
    }


def test_a_name_is_read_again_only_when_its_files_change(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(name="one")
    title(run.path)
    monkeypatch.setattr("snowball_core.store.run_titles.read_run", lambda path: pytest.fail("run.json was read again"))
    assert title(run.path) == "one · seed 42 · 20 steps"
    annotate(run.path, note="a note")  # the notes changed, and with them the name may have
    with pytest.raises(pytest.fail.Exception):
        title(run.path)


def test_a_diverged_run_is_not_only_failed(make_run: MakeRun) -> None:
    run = make_run(state="completed")
    assert state(run.path) == "completed"
    write_status(run.path, Status("failed", 3, 20, message="Diverged at step 3: the loss is NaN"))
    assert state(run.path) == "diverged"
    assert state_word(Status("failed", 3, 20, message="No space left")) == "failed"
