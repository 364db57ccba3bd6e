"""What every command shares: which run is meant, and how an answer is told."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Answer = dict[str, Any] | list[dict[str, Any]]


def folder_of(asked: argparse.Namespace) -> Path:
    """The runs folder asked for."""
    from .runs import runs_folder

    return runs_folder(asked.runs)


def opened(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder."""
    from .runs import open_run, read_run

    given = Path(asked.run)
    if len(given.parts) > 1 and (given / "run.json").is_file():
        return read_run(given.resolve())
    return open_run(folder_of(asked), asked.run)


def say(asked: argparse.Namespace, text: str) -> None:
    """Print a line for people; silent with ``--json``."""
    if not asked.json:
        print(text)
