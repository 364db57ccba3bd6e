"""Standard output and error: any encoding, no control codes of a file, full disks, and readers that leave."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

from ..errors import SnowballError, one_line, printable

INTERRUPTED = 130  # exit status after Ctrl-C


class OutputError(SnowballError):
    """An answer that could not be written where it had to go."""


class ReaderLeft(Exception):  # noqa: N818 - the end of the work, not an error
    """The reader of the output closed its end: the rest is not read."""


def prepare_streams() -> None:
    """Make standard output and error take every character: what their encoding lacks is spelled out.

    A standard stream that was closed is opened on the null device; otherwise the next file opened would take its number, and
    a library that complains on descriptor 2 would write into a recording.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def write(text: str, stream: TextIO | None) -> None:
    """Write text, control characters spelled out; raises ReaderLeft where it is not read, OutputError where it has no room."""
    if stream is not None:
        try:
            stream.write(printable(text))
        except OSError as error:
            raise _lost(stream, error) from None


def flush() -> None:
    """Send what was written to standard output; raises as :func:`write` does."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise _lost(sys.stdout, error) from None


def complain(text: object) -> None:
    """Write a line to standard error; nothing happens where it cannot be read."""
    with contextlib.suppress(ReaderLeft, OutputError):
        write(f"{text}\n", sys.stderr)


@contextlib.contextmanager
def progress_bar(**settings: Any) -> Iterator[Callable[[int, int, str], None]]:
    """A callback that draws what is done, all there is and a text; only on a terminal, and not with ``--json``."""
    if click.get_current_context().meta["json"] or sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, total, text: None
        return
    from tqdm import tqdm

    with tqdm(file=sys.stderr, dynamic_ncols=True, **settings) as bar:

        def draw(done: int, total: int, text: str) -> None:
            bar.total = total
            bar.set_description_str(one_line(text), refresh=False)
            bar.update(done - bar.n)

        yield draw


def _lost(stream: TextIO, error: OSError) -> Exception:
    """What to raise after a failed write; the stream is sent to the null device, or the interpreter's end would complain."""
    with contextlib.suppress(OSError, ValueError):
        number, null = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
    if isinstance(error, BrokenPipeError):
        return ReaderLeft()
    return OutputError(
        f"cannot write to standard output: {error.strerror or error}. Free space or redirect the output, and run the command "
        "again."
    )
