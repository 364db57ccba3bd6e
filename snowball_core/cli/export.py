"""The verbs export and import: write the files of a run, take in a packed one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, RunError
from .common import folder, reading, say
from .parser import GROUP, Answer, argument, nonempty, option, paths, switch, verb, whole

if TYPE_CHECKING:
    from ..store.history import History


@reading(
    "export",
    option("--to", "output folder, outside the library", metavar="DIR", type=nonempty, required=True, completed=paths),
    option("--only", "parts or file names, comma-separated, or all", metavar="WHAT", type=nonempty),
    option("--step", "the recorded step shown (default: the last)", type=whole),
    GROUP,
    option("--unit", "unit of distances: cells or weight (default: cells)", ("cells", "weight")),
    option("--first", "first recorded step of tables over steps and the animation (default: the first)", type=whole),
    option("--last", "last recorded step of tables over steps and the animation (default: the last)", type=whole),
    switch("--force", "overwrite files not written by an export"),
)
def export(history: History, to: str, only: str | None, force: bool, **chosen: Any) -> Answer:
    """Export tables, pictures, report, methods, projector files, animation, run (zip)."""
    from ..export.bundle import export_to
    from ..export.view import view_of

    view = view_of(history, **chosen)
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    if only is not None and not names:
        raise ConfigError([f'--only must name a part or a file; got "{only}". Omit it for the default parts.'])
    written = export_to(view, Path(to), folder(), names, force)
    for name in written.files:
        say(name)
    for name, why in written.left_out.items():
        say(f"omitted {name}: {why}")
    say(f"{len(written.files):,} files and their index in {to}")
    return {"run": history.id, "to": to, "files": written.files, "left_out": written.left_out}


@verb("import", argument("FILE", "the zip file", paths, "file", type=nonempty))
def take_in(file: str) -> Answer:
    """Import a run from a zip file."""
    from ..store.archive import unpack

    if os.path.exists(file) and not os.path.isfile(file):
        # A pipe without a writer would block.
        what = "a folder" if os.path.isdir(file) else "a pipe or a device"
        raise RunError(
            f'a run must be imported from a zip file written by "export"; "{Path(file)}" is {what}. Give the zip file.'
        )
    run = unpack(Path(file), folder())
    say(f"imported {run.id}")
    return {"run": run.id, "state": run.status().state}
