"""Memory while a long history is read: block by block, freed blocks kept, one processor thread a block."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Iterator

# The state before training and after each of a million steps.
MOST_SNAPSHOTS = 1_000_001
# Of memory, for its rows of three groups: 330 of numbers a row, several times over while they are joined and written.
_BYTES_A_SNAPSHOT = 6_000
# Called with entries done and in all after every block; may raise to cancel.
Progress = Callable[[int, int], None]
# Called with the share done, 0 to 1, and what is made now, as "frame 3 of 40"; may raise to cancel.
Tell = Callable[[float, str], None]


def tables_bytes(snapshots: int) -> int:
    """Memory that the per-step tables of a history with three groups take at most while they are made."""
    return snapshots * _BYTES_A_SNAPSHOT


def silent(done: int, total: int) -> None:
    """No-op progress callback."""


def untold(share: float, what: str) -> None:
    """No-op callback of what is made."""


def part_of(tell: Tell, number: int, total: int) -> Tell:
    """The callback of one part of several, whose share is that of the whole."""
    return lambda share, what: tell((number + share) / max(1, total), what)


def blocks(count: int, entry_bytes: int, block_bytes: int, progress: Progress = silent) -> Iterator[slice]:
    """Consecutive slices of so many entries, each of about ``block_bytes`` and of one entry at least.

    Without entries one empty slice, so that what is joined from the parts has its shape.
    """
    size = max(1, block_bytes // max(1, entry_bytes))
    for start in range(0, max(1, count), size):
        stop = min(start + size, count)
        yield slice(start, stop)
        progress(stop, count)


def keep_memory(bytes_kept: int) -> None:
    """Make glibc keep freed blocks up to a size, which saves page faults; no-op on other systems."""
    if sys.platform == "linux":
        trim_threshold, mmap_threshold = -1, -3
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(mmap_threshold, bytes_kept)
            libc.mallopt(trim_threshold, bytes_kept)


def share_freed_memory() -> None:
    """Make glibc use one heap for all threads started from now on; no-op on other systems."""
    if sys.platform == "linux":
        arena_max = -8
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(arena_max, 1)


def return_memory() -> None:
    """Give freed blocks back to the system after long work, which its allocator would keep for more of the same; glibc only."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def steady_memory() -> Iterator[None]:
    """Work on large arrays without paying for their memory again and again; changes no number.

    Freed blocks stay with the process until the end (glibc only), since page faults cost as much as computing; and
    linear algebra keeps to one thread, since blocks already run side by side and two pools of threads spin waiting for each
    other.
    """
    from threadpoolctl import threadpool_limits

    keep_memory(1 << 26)
    try:
        with threadpool_limits(1, "blas"):
            yield
    finally:
        return_memory()
