"""How far a run is, and whether its worker lives: a status file, a lock, a request to stop."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import RunError, requiring
from .files.regular_files import LARGEST_COUNT, is_count, is_text, open_regular, read_json, write_json

if TYPE_CHECKING:
    import filelock

ALIVE_STATES = ("queued", "running", "stopping")
STARTING = "its worker is starting"
LOST = "its status was lost"
# The variable by which a worker knows the run it was sent to.
SENT = "SNOWBALL_SENT_TO"
_STARTING_SECONDS = 30.0
_ROOM = 2_048
_LONGEST_LAST_WORD = 800
_LARGEST_FILE = 1_000_000
STATES = (*ALIVE_STATES, "stopped", "completed", "failed", "interrupted", "damaged")


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    state: str  # one of STATES: interrupted if its worker died, damaged if its ``run.json`` cannot be read
    step: int = 0
    last_step: int = 0
    steps_per_second: float = 0.0
    seconds_left: float | None = None
    message: str = ""
    updated: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether a worker is at it or waiting."""
        return self.state in ALIVE_STATES


def is_read_only() -> bool:
    """Whether ``SNOWBALL_READONLY=1``: nothing may be started, changed or put away."""
    return os.environ.get("SNOWBALL_READONLY", "") not in ("", "0")


def require_writable() -> None:
    """Refuse to change anything while ``SNOWBALL_READONLY=1``."""
    if is_read_only():
        raise RunError("this Snowball is read-only (SNOWBALL_READONLY is set): runs can be looked at. Unset it to train.")


def lock_of(path: Path) -> filelock.FileLock:
    """The lock a worker holds as long as it lives."""
    import filelock  # slow, and reading a run needs none

    return filelock.FileLock(path / "lock", thread_local=False)


def is_locked(path: Path) -> bool:
    """Whether a worker holds the run's lock; process ids are reused, and zombies have one."""
    if not os.path.exists(path / "lock"):  # False also where the folder may not be entered
        return False
    if (held := _is_held(path / "lock")) is not None:
        return held
    # No shared locks on this file system: try to take the lock.
    try:
        with lock_of(path).acquire(timeout=0.05, poll_interval=0.01):
            return False
    except TimeoutError:
        return True
    except OSError:
        return False


def _is_held(file: Path) -> bool | None:
    """Whether a process holds the lock of a file; None where that cannot be found out."""
    # A shared lock: many may ask at once without taking each other for the worker, also in a folder they cannot write to.
    try:
        with open_regular(file) as content:
            fcntl.flock(content, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return None


def log_of(path: Path) -> Path:
    """Where a worker that was sent to a run writes what it has to say."""
    return path / "worker.log"


def lock_shared_with_child(log: IO[bytes]) -> None:
    """Lock a file for as long as it is open here or in the child it is handed to: a worker that is only starting."""
    with contextlib.suppress(OSError):
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)


def has_writer(path: Path) -> RunError:
    """The error of a run that another process writes."""
    return RunError(f'a run has one writer; "{path.name}" is being trained by another process. Wait for it or stop it.')


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Be the one writer of a run."""
    require_writable()
    with requiring("the run folder must be writable", path):
        try:
            lock = lock_of(path).acquire(timeout=2.0, poll_interval=0.05)
        except TimeoutError:
            raise has_writer(path) from None
    with lock:
        yield


def read_status(path: Path) -> Status:
    """The status in a run folder, corrected by the lock: unfinished business without a worker is interrupted."""
    status = _written(path)
    if status.message == STARTING and status.state == "queued" and _is_starting(path):
        return status
    if status.is_alive and not is_locked(path):
        # Read again: the worker may have written its last status and ended between the two checks.
        status = _written(path)
        if status.is_alive:
            message = "its worker ended without a word; resume continues it"
            return replace(status, state="interrupted", seconds_left=None, message=message)
    if status.state == "running" and os.path.exists(stop_marker(path)):
        return replace(status, state="stopping")
    return status


def is_waited_for(path: Path) -> bool:
    """Whether the run is queued for a worker that was sent to it and has not begun."""
    status = _written(path)
    return status.state == "queued" and status.message == STARTING


def was_sent(path: Path) -> bool:
    """Whether this process is the worker that was sent to the run, which is queued for it."""
    return os.environ.get(SENT) == path.name and is_waited_for(path)


def _is_starting(path: Path) -> bool:
    """Whether a worker just sent may be on its way: it imports its frameworks, which takes seconds, and then takes the lock.

    Its log is locked while it lives. Where there are no such locks, or it was not sent yet, a short time since the status was
    written is granted; a status from the future, by a clock that went back or a file server's, is none.
    """
    if _is_held(log_of(path)):
        return True
    try:
        return 0 <= time.time() - (path / "status.json").stat().st_mtime < _STARTING_SECONDS
    except OSError:
        return False


def _written(path: Path) -> Status:
    try:
        content = read_json(f"{path}/status.json", _LARGEST_FILE)
        given = {key: content[key] for key in Status.__dataclass_fields__ if key in content}
        if not all(_BOUNDS[key](value) for key, value in given.items()):
            raise ValueError("a status of another kind")
        # Halves of characters, as of a path in another encoding, are written as escapes.
        words = {key: value.encode("utf-8", "backslashreplace").decode() for key, value in given.items() if is_text(value)}
        return Status(**{**given, **words})
    except (OSError, ValueError, TypeError, RecursionError):
        return Status("interrupted", message=LOST)


def _is_amount(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= LARGEST_COUNT


_BOUNDS: dict[str, Callable[[Any], bool]] = {
    "state": lambda value: isinstance(value, str) and value in STATES,
    "step": is_count,
    "last_step": is_count,
    "steps_per_second": _is_amount,
    "seconds_left": lambda value: value is None or _is_amount(value),
    "message": is_text,
    "updated": is_text,
}


def write_status(path: Path, status: Status) -> None:
    """Write the status of a run, stamped with the time."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = {**status.__dict__, "updated": now}
    try:
        write_json(path / "status.json", content, durable=not status.is_alive, room=_ROOM)
    except OSError as error:
        # A full disk, a quota, a folder made read-only: the file may still be written where it is.
        content["message"] = status.message[:_LONGEST_LAST_WORD]
        try:
            with open(path / "status.json", "r+b") as old:
                old.write(json.dumps(content).encode().ljust(os.fstat(old.fileno()).st_size))
        except OSError:
            raise error from None


def stop_marker(path: Path) -> Path:
    """The file whose presence asks the run's worker to stop."""
    return path / "stop"


def request_stop(path: Path) -> None:
    """Ask the worker of a run to stop and keep what it has."""
    require_writable()
    status = read_status(path)
    if not status.is_alive:
        raise RunError(f'only a queued or running run can be stopped; "{path.name}" is {status.state}.')
    stop_marker(path).touch()
