"""The app, started as the README starts it, and watched from outside."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LONGEST_SECONDS = 90.0


@dataclass(frozen=True)
class Served:
    """A server of the app.

    Attributes
    ----------
    address : str
    pid : int
    began : float
        When its process was started, on the clock of ``time.perf_counter``.
    """

    address: str
    pid: int
    began: float

    def resident_megabytes(self) -> float:
        """Memory of the server that is in use now (the shared pages of mapped files among it), in megabytes; Linux only."""
        return self._status("VmRSS")

    def peak_megabytes(self) -> float:
        """The most of it that was in use at any time, in megabytes; Linux only."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1_024 / 1e6 for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def served(library: Path, root: Path = ROOT) -> Iterator[Served]:
    """The app on a folder of runs, from a fresh process that answers; another ``app.py`` where ``root`` is another folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    environment = {**os.environ, "SNOWBALL_RUNS": str(library)}
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process)
            yield Served(address, process.pid, began)
        finally:
            process.terminate()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):  # noqa: S310
            return
        time.sleep(0.02)
    raise RuntimeError("the app did not start")
