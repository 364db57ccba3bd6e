"""Regular files: opened only if they are ones, read up to a limit, replaced as a whole, told apart by identity."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_JSON = 16_000_000
FileIdentity = tuple[int, int, int, int]


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open for reading; a pipe, device or folder is refused without waiting for it.

    Raises
    ------
    OSError
        If it cannot be opened or is not a regular file.
    """
    # A pipe without a writer would block the opening itself.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, largest: int) -> bytes:
    """The bytes of a regular file.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, or holds more than ``largest`` bytes.
    """
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"it holds more than {largest:,} bytes", str(path))
    return content


def read_json(path: Path, largest: int = LARGEST_JSON) -> Any:
    """The content of a JSON file in UTF-8, without NaN and infinities, which JSON does not have.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, or holds more than ``largest`` bytes.
    ValueError, RecursionError
        If it is not JSON.
    """
    return json.loads(read_bytes(path, largest).decode("utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """A binary file to write, which takes the place of ``path`` at the end; after a fault ``path`` is as it was.

    ``durable`` waits until the content would survive a power failure.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def identity(path: Path) -> FileIdentity:
    """Number, size, time of the content and time of the entry of a file, in nanoseconds: another file differs in one of them.

    Raises
    ------
    OSError
        If there is no such file.
    """
    at = os.stat(path)
    return at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns
