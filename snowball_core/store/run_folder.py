"""A run folder: configuration, recordings, numbers per step and state of one run."""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from ..costs import HISTORY as HISTORY
from ..costs import TENSOR as TENSOR
from ..errors import HistoryError, RunError, requiring
from ..measures.bf16 import Words
from ..schedules import recorded_steps
from .files.regular_files import write_json
from .files.tensor_file import TensorFile, open_tensor
from .files.tensor_header import read_header
from .manifest import FORMAT, read_manifest, sealed
from .metric_rows import METRICS as METRICS
from .metric_rows import read_metrics
from .origin import Origin, origin_of
from .run_listing import ID_PATTERN, has_manifest, newest, unreadable, what_is_there
from .status import Status, read_status, require_writable

CHECKPOINT = Path("checkpoint") / "state.safetensors"


def runs_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The folder of recorded runs: ``given``, else ``$SNOWBALL_RUNS``, else ``runs`` beside the package."""
    chosen = given or os.environ.get("SNOWBALL_RUNS") or Path(__file__).resolve().parents[2] / "runs"
    try:
        return Path(os.path.realpath(os.path.expanduser(chosen)))
    except (OSError, RuntimeError, ValueError) as error:
        raise unreadable(chosen, error) from None


def corpora_folder(folder: Path) -> Path:
    """Where built corpora are kept."""
    return folder / "corpora"


@dataclass(frozen=True)
class Run:
    """One run, open for reading."""

    path: Path
    config: RunConfig
    manifest: Mapping[str, Any]  # ``run.json`` as it was read

    @property
    def id(self) -> str:
        """The run's id: its folder's name."""
        return self.path.name

    @property
    def vocab(self) -> int:
        """The number of tokens."""
        return self.config.vocab

    @property
    def last_step(self) -> int:
        """The last step of its configuration, recorded by now or not."""
        return self.config.last_step

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """Which tokens never occur in the corpus, shape ``(vocab,)``."""
        dead = np.zeros(self.config.vocab, np.bool_)
        dead[self.manifest["dead_ids"]] = True
        return dead

    @property
    def text_sha256(self) -> str:
        """SHA-256 of the text the run is trained on."""
        digest = self.manifest.get("corpus", {}).get("sha256")
        if digest is None:
            raise RunError(f'the run.json of "{self.id}" must name its text\'s SHA-256; it does not. Put it back from a copy.')
        return str(digest)

    @property
    def origin(self) -> Origin | None:
        """Where the run was forked; None if it was not."""
        return origin_of(self.manifest)

    @property
    def is_exact_fork(self) -> bool:
        """Whether the run goes on from the checkpoint of another."""
        return self.origin is not None and self.origin.is_exact

    @property
    def checkpoint_step(self) -> int | None:
        """The step an exact continuation starts from; None without a checkpoint that can be read."""
        try:
            step = read_header(self.path / CHECKPOINT).metadata["step"]
        except (HistoryError, KeyError):
            return None
        is_one = step.isascii() and step.isdecimal() and len(step) < 16
        return int(step) if is_one and int(step) <= self.config.last_step else None

    def history(self) -> TensorFile:
        """The recorded matrices, read part by part, ``[snapshots, vocab, hidden]``."""
        history = open_tensor(self.path / HISTORY, TENSOR)
        if history.words.shape[1:] != (self.config.vocab, self.config.hidden):
            raise HistoryError(
                f'the history of "{self.id}" must be of {self.config.vocab} tokens with {self.config.hidden} components; it is '
                f"{list(history.words.shape)}. It belongs to another run: put the right {HISTORY} back."
            )
        return history

    def matrix_at(self, step: int) -> Words | None:
        """The matrix recorded at a step; None where none was."""
        words = self.history().words
        index = np.flatnonzero(self.steps(len(words)) == step)
        return np.asarray(words[int(index[0])]) if len(index) else None

    def steps(self, snapshots: int) -> npt.NDArray[np.int64]:
        """The steps of the first ``snapshots`` recorded snapshots."""
        return recorded_steps(self.config)[:snapshots]

    def snapshots_until(self, step: int) -> int:
        """How many snapshots are recorded up to a step, that one too."""
        return int(np.searchsorted(recorded_steps(self.config), step, "right"))

    def metrics(self) -> dict[str, npt.NDArray[np.float64]]:
        """Loss, learning rate, gradient norm and seconds per step, a column each; a torn last line is ignored."""
        return read_metrics(self.path / METRICS)

    def status(self) -> Status:
        """How far the run is; that its worker died is found by its lock."""
        return read_status(self.path)


def create(
    folder: Path, config: RunConfig, manifest: Mapping[str, Any], fill: Callable[[Path], None] = lambda path: None
) -> Run:
    """A new run folder with its ``run.json``, never an old one: a taken id gets a number.

    ``fill`` puts files into a hidden folder, which becomes the run when it is whole; if that fails, there is no run.
    """
    from .staging import staged, sweep

    require_writable()
    now = datetime.datetime.now(datetime.UTC)
    stem = now.strftime("%Y-%m-%d-%H%M%S") + (f"-{config.name}" if config.name else "")
    content = {
        "format": FORMAT,
        "id": stem,
        "created": now.isoformat(timespec="seconds"),
        "config": config.to_json(),
        **manifest,
    }
    with requiring("the runs folder must be writable", folder, "Choose another with --runs or SNOWBALL_RUNS."):
        sweep(folder)
        with staged(folder, "making") as stage:
            fill(stage)
            path = _placed(stage, folder, stem, content)
    return Run(path, config, content)


def _placed(stage: Path, folder: Path, stem: str, content: dict[str, Any]) -> Path:
    """The folder a finished run was moved to, under the first free id; ``content`` is written with that id."""
    from .staging import renamed

    for number in range(1, 10_000):
        path = folder / (stem if number == 1 else f"{stem}-{number}")
        if os.path.lexists(path):
            continue
        content |= sealed({**content, "id": path.name})
        write_json(stage / "run.json", content)
        if renamed(stage, path):
            return path
    raise OSError(errno.EEXIST, "all numbers for this second are in use")


def run_path(folder: Path, run: str) -> Path:
    """The folder of the run with this id, confined to ``folder``."""
    path = folder / run
    if not ID_PATTERN.fullmatch(run):
        raise RunError(
            f'a run id is made of a-z, 0-9 and -; got "{run[:80]}". List the runs with "python -m snowball_core list".'
        )
    if path.is_symlink() or not has_manifest(path):
        raise RunError(f'there is no run "{run}" in {folder}{what_is_there(path)}. {newest(folder)}')
    return path


def open_run(folder: Path, run: str) -> Run:
    """The run with this id, open for reading."""
    return read_run(run_path(folder, run))


def read_run(path: Path) -> Run:
    """The run in this folder."""
    try:
        manifest, config = read_manifest(path / "run.json")
    except RunError as error:
        raise RunError(
            f'the run "{path.name}" has a damaged run.json: it must hold everything that decides the run, and {error}. '
            "Put it back from a copy. Its history.safetensors may still be whole: open that file in the Library, or with any "
            "safetensors reader."
        ) from None
    return Run(path, config, manifest)


def forked_from(run: Run) -> str:
    """Where a run was forked, in a few words; empty for a run that was not."""
    if (origin := run.origin) is None:
        return ""
    how = "checkpoint" if origin.kind == "checkpoint" else "snapshot, new moments"
    return f"forked from {origin.parent} at step {origin.step:,} ({how})"


def matrix_sha256(words: Words) -> str:
    """SHA-256 of the bytes of a recorded matrix."""
    return hashlib.sha256(np.ascontiguousarray(words).tobytes()).hexdigest()
