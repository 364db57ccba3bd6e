"""``run.json`` and ``status.json`` with entries of every other kind: each is checked, named, and keeps to its own run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from snowball_core.errors import RunError
from snowball_core.export.methods import methods
from snowball_core.store.files.regular_files import read_json
from snowball_core.store.history import observe
from snowball_core.store.integrity.quick_check import faults
from snowball_core.store.integrity.resume_check import require_manifest
from snowball_core.store.manifest import portable, sealed
from snowball_core.store.run_folder import Run, read_run
from snowball_core.store.status import Status
from snowball_core.tables.library import row

HASH = "0f" * 32
HUGE = 10**29
VALUES: list[Any] = [
    *(None, True, 0, 5, -1, 1.5, HUGE, "", "x", HASH, "half \ud800", "completed"),
    *([], [1], [-1], ["x"], ["x", 5], [HUGE], [[]], {}, {"x": "y"}, {"x": 1}, {"x": HASH}, {"x": ["y"]}, {"x": None}),
]
TEXTS = ["", "x", HASH, "completed"]
OBJECTS = [{}, {"x": "y"}, {"x": 1}, {"x": HASH}, {"x": ["y"]}, {"x": None}]
TEXT_LISTS, COUNT_LISTS, TEXT_OBJECTS = [[], ["x"]], [[], [1]], [{}, {"x": "y"}, {"x": HASH}]
PROVENANCE = ["snowball", "python", "torch", "transformers", "numpy", "safetensors", "device", "device_name", "cpu_capability"]
# Of the values above those that an entry may have; it may also be absent.
RIGHT: dict[str, list[Any]] = {
    "format": [],
    "id": TEXTS,
    "created": TEXTS,
    "consequences": TEXT_OBJECTS,
    "faults_carried": TEXT_LISTS,
    "corpus": OBJECTS,
    "corpus.name": TEXTS,
    "corpus.bytes": [0, 5],
    "corpus.sha256": [HASH],
    "corpus.byte_counts": COUNT_LISTS,
    "corpus.notes": TEXT_LISTS,
    "provenance": OBJECTS,
    **{f"provenance.{name}": TEXTS for name in PROVENANCE},
    "provenance.threads": [0, 5],
    "provenance.parameters": [0, 5],
    "provenance.cpu_features": TEXT_LISTS,
    "provenance.dtypes": TEXT_OBJECTS,
    "provenance.seeds": [*TEXT_OBJECTS, {"x": 1}],
    "provenance.base_length": [None, 0, 5, -1, 1.5],
    "provenance.first_windows": COUNT_LISTS,
    "sha256": [{}, {"x": HASH}],
    "fork": [None],
    "dead_ids": COUNT_LISTS,
    "config": [{}],
}


def is_in(value: Any, values: list[Any]) -> bool:
    """Whether a value is among others, of the same type: True is no 1."""
    return json.dumps(value) in [json.dumps(each) for each in values]


def write(path: Path, name: str, value: Any) -> None:
    content = json.loads((path / "run.json").read_text())
    outer, _, inner = name.partition(".")
    if inner:
        content.setdefault(outer, {})[inner] = value
    else:
        content[outer] = value
    (path / "run.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", list(RIGHT))
def test_every_entry_is_of_its_kind_or_is_named(make_run: MakeRun, name: str) -> None:
    run = make_run()
    whole = (run.path / "run.json").read_bytes()
    for value in VALUES:
        (run.path / "run.json").write_bytes(whole)
        write(run.path, name, value)
        if is_in(value, RIGHT[name]):
            opened = read_run(run.path)
            assert name == "config" or opened.id in methods(observe(opened))
            continue
        with pytest.raises(RunError, match=r"has a damaged run\.json: .* Put it back from a copy\.") as refused:
            read_run(run.path)
        if value not in (HUGE, [HUGE], "half \ud800"):
            # An object of fields of a configuration or a fork is judged field by field, in the fields' own words.
            assert f'"{name}"' in str(refused.value) or name in ("config", "fork")
    row_of_run = row(run.path)  # of the last value, which no entry may have
    assert row_of_run.status.state == "damaged" or is_in(VALUES[-1], RIGHT[name])


def test_optional_entries_may_be_absent(make_run: MakeRun) -> None:
    run = make_run()
    content = json.loads((run.path / "run.json").read_text())
    for name in set(content) - {"config", "dead_ids"}:
        (run.path / "run.json").write_text(json.dumps({key: value for key, value in content.items() if key != name}))
        assert read_run(run.path).id in methods(observe(read_run(run.path)))
    for name in ("config", "dead_ids"):
        (run.path / "run.json").write_text(json.dumps({key: value for key, value in content.items() if key != name}))
        with pytest.raises(RunError, match=f"'{name}' is missing"):
            read_run(run.path)


@pytest.mark.parametrize(
    ("dead", "words"),
    [([1, 1], "every token once"), ([16], "tokens below 16"), ([True], "tokens below 16"), ([0.0], "below 16")],
)
def test_dead_tokens_are_tokens_once_each(make_run: MakeRun, dead: list[Any], words: str) -> None:
    run = make_run()
    write(run.path, "dead_ids", dead)
    with pytest.raises(RunError, match=words):
        read_run(run.path)


def test_a_text_without_its_hash_is_no_text_to_continue_with(make_run: MakeRun) -> None:
    run = make_run()
    assert run.text_sha256 == "0" * 64
    write(run.path, "corpus", {})
    with pytest.raises(RunError, match="must name its text's SHA-256"):
        _ = read_run(run.path).text_sha256


BYTES = {
    "nan": (b'{"config": {"sigma": NaN}}', "NaN is no number of JSON"),
    "infinity": (b'{"config": {"sigma": -Infinity}}', "-Infinity is no number of JSON"),
    "beyond float64": (b'{"config": {"sigma": 1e999}}', "1e999 is larger than any number of float64"),
    "twice": (b'{"config": {}, "dead_ids": [], "config": {}}', "'config' stands in it twice"),
    "mark": (b'\xef\xbb\xbf{"config": {}}', "byte order mark"),
    "utf-16": ('{"config": {}}'.encode("utf-16"), "it is not UTF-8"),
    "latin-1": ('{"config": {"name": "é"}}'.encode("latin-1"), "it is not UTF-8"),
    "deep": (b'{"config": {}, "dead_ids": [], "x": ' + b"[" * 300 + b"]" * 300 + b"}", "nested deeper than 200"),
    "deepest": (b"[" * 100_000, "something else was written into it"),
    "long number": (b'{"x": ' + b"9" * 100_000 + b"}", "something else was written into it"),
    "zeros": (bytes(1_000), "breaks off"),
}


@pytest.mark.parametrize("what", list(BYTES))
def test_what_is_no_json_of_ours_is_reported_in_words(make_run: MakeRun, what: str) -> None:
    run = make_run()
    content, words = BYTES[what]
    (run.path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match="has a damaged run") as refused:
        read_run(run.path)
    assert words in str(refused.value)
    assert row(run.path).status.state == "damaged"


def test_a_file_of_a_gigabyte_is_not_read(make_run: MakeRun) -> None:
    run = make_run()
    for name in ("run.json", "status.json", "notes.json"):
        (run.path / name).touch()
        os.truncate(run.path / name, 1 << 30)
    with pytest.raises(RunError, match="holds more than 16,000,000 bytes"):
        read_run(run.path)
    assert run.status() == Status("interrupted", message="its status was lost")
    assert "notes.json cannot be read" in row(run.path).damage


# Of the values above those that an entry of status.json may have.
COUNTS, AMOUNTS = [0, 5], [0, 5, 1.5]
STATUS = {
    "state": ["completed"],
    "step": COUNTS,
    "last_step": COUNTS,
    "steps_per_second": AMOUNTS,
    "seconds_left": [None, *AMOUNTS],
    "message": [*TEXTS, "half \ud800"],
    "updated": [*TEXTS, "half \ud800"],
}


@pytest.mark.parametrize("name", list(STATUS))
def test_a_status_with_an_entry_of_another_kind_is_lost(make_run: MakeRun, name: str) -> None:
    run = make_run()
    whole = json.loads((run.path / "status.json").read_text())
    for value in VALUES:
        (run.path / "status.json").write_text(json.dumps({**whole, name: value}))
        status = run.status()
        if is_in(value, STATUS[name]):
            assert getattr(status, name) == ("half \\ud800" if value == "half \ud800" else value)
            assert status.state == "completed"
        else:
            assert status == Status("interrupted", message="its status was lost")


def test_json_that_is_sound_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, -0.0, None, True, "é\n"], "b": {"c": {}}}
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert read_json(tmp_path / "x.json") == content


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("/data/my texts/a.txt", "a.txt"),
        ("C:\\texts\\a.txt", "a.txt"),
        ("\\\\server\\share\\a.txt", "a.txt"),
        ("/data/folder/", "folder"),
        ('the text "/data/my texts/a.txt" is gone', 'the text "a.txt" is gone'),
        ("could not write (/mnt/disk/x.csv): full", "could not write (x.csv): full"),
        ("No such file or directory: '/data/my texts/a.txt'", "No such file or directory: 'a.txt'"),
        ("gatsby", "gatsby"),
        ("texts/a.txt", "texts/a.txt"),
        ("the loss reads 1/context too low, and/or is nan", "the loss reads 1/context too low, and/or is nan"),
    ],
)
def test_a_path_that_leaves_the_machine_is_its_last_part(text: str, cut: str) -> None:
    assert portable({"x": [text, 1, None]}) == {"x": [cut, 1, None]}


def test_a_run_of_a_built_in_text_is_the_same_without_its_paths(make_run: MakeRun) -> None:
    run: Run = make_run()
    assert portable(run.manifest) == run.manifest


@pytest.mark.parametrize("change", [{"created": "yesterday"}, {"config": {"seed": 7}}, {"dead_ids": [1]}, {"more": None}])
def test_a_run_json_that_was_changed_by_hand_is_damage_and_nothing_continues_from_it(
    tmp_path: Path, make_run: MakeRun, change: dict[str, Any]
) -> None:
    run = make_run()
    file = run.path / "run.json"
    content = sealed(json.loads(file.read_text()))
    file.write_text(json.dumps(content))
    assert "run.json" not in faults(read_run(run.path))
    require_manifest(read_run(run.path))
    merged = {key: content.get(key) | value if key == "config" else value for key, value in change.items()}
    file.write_text(json.dumps(content | merged))
    changed = read_run(run.path)
    assert "entries have another SHA-256" in faults(changed)["run.json"]
    with pytest.raises(RunError, match=r"run\.json of .* must hold what was written there.*Put it back from a copy"):
        require_manifest(changed)
