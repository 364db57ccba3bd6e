"""Answers of the addresses below ``/api``: files with an entity tag, and refusals with the core's sentence."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from snowball_core import __version__
from snowball_core.config_fields import whole_number
from snowball_core.errors import ChangedError, SnowballError
from snowball_core.export.files import Write

from .prepared_files import prepared_copy

HEADERS = {"cache-control": "private, no-cache", "cross-origin-resource-policy": "same-origin"}
_TYPES = {
    ".csv": "text/csv",
    ".gif": "image/gif",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pbtxt": "text/plain",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
_MOST_DIGITS = 20


class TemporaryFile(FileResponse):
    """A file that is removed once it is sent, or nobody reads it any more; HEAD and ranges of it are answered too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.unlink(self.path)


class Sendable(NamedTuple):
    """A file that can be sent: its name, what it follows from, what writes it, and the status of a refusal."""

    name: str
    key: tuple[object, ...]
    write: Write
    refused: int


def digest_of(name: str, key: Iterable[object]) -> str:
    """What tells a file from others of its name."""
    said = repr((__version__, name, *key)).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def sent(request: Request, name: str, key: Iterable[object], write: Callable[[BinaryIO], object]) -> Response:
    """A file to be saved under a name; not sent again to who has it; ``key`` is what it follows from."""
    digest = digest_of(name, key)
    tag = f'"{digest}"'
    headers = {**HEADERS, "etag": tag}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if (ready := prepared_copy(digest)) is not None:
        return TemporaryFile(ready, headers=headers, media_type=_TYPES[Path(name).suffix], filename=name)
    number, place = tempfile.mkstemp(prefix="snowball-")
    try:
        with open(number, "wb") as file:
            write(file)
    except BaseException:
        os.unlink(place)
        raise
    return TemporaryFile(place, headers=headers, media_type=_TYPES[Path(name).suffix], filename=name)


@contextlib.contextmanager
def refusing(status: int) -> Iterator[None]:
    """Answer what the core refuses with a status and the core's sentence; with 409 where a run changed meanwhile."""
    try:
        yield
    except SnowballError as error:
        raise HTTPException(409 if isinstance(error, ChangedError) else status, str(error)) from None


def require_known(query: QueryParams, names: Collection[str]) -> None:
    """Refuse a query with a name that means nothing: a misspelt one must not give another file."""
    for name in query:
        if name not in names and name != "token":
            raise HTTPException(422, f'Query parameters are {", ".join(names)}; got "{name[:80]}".')


def whole(query: QueryParams, name: str) -> int | None:
    """A whole number of the query; None where it is left out."""
    if (word := query.get(name)) is None:
        return None
    if (number := whole_number(word[:_MOST_DIGITS])) is None or len(word) > _MOST_DIGITS:
        raise HTTPException(422, f'{name} must be a whole number; got "{word[:80]}".')
    return number


def one_of(query: Mapping[str, str], name: str, known: Collection[str], usual: str) -> str:
    """One of the words that a name of the query can have."""
    if (word := query.get(name, usual)) not in known:
        raise HTTPException(422, f'{name} must be one of {", ".join(known)}; got "{word[:80]}".')
    return word
