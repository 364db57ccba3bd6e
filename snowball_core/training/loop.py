"""Train into a run folder: record every snapshot, keep a checkpoint, survive being killed."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ..config import RunConfig
from ..costs import TENSOR
from ..errors import RunError, SnowballError
from ..jobs.prepare import checked_corpus, prepare, require_text
from ..jobs.queue import turn
from ..jobs.stop_requests import clear_marker, stop_on_signals
from ..memory import keep_memory
from ..store.corpus import Corpus
from ..store.files.regular_files import read_bytes, replacing, write_json
from ..store.integrity.resume_check import Prefix, sound_prefix
from ..store.manifest import sealed
from ..store.run_folder import Run, read_run
from ..store.status import Status, hold, is_waited_for, read_status, stop_marker, was_sent, write_status
from .precision import resolve_device
from .recorder import Recorder, environment_differences, provenance, restore_checkpoint, save_checkpoint, sweep_parts
from .trainer import Snapshot, Training, begin, snapshots

CHECKPOINT_SECONDS = 5.0
_STATUS_SECONDS = 0.5
_SPEED_SECONDS = 10.0
_LARGEST_STATUS = 1_000_000
Watch = Callable[[Status], None]


def record(config: RunConfig, folder: Path, watch: Watch = lambda status: None) -> Run:
    """A new run, trained here to its end, to a stop or to a failure, as its status records.

    ``watch`` is called with the status about twice a second.
    """
    resolve_device(config.device)
    run = prepare(folder, config)
    continue_run(folder, run, watch, is_new=True)
    return read_run(run.path)


def continue_run(folder: Path, run: Run, watch: Watch = lambda status: None, is_new: bool = False) -> Status:
    """Train a queued, stopped or interrupted run to its end, as if it had never been interrupted.

    Everything is checked before anything is written: a run that cannot continue is left unchanged, unless the caller has just
    made it (``is_new``: a request to stop it is meant for this training) or started its worker; then its status has the reason.
    """
    with hold(run.path):
        is_waited = is_new or is_waited_for(run.path)
        before = None if is_waited else _status_bytes(run)
        try:
            device, prefix = str(resolve_device(run.config.device)), sound_prefix(run)
            corpus = checked_corpus(folder, run.config, is_checked=True)
            rule = "a run must continue on its original text"
            require_text(corpus, run, rule, "Restore the text, or start a new run.")
        except (SnowballError, OSError) as error:
            if is_waited:
                _say_why(run, None, _reason(run, error), read_status(run.path).step)
            raise RunError(_reason(run, error)) from error
        if not is_new and not was_sent(run.path):
            # A spawned worker keeps a stop request made before it started; older ones were cleared when it was sent.
            clear_marker(run.path)
        sweep_parts(run.path)
        with stop_on_signals() as stop:
            begin_here = functools.partial(_begun, run, corpus, prefix)
            return _in_turn(folder, run, device, prefix, begin_here, stop, watch, before)


def _in_turn(
    folder: Path,
    run: Run,
    device: str,
    prefix: Prefix,
    begun: Callable[[], tuple[Run, Training]],
    stop: threading.Event,
    watch: Watch,
    before: bytes | None,
) -> Status:
    """Wait for the device, then train; ``before`` is the status to restore if the run cannot continue."""
    reached = _reached(run, prefix)
    status = Status("queued", reached, run.config.last_step)

    def waiting(ahead: str) -> None:
        nonlocal status
        if _should_stop(run.path, stop):
            raise _Stop
        if status.message != (text := f"waits for {ahead}"):
            status = Status("queued", reached, run.config.last_step, message=text)
            write_status(run.path, status)
        watch(status)

    try:
        write_status(run.path, status)
    except OSError as error:
        raise RunError(_reason(run, error)) from error
    try:
        with turn(folder, run.id, device, waiting):
            try:
                run, training = begun()
            except Exception as error:
                _say_why(run, before, _reason(run, error), reached)
                raise RunError(_reason(run, error)) from error
            return _train(run, training, prefix, stop, watch)
    except _Stop:
        clear_marker(run.path)
        status = Status("stopped", reached, run.config.last_step, message="removed from the queue")
        write_status(run.path, status)
        return status


def _status_bytes(run: Run) -> bytes:
    with contextlib.suppress(OSError):
        return read_bytes(run.path / "status.json", _LARGEST_STATUS)
    return b""


def _say_why(run: Run, before: bytes | None, reason: str, reached: int) -> None:
    """Restore the status of a run that cannot continue, or write the reason into it where a caller waits for its worker."""
    file = run.path / "status.json"
    with contextlib.suppress(OSError):
        if before is None:
            write_status(run.path, Status("failed", reached, run.config.last_step, message=reason))
        elif before:
            with replacing(file) as put_back:
                put_back.write(before)
        else:
            file.unlink()


def _reached(run: Run, prefix: Prefix) -> int:
    """The last step of which the run holds anything."""
    steps = run.steps(prefix.recorded[TENSOR])
    return min(max(prefix.step or 0, prefix.rows.last, int(steps[-1]) if len(steps) else 0), run.config.last_step)


class _Stop(Exception):  # noqa: N818 - a signal, not an error
    """Leave the queue because a stop was requested."""


def _should_stop(path: Path, stop: threading.Event) -> bool:
    return stop.is_set() or stop_marker(path).exists()


def _begun(run: Run, corpus: Corpus, prefix: Prefix) -> tuple[Run, Training]:
    """A training at the run's checkpoint, and the run with its provenance."""
    keep_memory(1 << 30)
    training = begin(run, corpus)
    begun, here = run.manifest.get("provenance"), provenance(training)
    if begun is not None and (differing := environment_differences(begun, here)):
        raise RunError(
            f"a resumed run must reproduce its bits; changed since it started: {'; '.join(differing)}. Restore them, or "
            "start a new run."
        )
    restore_checkpoint(run, training, prefix)
    if begun is None:
        manifest = sealed({**run.manifest, "provenance": here})
        write_json(run.path / "run.json", manifest)
        run = Run(run.path, run.config, manifest)
    return run, training


