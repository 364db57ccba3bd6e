"""A run folder: what was asked, what was recorded, how far it is, and whether its worker lives."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bf16 import Words
from .config import RunConfig, from_json
from .errors import HistoryError, RunError, SnowballError
from .header import read_header
from .origins import Origin, origin_of
from .recordings import HISTORY as HISTORY
from .recordings import TENSOR as TENSOR
from .schedules import recorded_steps
from .status import Status, read_status, require_writable, write_json
from .tensorfile import TensorFile, open_tensor

ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,100}[a-z0-9])?")
METRICS = "metrics.csv"
CHECKPOINT = Path("checkpoint") / "state.safetensors"
METRIC_COLUMNS = ("step", "loss", "learning_rate", "grad_norm", "seconds")
FORMAT = 1


def runs_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The folder of recorded runs: ``given``, else ``$SNOWBALL_RUNS``, else ``runs`` beside the package."""
    chosen = given or os.environ.get("SNOWBALL_RUNS") or Path(__file__).resolve().parent.parent / "runs"
    # Not Path.resolve, which fails on a link to itself; there is then no run, as in any folder that does not exist.
    return Path(os.path.realpath(os.path.expanduser(chosen)))


def corpora_folder(folder: Path) -> Path:
    """Where built corpora are kept."""
    return folder / "corpora"


@dataclass(frozen=True)
class Run:
    """One run, open for reading.

    Attributes
    ----------
    path : Path
    config : RunConfig
    manifest : mapping
        ``run.json`` as it was read.
    """

    path: Path
    config: RunConfig
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The run's id: its folder's name."""
        return self.path.name

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """Which tokens never occur in the corpus, shape ``(vocab,)``."""
        dead = np.zeros(self.config.vocab, np.bool_)
        dead[self.manifest["dead_ids"]] = True
        return dead

    @property
    def origin(self) -> Origin | None:
        """Where the run was forked; None if it was not."""
        return origin_of(self.manifest)

    @property
    def checkpoint_step(self) -> int | None:
        """The step an exact continuation starts from; None without a checkpoint that can be read."""
        try:
            return int(read_header(self.path / CHECKPOINT).metadata["step"])
        except (HistoryError, KeyError, ValueError):
            return None

    def history(self) -> TensorFile:
        """The recorded matrices, a read-only memory map ``[snapshots, vocab, hidden]``.

        Raises
        ------
        HistoryError
            If nothing was recorded yet or the file is damaged or of another run.
        """
        history = open_tensor(self.path / HISTORY, TENSOR)
        if history.words.shape[1:] != (self.config.vocab, self.config.hidden):
            raise HistoryError(
                f'the history of "{self.id}" must be of {self.config.vocab} tokens with {self.config.hidden} components; it is '
                f"{list(history.words.shape)}. It belongs to another run: put the right {HISTORY} back."
            )
        return history

    def steps(self, snapshots: int) -> npt.NDArray[np.int64]:
        """The steps of the first ``snapshots`` recorded snapshots."""
        return recorded_steps(self.config)[:snapshots]

    def metrics(self) -> dict[str, npt.NDArray[np.float64]]:
        """Loss, learning rate, gradient norm and seconds per step, a column each; a torn last line is ignored."""
        return read_metrics(self.path / METRICS)

    def status(self) -> Status:
        """How far the run is; a worker that died without a word is found by its lock."""
        return read_status(self.path)


def read_metrics(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of a ``metrics.csv``, without a torn last line; empty columns if there is no file.

    Raises
    ------
    RunError
        If a line is damaged.
    """
    text = path.read_text(errors="replace") if path.is_file() else ""
    return metric_columns(text[: text.rfind("\n") + 1].splitlines()[1:], path)


def metric_columns(lines: Sequence[str], path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """The columns of some lines of a ``metrics.csv``.

    Raises
    ------
    RunError
        If a line is damaged.
    """
    width = len(METRIC_COLUMNS)
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in lines]
        if not all(len(row) == width for row in rows):
            raise ValueError
    except ValueError:
        raise RunError(
            f'"{path}" must hold {width} numbers a line; it is damaged. Move it away: the history does not need it.'
        ) from None
    table = np.array(rows).reshape(-1, width)
    return {name: table[:, i] for i, name in enumerate(METRIC_COLUMNS)}


