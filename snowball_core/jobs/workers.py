"""Training in separate processes, which outlive the app, the browser and the terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import filelock

from ..config import RunConfig
from ..errors import RunError, requiring
from ..store.corpus import Corpus
from ..store.files.regular_files import open_regular
from ..store.run_folder import Run, open_run, read_run
from ..store.run_listing import run_paths
from ..store.status import (
    SENT,
    STARTING,
    lock_shared_with_child,
    log_of,
    read_status,
    require_writable,
    stop_marker,
    write_status,
)
from .compute_choice import chosen
from .fork import prepare_fork
from .fork_points import Branch
from .prepare import prepare

_ONE_CLICK_SECONDS = 3.0
# When this process started each run, by a clock that is never set.
_started: dict[Path, float] = {}
_NICENESS = 5
_LOG_TAIL = 2_000


def start(folder: Path, config: RunConfig, at: Branch | None = None, corpus: Corpus | None = None) -> Run:
    """A new run, queued or forked at a branch, with its worker started; equal requests within a click give one run.

    Nothing is written if anything is wrong. ``corpus`` is the text where it was read and checked with the configuration.
    """
    require_writable()
    config = chosen(config).config
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".start").acquire(timeout=10)
    except (OSError, filelock.Timeout) as error:
        raise RunError(f'the runs folder must be writable; "{folder}": {error}. Choose another with SNOWBALL_RUNS.') from None
    with lock:
        if twin := _just_started(folder, config, at):
            return twin
        run = prepare_fork(folder, at, config, corpus) if at else prepare(folder, config, corpus)
        _started[run.path] = time.monotonic()
        _spawn(folder, run.path)
    return run


def resume(folder: Path, run_id: str) -> None:
    """Start a worker that continues a stopped, interrupted, failed or never started run."""
    require_writable()
    run = open_run(folder, run_id)
    status = run.status()
    if status.is_alive or (status.state == "completed" and "sha256" in run.manifest):
        raise RunError(f'only an unfinished run without a worker can be resumed; "{run_id}" is {status.state}.')
    with requiring("the run folder must be writable", run.path, "Nothing was changed."):
        stop_marker(run.path).unlink(missing_ok=True)
        write_status(run.path, replace(status, state="queued", seconds_left=None, message=STARTING))
    _spawn(folder, run.path)


def alive(folder: Path) -> list[str]:
    """The runs a worker is at or on its way to, newest first."""
    return [path.name for path in run_paths(folder) if read_status(path).is_alive]


def last_words(path: Path) -> str:
    """The last line a run's worker wrote before it ended, if it wrote any: why a worker that never began did not."""
    try:
        with open_regular(log_of(path)) as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    spoken = [line for line in lines if not line.startswith("{")]
    return spoken[-1][:300] if spoken else ""


def _just_started(folder: Path, config: RunConfig, at: Branch | None) -> Run | None:
    recent = [path for path in _started if path.parent == folder and time.monotonic() - _started[path] < _ONE_CLICK_SECONDS]
    for path in (*recent, *(other for other in run_paths(folder)[:3] if other not in _started and _is_fresh(other))):
        with contextlib.suppress(RunError):
            run = read_run(path)
            wanted = {**config.to_json(), "corpus": run.config.corpus}
            is_same_text = Path(run.config.corpus).name == Path(config.corpus).name
            if run.config.to_json() == wanted and is_same_text and _leaves(run, at):
                return run
    return None


def _is_fresh(path: Path) -> bool:
    """Whether a run was made within a click by another process; False where the clock was set back or is ahead."""
    try:
        return 0 <= time.time() - (path / "run.json").stat().st_ctime < _ONE_CLICK_SECONDS
    except OSError:
        return False


def _leaves(run: Run, at: Branch | None) -> bool:
    """Whether the run was forked there; without a branch, whether it is no fork."""
    origin = run.origin
    if origin is None or at is None:
        return origin is None and at is None
    return (origin.kind, origin.parent, origin.step) == (at.kind, at.parent.id, at.step)


def _spawn(folder: Path, path: Path) -> None:
    """Send a detached worker to the run; until it has the run's lock, its log is locked by its being open there."""
    command = [sys.executable, "-m", "snowball_core", "resume", path.name, "--runs", str(folder), "--json"]
    with open(log_of(path), "ab") as log:
        lock_shared_with_child(log)
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1", "SNOWBALL_NICENESS": str(_NICENESS), SENT: path.name},
        )
