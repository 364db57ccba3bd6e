"""Random damage to the files of completed, stopped and running runs, and the outcome of every command.

``python -m benchmarks.damage --trials 300 --seed 1`` prints a row per state and file with the number of trials of each outcome:

- *rebuilt or harmless*: every command gives the undamaged answer;
- *named*: a command refuses with a message, says damage beside its answer, or ``verify`` says that the run is not sound;
- *silent*, *traceback*, *sealed*, *changed*: the faults. A number differs and nothing says so; an exception leaves a command; a
  resumed or running run completes with other bits and ``verify`` calls it sound; a refused resume changes a recorded file.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .faults import damage

FAULTS = ("silent", "traceback", "sealed", "changed")
VERBS = (
    ("census",),
    ("census", "--step", "20"),
    ("motion",),
    ("events",),
    ("verdict",),
    ("laws",),
    ("distances", "--step", "20"),
    ("axes", "--of", "0,20"),
)
_SMALL = (
    "--hidden 8 --layers 1 --heads 1 --context 16 --batch 4 --threads 1 --sigma 4e-4 --extra moment_hash,hidden_mean,gradient"
)
_STEPS, _RUNNING_STEPS, _STOPPED_AFTER = 120, 900, 60
_NOT_RECORDED = ("cache", "lock", "status.json", "worker.log", "stop")
_REMARKS = ("damage", "note", "notes", "problems")


@dataclass(frozen=True)
class VerbAnswer:
    """Result of one command: its exit status, its JSON answer without remarks, and whether it reported damage."""

    status: int
    content: Any
    remarked: bool
    text: str


class Escaped(Exception):  # noqa: N818 - an outcome of a trial, not an error of this program
    """An exception that left a command."""


def ask(folder: Path, *words: str) -> VerbAnswer:
    """One command, run in this process, with what it printed.

    Raises
    ------
    Escaped
        If an exception leaves it.
    """
    from snowball_core.cli.main import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*words, "--json", "--runs", str(folder)])
    except BaseException:
        raise Escaped(traceback.format_exc()) from None
    output, complained = (stream.buffer.getvalue().decode() for stream in (out, err))
    if "Traceback" in complained:
        raise Escaped(complained)
    lines = output.strip().splitlines()
    content = json.loads(lines[-1]) if lines and lines[-1][:1] in "{[" else None
    remarked = bool(complained.strip())
    if isinstance(content, dict):
        remarked |= any(content.pop(key, None) for key in _REMARKS)
    return VerbAnswer(status, content, remarked, f"{output[-300:]}\n{complained[-300:]}")


def recorded(path: Path) -> dict[str, str]:
    """SHA-256 of every recorded file of a run by name; of ``metrics.csv`` without its column of seconds."""
    files = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and not name.startswith((*_NOT_RECORDED, ".")):
            content = file.read_bytes()
            if name == "metrics.csv":
                content = b"\n".join(line.rpartition(b",")[0] for line in content.splitlines())
            files[name] = hashlib.sha256(content).hexdigest()
    return files


def recordings(path: Path) -> dict[str, str]:
    """The part of :func:`recorded` that two trainings of one configuration have in common."""
    return {
        name: digest for name, digest in recorded(path).items() if name.endswith((".safetensors", ".csv")) and "/" not in name
    }


class Worlds:
    """The undamaged runs of each state, their answers, and the completed run that a stopped or running one must become."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.completed = self._record("completed", _STEPS)
        self.other = self._record("other", _STEPS, "--seed", "7")
        self.reference = self._record("reference", _RUNNING_STEPS)
        self.stopped = self._stopped()
        self.answers: dict[str, list[VerbAnswer]] = {}
        for path in (self.completed, self.stopped):
            self.answers[path.name] = [ask(path.parent, verb, path.name, *more) for verb, *more in VERBS]

    def _record(self, name: str, steps: int, *more: str) -> Path:
        folder = self.place / name
        answer = ask(folder, "record", *_SMALL.split(), "--steps", str(steps), "--name", "run", *more)
        return folder / str(answer.content["run"])

    def begin(self, folder: Path, after: int) -> tuple[Path, subprocess.Popen[bytes]]:
        """A run being trained in a separate process that has done some steps."""
        words = [*_SMALL.split(), "--steps", str(_RUNNING_STEPS), "--name", "run", "--runs", str(folder)]
        command = [sys.executable, "-m", "snowball_core", "record", *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            metrics = next(iter(folder.glob("*/metrics.csv")), None)
            if metrics and metrics.read_bytes().count(b"\n") > after:
                break
            time.sleep(0.002)
        return next(folder.glob("*/run.json")).parent, process

    def _stopped(self) -> Path:
        path, process = self.begin(self.place / "stopped", _STOPPED_AFTER)
        process.terminate()
        process.wait(120)
        return path


def trial(worlds: Worlds, state: str, rng: random.Random, number: int) -> tuple[str, str, str, str]:
    """One damage: the file, the way, the outcome, and what it is based on."""
    with tempfile.TemporaryDirectory(dir=worlds.place, prefix=f"trial-{number}-") as scratch:
        folder = Path(scratch)
        if state == "running":
            path, process = worlds.begin(folder, rng.randrange(5, 200))
        else:
            source = worlds.completed if state == "completed" else worlds.stopped
            path, process = Path(shutil.copytree(source, folder / source.name)), None
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name not in ("lock", "worker.log")]
        # Caches are many small files: half of what is chosen are recorded ones.
        chosen = [file for file in files if (file.parent.name == "cache") == (rng.random() < 0.25)] or files
        file = rng.choice(chosen)
        name = file.relative_to(path).as_posix()
        kind = f"cache/*{file.suffix}" if file.parent.name == "cache" else name
        other = worlds.other / name
        try:
            way = damage(file, other if other != file else None, rng)
            if process:
                process.wait(120)
            outcome, why = _ended(worlds, path) if process else _outcome(worlds, state, path)
        except Escaped as escaped:
            outcome, why = "traceback", str(escaped)[-600:]
        except FileNotFoundError as error:
            outcome, why, way = "rebuilt or harmless", f"replaced meanwhile: {error}", "gone"
        finally:
            if process and process.poll() is None:
                process.kill()
        return kind, way, outcome, why


