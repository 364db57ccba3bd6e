"""The Library page, run without a browser: rows, filters, notes and the trash."""

from __future__ import annotations

import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import paging
import pytest
from conftest import MakeRun
from paging import sound, texts
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from snowball_core.store.archive import pack
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.notes import Notes, annotate, read_notes
from snowball_core.store.run_folder import Run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import Status, lock_of, write_status
from snowball_core.store.trash import trash, trashed

pytestmark = pytest.mark.usefixtures("library")


def opened(chosen: list[Run] | None = None, **query: str) -> AppTest:
    """The page of a visitor who ticked some rows."""
    return paging.opened("library", {"library-chosen": [run.id for run in chosen]} if chosen else None, **query)


def ids(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["run"])


def press(app: AppTest, key: str) -> AppTest:
    return sound(next(button for button in app.button if button.key == key).click().run())


def field(app: AppTest, start: str) -> object:
    return next(entry for entry in [*app.text_input, *app.text_area] if str(entry.key).startswith(start))


def test_an_empty_library_says_what_to_do() -> None:
    app = opened()
    assert "No runs yet" in texts(app.info)
    assert app.button(key="demo").label == "Start a demo run"


def test_every_run_has_a_row_with_its_counts(make_run: MakeRun) -> None:
    run, other = make_run(), make_run(name="other", snapshots=4, state="stopped")
    table = opened().dataframe[0].value.set_index("run")
    dead = run.history().words[:, :6]
    assert table.loc[run.id, "first_unique"] == len(np.unique(dead[0], axis=0))
    assert table.loc[run.id, "last_unique"] == len(np.unique(dead[-1], axis=0))
    assert list(table.loc[other.id, ["state", "step", "last_step", "seed"]]) == [["stopped"], 3, 20, 42]
    assert "2 runs · U, C and P of dead tokens" in texts(opened().caption)
    app = opened()
    app.session_state["group"] = "all"
    assert sound(app.run()).dataframe[0].value.set_index("run").loc[run.id, "first_unique"] == 16


def test_a_run_whose_loss_diverged_says_so_beside_its_state(make_run: MakeRun) -> None:
    run, other = make_run(state="failed"), make_run(name="other", state="failed")
    write_status(run.path, Status("failed", 8, 20, message="Diverged at step 9: the loss must stay finite; it became nan"))
    table = opened().dataframe[0].value.set_index("run")
    assert list(table.loc[run.id, "state"]) == ["failed", "diverged"]
    assert list(table.loc[other.id, "state"]) == ["failed"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"find": "FALL"}, ["labelled"]),
        ({"find": "fall nothing"}, []),
        ({"tag": "keep"}, ["labelled", "tagged"]),
        ({"state": "stopped"}, ["tagged"]),
        ({"of-preset": "own"}, ["labelled", "tagged", "third"]),
        ({"tag": "no-such-tag"}, ["labelled", "tagged", "third"]),
    ],
)
def test_filters_keep_what_matches(make_run: MakeRun, query: dict[str, str], names: list[str]) -> None:
    annotate(make_run(name="labelled").path, label="the long fall", tags=["keep"])
    annotate(make_run(name="tagged", state="stopped").path, tags=["keep", "merger"])
    make_run(name="third")
    app = opened(**query)
    if names:
        assert sorted(run_id.rsplit("-", 1)[1] for run_id in ids(app)) == names
    else:
        assert "No run matches the filter" in texts(app.info)


def test_the_order_requested_is_the_order_shown(make_run: MakeRun) -> None:
    names = [f"{make_run(name=name).config.name} · seed 42 · 20 steps" for name in ("bb", "aa", "cc")]
    assert list(opened(order="name").dataframe[0].value["title"]) == sorted(names)
    app = opened()
    assert ids(app) == [path.name for path in run_paths(make_run(name="dd").path.parent) if not path.name.endswith("dd")]


def test_a_name_a_note_and_tags_are_kept_and_shown_as_they_are(make_run: MakeRun) -> None:
    run = make_run()
    before = file_sha256(run.path / "run.json")
    app = opened([run])
    field(app, "label-").set_value("$x$ *bold* <img src=x>")  # type: ignore[attr-defined]
    field(app, "tags-").set_value("keep, merger")  # type: ignore[attr-defined]
    field(app, "note-").set_value("why does it\nfall?")  # type: ignore[attr-defined]
    save = next(button for button in app.button if str(button.key).startswith(("save-", "FormSubmitter")))
    app = sound(save.click().run())
    assert read_notes(run.path) == Notes("$x$ *bold* <img src=x>", "why does it\nfall?", ("keep", "merger"))
    assert file_sha256(run.path / "run.json") == before
    assert "\\$x\\$ \\*bold\\* \\<img" in "\n".join(text.value for text in app.markdown)
    assert app.dataframe[0].value.iloc[0]["title"] == "$x$ *bold* <img src=x>"


