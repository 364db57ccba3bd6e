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
    """The exit status of the command; 130 after every Ctrl-C, also one while modules are imported.

    A library that is interrupted while it is imported may raise anything, and some print the error instead.
    """
    import signal

    pressed: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook, sys.excepthook = _unraisable, _uncaught
    try:
        from .cli.main import main

        ended = main()
    except BaseException as error:
        if not pressed and not isinstance(error, KeyboardInterrupt):
            raise
        ended = INTERRUPTED
        _say_cancelled()
    # The interpreter's own end must not be interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return INTERRUPTED if pressed else ended


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Handle an error in a finalizer, which Python prints and drops: Ctrl-C is raised again."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__unraisablehook__(lost)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Handle an error that a library written in C prints and drops: Ctrl-C is raised again."""
    if issubclass(kind, KeyboardInterrupt):
        _interrupt_again()
    else:
        sys.__excepthook__(kind, error, trace)


def _interrupt_again() -> None:
    """Press Ctrl-C once more when the code that it interrupted has ended."""
    import _thread
    import time

    def interrupt() -> None:
        time.sleep(_AGAIN_SECONDS)
        _thread.interrupt_main()

    _thread.start_new_thread(interrupt, ())


def _say_cancelled() -> None:
    if sys.stderr is not None:
        sys.stderr.write("\ncancelled before it started. Run the command again.\n")


def _leave(ended: int) -> None:
    """End the process with a status, past the interpreter.

    An interpreter in which Ctrl-C interrupted code made from text, as that of a dataclass is, ends by that signal whatever
    its exit status.
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
