"""A run at a glance: which experiment it is, and its counts at the start, at the end and at a few steps between.

What a listing shows of a run is measured once and kept in the run's cache, under the size, times and number of all recorded
files and the run's state: another file, or a rewritten one, is measured again.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config_checks import NearestPreset, nearest_preset
from ..costs import HISTORY, TENSOR
from ..errors import HistoryError, RunError
from ..measures.bf16 import is_finite
from ..measures.census import censuses, history_leaders
from ..store.cache import keep_answer, load_answer
from ..store.corpus import is_published
from ..store.files.regular_files import identity
from ..store.files.tensor_file import open_tensor
from ..store.integrity.quick_check import faults
from ..store.run_folder import CHECKPOINT, Run, forked_from, read_run
from ..store.status import Status, read_status

VERSION = 7
POINTS = 32
GROUPS = ("dead", "live", "all")
_MOST_BYTES = 256_000_000
_SETTLED_SECONDS = 2.0
_DERIVED = ("cache", "lock", "stop", "notes.json")
_PLAIN = (
    "faults",
    "name",
    "seed",
    "created",
    "nearest",
    "forked_from",
    "snapshots",
    "recorded_step",
    "diverged",
    "is_published",
)
Files = Mapping[str, os.stat_result]


@dataclass(frozen=True)
class Counts:
    """U, C and P of one group at the first and last snapshot, and a curve of U.

    The curve has :data:`POINTS` places spaced evenly on a symlog axis of steps, each the last snapshot recorded by there.
    """

    tokens: int
    first: tuple[int, int, int]
    last: tuple[int, int, int]
    curve: tuple[int, ...]


@dataclass(frozen=True)
class Glance:
    """Summary of the files of a run.

    ``damage`` is what cannot be read, and why; ``faults`` what is not as the configuration says, by the name of the file;
    ``recorded_step`` the step of the last snapshot. ``counts`` are by group, of a run that diverged those of its finite steps.
    ``diverged`` is the first recorded step that is not finite, found from the snapshots that were looked at: a divergence that
    passed between two of them is not seen. ``is_published`` is whether the text is that of the published experiment.
    """

    damage: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    seed: int | None = None
    created: str = ""
    nearest: NearestPreset | None = None
    forked_from: str = ""
    snapshots: int = 0
    recorded_step: int = 0
    counts: Mapping[str, Counts] = field(default_factory=dict)
    diverged: int | None = None
    is_published: bool = False

    def __post_init__(self) -> None:
        if self.diverged is not None and (type(self.diverged) is not int or self.diverged < 0):
            raise ValueError("a step is a whole number")
        if self.seed is not None and type(self.seed) is not int:
            raise ValueError("a seed is a whole number")
        if type(self.is_published) is not bool:
            raise ValueError("a text is the published one or is not")


def glance(path: Path, files: Files | None = None, status: Status | None = None) -> Glance:
    """The run in a folder at a glance, from its cache where that was made of these very files."""
    known = {entry.name: entry.stat() for entry in os.scandir(path)} if files is None else files
    sources = sorted((name, at) for name, at in known.items() if name not in _DERIVED)
    status, now = read_status(path) if status is None else status, time.time()
    key = [VERSION, status.state, *([name, at.st_size, at.st_ino, at.st_mtime_ns, at.st_ctime_ns] for name, at in sources)]
    with contextlib.suppress(OSError):
        key.append(list(identity(f"{path}/{CHECKPOINT}")))
    summary = _from_kept(load_answer(path, "glance", key))
    if summary is not None:
        return summary
    summary = measured(path, status)
    # A file may be written twice within a tick of the clock: only what has been at rest for a while is kept.
    if not summary.damage and all(now - at.st_mtime > _SETTLED_SECONDS for _, at in sources):
        keep_answer(path, "glance", key, _kept(summary))
    return summary


def measured(path: Path, status: Status | None = None) -> Glance:
    """The run in a folder at a glance, measured now. Of a run with a damaged ``run.json`` the history is still counted."""
    try:
        run = read_run(path)
    except RunError as error:
        return _without_manifest(path, str(error).removeprefix(f'the run "{path.name}" has a '))
    status = run.status() if status is None else status
    facts = faults(run, status), run.config.name, run.config.seed, _created(run), nearest_preset(run.config), forked_from(run)
    known = Glance("", *facts, is_published=is_published(run.manifest))
    if not os.path.exists(path / HISTORY):
        return known if status.step == 0 else replace(known, damage=f"{HISTORY} is missing: there is nothing to show")
    try:
        words = run.history().words
    except HistoryError as error:
        # A header that a worker is just rewriting is not damage.
        return known if run.status().is_alive else replace(known, damage=str(error))
    steps = run.steps(len(words))
    return replace(known, **_counted(words[: len(steps)], steps, {"dead": run.dead, "live": ~run.dead}))


def _without_manifest(path: Path, damage: str) -> Glance:
    try:
        words = open_tensor(path / HISTORY, TENSOR).words
        return Glance(damage, **_counted(words, np.arange(len(words)), {}))
    except (HistoryError, ValueError):
        return Glance(damage)


def _created(run: Run) -> str:
    given = run.manifest.get("created", "")
    return given[:32] if isinstance(given, str) else ""


def _counted(words: Any, steps: npt.NDArray[np.int64], groups: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, Any]:
    """The counts of every group at a few snapshots, the first and last among them."""
    if not len(words):
        return {}
    known: dict[str, Any] = {"snapshots": len(words), "recorded_step": int(steps[-1])}
    chosen, places, some = _spread(words, steps)
    if not is_finite(some):
        finite = _finite(words, chosen.tolist(), some)
        known, words, steps = known | {"diverged": int(steps[finite])}, words[:finite], steps[:finite]
        if not len(words):
            return known
        chosen, places, some = _spread(words, steps)
    masks = {**groups, "all": np.ones(words.shape[1], np.bool_)}
    counts, leader = {}, history_leaders(some)
    for name, mask in masks.items():
        if mask.any():
            result = censuses(leader, mask)
            ends = [(each.unique, each.black_holes, each.population) for each in (result[0], result[-1])]
            curve = tuple(result[place].unique for place in places)
            counts[name] = Counts(int(mask.sum()), ends[0], ends[1], curve)
    return {**known, "counts": counts}


def _spread(words: Any, steps: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[Any]]:
    """A few snapshots spread over the run: their indices, the index among them of every place of a curve, and their words."""
    chosen, places = np.unique(spread(steps, _affordable(words)), return_inverse=True)
    return chosen, places, np.ascontiguousarray(words[chosen])


def _finite(words: Any, chosen: Sequence[int], some: npt.NDArray[Any]) -> int:
    """How many snapshots come before the first that is not finite, estimated from some of them, one of which is not."""
    first = next(index for index, each in enumerate(some) if not is_finite(each))
    low, high = (chosen[first - 1] if first else -1), chosen[first]
    return bisect.bisect_left(range(high), True, low + 1, high, key=lambda t: not is_finite(np.asarray(words[t])))


def _affordable(words: Any) -> int:
    """How many snapshots are read: fewer where one of them is large, the first and the last at least."""
    return int(min(POINTS, max(2, _MOST_BYTES // max(1, words[:1].nbytes))))


def spread(steps: npt.NDArray[np.int64], points: int) -> npt.NDArray[np.intp]:
    """Indices of snapshots spaced evenly on a symlog axis of steps, each the last one recorded there or before.

    Examples
    --------
    >>> spread(np.array([0, 1, 2, 3, 10, 100]), 4).tolist()
    [0, 3, 4, 5]
    """
    places = np.expm1(np.linspace(0.0, np.log1p(float(steps[-1] - steps[0])), points)) + steps[0]
    # Rounded up to the step where the logarithm came back a last bit below it.
    index: npt.NDArray[np.intp] = np.maximum(np.searchsorted(steps, np.floor(places + 1e-6), side="right") - 1, 0)
    return index


def _kept(summary: Glance) -> dict[str, Any]:
    counts = {group: [at.tokens, at.first, at.last, at.curve] for group, at in summary.counts.items()}
    plain = {name: getattr(summary, name) for name in _PLAIN}
    return {**plain, "counts": counts}


def _from_kept(answer: Any) -> Glance | None:
    """A kept answer as it was; None if it is not one."""
    try:
        name, changes = answer["nearest"]
        counts = {group: _kept_counts(*each) for group, each in answer["counts"].items() if group in GROUPS}
        faults = answer["faults"]
        words = (answer["name"], answer["created"], answer["forked_from"], name, *changes, *faults, *faults.values())
        if len(counts) != len(answer["counts"]) or not all(isinstance(word, str) for word in words):
            raise ValueError("a glance of another kind")
        _require_counts(answer["snapshots"], answer["recorded_step"])
        return Glance("", **{**answer, "nearest": NearestPreset(name, tuple(changes)), "counts": counts})
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _kept_counts(tokens: Any, first: Any, last: Any, curve: Any) -> Counts:
    """Counts as they were kept; ValueError or TypeError unless U, C and P can be those of so many tokens."""
    _require_counts(tokens, *first, *last, *curve)
    for unique, holes, population in (first, last):
        if unique - holes + population != tokens or 2 * holes > population or unique < 1:
            raise ValueError("counts that do not add up")
    if not (0 < len(curve) <= POINTS and min(curve) >= 1 and max(curve) <= tokens):
        raise ValueError("a curve that leaves its bounds")
    return Counts(tokens, tuple(first), tuple(last), tuple(curve))


def _require_counts(*numbers: Any) -> None:
    if set(map(type, numbers)) != {int} or not 0 <= min(numbers) <= max(numbers) < 2**63:
        raise ValueError("a count must be a whole number")
