"""Regular files: opened, read up to a limit, replaced as a whole, hashed and identified."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

LARGEST_JSON = 16_000_000
LARGEST_COUNT = 2**53
FileIdentity = tuple[int, int, int, int]


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, open for reading; a pipe, device or folder is refused without waiting for it."""
    # A pipe without a writer would block the opening itself.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: str | Path, largest: int) -> bytes:
    """The bytes of a regular file."""
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, f"it holds more than {largest:,} bytes", str(path))
    return content


def read_json(path: str | Path, largest: int = LARGEST_JSON) -> Any:
    """The content of a JSON file, as :func:`from_json_bytes` gives it."""
    return from_json_bytes(read_bytes(path, largest))


def from_json_bytes(content: bytes) -> Any:
    """JSON in UTF-8 without what JSON does not have: NaN, infinities, numbers beyond float64, a name given twice."""
    text = content.decode("utf-8")
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object)


def is_text(value: object) -> bool:
    """Whether a value out of JSON is a text."""
    return isinstance(value, str)


def is_count(value: object) -> bool:
    """Whether a value out of JSON is a whole number from 0 that float64 holds."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:40]} is larger than any number of float64")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in dict(pairs[:place]))
        raise ValueError(f"{twice[:40]!r} stands in it twice")
    return content


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


def write_json(path: Path, content: Mapping[str, Any], durable: bool = True, room: int = 0) -> None:
    """Replace a JSON file; ``room`` is the least number of bytes it takes."""
    with replacing(path, durable) as file:
        file.write(json.dumps(content, indent=1).ljust(room).encode())


def sha256_of(file: BinaryIO) -> str:
    """SHA-256 of what is left to read of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # every BinaryIO of ours has readinto


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file's bytes."""
    with open_regular(path) as file:
        return sha256_of(file)


def identity(path: str | Path) -> FileIdentity:
    """Number, size, time of content and time of entry (ns) of a file: another file differs in one of them."""
    at = os.stat(path)
    return at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns


def allocate(file: int, folder: Path, total: int, have: int) -> None:
    """Make the disk set ``total`` bytes aside for an open file in ``folder`` that has ``have``."""
    if hasattr(os, "posix_fallocate"):
        try:
            return os.posix_fallocate(file, 0, total)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < total - have:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return None
