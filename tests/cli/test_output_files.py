"""Every flag that names a file to write, found in the parser: what it may name, what it may not, whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.cli import output_files
from snowball_core.cli.main import PROGRAM, main
from snowball_core.cli.output_files import OutputFile
from snowball_core.cli.parser import WrittenFile
from snowball_core.errors import RunError
from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.run_folder import Run

FLAGS = [
    (name, flag.opts[0]) for name, verb in PROGRAM.commands.items() for flag in verb.params if isinstance(flag, WrittenFile)
]


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    return make_run()


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


def writing(verb: str, run: Run, flag: str, path: object, tmp_path: Path) -> list[str]:
    """A command that writes one file."""
    more = ["--step", "7"] if flag in ("--holes", "--levels", "--closeness") else []
    other = [str(run.path)] if verb != "compare" else [str(run.path), str(copied(run.path, tmp_path))]
    return [verb, *other, *more, flag, str(path)]


def copied(path: Path, folder: Path) -> Path:
    target = folder / f"{path.name}-copy"
    return target if target.exists() else Path(shutil.copytree(path, target))


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_flags_that_write_are_those_of_the_commands_that_measure() -> None:
    assert ("census", "--csv") in FLAGS
    assert ("events", "--ytree") in FLAGS
    assert ("compare", "--csv") in FLAGS
    assert len(FLAGS) >= 18


@pytest.mark.parametrize(("verb", "flag"), FLAGS)
def test_every_flag_writes_outside_the_library_also_while_it_is_read_only_and_never_in_it(
    run: Run,
    outside: Path,
    tmp_path: Path,
    verb: str,
    flag: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copied(run.path, tmp_path)
    recorded = contents(tmp_path)
    (outside / "link").symlink_to(tmp_path)
    (outside / "history.csv").symlink_to(run.path / "history.safetensors")
    for path in (
        run.path / "history.safetensors",
        run.path / "new.csv",
        tmp_path / "new.csv",
        outside / "link" / "new.csv",
        outside / "history.csv",
        run.path / ".." / "new.csv",
    ):
        assert main(writing(verb, run, flag, path, tmp_path)) == 2
        assert f"{flag} must name a file that can be written" in capsys.readouterr().err
    assert contents(tmp_path) == recorded
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert main(writing(verb, run, flag, outside / "table.csv", tmp_path)) == 0
    assert (outside / "table.csv").read_text().count("\n") > 0
    assert sorted(path.name for path in outside.iterdir()) == ["history.csv", "link", "table.csv"]


@pytest.mark.parametrize(("verb", "flag"), FLAGS)
def test_every_flag_refuses_before_it_measures(
    run: Run,
    outside: Path,
    tmp_path: Path,
    verb: str,
    flag: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("it opened the run first")

    monkeypatch.setattr("snowball_core.store.history.observe", never)
    (outside / "folder").mkdir()
    for path, words in (
        (outside / "folder", "that is a folder"),
        (outside / "nothing" / "table.csv", "there is no folder"),
        (outside / ("x" * 300), "File name too long"),
        (f"{outside}/new/", "that is a folder"),
        ("", "it must not be empty"),
    ):
        assert main(writing(verb, run, flag, path, tmp_path)) == 2
        output = capsys.readouterr()
        assert words in output.err
        assert output.out == ""


@pytest.fixture
def there(outside: Path) -> OutputFile:
    (outside / "library").mkdir()
    return OutputFile("--csv", str(outside / "table.csv"), (outside / "library",))


def test_a_file_is_written_beside_and_renamed_so_that_a_fault_leaves_the_old_one(there: OutputFile, outside: Path) -> None:
    (outside / "table.csv").write_text("old")
    (outside / "kept.csv").hardlink_to(outside / "table.csv")

    def parts() -> object:
        yield "new"
        raise RunError("in the middle")

    with pytest.raises(RunError, match="in the middle"):
        there.write(parts())  # type: ignore[arg-type]
    assert (outside / "table.csv").read_text() == "old"
    there.write(["new\n", "ε\udcff"])
    assert (outside / "table.csv").read_bytes() == "new\nε\\udcff".encode()
    # Another name of the old file, such as one in a library, keeps the old content.
    assert (outside / "kept.csv").read_text() == "old"
    assert sorted(path.name for path in outside.iterdir()) == ["kept.csv", "library", "table.csv"]


def test_a_link_stays_a_link_and_long_names_of_any_letters_are_kept(outside: Path) -> None:
    (outside / "real.csv").write_text("old")
    (outside / "link.csv").symlink_to("real.csv")
    for name in ("link.csv", "é" * 120, "😀" * 63, os.fsdecode(b"not-utf-8-\xff")):
        OutputFile("--csv", str(outside / name), ()).write(["new"])
        assert (outside / name).read_text() == "new"
    assert (outside / "link.csv").is_symlink()
    assert (outside / "real.csv").read_text() == "new"


def test_a_library_under_another_spelling_or_a_run_of_another_library_is_refused(
    run: Run, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another path of the same folder, as a second mount or a file system that ignores capitals gives.
    real = os.path.samefile
    alias = outside / "Runs"
    alias.mkdir()
    monkeypatch.setattr(output_files.os.path, "samefile", lambda one, other: str(other) == str(alias) or real(one, other))
    with pytest.raises(RunError, match="in the library of runs"):
        OutputFile("--csv", str(alias / "deep" / "x.csv"), (run.path.parent,)).require_allowed()
    monkeypatch.undo()
    for inside in (run.path / "x.csv", run.path / "checkpoint" / "x.csv"):
        with pytest.raises(RunError, match=f'in the folder of the run "{run.id}"'):
            OutputFile("--csv", str(inside), ()).require_allowed()


def test_what_the_command_reads_and_one_file_for_two_flags_are_refused(
    run: Run, outside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outside / "copy.safetensors").write_bytes((run.path / "history.safetensors").read_bytes())
    (outside / "link.csv").symlink_to("copy.safetensors")
    for path in (outside / "copy.safetensors", outside / "link.csv"):
        assert main(["census", str(outside / "copy.safetensors"), "--csv", str(path)]) == 2
        assert "that is what the command reads" in capsys.readouterr().err
    table = str(outside / "table.csv")
    assert main(["census", run.id, "--step", "7", "--csv", table, "--levels", f"{outside}/./table.csv"]) == 2
    assert "--csv and --levels must name two files" in capsys.readouterr().err
    assert main(["census", run.id, "--step", "7", "--csv", "/dev/null", "--levels", "/dev/null"]) == 0


def test_pipes_and_devices_are_written_to_directly_and_a_pipe_without_a_reader_holds_nothing(outside: Path) -> None:
    pipe = outside / "pipe"
    os.mkfifo(pipe)
    file = OutputFile("--csv", str(pipe), ())
    with pytest.raises(RunError, match="No such device or address"):
        file.write(["x"])
    read: list[str] = []
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    kept_open = os.open(pipe, os.O_WRONLY)  # without a writer the reader would be at the end at once
    thread = threading.Thread(target=lambda: read.append(os.fdopen(reader).read()))
    thread.start()
    file.write(["x" * 100_000, "y"])
    os.close(kept_open)
    thread.join(30)
    assert read == ["x" * 100_000 + "y"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    OutputFile("--csv", "/dev/null", ()).write(["x"])
    if Path("/dev/full").exists():
        with pytest.raises(RunError, match="No space left on device"):
            OutputFile("--csv", "/dev/full", ()).write(["x"])


def test_standard_output_named_as_a_file_keeps_its_content(run: Run, outside: Path) -> None:
    from test_terminal import command, ended

    done = ended(command("census", run.id, "--step", "7", "--csv", "/dev/stdout"), f"> {outside / 'all.txt'}")
    assert (done.returncode, done.stderr) == (0, b"")
    text = (outside / "all.txt").read_text()
    assert text.startswith("step,group,tokens")
    assert "black hole" in text
