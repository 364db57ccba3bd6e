"""A history as the measures see it: matrices, their steps, the groups, and whatever else was recorded beside them."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from ..costs import TENSOR, recordings
from ..errors import HistoryError, RunError, one_line
from ..measures.bf16 import Words
from ..measures.census import finite_snapshots
from .cache import FOREIGN
from .files.tensor_file import open_tensor
from .files.tensor_header import require_measurable
from .foreign.links import ID_PATTERN, Source, open_source
from .foreign.tensor import dead_tokens, foreign_tensor
from .integrity.quick_check import faults
from .origin import segments
from .run_folder import METRICS, Run, corpora_folder, read_run
from .run_names import named

GROUPS = ("all", "dead", "live")
MOMENT_HASH = "moment_hash"
_UNKNOWN_DEAD = (
    "dead tokens of a foreign history are unknown, so only the group all can be measured: give its training text (--corpus "
    "FILE; in the Library: field Text) or its dead tokens (--dead 0-9,11; field Dead tokens)"
)


@dataclass(frozen=True)
class History:
    """A history, open for measuring."""

    id: str  # the run's id, or the foreign file's name
    words: Words  # shape (snapshots, vocab, hidden), a FileArray: read from the file part by part
    # shape (snapshots,); optimizer steps done at each snapshot; for a foreign history the number of the snapshot
    steps: npt.NDArray[np.int64]
    dead: npt.NDArray[np.bool_] | None = None  # shape (vocab,); None where it is not known
    moment_hash: npt.NDArray[np.uint64] | None = None  # shape (snapshots, vocab); None where it was not recorded
    metrics: Mapping[str, npt.NDArray[np.float64]] | None = None  # columns of ``metrics.csv``; empty for a foreign history
    recordings: Mapping[str, Path] = field(default_factory=dict)  # files of the further recordings, by name
    config: RunConfig | None = None
    # where derived tables may be kept: the run's folder, for a foreign history one in the runs folder; None keeps none
    kept_in: Path | None = None
    past: tuple[RunConfig, ...] = ()  # the configurations of earlier parts of the run, where it is an exact fork
    damage: tuple[str, ...] = ()  # what is wrong with the run's files, one sentence each

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that can be measured."""
        return GROUPS if self.dead is not None else GROUPS[:1]

    @property
    def reason(self) -> str:
        """Why only the group all can be measured; empty if all can."""
        return "" if self.dead is not None else _UNKNOWN_DEAD

    @functools.cached_property
    def finite(self) -> int:
        """How many snapshots come before the first that holds a NaN or an infinity; all of them where none does."""
        return finite_snapshots(self.words)

    @property
    def rates(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """Steps and the learning rate each of them used; None where it is not known."""
        return (self.metrics["step"], self.metrics["learning_rate"]) if self.metrics else None

    @property
    def masks(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Which tokens belong to each group, in the order of :attr:`groups`."""
        return {group: self.mask(group) for group in self.groups}

    def mask(self, group: str) -> npt.NDArray[np.bool_]:
        """Which tokens belong to a group; shape ``(vocab,)``."""
        if group not in GROUPS:
            raise HistoryError(f'a group is one of {", ".join(GROUPS)}; got "{group}".')
        if group == "all":
            return np.ones(self.words.shape[1], np.bool_)
        if self.dead is None:
            raise HistoryError(f'the group "{group}" of "{self.id}" cannot be measured: {self.reason}.')
        return self.dead if group == "dead" else ~self.dead

    def rows(self, step: int, group: str) -> Words:
        """The rows of a group at a recorded step; read from the file."""
        mask = self.mask(group)
        matrix: Words = self.words[self.index(step)]
        chosen: Words = matrix if mask.all() else matrix[mask]
        return chosen

    def recording(self, name: str) -> npt.NDArray[Any] | None:
        """A further recording, one entry per snapshot as far as it goes; None if it was not made."""
        file = self.recordings.get(name)
        return None if file is None else open_tensor(file, name).words[: len(self.words)]

    def index(self, step: int) -> int:
        """The snapshot recorded at a step."""
        within = min(max(step, -1), 2**62)
        place = int(np.searchsorted(self.steps, within))
        if place == len(self.steps) or self.steps[place] != within:
            last = f"{int(self.steps[-1]):,}" if len(self.steps) else "none"
            near = " and ".join(f"{beside:,}" for beside in self.steps[max(0, place - 1) : place + 1].tolist())
            raise HistoryError(
                f'step must be a recorded one; got {step:,}. The run "{self.id}" recorded {len(self.steps):,} snapshots, '
                f"the last at step {last}: choose one of those{f', such as {near}' if near else ''}."
            )
        return place


def observe(source: Source) -> History:
    """A recorded run, as far as it is recorded now; or an opened file."""
    if isinstance(source, Run):
        return _recorded(source)
    return History(source.id, source.tensor.words, source.steps(len(source.tensor.words)), source.dead, kept_in=source.path)


def _recorded(run: Run) -> History:
    """A recorded run.

    A further recording that is damaged counts as not made, and the damage is said: the history is shown whole.
    """
    words = run.history().words
    wrong = faults(run)
    made = {name: each.file for name, each in recordings(run.config).items() if name != TENSOR and each.file not in wrong}
    files = {name: run.path / file for name, file in made.items() if (run.path / file).exists()}
    require_measurable(len(words), run.id)
    moments = None
    if file := files.pop(MOMENT_HASH, None):
        moments = open_tensor(file, MOMENT_HASH).words
        words = words[: len(moments)]  # of a run that is being recorded, the last snapshot may not be whole yet
        moments = moments[: len(words)]
    steps = run.steps(len(words))
    past = tuple(config for _, config in segments(run.config, run.origin)[:-1])
    words, damage = words[: len(steps)], tuple(wrong.values())
    try:
        metrics = run.metrics()
    except RunError as error:
        metrics, damage = None, (*damage, *([str(error)] if METRICS not in wrong else []))
    return History(run.id, words, steps, run.dead, moments, metrics, files, run.config, run.path, past, damage)


def foreign(
    path: Path,
    key: str | None = None,
    dead: Sequence[int] | None = None,
    corpus: str | None = None,
    corpora: Path | None = None,
    kept_in: Path | None = None,
) -> History:
    """A foreign history, read-only: a BF16 or F32 tensor ``[T, V, D]`` or ``[V, D]``; its steps are numbers of snapshots.

    ``dead`` are the tokens never trained on; else those are that do not occur in the text of ``corpus``, looked for in
    ``corpora`` too.
    """
    words = foreign_tensor(path, key).words
    mask = dead_tokens(words.shape[1], dead, corpus, corpora)
    return History(one_line(path.name), words, np.arange(len(words)), mask, kept_in=kept_in)


def find(
    word: str, folder: Path, key: str | None = None, dead: Sequence[int] | None = None, corpus: str | None = None
) -> History:
    """The history that a RUN names: a run's id or folder, an opened file's id, or the path of a foreign ``.safetensors``."""
    if ID_PATTERN.fullmatch(word):
        return observe(open_source(folder, word))
    given = named(word, folder)
    if given.is_dir():
        return observe(read_run(given))
    place = hashlib.blake2b(os.fsencode(f"{given.resolve()} {key}"), digest_size=8).hexdigest()
    return foreign(given, key, dead, corpus, corpora_folder(folder), folder / FOREIGN / place)
