"""Runs killed with SIGKILL again and again while they train, resumed each time, and compared with one that never was.

``python -m benchmarks.kills --runs 10 --kills 3`` prints a row per run: the steps at which it was killed, and whether every
recording and ``metrics.csv`` (without its seconds) came out with the bytes of the uninterrupted run.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .damage import Worlds, ask, recordings


def killed(command: list[str], metrics: Path, seconds: float) -> int | None:
    """Rows of ``metrics.csv`` when a command was killed, some seconds after it began to train; None if it had ended."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = metrics.stat().st_mtime_ns
    while process.poll() is None and metrics.stat().st_mtime_ns == before:
        time.sleep(0.002)
    time.sleep(seconds)
    if process.poll() is not None:
        return None
    process.kill()
    process.wait()
    return metrics.read_bytes().count(b"\n") - 1


def main() -> int:
    """Print the table; the exit status is 1 if a byte differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=3, help="of each run")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng, differing = random.Random(args.seed), 0  # noqa: S311 - repeatable, not secret
    with tempfile.TemporaryDirectory() as place:
        worlds = Worlds(Path(place))
        right = recordings(worlds.reference)
        print("| run | killed after steps | verify | bytes |\n|---|---|---|---|")
        for number in range(args.runs):
            path, process = worlds.begin(Path(place) / f"killed-{number}", rng.randrange(1, 300))
            process.kill()
            process.wait()
            at: list[int | None] = [(path / "metrics.csv").read_bytes().count(b"\n") - 1]
            command = [sys.executable, "-m", "snowball_core", "resume", path.name, "--runs", str(path.parent)]
            at += [killed(command, path / "metrics.csv", rng.random() * 0.8) for _ in range(args.kills - 1)]
            if ask(path.parent, "list").content["runs"][0]["state"] != "completed":
                ask(path.parent, "resume", path.name)
            is_sound = ask(path.parent, "verify", path.name).status == 0
            is_same = recordings(path) == right
            differing += not (is_sound and is_same)
            steps = ", ".join("ended" if step is None else str(step) for step in at)
            print(
                f"| {number} | {steps} | {'sound' if is_sound else 'not sound'} | {'equal' if is_same else 'DIFFER'} |",
                flush=True,
            )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