def create(
    folder: Path, config: RunConfig, manifest: Mapping[str, Any], fill: Callable[[Path], None] = lambda path: None
) -> Run:
    """A new run folder with its ``run.json``, never an old one: a taken id gets a number.

    ``fill`` puts files into the folder before it becomes a run; if it fails, there is no run.

    Raises
    ------
    RunError
        If the folder cannot be written.
    """
    require_writable()
    now = datetime.datetime.now(datetime.UTC)
    stem = now.strftime("%Y-%m-%d-%H%M%S") + (f"-{config.name}" if config.name else "")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            path = folder / (stem if number == 1 else f"{stem}-{number}")
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
        content = {
            "format": FORMAT,
            "id": path.name,
            "created": now.isoformat(timespec="seconds"),
            "config": config.to_json(),
            **manifest,
        }
        _filled(path, fill)
        write_json(path / "run.json", content)
    except OSError as error:
        raise RunError(
            f'the runs folder must be writable; "{folder}": {error.strerror}. Choose another with --runs or SNOWBALL_RUNS.'
        ) from None
    return Run(path, config, content)


def _filled(path: Path, fill: Callable[[Path], None]) -> None:
    try:
        fill(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def run_path(folder: Path, run: str) -> Path:
    """The folder of the run with this id, confined to ``folder``.

    Raises
    ------
    RunError
        If the id is not of an id's form, is a link, or does not exist; the message lists the runs there are.
    """
    path = folder / run
    if not ID_PATTERN.fullmatch(run):
        raise RunError(f'a run id is made of a-z, 0-9 and -; got "{run[:80]}". "python -m snowball_core list" shows the runs.')
    if path.is_symlink() or not (path / "run.json").is_file():
        known = [p.name for p in run_paths(folder)][:5]
        listed = f"The newest are: {', '.join(known)}." if known else "There is none yet: record one."
        raise RunError(f'there is no run "{run}" in {folder}. {listed}')
    return path


def open_run(folder: Path, run: str) -> Run:
    """The run with this id, open for reading.

    Raises
    ------
    RunError
        If it does not exist or its ``run.json`` is damaged.
    """
    return read_run(run_path(folder, run))


def read_run(path: Path) -> Run:
    """The run in this folder.

    Raises
    ------
    RunError
        If its ``run.json`` is damaged.
    """
    try:
        manifest = json.loads((path / "run.json").read_text())
        config, dead = from_json(manifest["config"]), manifest["dead_ids"]
        if not (isinstance(dead, list) and all(type(token) is int and 0 <= token < config.vocab for token in dead)):
            raise ValueError("dead_ids must be tokens of the vocabulary")
        origin_of(manifest)
        return Run(path, config, manifest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SnowballError) as error:
        raise RunError(
            f'the run "{path.name}" has a damaged run.json: it must hold everything that decides the run, and {_fault(error)}. '
            "Put it back from a copy. Its history.safetensors may still be whole: open that file in the Library, or with any "
            "safetensors reader."
        ) from None


def _fault(error: Exception) -> str:
    """What is wrong with a run.json, in words that need no knowledge of the format."""
    if isinstance(error, json.JSONDecodeError):
        text = error.doc.rstrip()
        if text.endswith("}") and error.pos < len(text):
            return f"line {error.lineno:,} of it is not JSON"
        return f"it breaks off after {len(error.doc):,} characters" if text else "it is empty"
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, UnicodeDecodeError | TypeError | RecursionError):
        return "something else was written into it"
    return str(error).rstrip(".")


def forked_from(run: Run) -> str:
    """Where a run was forked, in a few words; empty for a run that was not."""
    if (origin := run.origin) is None:
        return ""
    how = "checkpoint" if origin.kind == "checkpoint" else "snapshot, fresh moments"
    return f"forked from {origin.parent} at step {origin.step:,} ({how})"


def run_paths(folder: Path) -> list[Path]:
    """The folders of all runs, newest first."""
    if not folder.is_dir():
        return []
    entries = [Path(e.path) for e in os.scandir(folder) if e.is_dir(follow_symlinks=False) and ID_PATTERN.fullmatch(e.name)]
    return sorted((p for p in entries if (p / "run.json").exists()), key=lambda p: p.name, reverse=True)


def matrix_sha256(words: Words) -> str:
    """SHA-256 of the bytes of a recorded matrix."""
    return hashlib.sha256(np.ascontiguousarray(words).tobytes()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
