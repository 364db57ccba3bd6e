"""One accelerator, one run: workers wait in the order in which they came."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock

from ..errors import one_line, requiring
from ..store.files.regular_files import read_bytes, replacing
from ..store.status import is_locked

_LONGEST_HOLDER = 1_000
_POLL_SECONDS = 0.2


@contextlib.contextmanager
def turn(folder: Path, run_id: str, accelerator: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Wait until the accelerator is free and no live worker with an earlier ticket waits; then hold it.

    The caller must hold the run's lock, which shows others that this ticket's worker is alive. A killed worker's ticket is
    dropped by the next worker that reads it, and its accelerator is free at once, since the system releases the lock.
    ``waiting`` is called with the id of the run waited for, several times a second; it may raise to leave the queue.
    """
    place = folder / ".turns" / accelerator.replace(":", "-")
    with requiring("the runs folder must be writable", folder):
        place.mkdir(parents=True, exist_ok=True)
        for stale in place.glob(f"*_{run_id}"):
            stale.unlink(missing_ok=True)
        # After a clock was set back the number still follows those of waiting workers.
        number = max([time.time_ns(), *(_number(other) + 1 for other in place.glob("*_*"))])
        ticket = place / f"{number:020d}_{run_id}"
        ticket.touch()
    lock = filelock.FileLock(place / "lock", thread_local=False)
    try:
        while (ahead := _ahead(folder, ticket)) or not _acquired(lock):
            waiting(ahead or _holder(place))
            time.sleep(_POLL_SECONDS)
    finally:
        ticket.unlink(missing_ok=True)
    try:
        with contextlib.suppress(OSError), replacing(place / "holder", durable=False) as holder:
            holder.write(run_id.encode())
        yield
    finally:
        lock.release()


def _number(ticket: Path) -> int:
    """The number of a ticket; 0 for a file that is none."""
    number = ticket.name.partition("_")[0]
    return int(number) if len(number) == 20 and number.isdecimal() and number.isascii() else 0


def waiting(folder: Path) -> list[str]:
    """The runs whose live workers wait, in order, one accelerator after another; read-only."""
    run_ids = []
    for place in sorted((folder / ".turns").glob("*")):
        ids = [ticket.name.partition("_")[2] for ticket in sorted(place.glob("*_*"))]
        run_ids += [run_id for run_id in ids if is_locked(folder / run_id)]
    return run_ids


def _holder(place: Path) -> str:
    with contextlib.suppress(OSError):
        return one_line(read_bytes(place / "holder", _LONGEST_HOLDER).decode(errors="replace"))
    return "another run"


def _acquired(lock: filelock.FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    return True


def _ahead(folder: Path, ticket: Path) -> str | None:
    """The run of the first earlier ticket with a live worker; tickets of dead workers are deleted."""
    for other in sorted(ticket.parent.glob("*_*")):
        if other.name >= ticket.name:
            return None
        run_id = other.name.partition("_")[2]
        if is_locked(folder / run_id):
            return run_id
        other.unlink(missing_ok=True)
    return None
