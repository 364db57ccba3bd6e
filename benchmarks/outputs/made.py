"""The library of runs that the outputs of two versions are compared on: ``python -m benchmarks.outputs.made DIR``.

It is made once, with the older version, and opened with both: ``DIR/runs`` is the library, ``DIR/packed`` holds a zip.

- the shipped run, a copy;
- *everything*: 60 steps with every extra recording, in which holes merge;
- *jiggled*: noise parts holes at every step; weights in float32;
- *diverged*: a rate so high that the loss stops being finite, and the run fails;
- *forked*: from a snapshot of *everything*;
- *whole*, *stopped* and *killed*: one configuration trained to its end, stopped half-way, and killed behind its checkpoint.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..served import ROOT

TEXT = "words.txt"
_SENTENCE = "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND EVERY DEAD TOKEN STAYS WHERE IT FELL"
SMALL = "--vocab 96 --hidden 8 --layers 1 --heads 2 --context 16 --batch 4 --threads 1 --device cpu"
_EXTRAS = "moment_hash,hidden_mean,dead_probability,gradient_laws,gradient,exp_avg,exp_avg_sq"
_RECORDED = {
    "everything": f"--steps 60 --sigma 4e-4 --precision pure-bf16 --extra {_EXTRAS}",
    "jiggled": "--steps 60 --sigma 4e-4 --jiggle-sigma 1e-4 --precision f32 --extra moment_hash",
}
_DIVERGING = "--steps 40 --sigma 4e-4 --optimizer sgd --learning-rate 50 --clip 0 --extra hidden_mean"
_LONG = "--steps 3000 --sigma 4e-4 --precision pure-bf16 --extra moment_hash,gradient --record every-2"
_READ = ("census", "motion", "events", "laws", "verdict", "distances", "axes")


def write_text(library: Path) -> Path:
    """The text that the small runs are trained on: 900 words in capital letters, of the same bytes on every machine."""
    rng = random.Random(7)  # noqa: S311 - repeatable, not secret
    file = library / "corpora" / TEXT
    file.parent.mkdir(parents=True, exist_ok=True)
    words = _SENTENCE.split()
    file.write_text(" ".join(rng.choice(words) for _ in range(900)) + ".\n")
    return file


def command(library: Path, *words: str) -> list[str]:
    """A command of the program on a library."""
    return [sys.executable, "-m", "snowball_core", *words, "--runs", str(library)]


def _ask(library: Path, *words: str, status: int = 0) -> dict[str, Any]:
    """The answer of a command; empty where it is refused, as expected with ``status`` 2."""
    done = subprocess.run(command(library, *words, "--json"), cwd=ROOT, capture_output=True, text=True)
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(words)} ended with status {done.returncode}: {done.stderr}")
    return {} if status else dict(json.loads(done.stdout.splitlines()[-1]))


def _small(name: str, fields: str) -> list[str]:
    return ["record", "--preset", "corrected", "--name", name, "--corpus", TEXT, *SMALL.split(), *fields.split()]


def run_named(library: Path, name: str) -> str:
    """The id of the run that was recorded under a name."""
    return next(library.glob(f"*-{name}")).name


def _interrupted(library: Path, words: list[str], name: str, rows: int, kill: bool) -> None:
    """Start or continue a run, and end it when it has so many rows: by a stop request, or killed."""
    process = subprocess.Popen(command(library, *words), cwd=ROOT, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < until:
        metrics = next(iter(library.glob(f"*-{name}/metrics.csv")), None)
        if metrics and metrics.read_bytes().count(b"\n") > rows:
            break
        time.sleep(0.002)
    if kill:
        process.kill()
    else:
        _ask(library, "stop", run_named(library, name))
    process.wait(120)


def make(place: Path) -> None:
    """Write the library and the zip into an empty folder."""
    library = place / "runs"
    write_text(library)
    for shipped in (ROOT / "runs").glob("*-primordial-snowball"):
        shutil.copytree(shipped, library / shipped.name, ignore=shutil.ignore_patterns("cache", "lock"))
    for name, fields in _RECORDED.items():
        _ask(library, *_small(name, fields))
    _ask(library, *_small("diverged", _DIVERGING), status=2)
    everything = run_named(library, "everything")
    _ask(library, "fork", everything, "--step", "30", "--steps", "40", "--name", "forked", "--extra", "moment_hash")
    _ask(library, "annotate", everything, "--label", "Every recording", "--note", "Two\nlines", "--tags", "keep,small")
    _ask(library, *_small("whole", _LONG))
    _interrupted(library, _small("stopped", _LONG), "stopped", 500, kill=False)
    _interrupted(library, _small("killed", _LONG), "killed", 500, kill=False)
    _interrupted(library, ["resume", run_named(library, "killed")], "killed", 1_200, kill=True)
    _ask(library, "export", everything, "--to", str(place / "packed"), "--only", "parcel")
    # Their caches, as this version writes them.
    for run in [path.name for path in library.iterdir() if (path / "run.json").exists()]:
        for verb in _READ:
            _ask(library, verb, run)
    for row in _ask(library, "list")["runs"]:
        sys.stdout.write(f"{row['run']}: {row['state']} after {row['step']:,} of {row['last_step']:,} steps\n")


if __name__ == "__main__":
    target = Path(os.path.realpath(sys.argv[1]))
    if target.exists() and any(target.iterdir()):
        sys.exit(f'the runs are made in an empty folder; "{target}" is not. Name another.')
    make(target)
