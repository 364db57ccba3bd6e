"""The accelerator's benchmark as a command: interrupted, wrong arguments, other versions, little installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accelerator import command, report
from benchmarks.accelerator.sitting import Row, Sitting, checked

ROOT = Path(__file__).resolve().parents[2]


def test_ctrl_c_keeps_the_rows_so_far(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    def interrupted(_: Sitting) -> Iterator[Row]:
        yield checked("a", "first | one", True)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "parts", lambda: [command.Step("a", interrupted, 1.0)])
    files = [tmp_path / "out.json", tmp_path / "out.md"]
    words = ["--device", "cpu", "--threads", "1", "--json", str(files[0]), "--markdown", str(files[1])]
    assert command.main(words) == 130
    kept = json.loads(files[0].read_text())
    assert [row["note"] for row in kept["rows"]] == ["", "interrupted"]
    assert kept["machine"]["threads"] == 1
    assert "| a | first \\| one | holds |  |  |  |" in files[1].read_text()
    assert "| sitting | the rest of it | not run |  |  | interrupted |" in capsys.readouterr().out
    assert command.main(["--device", "cuda:97"]) == 2
    assert "device must exist on this machine" in capsys.readouterr().err


def test_other_versions_are_named(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text(f"numpy=={np.__version__}\ntorch==0.1\nstreamlit==0.1\n")
    (warning,) = report.version_warnings(pins)
    assert warning.startswith("torch ")
    assert warning.endswith(", pinned 0.1")


HIDING = """
import runpy, sys
from importlib.machinery import PathFinder
hidden = set(sys.argv.pop(1).split(","))
class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in hidden else super().find_spec(name, path, target)
sys.meta_path[:] = [Hiding if each is PathFinder else each for each in sys.meta_path]
try:
    import click
except ImportError:
    pass
else:
    sys.exit("click is not hidden")
sys.argv[1:] = ["accelerator", "--device", "cpu", "--threads", "1", "--minutes", "0.001"]
runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
"""


def test_it_starts_where_only_the_frameworks_are_installed() -> None:
    hidden = "click,streamlit,altair,sklearn,scipy,accelerate,psutil,playwright,pyarrow,PIL,vl_convert,threadpoolctl,hypothesis"
    done = subprocess.run([sys.executable, "-c", HIDING, hidden], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(command.parts())
    assert all("| not run |" in row for row in rows[1:])
