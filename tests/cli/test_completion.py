"""Completion: what a shell is given to complete verbs, flags, values and runs, and the scripts that ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MakeRun

from snowball_core.cli.main import COMPLETE, main

ROOT = Path(__file__).resolve().parents[2]
# Each shell's own way to complete the words of a line that ends in "cen", after the README's line has been run.
SHELLS = {
    "bash": f'eval "$({COMPLETE}=bash_source snowball)"; COMP_WORDS=(snowball cen); COMP_CWORD=1; '
    '_snowball_completion snowball; echo "${COMPREPLY[@]}"',
    "zsh": f'compdef() {{ }}; eval "$({COMPLETE}=zsh_source snowball)"; words=(snowball cen); CURRENT=2; '
    "compadd() { echo ${(P)@[-1]} }; _describe() { echo ${(P)@[-2]} }; _snowball_completion",
    "fish": f'{COMPLETE}=fish_source snowball | source; complete -C "snowball cen"',
}


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("", {"census", "record", "empty-trash"}),
        ("cen", {"census"}),
        ("census --h", {"--holes", "--help"}),
        ("census --group d", {"dead"}),
        ("record --optimizer a", {"adamw"}),
        ("record --preset corr", {"corrected"}),
        ("compare RUN o", {"one"}),
        ("trash o", {"one"}),
        ("corpus ", {"gatsby"}),
    ],
)
def test_words_are_completed(
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    completed: set[str],
) -> None:
    make_run(name="one").path.rename(tmp_path / "one")
    for name, value in (("SNOWBALL_RUNS", str(tmp_path)), (COMPLETE, "bash_complete"), ("COMP_WORDS", f"snowball {words}")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
    main([])
    offered = {line.removeprefix("plain,") for line in capsys.readouterr().out.split()}
    assert completed <= offered
    assert words == "" or len(offered) == len(completed)


def test_a_path_is_left_to_the_shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("census RUN --csv x", "import ", "census ./"):
        for name, value in ((COMPLETE, "bash_complete"), ("COMP_WORDS", f"snowball {words}"), ("COMP_CWORD", "9")):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
        main([])
        assert capsys.readouterr().out.startswith("file,")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_a_verb(shell: str) -> None:
    if not shutil.which(shell) or not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip(f"no {shell} here, or no environment as the README makes it")
    path = f"{ROOT}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([shell, "-c", SHELLS[shell]], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.stdout.split()[:1] in (["census"], ["census:Unique"]), done.stderr


def test_the_short_name_runs_from_any_folder(tmp_path: Path) -> None:
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("no environment as the README makes it")
    (tmp_path / "snowball").symlink_to(ROOT / "snowball")
    done = subprocess.run([tmp_path / "snowball", "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith("Snowball ")


def test_help_is_printed_without_a_framework_or_a_table() -> None:
    code = (
        "import sys; from snowball_core.cli.main import main; main(['--help']); main(['census', '--help']);"
        "print([name for name in ('torch', 'numpy', 'pandas', 'tqdm', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
