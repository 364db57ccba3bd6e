"""Zips packed again by desktop tools come in, damaged ones are refused in words, and each refusal blames what is at fault."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeRun

from snowball_core.errors import RunError
from snowball_core.store import archive as room
from snowball_core.store.archive import pack, unpack
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.run_folder import Run, read_run

Entries = list[tuple[str, bytes]]


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    return make_run()


@pytest.fixture
def entries(run: Run) -> Entries:
    """The entries of the run's zip."""
    packed = io.BytesIO()
    pack(run, packed)
    with zipfile.ZipFile(packed) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def refusal(file: Path, library: Path) -> str:
    """Why an import is refused; empty if it is not."""
    try:
        unpack(file, library)
    except RunError as error:
        return str(error)
    return ""


def zipped(place: Path, entries: Entries, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(place, "w", kind) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return place


def with_folders(run: Run, entries: Entries) -> Entries:
    return [(f"{run.id}/", b""), (f"{run.id}/checkpoint/", b""), *entries]


def by_finder(run: Run, entries: Entries) -> Entries:
    added = [("__MACOSX/", b""), (f"__MACOSX/{run.id}/._run.json", b"x"), (".DS_Store", b"x"), (f"{run.id}/.DS_Store", b"x")]
    return [*with_folders(run, entries), *added]


def by_finder_around(run: Run, entries: Entries) -> Entries:
    """What Finder packs of the folder into which a browser unpacked the download."""
    return [("run 2/", b""), *((f"run 2/{name}", content) for name, content in by_finder(run, entries))]


def by_explorer(run: Run, entries: Entries) -> Entries:
    return [*entries, ("desktop.ini", b"x"), (f"{run.id}/Thumbs.db", b"x")]


def renamed(run: Run, entries: Entries) -> Entries:
    return [(name.replace(run.id, "my-run"), content) for name, content in entries]


def on_a_stick(run: Run, entries: Entries) -> Entries:
    """What a file system without attributes gets beside every file."""
    return [*entries, *((f"{run.id}/._{name.rsplit('/')[-1]}", b"x") for name, _ in entries)]


@pytest.mark.parametrize("way", [with_folders, by_finder, by_finder_around, by_explorer, renamed, on_a_stick])
@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_again_comes_in(
    run: Run, entries: Entries, tmp_path: Path, way: Callable[..., Entries], kind: int
) -> None:
    arrived = unpack(zipped(tmp_path / "again.zip", way(run, entries), kind), tmp_path / "elsewhere")
    assert arrived.id == run.id
    sent = {name.partition("/")[2] for name, _ in entries if "/" in name}
    assert {path.name: file_sha256(path) for path in arrived.path.iterdir()} == {
        name: file_sha256(run.path / name) for name in sent
    }
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [run.id]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run, entries: [each for each in entries if each[0] != "parcel.json"], "has no parcel.json"),
        (lambda run, entries: [*entries, ("a/parcel.json", b"{}"), ("b/parcel.json", b"{}")], "exactly the files"),
        (lambda run, entries: [(f"a/b/{name}", content) for name, content in entries], "has no parcel.json"),
        (lambda run, entries: [(f"../{name}", content) for name, content in entries], "leads elsewhere"),
        (lambda run, entries: [(f"/{name}", content) for name, content in entries], "leads elsewhere"),
        (lambda run, entries: [*entries, ("../", b"")], "leads elsewhere"),
        (lambda run, entries: [*entries, ("__MACOSX/../../evil.txt", b"x")], "leads elsewhere"),
        (lambda run, entries: [*entries, (f"{run.id}/.hidden", b"x")], "leads elsewhere"),
        (lambda run, entries: [*entries, ("more.txt", b"x")], "exactly the files"),
        (lambda run, entries: [*entries, *((n.replace(run.id, "x"), c) for n, c in entries if "/" in n)], "exactly the files"),
    ],
)
def test_a_zip_that_is_not_one_run_is_refused(
    run: Run, entries: Entries, tmp_path: Path, change: Callable[..., Entries], words: str
) -> None:
    with pytest.raises(RunError, match=words):
        unpack(zipped(tmp_path / "again.zip", change(run, entries)), tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "facts",
    [
        *(None, [], 5, {}, {"format": 2}, {"run": 5}, {"run": ["a"]}, {"files": []}, {"files": {"run.json": None}}),
        *({"files": {"run.json": {"bytes": size, "sha256": "x"}}} for size in (-1, 1.5, True, "5", None, float("inf"))),
        {"files": {"run.json": {"bytes": 1, "sha256": 5}}},
    ],
)
def test_contents_of_another_kind_are_refused(run: Run, entries: Entries, tmp_path: Path, facts: Any) -> None:
    record = json.loads(dict(entries)["parcel.json"])
    record = {**record, **facts} if isinstance(facts, dict) and facts else facts
    changed = [(name, json.dumps(record).encode() if name == "parcel.json" else content) for name, content in entries]
    with pytest.raises(RunError, match=r'the parcel\.json of ".*" must be of format 1'):
        unpack(zipped(tmp_path / "again.zip", changed), tmp_path / "elsewhere")


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_damaged_anywhere_is_refused_in_words_and_blamed(entries: Entries, tmp_path: Path, kind: int) -> None:
    file = zipped(tmp_path / "run.zip", entries, kind)
    whole = file.read_bytes()
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        file.write_bytes(damaged)
        library = tmp_path / f"library-{place}"
        if reason := refusal(file, library):
            refused += 1
            assert "imported into a folder" not in reason
            assert left_in(library) == []
    assert refused > 30


def test_a_file_that_is_no_zip_is_blamed_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "folder.zip").mkdir()
    os.mkfifo(tmp_path / "pipe.zip")
    for name, why in {
        "text": "it is a text file",
        "folder": "Is a directory",
        "pipe": "not a regular file",
        "no": "No such",
    }.items():
        with pytest.raises(RunError, match=rf'"export" wrote; ".*{name}\.zip" cannot be read: .*{why}'):
            unpack(tmp_path / f"{name}.zip", tmp_path / "elsewhere")


@pytest.mark.parametrize("how", ["file", "full", "room"])
def test_a_library_that_takes_no_run_is_blamed_and_not_the_zip(
    entries: Entries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file, library = zipped(tmp_path / "run.zip", entries), tmp_path / "elsewhere"
    words = {
        "file": 'into a folder that can be written; ".*elsewhere": (Not a directory|File exists)',
        "full": 'into a folder that can be written; ".*elsewhere": No space left on device',
        "room": "the disk must have room for the whole run",
    }[how]
    if how == "file":
        library.write_text("")
    elif how == "full":

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(room, "_extract", full)
    else:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))  # type: ignore[attr-defined]
    with pytest.raises(RunError, match=words) as refused:
        unpack(file, library)
    assert "run.zip" not in str(refused.value)


def test_two_imports_at_once_are_one_run(entries: Entries, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, library = zipped(tmp_path / "run.zip", entries), tmp_path / "elsewhere"

    def other_first(path: Path) -> Run:
        monkeypatch.setattr(room, "read_run", read_run)
        assert unpack(file, library).id == run.id
        return read_run(path)

    monkeypatch.setattr(room, "read_run", other_first)
    with pytest.raises(RunError, match="never overwritten"):
        unpack(file, library)
    assert [path.name for path in library.iterdir()] == [run.id]
