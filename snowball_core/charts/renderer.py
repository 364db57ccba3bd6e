"""Charts drawn as SVG and PNG in a separate process, which ends when idle: the engine never frees its memory."""

from __future__ import annotations

import contextlib
import functools
import json
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import HistoryError

_IDLE_SECONDS = 15.0
_LONGEST_SECONDS = 120.0


class Renderer:
    """A process that draws, started for the first picture and again when it has ended; it ends with this process too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def svg(self, spec: Mapping[str, Any]) -> str:
        """A Vega-Lite description as SVG; a HistoryError where it asks for data from elsewhere: nothing is fetched."""
        return str(self._draw(json.dumps(spec), None))

    def png(self, svg: str, scale: float) -> bytes:
        """An SVG picture as PNG, ``scale`` pixels to a unit."""
        return bytes(self._draw(svg, scale))

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _draw(self, picture: str, scale: float | None) -> Any:
        with self._lock:
            # The second try is for a process that ended idle at this moment.
            answer = self._answer(picture, scale) or self._answer(picture, scale)
        if answer is None:
            raise HistoryError("a picture is drawn in a process of its own; it ended twice without one. Try a smaller picture.")
        drawn, error = answer
        if error:
            raise HistoryError(f"a picture is drawn from its own data alone; this one could not be: {error[:200]}")
        return drawn

    def _answer(self, picture: str, scale: float | None) -> tuple[Any, str] | None:
        """The picture and what is wrong with it; None if the process ended, or took too long and was ended."""
        _, connection = self._child = self._child or _start()
        try:
            connection.settimeout(_LONGEST_SECONDS)
            connection.sendall(pickle.dumps((picture, scale)))
            answer: tuple[Any, str] = pickle.load(connection.makefile("rb"))  # noqa: S301 - from our own process
        except (OSError, EOFError, pickle.UnpicklingError):
            self._end()
            return None
        return answer

    def _end(self) -> None:
        if self._child is not None:
            (process, connection), self._child = self._child, None
            connection.close()
            process.kill()
            process.wait()


@functools.cache
def renderer() -> Renderer:
    """The renderer of this process."""
    return Renderer()


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process that draws, and the connection to it."""
    ours, its = socket.socketpair()
    command = [sys.executable, "-m", "snowball_core.charts.renderer", str(its.fileno())]
    root = Path(__file__).resolve().parents[2]
    with its:
        # In a separate process group, which Ctrl-C does not reach; stray prints of libraries go to standard error.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=2, cwd=root, process_group=0, pass_fds=[its.fileno()]
        ), ours


def serve(connection: socket.socket) -> None:
    """Draw what is sent until nothing comes for a while, or the other side has ended."""
    connection.settimeout(_IDLE_SECONDS)
    with contextlib.suppress(OSError, EOFError), connection.makefile("rb") as requests:
        while True:
            connection.sendall(pickle.dumps(_drawn(*pickle.load(requests))))  # noqa: S301 - as above


def _drawn(picture: str, scale: float | None) -> tuple[Any, str]:
    import vl_convert

    try:
        if scale is None:
            return vl_convert.vegalite_to_svg(json.loads(picture), allowed_base_urls=[]), ""
        return vl_convert.svg_to_png(picture, scale=scale), ""
    # The engine has no error class, and appends a trace to its message.
    except (ValueError, RuntimeError) as error:
        return None, str(error).partition("\n")[0] or "it gave no reason"


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
