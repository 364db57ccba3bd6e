"""Train into a run folder: record every snapshot, keep a checkpoint, survive being killed."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .config import RunConfig
from .errors import RunError, SnowballError
from .machine import resolve_device
from .memory import keep_memory
from .origins import CHECKPOINT
from .preparing import checked_corpus, prepare
from .provenance import differences, provenance
from .recorder import Recorder, restore_checkpoint, save_checkpoint
from .retracing import begin
from .runs import Run, read_run
from .status import Status, hold, read_status, stop_marker, was_sent, write_json, write_status
from .training import Snapshot, Training, snapshots
from .turns import turn

CHECKPOINT_SECONDS = 5.0
_STATUS_SECONDS = 0.5
Watch = Callable[[Status], None]
_interrupted = threading.Event()


def record(config: RunConfig, folder: Path, watch: Watch = lambda status: None) -> Run:
    """A new run, trained here to its end, to a stop or to a failure; its status says which.

    Parameters
    ----------
    config : RunConfig
    folder : Path
        The runs folder.
    watch : callable, optional
        Called with the status about twice a second.

    Raises
    ------
    ConfigError
        With every fault; nothing is written then.
    RunError
        If the run failed, with the reason; what was recorded is kept.
    """
    resolve_device(config.device)
    run = prepare(folder, config)
    continue_run(folder, run, watch)
    return read_run(run.path)


def continue_run(folder: Path, run: Run, watch: Watch = lambda status: None) -> Status:
    """Train a queued, stopped or interrupted run to its end, as if it had never been interrupted.

    Raises
    ------
    RunError
        If another process trains it, if versions or threads differ from those it was begun with, or if it fails.
    """
    with hold(run.path), _stop_on_signals() as asked:
        if not was_sent(run.path):
            # A worker that was sent finds the marker of whoever changed his mind meanwhile; older ones were cleared then.
            stop_marker(run.path).unlink(missing_ok=True)
        reached = read_status(run.path).step
        device = str(resolve_device(run.config.device))
        status = Status("queued", reached, run.config.last_step)

        def waiting(ahead: str) -> None:
            nonlocal status
            if _should_stop(run.path, asked):
                raise _Stop
            if status.message != (text := f"waits for {ahead}"):
                status = Status("queued", reached, run.config.last_step, message=text)
                write_status(run.path, status)
            watch(status)

        write_status(run.path, status)
        try:
            with turn(folder, run.id, device, waiting):
                return _train(folder, run, asked, watch)
        except _Stop:
            stop_marker(run.path).unlink(missing_ok=True)
            status = Status("stopped", reached, run.config.last_step, message="taken out of the queue before its turn came")
            write_status(run.path, status)
            return status


class _Stop(Exception):  # noqa: N818 - a signal, not an error
    """Leave the queue because a stop was asked for."""


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, so that training ends between two steps."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    _interrupted.clear()

    def stop(number: int, _: object) -> None:
        asked.set()
        if number == signal.SIGINT:
            _interrupted.set()

    before = {kind: signal.signal(kind, stop) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed during the latest training in this process."""
    return _interrupted.is_set()


def _should_stop(path: Path, asked: threading.Event) -> bool:
    return asked.is_set() or stop_marker(path).exists()


def _train(folder: Path, run: Run, asked: threading.Event, watch: Watch) -> Status:
    config, progress = run.config, _Progress(run, watch)
    try:
        keep_memory(1 << 30)
        corpus = checked_corpus(folder, config)
        _require_same_text(run, corpus.sha256)
        training = begin(run, corpus)
        run = _with_provenance(run, training)
        _require_checkpoint(run)
        restore_checkpoint(run.path, training)
        with Recorder(run) as recorder:
            state = _loop(run, training, recorder, asked, progress)
            recorder.trim()
            if state == "completed":
                write_json(run.path / "run.json", {**run.manifest, "sha256": recorder.hashes()})
        stop_marker(run.path).unlink(missing_ok=True)
        return progress.end(state)
    except Exception as error:
        reason = _reason(run, error)
        with contextlib.suppress(OSError):
            progress.end("failed", reason)
        raise RunError(reason) from error


