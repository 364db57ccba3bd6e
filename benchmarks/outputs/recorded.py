"""The outputs of this checkout: every command is run on copies of some runs, and what comes out is hashed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .changes import CHANGED, changed, sequence
from .commands import (
    EXPORTS,
    FOREIGN,
    IN_SHORT,
    ONE_RUN,
    PROGRAM,
    RECORDED_RUN,
    WRONG,
    Command,
    Subject,
    Words,
    helps,
    missed,
    of_several,
    with_json,
)
from .normalised import kinds, normalised

_SHORT = 100  # steps of a run that is trained again
_NAN = b"\xc0\x7f"  # in bfloat16, as in a file
DIVERGED = "diverged.safetensors"


def copied(source: Path, library: Path, runs: Sequence[str], with_caches: bool) -> None:
    """Copy runs and texts of a library; without what was derived from them, unless requested."""
    derived = () if with_caches else ("cache",)
    for name in (*runs, "corpora"):
        if (source / name).exists():
            shutil.copytree(source / name, library / name, ignore=shutil.ignore_patterns("lock", *derived))


def answer(place: Path, *words: str) -> dict[str, Any]:
    """The answer of a command that later commands depend on."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        contents = Command((*words, "--json")).run(Path(folder) / "asked")
    if contents["status"] != b"0":
        raise RuntimeError(f"{' '.join(words)} was refused: {contents['stderr'].decode()}")
    return dict(json.loads(contents["stdout"].splitlines()[-1]))


def subject(place: Path, word: str) -> Subject:
    """A run or file as named in commands, with some of its recorded steps."""
    rows = answer(place, "census", word)["rows"]
    steps = sorted({row["step"] for row in rows})
    known = "dead" if any(row["group"] == "dead" for row in rows) else "all"
    return Subject(word, steps[len(steps) // 16], steps[-1], known)


def foreign_files(place: Path, run: str) -> list[str]:
    """Histories that no run belongs to, one as it was recorded, one with a NaN at its end; and a file that is none."""
    content = (place / "runs" / run / "history.safetensors").read_bytes()
    (place / "history.safetensors").write_bytes(content)
    (place / DIVERGED).write_bytes(content[: -len(_NAN)] + _NAN)
    (place / "wrong.safetensors").write_bytes(content[:5])
    return ["../../history.safetensors", f"../../{DIVERGED}"]


class OutputList:
    """The outputs of this checkout, as hashes.

    Attributes
    ----------
    counts : Counter
        In how many outputs each kind of difference was normalised.
    hashes : dict of str to str
        Output → SHA-256.
    kinds : tuple of Kind
    """

    def __init__(self, place: Path, keep: Path | None) -> None:
        self.counts: Counter[str] = Counter()
        self.hashes: dict[str, str] = {}
        self.kinds = kinds(place)
        self._place, self._keep = place, keep

    def take(self, outputs: Mapping[str, bytes]) -> None:
        """Take outputs in, by name."""
        for name, content in outputs.items():
            called, same, counts = normalised(name, content, self.kinds)
            digest = hashlib.sha256(same).hexdigest()
            if self._keep:
                (self._keep / digest).write_bytes(same)
            self.hashes[called] = digest
            self.counts.update(counts)

    def make(self, source: Path, runs: Sequence[str], with_caches: bool, only: str = "") -> None:
        """Run everything on copies of a library, about some of its runs in full and about the others in short.

        ``only`` is a regular expression for the names of the commands to run.
        """
        names = sorted(path.parent.name for path in source.glob("*/run.json"))
        copied(source, self._place / "runs", names, with_caches)
        copied(source, self._place / "changed" / "runs", names, with_caches)
        commands, words = self._asked(source, runs)
        commands = [each for each in commands if re.search(only, each.name)]
        words = words if re.search(only, CHANGED) else []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            one_by_one = pool.submit(lambda: dict(changed(self._place / "changed", words) if words else ()))
            for contents in pool.map(self._outputs, commands, range(len(commands))):
                self.take(contents)
            self.take(one_by_one.result())

    def _outputs(self, command: Command, number: int) -> dict[str, bytes]:
        folder = self._place / "out" / str(number)
        contents = command.run(folder)
        shutil.rmtree(folder)
        if command.module != PROGRAM and contents["status"] != b"0":
            raise RuntimeError(f"{command.name} failed: {contents.get('stderr', b'').decode()}")
        return {f"{command.name} → {name}": content for name, content in contents.items()}

    def _asked(self, source: Path, runs: Sequence[str]) -> tuple[list[Command], list[Words]]:
        """Every command, the slow ones first, and the words of those that change the library one after the other."""
        place, states = self._place, {row["run"]: row["state"] for row in answer(self._place, "list")["runs"]}
        recorded = {run: subject(place, run) for run in states}
        completed = [run for run in runs if states[run] == "completed"]
        least = min(completed, key=lambda run: (place / "runs" / run / "history.safetensors").stat().st_size)
        plain = [*full([recorded[run] for run in runs]), *of_several(runs, list(states))]
        plain += [each for file in foreign_files(place, least) for each in subject(place, file).commands(FOREIGN)]
        plain += subject(place, f"../../{DIVERGED}").commands(ONE_RUN)
        plain += [Command(("verify", run, "--replay")) for run in completed if recorded[run].last <= _SHORT]
        others = [each for run in states if run not in runs for each in recorded[run].commands(IN_SHORT)]
        helped, flags = helps(place)
        beside = [each for run in runs for each in recorded[run].modules("pages", "notebook")]
        commands = [*beside, *with_json(plain), *others, *recorded[least].commands(WRONG), *helped]
        packed = [Path(shutil.copy(file, place / "changed")) for file in sorted((source.parent / "packed").glob("*.zip"))]
        words = sequence(recorded[least], [run for run in states if states[run] in ("stopped", "interrupted")], packed)
        if lacking := missed(flags, [*(each.words for each in commands if each.module == PROGRAM), *words]):
            raise RuntimeError(f"every verb and flag must be asked for by a command; none asks for {', '.join(lacking)}.")
        return list(dict.fromkeys(commands)), words


def full(runs: Sequence[Subject]) -> Iterator[Command]:
    """The commands about each of some runs; exports, which take longest, come first."""
    for part in (EXPORTS, ONE_RUN, RECORDED_RUN):
        for run in runs:
            yield from run.commands(part)
