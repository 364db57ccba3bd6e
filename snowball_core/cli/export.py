"""Commands that take a run home, and a packed one in: export, import."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from ..errors import ConfigError, RunError
from .common import Answer, add_run, folder_of, nonempty, say, seen_of, whole


def add_export_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verbs ``export`` and ``import``."""
    taker = verb("export", _export, "tables, pictures, report, methods, projector files, animation, the run as a zip")
    add_run(taker)
    taker.add_argument(
        "--to", metavar="DIR", type=nonempty, required=True, help="the folder to write into, outside the library of runs"
    )
    taker.add_argument("--only", metavar="WHAT", type=nonempty, help="parts or file names, comma-separated; or all")
    taker.add_argument("--step", type=whole, help="the recorded step shown (default: the last)")
    taker.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    taker.add_argument("--unit", help="unit of distances: cells or weight (default: cells)")
    taker.add_argument("--first", type=whole, help="first recorded step of the animation (default: the first)")
    taker.add_argument("--last", type=whole, help="last recorded step of the animation (default: the last)")
    taker.add_argument("--force", action="store_true", help="overwrite files that no export wrote")
    opener = verb("import", _import, "take in a run that was exported as a zip file")
    opener.add_argument("file", metavar="FILE", type=nonempty)


def _export(asked: argparse.Namespace) -> Answer:
    from ..export.bundle import export_to
    from ..export.view import view_of

    history = seen_of(asked)
    view = view_of(history, asked.step, asked.group, asked.unit, asked.first, asked.last)
    only = [name.strip() for name in (asked.only or "").split(",") if name.strip()]
    if asked.only is not None and not only:
        raise ConfigError([f'--only must name a part or a file; got "{asked.only}". Leave it out for the usual parts.'])
    written = export_to(view, Path(asked.to), folder_of(asked), only, asked.force)
    for name in written.files:
        say(asked, name)
    for name, why in written.left_out.items():
        say(asked, f"left out {name}: {why}")
    say(asked, f"{len(written.files):,} files and their index in {asked.to}")
    return {"run": history.id, "to": str(asked.to), "files": written.files, "left_out": written.left_out}


def _import(asked: argparse.Namespace) -> Answer:
    from ..store.archive import unpack

    file = Path(asked.file)
    if os.path.exists(file) and not os.path.isfile(file):
        # A pipe nobody writes to would be waited for.
        what = "a folder" if os.path.isdir(file) else "a pipe or a device"
        raise RunError(f'a run is imported from a zip file that "export" wrote; "{file}" is {what}. Name the zip file.')
    run = unpack(file, folder_of(asked))
    say(asked, f"imported {run.id}, every file as it was packed")
    return {"run": run.id, "state": run.status().state}
