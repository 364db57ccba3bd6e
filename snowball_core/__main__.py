"""The command line: every button has a command."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

INTERRUPTED = 130
_AGAIN_SECONDS = 0.02


def status() -> int:
    """The exit status of the command; after Ctrl-C always the same, also while modules are imported.

    A library that is interrupted while it is imported may raise anything, and some print what they were told instead.
    """
    import signal

    pressed: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook, sys.excepthook = _dropped, _printed
    try:
        from .cli.main import main

        ended = main()
    except BaseException as error:
        if not pressed and not isinstance(error, KeyboardInterrupt):
            raise
        ended = INTERRUPTED
        _say_cancelled()
    # What the interpreter does at its end is not for Ctrl-C to break into.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return INTERRUPTED if pressed else ended


def _dropped(lost: sys.UnraisableHookArgs) -> None:
    """What Python does with an error in a finalizer, where nothing can be raised: it prints a traceback and goes on."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__unraisablehook__(lost)


def _printed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What a library written in C does with an error that it cannot hand on: it prints a traceback and goes on."""
    if issubclass(kind, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__excepthook__(kind, error, trace)


def _interrupt_again() -> None:
    """Press Ctrl-C once more when the code that it broke into has ended."""
    import _thread
    import time

    def interrupt() -> None:
        time.sleep(_AGAIN_SECONDS)
        _thread.interrupt_main()

    _thread.start_new_thread(interrupt, ())


def _say_cancelled() -> None:
    if sys.stderr is not None:
        sys.stderr.write("\ncancelled before it began. Ask again to begin anew.\n")


def _leave(ended: int) -> None:
    """End the process with a status.

    An interpreter in which Ctrl-C broke into code made from text, as that of a dataclass is, ends by that signal whatever its
    exit status; so it is not asked to.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue
    os._exit(ended)


if __name__ == "__main__":
    try:
        ended = status()
    except KeyboardInterrupt:
        _say_cancelled()
        ended = INTERRUPTED
    if ended == INTERRUPTED:
        _leave(ended)
    sys.exit(ended)