def _train(run: Run, training: Training, prefix: Prefix, stop: threading.Event, watch: Watch) -> Status:
    progress = _Progress(run, watch, training.step)
    try:
        with Recorder(run, prefix) as recorder:
            state = _loop(run, training, recorder, stop, progress)
            recorder.trim()
            if state == "completed":
                write_json(run.path / "run.json", sealed({**run.manifest, "sha256": recorder.hashes()}))
        stop_marker(run.path).unlink(missing_ok=True)
        return progress.write(state, _rewritten(recorder, prefix))
    except Exception as error:
        reason = _reason(run, error)
        with contextlib.suppress(OSError):
            progress.write("failed", reason)
        raise RunError(reason) from error


def _rewritten(recorder: Recorder, prefix: Prefix) -> str:
    """What of the recordings behind the checkpoint came out different, in a sentence; empty if nothing did."""
    if not recorder.rewritten:
        return ""
    since = "the start" if prefix.step is None else f"the checkpoint at step {prefix.step:,}"
    return f"{recorder.rewritten:,} entries behind {since} had not reached the disk whole and were rewritten"


def _reason(run: Run, error: BaseException) -> str:
    if isinstance(error, SnowballError):
        return str(error)
    if isinstance(error, OSError):
        name = f": {Path(str(file)).name}" if (file := error.filename2 or error.filename) else ""
        return (
            f'the run "{run.id}" could not write its files ({error.strerror or error}{name}); recorded data is kept. Free '
            "disk space or make the folder writable, then resume it."
        )
    return f'the run "{run.id}" ended unexpectedly: {type(error).__name__}: {str(error)[:300]}. Recorded data is kept.'


def _loop(run: Run, training: Training, recorder: Recorder, stop: threading.Event, progress: _Progress) -> str:
    """Record snapshots until the end, a stop or a failure; the state that follows."""
    last_saved = began = time.monotonic()
    try:
        for snapshot in snapshots(training, recorder.wanted):
            if snapshot.step and not math.isfinite(snapshot.loss):
                raise RunError(
                    f"Diverged at step {snapshot.step:,}: the loss must stay finite; it became {snapshot.loss} at step "
                    f"{snapshot.step:,}. Earlier snapshots are kept ({recorder.recorded:,}). Lower the learning rate."
                )
            now = time.monotonic()
            recorder.write(snapshot, now - began)
            began = now
            progress.step(snapshot)
            if now - last_saved > CHECKPOINT_SECONDS:
                save_checkpoint(run.path, training, recorder)
                last_saved = now
            if _should_stop(run.path, stop):
                break
        save_checkpoint(run.path, training, recorder)
    except Exception:
        # Trimming frees the reserved space: a full disk needs it for the status.
        with contextlib.suppress(OSError):
            recorder.trim()
        raise
    return "completed" if training.step == run.config.last_step else "stopped"


class _Progress:
    """Status of a training run, written and reported about twice a second; its speed is that of the last ten seconds."""

    def __init__(self, run: Run, watch: Watch, step: int) -> None:
        self._run, self._watch = run, watch
        self._recent: deque[tuple[float, int]] = deque()
        self._written, self._step, self._speed = 0.0, step, 0.0

    def step(self, snapshot: Snapshot) -> None:
        """Note a step; write the status every half second."""
        now = time.monotonic()
        self._step = snapshot.step
        if self._recent and now - self._written < _STATUS_SECONDS:
            return
        self._written = now
        self._recent.append((now, snapshot.step))
        while len(self._recent) > 2 and now - self._recent[1][0] > _SPEED_SECONDS:
            self._recent.popleft()
        began, first = self._recent[0]
        self._speed = (snapshot.step - first) / (now - began) if now > began else 0.0
        self.write("running")

    def write(self, state: str, message: str = "") -> Status:
        """Write the status and show it."""
        last = self._run.config.last_step
        left = (last - self._step) / self._speed if state == "running" and self._speed else None
        status = Status(state, self._step, last, round(self._speed, 3), left, message)
        write_status(self._run.path, status)
        self._watch(status)
        return status