def _reason(run: Run, error: BaseException) -> str:
    if isinstance(error, SnowballError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f'the run "{run.id}" could not write its files ({error.strerror or error}); what was recorded is kept. '
            "Make room or make the folder writable, then resume it."
        )
    return f'the run "{run.id}" ended unexpectedly: {type(error).__name__}: {str(error)[:300]}. What was recorded is kept.'


def _loop(run: Run, training: Training, recorder: Recorder, asked: threading.Event, progress: _Progress) -> str:
    """Record snapshots until the end, a stop or a failure; the state that follows."""
    last_saved = began = time.monotonic()
    try:
        for snapshot in snapshots(training, recorder.wanted):
            if snapshot.step and not math.isfinite(snapshot.loss):
                raise RunError(
                    f"the loss must stay finite; it became {snapshot.loss} at step {snapshot.step:,}. "
                    f"Everything before that step is kept ({recorder.recorded:,} snapshots). Lower the learning rate."
                )
            now = time.monotonic()
            recorder.write(snapshot, now - began)
            began = now
            progress.step(snapshot)
            if now - last_saved > CHECKPOINT_SECONDS:
                save_checkpoint(run.path, training, recorder)
                last_saved = now
            if _should_stop(run.path, asked):
                break
    except (RunError, OSError):
        # Trimming gives the reserved room back, which a full disk needs to say what happened.
        with contextlib.suppress(OSError):
            recorder.trim()
        raise
    save_checkpoint(run.path, training, recorder)
    return "completed" if training.step == run.config.last_step else "stopped"


def _require_same_text(run: Run, sha256: str) -> None:
    recorded = run.manifest["corpus"]["sha256"]
    if recorded != sha256:
        raise RunError(
            f'a run continues on the text it began with; "{run.config.corpus}" now has SHA-256 {sha256[:12]}…, the run began '
            f"with {recorded[:12]}…. Put the old text back, or start a new run."
        )


def _require_checkpoint(run: Run) -> None:
    """An exact fork has no beginning of its own to start over from."""
    if run.origin and run.origin.kind == CHECKPOINT and run.checkpoint_step is None:
        raise RunError(
            f'an exact fork goes on from its checkpoint; "{run.id}" has lost it. Fork {run.origin.parent} again, or this run '
            "from a recorded step (--step T)."
        )


def _with_provenance(run: Run, training: Training) -> Run:
    """The run with its provenance, written at its first start and compared at every later one."""
    here, begun = provenance(training), run.manifest.get("provenance")
    if begun is None:
        manifest = {**run.manifest, "provenance": here}
        write_json(run.path / "run.json", manifest)
        return Run(run.path, run.config, manifest)
    differing = differences(begun, here)
    if differing:
        raise RunError(
            "a resumed run must be able to repeat its bits; since it began these changed: "
            f"{'; '.join(differing)}. Resume it where they are as they were, or start a new run."
        )
    return run


class _Progress:
    """Status of a run under way, written and shown about twice a second."""

    def __init__(self, run: Run, watch: Watch) -> None:
        self._run, self._watch = run, watch
        self._began: tuple[float, int] | None = None
        self._written, self._step, self._speed = 0.0, read_status(run.path).step, 0.0

    def step(self, snapshot: Snapshot) -> None:
        """Note a step; every half second, say so."""
        now = time.monotonic()
        self._step = snapshot.step
        if self._began is None or snapshot.step < self._began[1]:
            self._began = (now, snapshot.step)
        if now - self._written < _STATUS_SECONDS:
            return
        self._written = now
        done, took = snapshot.step - self._began[1], now - self._began[0]
        self._speed = done / took if took > 0 else 0.0
        self._say("running")

    def end(self, state: str, message: str = "") -> Status:
        """Write the final state."""
        return self._say(state, message)

    def _say(self, state: str, message: str = "") -> Status:
        last = self._run.config.last_step
        left = (last - self._step) / self._speed if state == "running" and self._speed else None
        status = Status(state, self._step, last, round(self._speed, 3), left, message)
        write_status(self._run.path, status)
        self._watch(status)
        return status
