"""A history taken block by block: bounded memory, two blocks at a time, kept in a cache, cancelled and continued."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..memory import Progress, blocks, silent, steady_memory
from ..store.cache import content_key, keep, load
from ..store.history import History

if TYPE_CHECKING:
    import pandas as pd

BLOCK_BYTES = 16 * 1024 * 1024
# A snapshot of a few bytes still has a census and a row of every table.
_BLOCK_SNAPSHOTS = 16_384
_WORKERS = 2
Measure = Callable[[History, int, int], "Mapping[str, pd.DataFrame]"]


def history_blocks(history: History, progress: Progress = silent) -> Iterator[slice]:
    """The parts a history is measured in, about 16 MB each, or fewer; none of a history without snapshots."""
    count = len(history.words)
    size = max(history.words[:1].nbytes, BLOCK_BYTES // _BLOCK_SNAPSHOTS)
    return blocks(count, size, BLOCK_BYTES, progress) if count else iter(())


def walk(history: History, measure: Measure, version: str, wanted: str, progress: Progress = silent) -> Iterator[pd.DataFrame]:
    """One of the tables that ``measure`` makes of every block, in order.

    Tables already in the cache are taken from there if they were computed from the same bytes. Every finished block is kept at
    once: a cancelled walk continues where it stopped, and a growing run has only its new blocks measured.

    ``measure`` returns tables by name, of which the ``wanted`` one is given out, from the history, a block's first snapshot and
    the one after its last. ``version`` changes whenever it does, so that what was kept before is not taken.
    """
    parts = [(part.start, part.stop) for part in history_blocks(history)]
    like = measure(history, 0, 0)[wanted]
    with steady_memory():
        pool = ThreadPoolExecutor(_WORKERS)
        try:
            # Few at a time: each holds its block's arrays, and the memory of all must not grow with the history.
            waiting = [pool.submit(_kept, history, measure, version, wanted, like, *part) for part in parts[:_WORKERS]]
            for number, part in enumerate(parts):
                table = waiting.pop(0).result()
                if number + _WORKERS < len(parts):
                    waiting.append(pool.submit(_kept, history, measure, version, wanted, like, *parts[number + _WORKERS]))
                yield table
                progress(part[1], len(history.words))
        finally:
            pool.shutdown(cancel_futures=True)


def _kept(
    history: History, measure: Measure, version: str, wanted: str, like: pd.DataFrame, start: int, stop: int
) -> pd.DataFrame:
    """One table of a block, from the cache or measured now; other tables of the same pass are cached too."""
    if history.kept_in is None:
        return measure(history, start, stop)[wanted]
    beside = [
        part
        for part in (history.dead, None if history.moment_hash is None else history.moment_hash[start:stop])
        if part is not None
    ]
    key = content_key(version, [history.words[max(0, start - 1) : stop], history.steps[max(0, start - 1) : stop], *beside])
    table = load(history.kept_in, f"{wanted}-{start:09d}", key, like)
    if table is None:
        made = measure(history, start, stop)
        for name, each in made.items():
            keep(history.kept_in, f"{name}-{start:09d}", key, each)
        table = made[wanted]
    return table
