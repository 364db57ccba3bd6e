"""What a run is called wherever it is shown: its label, else the experiment, its seed and its length."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..config_checks import nearest_preset
from ..errors import RunError, SnowballError
from ..presets import PRESETS
from .corpus import is_published
from .foreign.links import Source, is_linked, link_of
from .notes import FILE as NOTES
from .notes import read_notes
from .origin import origin_of
from .run_folder import read_run
from .status import Status, read_status

_MOST_CHANGES = 2
_AT_REST = ("completed", "stopped", "failed")
_MOST_KEPT = 8_192
Stamp = tuple[int, ...]
# Answers of each run folder and the identity of the files that they were read from.
_titles: dict[Path, tuple[tuple[Stamp, ...], str]] = {}
_states: dict[Path, tuple[tuple[Stamp, ...], str]] = {}


def title(path: Path) -> str:
    """The name of the run in a folder; of one that cannot be read its id. Cached until ``run.json`` or the notes change.

    A label stands alone; without one the name is that of :func:`described`.
    """
    return _once(_titles, path, ("run.json", NOTES), _title, lambda name: True)


def title_of(run: Source) -> str:
    """The same of an open run, or of an opened file."""
    return title(run.path)


def titles(paths: Sequence[Path]) -> dict[str, str]:
    """The names of runs by id; equal ones end with the id."""
    named = {path.name: title(path) for path in paths}
    counts: dict[str, int] = {}
    for name in named.values():
        counts[name] = counts.get(name, 0) + 1
    return {run: name if counts[name] == 1 or name == run else f"{name} ({run})" for run, name in named.items()}


def state(path: Path) -> str:
    """The state of the run in a folder, ``diverged`` included; cached while the run is at rest."""
    return _once(_states, path, ("run.json", "status.json"), lambda at: state_word(read_status(at)), _AT_REST.__contains__)


def state_word(status: Status) -> str:
    """A state in one word: ``failed`` is ``diverged`` where that is why."""
    return "diverged" if status.state == "failed" and status.message.startswith("Diverged") else status.state


def described(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    """A configuration in a few words: its name or nearest preset with what it changes, seed, last step, where it was forked.

    Examples
    --------
    >>> described(RunConfig(name="jiggle", seed=43), {}), described(RunConfig(name="mine", until=20), {})
    ('corrected · seed 43 · 10,000 steps', 'mine · seed 42 · 20 steps')
    >>> described(RunConfig(clip=0.5), {})
    'corrected, changed: clip · seed 42 · 10,000 steps'
    """
    parts = [_experiment(config, manifest), f"seed {config.seed}", f"{config.last_step:,} steps"]
    try:
        origin = origin_of(manifest)
    except RunError:
        origin = None
    return " · ".join([*parts, *([f"fork at {origin.step:,}"] if origin else [])])


def _experiment(config: RunConfig, manifest: Mapping[str, Any]) -> str:
    """The configured name where it is no preset's; else the nearest preset and the fields changed from it."""
    if config.name and config.name not in PRESETS:
        return config.name
    name, changes = nearest_preset(config)
    return f"{name}{_changed(changes, manifest)}"


def _changed(changes: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """The changed fields that matter in words: the length is in the name anyway, and another path may be the same text."""
    is_same = is_published(manifest)
    named = [field.replace("_", " ") for field in changes if field != "steps" and not (field == "corpus" and is_same)]
    more = f" and {len(named) - _MOST_CHANGES} more" if len(named) > _MOST_CHANGES else ""
    return f", changed: {', '.join(named[:_MOST_CHANGES])}{more}" if named else ""


def _title(path: Path) -> str:
    if label := read_notes(path).label:
        return label
    try:
        if is_linked(path):
            return Path(link_of(path).file).name
        run = read_run(path)
    except SnowballError:
        return path.name
    return described(run.config, run.manifest)


def _once(
    kept: dict[Path, tuple[tuple[Stamp, ...], str]],
    path: Path,
    files: Sequence[str],
    make: Callable[[Path], str],
    lasts: Callable[[str], bool],
) -> str:
    """What is made of the files of a run, made again when one of them changed, or where it does not last."""
    stamp = tuple(_stamp(f"{path}/{name}") for name in files)
    known = kept.get(path)
    if known is not None and known[0] == stamp:
        return known[1]
    made = make(path)
    if lasts(made):
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[path] = stamp, made
    return made


def _stamp(path: str) -> Stamp:
    try:
        at = os.stat(path)
    except OSError:
        return ()
    return at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns
