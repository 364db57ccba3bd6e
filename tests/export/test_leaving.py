"""What leaves the machine names none of its folders, and a kill on the way leaves nothing that is not swept."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.cli.main import main
from snowball_core.errors import CorpusError
from snowball_core.export import report
from snowball_core.export.bundle import export_to
from snowball_core.export.view import view_of
from snowball_core.store.archive import pack, unpack
from snowball_core.store.corpus import load_corpus
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.history import observe
from snowball_core.store.manifest import configuration_hash
from snowball_core.store.run_folder import Run, corpora_folder, read_run
from snowball_core.store.status import Status, write_status

ROOT = Path(__file__).resolve().parents[2]


# What leaves the machine names none of its folders


def test_an_exported_run_holds_no_absolute_path(
    make_run: MakeRun, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = tmp_path / "my texts" / "secret-folder" / "book.txt"
    run = make_run(corpus=str(text), state="failed")
    corpus = {**run.manifest["corpus"], "name": str(text)}
    (run.path / "run.json").write_text(json.dumps({**run.manifest, "corpus": corpus}, indent=1))
    write_status(
        run.path, Status("failed", 20, 20, message=f'the text "{text}" is gone; {tmp_path}/secret-folder/x cannot be read')
    )
    (run.path / "worker.log").write_text(f"Traceback in {text.parent}")
    run = read_run(run.path)
    history = observe(run)
    target, view = tmp_path_factory.mktemp("outside"), view_of(history)
    export_to(view, target, tmp_path, ["methods", "projector", "parcel"])
    contents = {path.name: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    contents["of the report"] = report._manifest(view).encode()
    assert b"book.txt" in contents["of the report"]
    with zipfile.ZipFile(target / f"{run.id}.zip") as archive:
        contents |= {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, content in contents.items() if b"secret-folder" in content] == []
    assert not [name for name in contents if "worker.log" in name]
    # It arrives as the same run: its text is known by name and hash, and it is packed to the same bytes again.
    arrived = unpack(target / f"{run.id}.zip", tmp_path / "elsewhere")
    assert arrived.config.corpus == arrived.manifest["corpus"]["name"] == "book.txt"
    assert arrived.text_sha256 == run.text_sha256
    assert configuration_hash(arrived.config) == configuration_hash(run.config)
    again = io.BytesIO()
    pack(arrived, again)
    assert again.getvalue() == (target / f"{run.id}.zip").read_bytes()


# A kill leaves nothing that the next start does not sweep

KILLED = "import os, sys; {change}; from snowball_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
KILL = "lambda *words: os.kill(os.getpid(), 9)"


def killed(change: str, *words: object, **environment: str) -> None:
    code = KILLED.format(change=change)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, env={**os.environ, **environment}, capture_output=True
    )
    assert done.returncode == -9, done.stderr


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.processes
def test_a_killed_import_and_a_killed_export_leave_nothing(
    make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    run, outside = make_run(), tmp_path_factory.mktemp("outside")
    library, file, other, target = run.path.parent, outside / "run.zip", outside / "other", outside / "target"
    with open(file, "wb") as packed:
        pack(run, packed)
    before = left_in(library)
    killed(f"import snowball_core.store.archive as p; p.read_run = {KILL}", "import", file, "--runs", other)
    assert len(left_in(other)) == 2
    export = ("export", run.id, "--to", target, "--only", "methods", "--runs", library)
    killed(f"import snowball_core.export.bundle as e; e._require_ours = {KILL}", *export)
    assert left_in(target) == []
    assert len(left_in(library)) == len(before) + 2
    for folder in (library, other):
        assert main(["list", "--runs", str(folder)]) == 0
    assert left_in(library) == before
    assert left_in(other) == []
    # Where the library may not be written an export is made in its target; the next one to it sweeps.
    killed(f"import snowball_core.export.bundle as e; e._require_ours = {KILL}", *export, SNOWBALL_READONLY="1")
    assert len(left_in(target)) == 2
    assert main(list(map(str, export))) == 0
    assert left_in(target) == ["index.json", "methods.md", "methods.tex", "methods.txt"]
    assert left_in(library) == before
    assert "Traceback" not in capsys.readouterr().err


def test_an_export_reaches_another_file_system(
    make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renames between the library and the target fail, as between two disks."""
    run: Run = make_run()
    replace, history = os.replace, observe(run)
    target = tmp_path_factory.mktemp("outside")

    def across(source: Path, place: Path) -> None:
        if Path(source).parts[: len(target.parts)] != Path(place).parts[: len(target.parts)]:
            raise OSError(18, "Invalid cross-device link")
        replace(source, place)

    monkeypatch.setattr(os, "replace", across)
    export_to(view_of(history), target, run.path.parent, ["methods"])
    assert left_in(target) == ["index.json", "methods.md", "methods.tex", "methods.txt"]
    listed = {row["name"]: row["sha256"] for row in json.loads((target / "index.json").read_text())["files"]}
    assert listed == {name: file_sha256(target / name) for name in listed}
    assert stat.S_ISREG((target / "methods.md").stat().st_mode)


def test_the_text_of_an_imported_run_is_found_by_its_name_among_the_built_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    folder = corpora_folder(tmp_path)
    with pytest.raises(
        CorpusError, match=r'"book\.txt" is neither\. Check the path\. The text of an imported run is looked for in'
    ):
        load_corpus("book.txt", folder=folder)
    folder.mkdir()
    (folder / "book.txt").write_text("among the built texts")
    assert bytes(load_corpus("book.txt", folder=folder).ids) == b"among the built texts"
    # A file that is here is meant first, and a path is nothing but itself.
    Path("book.txt").write_text("here")
    assert bytes(load_corpus("book.txt", folder=folder).ids) == b"here"
    with pytest.raises(CorpusError, match="is neither"):
        load_corpus(str(tmp_path / "book.txt"), folder=folder)
