"""Charts drawn in a process of its own, which ends when nothing more is asked: its engine never gives memory back."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import HistoryError

_IDLE_SECONDS = 15.0
_LONGEST_SECONDS = 120.0
_TRIES = 2


class Renderer:
    """A process that draws, begun when it is asked and begun anew when it has ended.

    It ends by itself after some idle seconds, and with the process that asks, however that one ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def svg(self, spec: Mapping[str, Any]) -> str:
        """A Vega-Lite description, its data inside it, as SVG.

        Raises
        ------
        HistoryError
            If it cannot be drawn, or asks for data from elsewhere: nothing is fetched.
        """
        return self._ask({"spec": spec})

    def png(self, svg: str, scale: float) -> bytes:
        """An SVG picture as PNG, ``scale`` pixels to a unit.

        Raises
        ------
        HistoryError
            If it cannot be drawn.
        """
        return base64.b64decode(self._ask({"svg": svg, "scale": scale}))

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _ask(self, job: Mapping[str, Any]) -> str:
        line = json.dumps(job).encode() + b"\n"
        with self._lock:
            # The second try is for a process that ended for want of work just as it was asked.
            answer = next((answer for answer in (self._answer(line) for _ in range(_TRIES)) if answer), None)
        if answer is None:
            raise HistoryError("a picture is drawn in a process of its own; it ended twice without one. Try a smaller picture.")
        told = json.loads(answer)
        if "error" in told:
            raise HistoryError(f"a picture is drawn from its own data alone; this one could not be: {told['error'][:200]}")
        return str(told["drawn"])

    def _answer(self, line: bytes) -> bytes:
        child = self._child = self._child or _begin()
        assert child.stdin is not None
        assert child.stdout is not None
        too_long = threading.Timer(_LONGEST_SECONDS, child.kill)
        too_long.start()
        try:
            child.stdin.write(line)
            child.stdin.flush()
            answer = child.stdout.readline()
        except OSError:
            answer = b""
        finally:
            too_long.cancel()
        if not answer.endswith(b"\n"):
            self._end()
            return b""
        return answer

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            # What is left in the pipe to a process that has ended cannot be sent.
            with contextlib.suppress(OSError):
                child.communicate()


@functools.cache
def renderer() -> Renderer:
    """The renderer of this process."""
    return Renderer()


def _begin() -> subprocess.Popen[bytes]:
    # In a group of its own: Ctrl-C is for the process that asked, and this one ends when nobody can ask any more.
    return subprocess.Popen(
        [sys.executable, "-m", "snowball_core.charts.renderer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        process_group=0,
    )


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Draw what is asked, a line of JSON a picture, until no one asks."""
    idle = _idle()
    for line in asked:
        idle.cancel()
        answers.write(json.dumps(_drawn(json.loads(line))).encode() + b"\n")
        answers.flush()
        idle = _idle()
    idle.cancel()


def _idle() -> threading.Timer:
    """Ends the process when it has waited long enough; reading a line cannot be given up otherwise."""
    timer = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer


def _drawn(job: Mapping[str, Any]) -> dict[str, str]:
    import vl_convert

    try:
        if "spec" in job:
            return {"drawn": vl_convert.vegalite_to_svg(job["spec"], allowed_base_urls=[])}
        return {"drawn": base64.b64encode(vl_convert.svg_to_png(job["svg"], scale=job["scale"])).decode()}
    # The engine has no error of its own kind: what it raises is the answer, without the trace it appends.
    except (ValueError, RuntimeError) as error:
        return {"error": str(error).partition("\n")[0]}


def main() -> None:
    """Answer whoever began this process; what a library prints meanwhile goes where errors go."""
    # Whoever asked may end, or be cancelled, while a picture is drawn.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
