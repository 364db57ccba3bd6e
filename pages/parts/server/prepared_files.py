"""Files that take long to make, made ahead in a thread: how far each is, a way to cancel it, and the file once it is there."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from snowball_core.errors import SnowballError
from snowball_core.memory import Tell

_MOST_FILES = 8
# More would take the processor from the pages.
_SLOTS = threading.Semaphore(1)
_SLOT_SECONDS = 0.2
_GUARD = threading.Lock()
# By digest, the newest last.
_PREPARATIONS: OrderedDict[str, Preparation] = OrderedDict()


class _Cancelled(Exception):  # noqa: N818 - a signal, not an error
    """Leave the writer because somebody cancelled it."""


class Preparation:
    """One file in the making, and its state: ``share`` of 1, ``what`` is made now, ``error`` if it cannot be made."""

    def __init__(self, write: Callable[[BinaryIO, Tell], object]) -> None:
        self.share, self.what, self.error, self.is_ready = 0.0, "waiting for another file", "", False
        self.path = _folder() / secrets.token_hex(8)
        self._write, self._cancelled = write, threading.Event()
        threading.Thread(target=self._make, daemon=True).start()

    def cancel(self) -> None:
        """Have the writer stop at the next picture or frame, and its file removed."""
        self._cancelled.set()
        if self.is_ready:
            self.path.unlink(missing_ok=True)

    def _tell(self, share: float, what: str) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
        self.share, self.what = share, what

    def _make(self) -> None:
        while not _SLOTS.acquire(timeout=_SLOT_SECONDS):
            if self._cancelled.is_set():
                return
        try:
            with open(self.path, "xb") as file:
                self._write(file, self._tell)
            self._tell(1.0, "ready")
            self.is_ready = True
        except _Cancelled:
            self.path.unlink(missing_ok=True)
        except Exception as error:
            self.path.unlink(missing_ok=True)
            self.error = _reason(error)
        finally:
            _SLOTS.release()


def _reason(error: Exception) -> str:
    if isinstance(error, SnowballError):
        return str(error)
    logging.getLogger(__name__).exception("A file could not be prepared.", exc_info=error)
    return "The server could not create this file; see its log."


@functools.cache
def _folder() -> Path:
    """Where prepared files lie until the server ends."""
    return Path(_temporary().name)


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="snowball-prepared-")


def prepare(digest: str, write: Callable[[BinaryIO, Tell], object]) -> None:
    """Begin to make a file, unless it is there or in the making; of all files the oldest gives way."""
    with _GUARD:
        if (known := _PREPARATIONS.get(digest)) is None or known.error:
            _PREPARATIONS[digest] = Preparation(write)
        _PREPARATIONS.move_to_end(digest)
        while len(_PREPARATIONS) > _MOST_FILES:
            _PREPARATIONS.popitem(last=False)[1].cancel()


def preparation(digest: str) -> Preparation | None:
    """The file in the making or ready; None if it was not asked for, or was cancelled."""
    return _PREPARATIONS.get(digest)


def cancel(digest: str) -> None:
    """Stop making a file, and remove what there is of it."""
    with _GUARD:
        if known := _PREPARATIONS.pop(digest, None):
            known.cancel()


def prepared_copy(digest: str) -> str | None:
    """A second name of a file that is ready, for the caller to remove; None where it is not."""
    known = _PREPARATIONS.get(digest)
    if known is None or not known.is_ready:
        return None
    copy = f"{known.path}-{secrets.token_hex(8)}"
    with contextlib.suppress(OSError):
        os.link(known.path, copy)
        return copy
    return None
