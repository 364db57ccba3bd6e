"""A run as a zip: it opens elsewhere with the same bytes, and a zip that is not one of ours is refused and leaves nothing."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from safetensors import safe_open

from snowball_core.cli.main import main
from snowball_core.errors import RunError
from snowball_core.store.archive import pack, unpack
from snowball_core.store.run_folder import Run, open_run, read_run
from snowball_core.store.status import lock_of


@pytest.fixture
def parcel(make_run: MakeRun, tmp_path: Path) -> tuple[Run, Path]:
    run = make_run()
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "state.json").write_text("{}")
    (run.path / "cache").mkdir()
    (run.path / "cache" / "table.parquet").write_bytes(b"derived")
    (run.path / "lock").touch()
    (run.path / ".half-written").write_bytes(b"x")
    (run.path / "linked").symlink_to("/etc/hostname")
    file = tmp_path / "run.zip"
    with open(file, "wb") as target:
        pack(run, target)
    return run, file


def test_a_packed_run_opens_elsewhere_with_the_same_bytes(parcel: tuple[Run, Path], tmp_path: Path) -> None:
    run, file = parcel
    arrived = unpack(file, tmp_path / "elsewhere")
    left_behind = {"cache/table.parquet", "lock", ".half-written", "linked", "cache"}
    sent = {path.relative_to(run.path).as_posix(): path for path in run.path.rglob("*")}
    came = {path.relative_to(arrived.path).as_posix(): path for path in arrived.path.rglob("*")}
    assert set(sent) - set(came) == left_behind
    assert all(path.is_dir() or path.read_bytes() == sent[name].read_bytes() for name, path in came.items())
    assert arrived.id == run.id
    assert np.array_equal(arrived.history().words, run.history().words)


def test_a_packed_history_opens_with_a_stock_reader(parcel: tuple[Run, Path], tmp_path: Path) -> None:
    run, file = parcel
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "by-hand")
        listed = json.loads(archive.read("parcel.json"))["files"]
    with safe_open(tmp_path / "by-hand" / run.id / "history.safetensors", framework="pt") as opened:
        assert opened.get_slice("embedding_history").get_shape() == [21, 16, 4]
    assert set(listed) == {"run.json", "status.json", "metrics.csv", "history.safetensors", "checkpoint/state.json"}


def test_the_same_run_gives_the_same_zip(parcel: tuple[Run, Path]) -> None:
    run, file = parcel
    (run.path / "metrics.csv").touch()
    again = io.BytesIO()
    pack(run, again)
    assert again.getvalue() == file.read_bytes()
    (run.path / "metrics.csv").write_text("step,loss,learning_rate,grad_norm,seconds\n")
    other = io.BytesIO()
    pack(run, other)
    assert other.getvalue() != file.read_bytes()


def test_a_run_under_way_is_not_packed(make_run: MakeRun) -> None:
    run = make_run(state="running")
    with lock_of(run.path).acquire(), pytest.raises(RunError, match=r"is\. Wait for it or stop it"):
        pack(run, io.BytesIO())


def test_an_existing_run_is_never_overwritten(parcel: tuple[Run, Path], tmp_path: Path) -> None:
    run, file = parcel
    before = (run.path / "run.json").read_bytes()
    with pytest.raises(RunError, match="not overwritten"):
        unpack(file, tmp_path)
    assert (run.path / "run.json").read_bytes() == before
    assert not list(tmp_path.glob(".import-*"))


Entries = dict[str, bytes]


def repacked(file: Path, change: Callable[[Entries, dict[str, int]], None]) -> Path:
    """The parcel with its entries changed; a mode given to a name makes the entry a link or whatever it says."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    modes: dict[str, int] = {}
    change(entries, modes)
    changed = file.with_name("changed.zip")
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = modes.get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return changed


def relisted(entries: Entries, edit: Callable[[dict[str, object]], None]) -> None:
    contents = json.loads(entries["parcel.json"])
    edit(contents)
    entries["parcel.json"] = json.dumps(contents).encode()


