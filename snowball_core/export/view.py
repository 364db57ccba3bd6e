"""From where a run is looked at: step, group, unit and range, checked once; and the footer that says so under every export."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..errors import HistoryError
from ..measures.bf16 import format_of
from ..store.history import Observation
from ..store.manifest import configuration_hash
from ..store.run_folder import Run, read_run
from ..tables.divergence import divergence

UNITS = ("cells", "weight")
_SHORT = 12


@dataclass(frozen=True)
class Viewpoint:
    """What an export is about.

    Attributes
    ----------
    step : int
        A recorded step.
    group : {"all", "dead", "live"}
    unit : {"cells", "weight"}
        Unit of distances.
    first, last : int
        Recorded steps: the range of an animation.
    """

    step: int
    group: str
    unit: str
    first: int
    last: int


def viewpoint(
    seen: Observation,
    step: int | None = None,
    group: str | None = None,
    unit: str | None = None,
    first: int | None = None,
    last: int | None = None,
) -> Viewpoint:
    """A checked viewpoint; what is not given is the last step, the dead (or all, where they are not known), cells, every step.

    Of a run that diverged the last finite step, where there is one.

    Raises
    ------
    HistoryError
        If nothing was recorded, or a step, the group, the unit or the range is not one of the run's.
    """
    if not len(seen.steps):
        raise HistoryError(f'an export needs a recorded snapshot; "{seen.id}" has none yet.')
    if unit not in (None, *UNITS):
        raise HistoryError(f'a unit is one of {", ".join(UNITS)}; got "{unit}".')
    chosen = group or ("dead" if "dead" in seen.groups else "all")
    if not seen.mask(chosen).any():
        raise HistoryError(f'"{seen.id}" has no {chosen} tokens: there is nothing of them to export. Choose another group.')
    ends = int(seen.steps[0]), int(seen.steps[-1])
    asked = [end if given is None else given for given, end in zip((first, last), ends, strict=True)]
    at = int(seen.steps[seen.finite - 1]) if step is None else step  # −1 is the last one too
    for wanted in (at, *asked):
        seen.index(wanted)
    if asked[0] > asked[1]:
        raise HistoryError(f"a range of steps must end where it begins or later; got {asked[0]:,} to {asked[1]:,}.")
    return Viewpoint(at, chosen, unit or UNITS[0], asked[0], asked[1])


def run_of(seen: Observation) -> Run | None:
    """The recorded run behind an observation; None for a foreign history."""
    return None if seen.config is None or seen.kept_in is None else read_run(seen.kept_in)


def manifest_of(seen: Observation) -> Mapping[str, Any]:
    """The run's ``run.json``; empty for a foreign history."""
    run = run_of(seen)
    return {} if run is None else run.manifest


@functools.lru_cache(maxsize=64)
def unit_words(unit: str) -> str:
    """The unit of distances, spelled out."""
    return "cells" if unit == "cells" else "weight units"


def identity_line(seen: Observation) -> str:
    """What tells this run from every other: its id, the hash of its configuration, what was recorded."""
    known = configuration_hash(seen.config)
    count, vocab, hidden = seen.words.shape
    parts = [
        f"configuration {known[:_SHORT]}" if known else "foreign history, configuration not known",
        f"{format_of(seen.words).name} [{count:,}, {vocab:,}, {hidden:,}], steps {seen.steps[0]:,} to {seen.steps[-1]:,}",
        f"Snowball {__version__}",
    ]
    return " · ".join(parts)


def footer(seen: Observation, view: Viewpoint, unit: str = "", step: bool = True, note: str = "") -> tuple[str, ...]:
    """The lines under a picture: where the run diverged; run, step, group, unit; what identifies it; what is thinned.

    Parameters
    ----------
    seen : Observation
    view : Viewpoint
    unit : str
        The picture's unit, in words.
    step : bool
        Whether the picture is of one step, or of the whole run.
    note : str
    """
    size = f"{int(seen.mask(view.group).sum()):,} of {seen.words.shape[1]:,}"
    at = f"step {view.step:,}" if step else f"steps {seen.steps[0]:,} to {seen.steps[-1]:,}"
    parts = [f"run {seen.id}", at, f"{view.group} tokens ({size})", *([f"unit: {unit}"] if unit else [])]
    lost = divergence(seen, view.group)
    said = [f"{lost.text}."] if lost else []
    return *said, " · ".join(parts), identity_line(seen), *([note] if note else [])
