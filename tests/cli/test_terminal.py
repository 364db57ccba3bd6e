"""Standard streams: encodings without our letters, full devices, readers that leave, closed streams, control codes, Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun
from hypothesis import given
from hypothesis import strategies as some
from safetensors.numpy import save_file

from snowball_core.cli.main import main
from snowball_core.errors import one_line, printable
from snowball_core.store.notes import annotate

ROOT = Path(__file__).resolve().parents[2]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")


@pytest.fixture
def run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run whose label has an arrow, a Greek letter and an infinity."""
    monkeypatch.setenv("SNOWBALL_RUNS", str(tmp_path))
    made = make_run()
    annotate(made.path, label="U → ∞, ε")
    return made.id


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "snowball_core", *words]


def ended(words: list[str], redirected: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A command of the shell, to its end; ``redirected`` is how its streams are redirected."""
    line = f'exec "$@" {redirected}'
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(["sh", "-c", line, "sh", *words], cwd=ROOT, env=variables, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1:strict", "utf-16"])
def test_an_output_without_our_letters_spells_them_out(run: str, encoding: str) -> None:
    done = ended(command("list"), PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    codec = encoding.partition(":")[0]
    wanted = '"U → ∞, ε"'.encode(codec, "backslashreplace").decode(codec)
    assert wanted in done.stdout.decode(codec)


def test_a_c_locale_is_no_reason_for_a_traceback(run: str) -> None:
    locale = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = ended(command("list"), **locale)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"U \u2192 \u221e, \u03b5" in done.stdout
    # A message that quotes the person's own letters, on standard error.
    assert ended(command("census", "größe"), **locale).returncode == 2


@needs_full
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["--help"], ["--version"]])
def test_a_full_device_gives_one_sentence_and_status_two(run: str, words: list[str], buffered: str) -> None:
    done = ended(command(*words), ">/dev/full", PYTHONUNBUFFERED=buffered)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("cannot write to standard output: No space left")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [["list"], ["presets", "--json"], ["record", "--help"]])
def test_a_reader_that_left_is_no_fault(run: str, words: list[str], buffered: str) -> None:
    process = subprocess.Popen(
        command(*words),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": buffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams_change_no_status(run: str, closed: str) -> None:
    done = ended(command("list"), closed)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ended(command("verify", "nobody"), closed).returncode == 2


def test_a_refusal_is_reported_without_a_reader_of_the_answer(run: str) -> None:
    done = ended(command("verify", "nobody"), ">&-")
    assert (done.returncode, done.stderr.decode()[:14]) == (2, "there is no ru")


def test_control_codes_of_names_in_files_never_reach_the_terminal(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e\nok"
    save_file({evil: np.zeros((2, 3, 2), np.float16), f"{evil}2": np.zeros((2, 3, 2), np.float32)}, tmp_path / "a.safetensors")
    save_file({evil: np.zeros((3, 3, 2), np.float32), f"{evil}2": np.ones((2, 3, 2), np.float32)}, tmp_path / "b.safetensors")
    os.rename(tmp_path / "a.safetensors", tmp_path / "a\x1b[2J.safetensors")
    status = json.loads((tmp_path / run / "status.json").read_text())
    (tmp_path / run / "status.json").write_text(json.dumps({**status, "message": evil}))
    for words in (
        ["census", str(tmp_path / "a\x1b[2J.safetensors")],
        ["census", str(tmp_path / "a\x1b[2J.safetensors"), "--key", evil],
        ["census", str(tmp_path / "b.safetensors")],
        ["census", str(tmp_path / "b.safetensors"), "--key", "x\x1b[2J"],
        ["census", evil],
        ["list"],
        ["list", "--json"],
        ["verify", run],
        [evil],
    ):
        main(words)
        output = "".join(capsys.readouterr())
        assert not [character for character in output if ord(character) < 32 and character not in "\n\t"], words
        assert not set(output) & set("\x7f\x9b\u202e"), words
        assert "\nok" not in output, words


@given(some.text())
def test_what_is_printable_has_no_control_character_and_stays_as_it_is(text: str) -> None:
    for made in (printable(text), one_line(text)):
        made.encode()
        assert not [c for c in made if (ord(c) < 32 or 127 <= ord(c) < 160) and c not in "\n\t"]
    assert "\n" not in one_line(text)
    assert printable(printable(text)) == printable(text)


INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
START = "import runpy, sys; sys.argv[0] = 'snowball_core'; runpy.run_module('snowball_core', run_name='__main__')"
# The modules of a command are found by asking finders, so a finder can press Ctrl-C at a chosen import.
AT_IMPORT = """
import sys
class Presser:
    def find_spec(self, name, path=None, target=None):
        if name == "snowball_core.cli.parser":
            {}
sys.meta_path.insert(0, Presser())
"""
AT_MEASURING = f"""
import snowball_core.tables.blocks as blocks
real = blocks.history_blocks
def press(*given):
    {INTERRUPT}
    return real(*given)
blocks.history_blocks = press
"""
# Python drops what is raised in a finalizer, and some libraries written in C print it: in both cases the command would go on,
# with a traceback on standard error.
ONCE = """
import snowball_core.tables.blocks as blocks, sys, time
real = blocks.history_blocks
def press(*given):
    if not pressed:
        pressed.append(True)
        lose()
        time.sleep(1)
    return real(*given)
pressed = []
blocks.history_blocks = press
"""
IN_A_FINALIZER = f"""{ONCE}
class Pressed:
    def __del__(self):
        {INTERRUPT}
        for _ in range(9): pass
lose = Pressed
"""
IN_C = f"""{ONCE}
def lose():
    try:
        {INTERRUPT}
        for _ in range(9): pass
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
"""
AT_TRAINING = f"""
import snowball_core.training.loop as recording
def press(path, asked):
    {INTERRUPT}
    return asked.is_set()
recording._should_stop = press
"""
CAUGHT = f"""
            try:
                {INTERRUPT}
            except KeyboardInterrupt:
                """


def interrupted(patch: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a separate process that presses Ctrl-C at the patched place."""
    begin = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    return ended([sys.executable, "-c", f"{begin}{patch}\n{START}", *words])


# What some libraries make of it, and what the interpreter remembers although it was caught.
@pytest.mark.parametrize("press", [INTERRUPT, f"{CAUGHT}raise ImportError('half')", f"{CAUGHT}pass", f"exec({INTERRUPT!r})"])
def test_ctrl_c_while_modules_are_imported_ends_with_130(run: str, press: str) -> None:
    done = interrupted(AT_IMPORT.format(press), "presets")
    assert done.returncode == 130
    assert done.stderr.decode() in ("\ncancelled before it started. Run the command again.\n", "")


@pytest.mark.parametrize("press", [AT_MEASURING, IN_A_FINALIZER, IN_C])
def test_ctrl_c_while_something_is_measured_ends_with_130_and_says_what_is_kept(run: str, press: str) -> None:
    done = interrupted(press, "census", run)
    assert done.returncode == 130
    assert "census was cancelled after 0 of" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_ctrl_c_stops_a_training_in_good_order_and_ends_with_130_after_the_answer(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 20)
    shape = ["--context=16", "--batch=4", "--hidden=8", "--layers=1", "--heads=2", "--threads=1", "--steps=1000"]
    words = ["record", "--runs", str(tmp_path / "runs"), "--corpus", str(tmp_path / "text.txt"), *shape, "--json"]
    done = interrupted(AT_TRAINING, *words)
    assert done.returncode == 130, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["state"] == "stopped"
    assert answer["steps"] < 1000
    assert (tmp_path / "runs" / answer["run"] / "checkpoint" / "state.safetensors").is_file()


def test_an_ignored_ctrl_c_stays_ignored(run: str) -> None:
    # As a shell without job control starts its background commands.
    begin = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = ended([sys.executable, "-c", f"{begin}{AT_IMPORT.format(INTERRUPT)}\n{START}", "presets"])
    assert done.returncode == 0


def on_a_terminal(*words: str) -> str:
    """What a command writes to standard error where that is a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with subprocess.Popen([sys.executable, "-c", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=its) as process:
        os.close(its)
        text = b""
        with contextlib.suppress(OSError):  # where the other side is closed
            while part := os.read(ours, 65_536):
                text += part
        process.communicate()
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode()


RUN_MAIN = "import sys; from snowball_core.cli.main import main; sys.exit(main(sys.argv[1:]))"
COUNTING = """
import sys, time, click
from snowball_core.cli.common import counting
with click.Context(click.Command("census")) as context:
    context.meta["json"] = sys.argv[1:] == ["--json"]
    with counting("census") as progress:
        for done in range(3):
            time.sleep(SECONDS)
            progress(done, 2)
"""


def test_progress_is_drawn_on_a_terminal_after_a_second_and_cleared(run: str) -> None:
    drawn = on_a_terminal(COUNTING.replace("SECONDS", "0.6"))
    assert "census: 100%" in drawn
    assert "2/2" in drawn
    assert drawn.endswith("\r")
    assert on_a_terminal(COUNTING.replace("SECONDS", "0.01")) == ""
    assert on_a_terminal(COUNTING.replace("SECONDS", "0.6"), "--json") == ""
    assert on_a_terminal(RUN_MAIN, "motion", run) == ""


def test_a_training_shows_its_steps_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog. " * 20)
    shape = ["--context=16", "--batch=4", "--hidden=8", "--layers=1", "--heads=2", "--threads=1", "--steps=30"]
    words = ["record", "--runs", str(tmp_path / "runs"), "--corpus", str(tmp_path / "text.txt"), *shape]
    drawn = on_a_terminal(RUN_MAIN, *words)
    assert "30/30" in drawn
    assert " steps/s" in drawn
    assert drawn.endswith("\n")