def _outcome(worlds: Worlds, state: str, path: Path) -> tuple[str, str]:
    """Outcomes of the commands on a damaged run, and of resume on a stopped one."""
    folder, named, wrong = path.parent, False, ""
    before = recorded(path)
    ask(folder, "list")
    source = worlds.completed if state == "completed" else worlds.stopped
    for (verb, *more), right in zip(VERBS, worlds.answers[source.name], strict=True):
        now = ask(folder, verb, path.name, *more)
        named |= now.remarked or now.status != 0
        if now.status == 0 and now.content != right.content and not now.remarked:
            wrong = f"{verb}: another answer"
    is_sound = ask(folder, "verify", path.name).status == 0
    if recorded(path) != before:
        return "changed", "a command that only reads changed a recorded file"
    if wrong and is_sound:
        return "silent", wrong
    if state == "stopped":
        resumed = ask(folder, "resume", path.name)
        if resumed.status == 0:
            return _ended(worlds, path, named)
        if recorded(path) != before:
            return "changed", f"a refused resume changed {_differing(before, recorded(path))}: {resumed.text}"
        return "named", resumed.text
    return ("named" if named or wrong or not is_sound else "rebuilt or harmless"), ""


def _ended(worlds: Worlds, path: Path, named: bool = False) -> tuple[str, str]:
    """What became of a run that was trained on: the reference's bits, a named fault, or a sealed one."""
    if not (missing := path).exists():
        return "named", "gone"
    verified = ask(missing.parent, "verify", missing.name)
    differing = _differing(recordings(worlds.reference), recordings(missing))
    if differing and verified.status == 0:
        return "sealed", f"{differing} differ, verify says sound"
    if verified.status:
        return "named", verified.text
    return ("named" if named else "rebuilt or harmless"), ""


def _differing(one: dict[str, str], two: dict[str, str]) -> str:
    return ", ".join(sorted(name for name in {*one, *two} if one.get(name) != two.get(name)))


def campaign(
    place: Path, trials: int, seed: int, states: tuple[str, ...] = ("completed", "stopped", "running")
) -> Iterator[tuple[str, ...]]:
    """State, file, way, outcome and reason of every trial; every eighth is of a running run."""
    worlds, rng = Worlds(place), random.Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(trials):
        state = "running" if number % 8 == 7 and "running" in states else ("completed", "stopped")[number % 2]
        yield (state, *trial(worlds, state, rng, number))


def main() -> int:
    """Print the table of a campaign; the exit status is 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as place:
        for number, (state, kind, way, outcome, why) in enumerate(campaign(Path(place), args.trials, args.seed)):
            counts[state, kind][outcome] += 1
            if outcome in FAULTS:
                print(f"trial {number}: {state} {kind}, {way}: {outcome}: {why.strip()[-500:]}", flush=True)
    outcomes = ("rebuilt or harmless", "named", *FAULTS)
    print(f"| state | file | {' | '.join(outcomes)} |\n|---|---|{'---|' * len(outcomes)}")
    for (state, kind), result in sorted(counts.items()):
        print(f"| {state} | {kind} | {' | '.join(str(result[outcome] or '') for outcome in outcomes)} |")
    faults = sum(result[outcome] for result in counts.values() for outcome in FAULTS)
    print(f"\n{args.trials} trials, seed {args.seed}: {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