def outside(entries: Entries, modes: dict[str, int]) -> None:
    entries["../escaped.txt"] = b"out"


def absolute(entries: Entries, modes: dict[str, int]) -> None:
    entries["/tmp/escaped.txt"] = b"out"


def backslash(entries: Entries, modes: dict[str, int]) -> None:
    entries["run\\..\\escaped.txt"] = b"out"


def link(entries: Entries, modes: dict[str, int]) -> None:
    name = next(name for name in entries if name.endswith("metrics.csv"))
    modes[name] = stat.S_IFLNK | 0o777


def unlisted(entries: Entries, modes: dict[str, int]) -> None:
    run_id = json.loads(entries["parcel.json"])["run"]
    entries[f"{run_id}/more.bin"] = b"x"


def tampered(entries: Entries, modes: dict[str, int]) -> None:
    name = next(name for name in entries if name.endswith("metrics.csv"))
    entries[name] = entries[name].replace(b"0.001", b"0.002")


def foreign_id(entries: Entries, modes: dict[str, int]) -> None:
    relisted(entries, lambda contents: contents.update(run="../x"))


def bomb(entries: Entries, modes: dict[str, int]) -> None:
    run_id = json.loads(entries["parcel.json"])["run"]
    size = 300_000_000
    entries[f"{run_id}/big.bin"] = bytes(size)
    relisted(entries, lambda contents: contents["files"].update({"big.bin": {"bytes": size, "sha256": ""}}))


def lying(entries: Entries, modes: dict[str, int]) -> None:
    relisted(entries, lambda contents: contents["files"]["metrics.csv"].update(bytes=1))


def lock_inside(entries: Entries, modes: dict[str, int]) -> None:
    run_id = json.loads(entries["parcel.json"])["run"]
    entries[f"{run_id}/lock"] = b""
    relisted(entries, lambda contents: contents["files"].update({"lock": {"bytes": 0, "sha256": ""}}))


def damaged(entries: Entries, modes: dict[str, int]) -> None:
    name = next(name for name in entries if name.endswith("run.json"))
    entries[name] = b"{}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "leads elsewhere"),
        (absolute, "leads elsewhere"),
        (backslash, "leads elsewhere"),
        (link, "leads elsewhere"),
        (lock_inside, "leads elsewhere"),
        (unlisted, "exactly the files"),
        (tampered, "must match their hashes"),
        (foreign_id, "with a run id"),
        (bomb, "at most"),
        (lying, "at most"),
        (damaged, "damaged"),
    ],
)
def test_a_zip_that_is_not_as_packed_is_refused_and_leaves_nothing(
    parcel: tuple[Run, Path], tmp_path: Path, change: Callable[[Entries, dict[str, int]], None], message: str
) -> None:
    run, file = parcel
    library = tmp_path / "deep" / "elsewhere"
    with pytest.raises(RunError, match=message):
        unpack(repacked(file, change), library)
    assert list(library.iterdir()) == []
    assert not (tmp_path / "deep" / "escaped.txt").exists()
    # The passing side: the same zip, taken apart and put together without a change, is taken in.
    assert unpack(repacked(file, lambda entries, modes: None), library).id == run.id


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    for file in (tmp_path / "text.zip", tmp_path / "absent.zip"):
        with pytest.raises(RunError, match="cannot be read"):
            unpack(file, tmp_path / "elsewhere")


def test_import_is_a_command_and_is_refused_where_nothing_may_be_written(
    parcel: tuple[Run, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, file = parcel
    elsewhere = str(tmp_path / "elsewhere")
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert main(["import", str(file), "--runs", elsewhere]) == 2
    assert "read-only" in capsys.readouterr().err
    monkeypatch.delenv("SNOWBALL_READONLY")
    assert main(["import", str(file), "--runs", elsewhere, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"run": run.id, "state": "completed"}
    assert open_run(Path(elsewhere), run.id).config == read_run(run.path).config