def test_a_name_that_cannot_be_seen_is_refused_with_the_reason(make_run: MakeRun) -> None:
    run = make_run()
    app = opened([run])
    field(app, "label-").set_value("a\u202eb")  # type: ignore[attr-defined]
    save = next(button for button in app.button if str(button.key).startswith(("save-", "FormSubmitter")))
    app = sound(save.click().run())
    assert "U+202E" in texts(app.error)
    assert read_notes(run.path) == Notes()


def test_a_selection_belongs_to_the_runs_it_was_made_on(make_run: MakeRun) -> None:
    run = make_run(name="aa")
    app = opened([run])
    assert run.id in texts(app.caption)
    other = make_run(name="zz")  # now the newest: another run is in the selected row
    app = sound(app.run())
    assert ids(app)[0] == other.id
    selected = next(text.value for text in app.markdown if text.value.startswith("**"))
    assert selected == "**aa · seed 42 · 20 steps**"


def test_runs_put_away_come_back_with_undo(make_run: MakeRun, library: Path) -> None:
    runs = [make_run(name=name) for name in ("one", "two", "three")]
    app = press(opened(runs[:2]), "put-away")
    assert [path.name for path in trashed(library)] == sorted((run.id for run in runs[:2]), reverse=True)
    assert ids(app) == [runs[2].id]
    assert f"Moved to trash: {runs[1].id}, {runs[0].id}" in texts(app.markdown)
    app = press(app, "undo")
    assert len(ids(app)) == 3
    assert trashed(library) == []
    assert "In the trash" not in texts(app.markdown)


def test_a_run_being_recorded_cannot_be_put_away(make_run: MakeRun, library: Path) -> None:
    run = make_run(snapshots=9, state="running")
    with lock_of(run.path):
        app = opened([run])
        assert app.button(key="put-away").disabled
    app = sound(app.run())
    with lock_of(run.path):  # a worker came between the drawing and the pressing
        app = press(app, "put-away")
    assert "must not be running to be moved to trash" in texts(app.error)
    assert trashed(library) == []


def test_the_trash_brings_back_and_deletes_only_what_is_confirmed(make_run: MakeRun, library: Path) -> None:
    one, two = make_run(name="one"), make_run(name="two")
    for run in (one, two):
        trash(library, run.id)
    app = opened(tab="Trash")
    assert list(app.dataframe[0].value["run"]) == [two.id, one.id]
    app = sound(app.multiselect(key="in-trash").set_value([one.id]).run())
    assert app.button(key="delete").disabled
    app = press(app, "restore")
    assert [path.name for path in run_paths(library)] == [one.id]
    app = sound(app.multiselect(key="in-trash").set_value([two.id]).run())
    app = sound(app.checkbox(key=f"sure-{zlib.crc32(two.id.encode())}").check().run())
    app = press(app, "delete")
    assert trashed(library) == []
    assert "The trash is empty" in texts(app.info)
    assert [path.name for path in run_paths(library)] == [one.id]


def test_only_what_differs_is_laid_side_by_side(make_run: MakeRun) -> None:
    runs = [make_run(), make_run(seed=7), make_run(seed=7, learning_rate=0.5)]
    (broken := make_run(name="broken")).path.joinpath("run.json").write_text("{")
    app = opened([*runs, broken])
    table = app.dataframe[1].value
    assert list(table["field"]) == ["seed", "learning rate"]
    assert list(table[runs[2].id]) == ["7", "0.5"]
    assert "1 of them cannot be compared" in texts(app.caption)
    assert "Identical configurations" in texts(opened([runs[0], make_run()]).caption)


def test_a_tag_for_all_is_added_to_each(make_run: MakeRun) -> None:
    one, two = make_run(name="one"), make_run(name="two")
    annotate(one.path, tags=["old"])
    app = sound(opened([one, two]).text_input(key="tag-all").set_value("new").run())
    press(app, "add-tag")
    assert (read_notes(one.path).tags, read_notes(two.path).tags) == (("old", "new"), ("new",))


@pytest.mark.parametrize("damage", ["", "{", '{"config": {"steps"', "[]", "\x00"])
def test_a_damaged_run_has_a_row_that_says_so_and_can_be_put_away(make_run: MakeRun, damage: str, library: Path) -> None:
    run, whole = make_run(name="cut"), make_run(name="whole")
    (run.path / "run.json").write_text(damage)
    app = opened([run])
    table = app.dataframe[0].value.set_index("run")
    assert table.loc[run.id, "state"] == ["damaged"]
    assert table.loc[whole.id, "state"] == ["completed"]
    assert "damaged run.json" in texts(app.warning)
    press(app, "put-away")
    assert [path.name for path in trashed(library)] == [run.id]


def test_damaged_notes_are_named_and_replaced(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "notes.json").write_text("{")
    assert "notes.json cannot be read" in texts(opened([run]).warning)


