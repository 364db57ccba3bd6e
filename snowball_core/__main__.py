"""The command line: every button has a command."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
_FINALIZER_SECONDS = 0.02


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
        sys.unraisablehook = _ask_again
    try:
        from .cli.main import main

        ended = main()
    except SystemExit as done:
        # Of --help and --version.
        ended = done.code if isinstance(done.code, int) else 0
    except BaseException as error:
        if not pressed and not isinstance(error, KeyboardInterrupt):
            raise
        ended = INTERRUPTED
        _say_cancelled()
    # What the interpreter does at its end is not for Ctrl-C to break into.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return INTERRUPTED if pressed else ended


def _ask_again(lost: sys.UnraisableHookArgs) -> None:
    """Interrupt once more where Ctrl-C broke into a finalizer: Python drops what is raised there, and prints a traceback."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    import _thread
    import time

    def interrupt() -> None:
        time.sleep(_FINALIZER_SECONDS)
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
