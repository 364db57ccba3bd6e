"""Requests to end a training between two steps: signals, and the marker in the run's folder."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from ..errors import RunError
from ..store.status import stop_marker

_by_hand = threading.Event()


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, so that training ends between two steps."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    _by_hand.clear()

    def handle(kind: int, _: object) -> None:
        stop.set()
        if kind == signal.SIGINT:
            _by_hand.set()

    before = {kind: signal.signal(kind, handle) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed during the latest training in this process."""
    return _by_hand.is_set()


def clear_marker(path: Path) -> None:
    """Withdraw the request to stop the run in a folder."""
    marker = stop_marker(path)
    try:
        marker.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f'"{marker}" asks the run to stop and cannot be removed: {error.strerror}. Remove it.') from None