def test_a_read_only_library_shows_everything_and_changes_nothing(
    make_run: MakeRun, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    save = ("save-", "FormSubmitter")
    for keys in (("put-away",), save):
        monkeypatch.delenv("SNOWBALL_READONLY", raising=False)
        app = opened([run])
        monkeypatch.setenv("SNOWBALL_READONLY", "1")
        # Pressed in a page that was drawn before.
        app = sound(_button(app, *keys).click().run())
        assert "Read-only" in texts([*app.error, *app.info])
        assert ids(app) == [run.id]
    app = opened([run])
    assert "cannot be started, changed or deleted" in texts(app.info)
    assert _button(app, "put-away").disabled
    assert _button(app, *save).disabled
    assert not (run.path / "notes.json").exists()
    assert not (library / ".trash").exists()


def test_a_selected_run_links_to_every_page_and_several_to_compare(make_run: MakeRun) -> None:
    one, two = make_run(name="one"), make_run(name="two")
    links = {link.proto.label: link.proto.query_string for link in opened([one]).get("page_link")}
    assert {name for name, query in links.items() if query == f"run={one.id}"} == {
        *("Scrub", "Lineage", "Motion", "Compare", "Verdict", "Export"),
    }
    links = {link.proto.label: link.proto.query_string for link in opened([two, one]).get("page_link")}
    assert set(re.split("=|%2C|,", links["Compare"])) == {"runs", one.id, two.id}
    assert "Scrub" not in links


def dropped(app: AppTest, name: str, content: bytes) -> AppTest:
    app.session_state["import-run"] = True
    field = sound(app.run()).file_uploader[0]
    return sound(field.set_value((name, content, "application/zip")).run())


def test_the_zip_of_a_run_is_imported_and_a_bad_one_is_refused_in_words(make_run: MakeRun, library: Path) -> None:
    run, other = make_run(name="one"), make_run(name="two")
    pack(run, file := io.BytesIO())
    app = dropped(opened(), "one.zip", file.getvalue())
    assert f'Runs are not overwritten; "{run.id}" exists' in texts(app.error)
    assert "Move that run to trash" in texts(app.error)
    trash(library, run.id)
    before = [path.name for path in run_paths(library)]
    damaged = bytearray(file.getvalue())
    damaged[len(damaged) // 2] ^= 255
    app = dropped(opened(), "one.zip", bytes(damaged))
    assert (app.error and "one.zip" in texts(app.error)) or "must match their hashes" in texts(app.error)
    assert [path.name for path in run_paths(library)] == before == [other.id]
    app = dropped(opened(), "one.zip", file.getvalue())
    assert f"Imported {run.id}" in texts(app.success)
    assert run.id in ids(app)
    assert "At most 256 MB" in texts(app.caption)


def test_a_read_only_library_refuses_a_zip(make_run: MakeRun, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    pack(run, file := io.BytesIO())
    trash(library, run.id)
    app = opened()
    app.session_state["import-run"] = True
    app = sound(app.run())
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    app = sound(app.file_uploader[0].set_value(("one.zip", file.getvalue(), "application/zip")).run())
    assert "Read-only" in texts(app.error)
    assert run_paths(library) == []
    assert sound(app.run()).file_uploader[0].proto.disabled


def _button(app: AppTest, *keys: str) -> Button:
    return next(button for button in app.button if str(button.key).startswith(keys))


def test_a_run_that_vanishes_while_it_is_selected_leaves_the_page_whole(make_run: MakeRun, library: Path) -> None:
    run, other = make_run(name="one"), make_run(name="two")
    app = opened([run])
    trash(library, run.id)
    app = press(app, "put-away")
    assert "There is no run" in texts(app.error)
    assert ids(app) == [other.id]


def test_the_label_of_a_hostile_notes_file_is_not_believed(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "notes.json").write_text(json.dumps({"label": "x\u0007", "tags": ["a"] * 50}))
    app = opened([run])
    assert app.dataframe[0].value.iloc[0]["title"] == "made-up · seed 42 · 20 steps"


def test_notes_written_elsewhere_while_a_form_is_open_are_kept(make_run: MakeRun) -> None:
    run = make_run()
    annotate(run.path, "old", "old", ["tag"])
    app = opened([run])
    field(app, "label-").set_value("mine")  # type: ignore[attr-defined]
    annotate(run.path, note="theirs", tags=["tag", "their tag"])
    app = sound(_button(app, "save-", "FormSubmitter").click().run())
    assert read_notes(run.path) == Notes("mine", "theirs", ("tag", "their tag"))
    # The same text changed in both places: neither is lost.
    app = opened([run])
    field(app, "note-").set_value("my text")  # type: ignore[attr-defined]
    annotate(run.path, note="their text")
    app = sound(_button(app, "save-", "FormSubmitter").click().run())
    assert read_notes(run.path).note == "their text"
    assert 'is now "their text". Not saved: "my text"' in texts(app.error)
