"""Labels, notes and tags: kept beside a run, bounded, and never in the way of what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as some

from snowball_core.errors import RunError
from snowball_core.store import notes as room
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.notes import FILE, Notes, add_tags, annotate, annotate_seen, read_notes, tags_of
from snowball_core.store.run_folder import read_run

ROOT = Path(__file__).resolve().parents[2]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in folder.iterdir() if path.is_file() and path.name != FILE}


def test_what_is_written_is_read_again_and_nothing_recorded_is_touched(make_run: MakeRun) -> None:
    run = make_run()
    before = contents(run.path)
    assert read_notes(run.path) == Notes()
    annotate(run.path, label="  the long fall ", note="two lines\r\nof it", tags=["merger", "keep", "merger"])
    assert read_notes(run.path) == Notes("the long fall", "two lines\nof it", ("merger", "keep"))
    assert contents(run.path) == before
    assert read_run(run.path).id == run.id


def test_what_is_not_given_stays_and_what_is_given_empty_goes(make_run: MakeRun) -> None:
    path = make_run().path
    annotate(path, "a label", "a note", ["tag"])
    assert annotate(path, note="another") == Notes("a label", "another", ("tag",))
    assert annotate(path, label="", tags=[]) == Notes("", "another", ())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"label": "x" * 81}, "a label must have at most 80 characters; got 81"),
        ({"note": "x" * 4_001}, "a note must have at most 4,000 characters; got 4,001"),
        ({"tags": ["x" * 33]}, "a tag must have at most 32 characters"),
        ({"tags": [str(n) for n in range(13)]}, "a run has at most 12 tags; got 13"),
        ({"tags": ["one,two"]}, "no comma"),
        ({"tags": [" "]}, "a tag must have a letter"),
        ({"label": "bell\x07"}, "number 5 is U+0007"),
        ({"label": "two\nlines"}, "number 4 is U+000A"),
        ({"label": "turned \u202e round"}, "U+202E"),
        ({"note": "line\u2028separator"}, "U+2028"),
        ({"note": "half \ud800"}, "U+D800"),
        ({"label": "seen\u200dhere"}, "number 5 is U+200D"),
        ({"label": "\u06cc\u200c"}, "number 2 is U+200C"),
        ({"tags": ["\u06cc\u200c \u062e"]}, "number 2 is U+200C"),
        ({"label": "\u200d\U0001f469"}, "number 1 is U+200D"),
        ({"label": "\u06cc\u200c\u200c\u062e"}, "number 2 is U+200C"),
        ({"note": "\u06cc\u200b\u062e"}, "U+200B"),
        ({"label": 5}, "a label must be text; got int"),
    ],
)
def test_a_text_that_is_too_long_or_cannot_be_seen_is_refused_and_the_old_one_stays(
    make_run: MakeRun, given: dict[str, object], words: str
) -> None:
    path = make_run().path
    annotate(path, "old", "old", ["old"])
    with pytest.raises(RunError) as refused:
        annotate(path, **given)  # type: ignore[arg-type]
    assert words in str(refused.value)
    assert read_notes(path) == Notes("old", "old", ("old",))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0915\u094d\u200d\u0937",
            "\u0d28\u0d4d\u200d",
            "\u06f1\u06f3\u0647\u200d.",
            "\u0936\u094d\u200c",
            "Auf\u00e4\u200clage",
        ),
        *("\U0001f469\u200d\U0001f52c lab", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f468\U0001f3fd\u200d\U0001f680"),
        "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468",
    ],
)
def test_joined_letters_and_pictures_stay_joined_in_every_text(make_run: MakeRun, name: str) -> None:
    path = make_run().path
    annotate(path, name, name, [name])
    assert read_notes(path) == Notes(name, name, (name,))


def test_the_longest_texts_are_kept(make_run: MakeRun) -> None:
    path = make_run().path
    annotate(path, "é" * 80, "漢" * 4_000, [f"{n:032}" for n in range(12)])
    assert len(read_notes(path).note) == 4_000
    assert read_notes(path).damage == ""


@pytest.mark.parametrize(
    "damage",
    [
        *("", "{", "[]", "null", '{"tags": 5}', '{"label": ["x"]}', '{"label": "bell\\u0007"}', "[" * 50_000),
        '{"note": "' + "x" * 70_000 + '"}',
    ],
)
def test_damaged_notes_say_so_and_are_set_aside_by_the_next_ones(make_run: MakeRun, damage: str) -> None:
    path = make_run().path
    (path / FILE).write_text(damage)
    assert read_notes(path) == Notes(damage="notes.json cannot be read")
    assert annotate(path, label="new") == read_notes(path) == Notes("new")
    assert (path / f"{FILE}.damaged").read_text() == damage


def test_a_writer_that_dies_leaves_the_old_notes(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run().path
    annotate(path, label="old")

    def dies(file: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "write_json", dies)
    with pytest.raises(RunError, match=r"No space left on device\. Nothing was changed"):
        annotate(path, label="new")
    assert read_notes(path).label == "old"


def test_a_read_only_library_takes_no_notes(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run().path
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    with pytest.raises(RunError, match="read-only"):
        annotate(path, label="new")
    assert not (path / FILE).exists()


@given(some.lists(some.text(some.characters(codec="utf-8", exclude_characters=",", exclude_categories=["C", "Z"]), min_size=1)))
def test_tags_survive_being_joined_by_commas(tags: list[str]) -> None:
    assert tags_of(", ".join(tags)) == tuple(dict.fromkeys(tags))


def test_notes_are_plain_json(make_run: MakeRun) -> None:
    path = make_run().path
    annotate(path, label="=1+1", tags=["@x"])
    assert json.loads((path / FILE).read_text()) == {"label": "=1+1", "note": "", "tags": ["@x"]}


# Two writers at once


def test_what_others_write_meanwhile_is_kept(make_run: MakeRun, tmp_path: Path) -> None:
    path = make_run().path
    code = "import sys; from pathlib import Path; from snowball_core.store.notes import add_tags\nsys.stdin.readline()\n"
    code += "for number in range(3): add_tags(Path(sys.argv[1]), [f'{sys.argv[2]}-{number}'])"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], cwd=ROOT, stdin=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    annotate(path, label="mine")
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert read_notes(path).label == "mine"
    assert sorted(read_notes(path).tags) == [f"{name}-{number}" for name in "abc" for number in range(3)]
    assert [entry.name for entry in path.iterdir() if "lock" in entry.name] == []


def test_a_form_changes_what_was_changed_in_it_and_nothing_else(make_run: MakeRun) -> None:
    path = make_run().path
    notes = annotate(path, "old", "old", ["kept", "dropped"])
    annotate(path, note="theirs", tags=["kept", "dropped", "their tag"])
    annotate_seen(path, notes, "mine", "old", ["kept", "my tag"])
    assert read_notes(path) == Notes("mine", "theirs", ("kept", "their tag", "my tag"))


def test_a_text_changed_in_two_places_is_not_lost(make_run: MakeRun) -> None:
    path = make_run().path
    notes = annotate(path, "old", "old", ["tag"])
    annotate(path, label="theirs")
    for mine, refusal in (("mine", True), ("theirs", False), ("old", False)):
        if refusal:
            with pytest.raises(RunError, match=r'the name was changed elsewhere .* "theirs"\. Yours is not saved: "mine"'):
                annotate_seen(path, notes, mine, "new", ["tag"])
            assert read_notes(path) == Notes("theirs", "old", ("tag",))
        else:
            assert annotate_seen(path, notes, mine, "new", ["tag"]) == Notes("theirs", "new", ("tag",))


def test_more_tags_are_added_to_those_there_are(make_run: MakeRun) -> None:
    path = make_run().path
    annotate(path, "label", tags=["a"])
    assert add_tags(path, ["b", "a"]) == Notes("label", "", ("a", "b"))


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop"])
def test_notes_that_are_no_file_are_damaged_and_set_aside(make_run: MakeRun, kind: str) -> None:
    path = make_run().path
    if kind == "pipe":
        os.mkfifo(path / FILE)
    elif kind == "folder":
        (path / FILE).mkdir()
    else:
        (path / FILE).symlink_to("/dev/zero" if kind == "device" else FILE)
    assert read_notes(path) == Notes(damage="notes.json cannot be read")
    assert annotate(path, label="new") == read_notes(path)


def test_a_folder_that_takes_no_notes_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the run folder must be writable; .*No such file or directory\. Nothing was changed"):
        annotate(tmp_path / "gone", label="x")
    assert not (tmp_path / "gone").exists()


def test_the_flag_of_a_region_is_one_picture_and_its_letters_hide_nothing_elsewhere(tmp_path: Path) -> None:
    wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
    assert annotate(tmp_path, label=f"{wales} sheep").label == f"{wales} sheep"
    for hidden in ("sheep\U000e0067\U000e007f", wales[:-1], "\U0001f3f4" + "\U000e0061" * 9 + "\U000e007f"):
        with pytest.raises(RunError, match="must be made of visible characters"):
            annotate(tmp_path, label=hidden)
