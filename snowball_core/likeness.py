"""What is said before runs are compared: names that tell them apart, and in what their matrices are not alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bf16 import format_of
from .draws import Recording

_MOST_NAMED = 4
_MEANS = {
    "tokens": "Counts are of different numbers of tokens.",
    "components": "Distances are over different numbers of components.",
    "format": "A cell of one format is no cell of another: compare weight units, not cells.",
}


def names_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of some paths that tell them apart: of a path that no other shares its name with, the name.

    Examples
    --------
    >>> names_apart([Path("/x/a/h.safetensors"), Path("/x/b/h.safetensors"), Path("/x/b/o.safetensors")])
    ['a/h.safetensors', 'b/h.safetensors', 'o.safetensors']
    """
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    taken = [1] * len(parts)
    while True:
        ends = [each[-count:] for each, count in zip(parts, taken, strict=True)]
        alike = [n for n, end in enumerate(ends) if ends.count(end) > 1 and taken[n] < len(parts[n])]
        if not alike:
            return [str(Path(*end)) for end in ends]
        for n in alike:
            taken[n] += 1


def shapes(recordings: Sequence[Recording]) -> dict[str, dict[str, Any]]:
    """In what the matrices of some runs differ: tokens, components, format or snapshots, and the value of each run."""
    found: dict[str, dict[str, Any]] = {name: {} for name in ("tokens", "components", "format", "snapshots")}
    for each in recordings:
        facts = (*each.words.shape[1:], format_of(each.words).name, len(each.words))
        for name, value in zip(found, facts, strict=True):
            found[name][each.id] = value
    return {name: values for name, values in found.items() if len(set(values.values())) > 1}


def unlike(recordings: Sequence[Recording], names: Mapping[str, str] | None = None) -> str:
    """The same in words, with what follows for the comparison; empty where all are alike.

    Parameters
    ----------
    recordings : sequence of Recording
    names : mapping of str to str, optional
        What to call each run; its id without.
    """
    differing = shapes(recordings)
    if not differing:
        return ""
    told = []
    for name, values in differing.items():
        runs: dict[Any, list[str]] = {}
        for run, value in values.items():
            runs.setdefault(value, []).append(run if names is None else names[run])
        told.append(f"{name} " + ", ".join(f"{_word(value)} ({_few(whose)})" for value, whose in runs.items()))
    what = "lengths" if list(differing) == ["snapshots"] else "shapes"
    means = "".join(f" {_MEANS[name]}" for name in differing if name in _MEANS)
    return f"{len(recordings):,} runs of different {what}: {'; '.join(told)}.{means}"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{', '.join(names[: _MOST_NAMED - 1])}, {len(names) - 3:,} more"
