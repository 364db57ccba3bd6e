"""The command lines whose outputs are recorded: every verb that reads, with every flag, of every run and of foreign files.

A command runs in an empty folder, two below the scratch folder: ``../../runs`` is the library, and the files it
writes are those that it leaves there. ``{run}`` and what is like it are put in by :class:`Subject`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..served import ROOT

Words = tuple[str, ...]
PROGRAM = "snowball_core"
LEFT_OUT = {
    "bench": "prints timings: only its help and a refusal are recorded",
    "stop": "of a run under way: when it ends is measured; that a run which has ended is asked to stop is recorded",
    "corpus": "needs a book that is downloaded: only its refusals are recorded",
    "record, fork, resume": "some of the flags of a configuration's fields stand for all of them",
    "verify --replay": "of runs of more than 100 steps: takes too long",
}
# The flags of a configuration's fields are made from one list: a few are enough.
_FIELDS = ("record", "fork", "mobility")
_EXCUSED = {("bench", "--rounds"), ("bench", "--longer")}

ONE_RUN = """
census {run}
census {run} --step {early} --group all,dead,live --holes holes.csv --levels levels.csv
census {run} --step {last} --group dead --csv census.csv
census {run} --group dead --csv census.csv
distances {run} --csv extents.csv --dimensions dimensions.csv
distances {run} --group live --step {early} --csv distances.csv --closeness closeness.csv --dimensions dimensions.csv
distances {run} --step {early}
distances {run} --step {last} --group all
axes {run}
axes {run} --group all --of {early} --csv axes.csv
axes {run} --group live --of {early},{last} --step {early}
axes {run} --step {last} --csv places.csv
events {run} --csv events.csv --biographies biographies.csv --nodes nodes.csv --edges edges.csv --ytree tree.csv
events {run}
events {run} --group all
events {run} --group live --csv events.csv --nodes nodes.csv
events {run} --group all --token 0
events {run} --group all --token 13 --csv stays.csv
motion {run} --csv motion.csv --tokens tokens.csv --freezing freezing.csv --displacements displacements.csv
motion {run} --group all,dead
verdict {run}
verdict {run} --group all --csv verdict.csv
laws {run}
laws {run} --csv laws.csv
"""
RECORDED_RUN = """
verify {run}
annotate {run}
"""
IN_SHORT = """
census {run} --json
events {run} --group all
motion {run} --json
verdict {run}
laws {run}
verify {run}
export {run} --to export --only methods,report,parcel
"""
EXPORTS = """
export {run} --to export --only all --step {early} --group {known} --unit cells --first {early} --last {last}
export {run} --to export --only all --step {last} --group all --unit weight
export {run} --to export --only tables,pictures,report,projector --step {early} --group all --unit cells --force
export {run} --to export --only tables,pictures,report,projector --step {last} --group {known} --unit weight
export {run} --to export --only pictures,report --step {early} --group {known} --unit weight
export {run} --to export --only pictures,report --step {last} --group all --unit cells
export {run} --to export --only methods.tex,tables/census.csv,pictures/counts.svg --json
"""
FOREIGN = """
census {run} --key embedding_history --corpus ../../runs/corpora/words.txt
verdict {run} --corpus ../../runs/corpora/words.txt --group dead
events {run} --dead 0-9,11 --group dead
events {run} --dead 0-9,11 --key embedding_history --corpus ../../runs/corpora/words.txt
motion {run} --dead 0-9,11 --key embedding_history
verdict {run} --key embedding_history --dead 0-9,11
laws {run} --key embedding_history --dead 0-9,11
laws {run} --corpus ../../runs/corpora/words.txt
motion {run} --corpus ../../runs/corpora/words.txt
distances {run} --corpus ../../runs/corpora/words.txt --key embedding_history
distances {run} --dead 0-9,11 --step {early}
axes {run} --dead 0-9,11 --key embedding_history
axes {run} --corpus ../../runs/corpora/words.txt
export {run} --to export --only all --dead 0-9,11 --group dead --step {early} --key embedding_history
export {run} --to export --corpus ../../runs/corpora/words.txt
"""
_LIBRARY = """
list
list --group all
list --group live --tag keep
list --tag nothing
trashed
presets
mobility
mobility --preset primordial-snowball --corpus words.txt --vocab 96 --hidden 8 --heads 2 --learning-rate 3e-4 --seed 7
mobility --preset jiggle --corpus words.txt --precision f32 --hidden 8 --heads 2 --optimizer sgd --extra hidden_mean
"""
_SEVERAL = """
differences {all}
compare {all}
compare {runs} --align event --event first-merger --csv overlay.csv
compare {runs} --align event --event last-change --group all
compare {runs} --align rates --measure unique,largest,singletons --group live
"""
WRONG = """
census nowhere
census nowhere.safetensors
census ../../runs
census ../../wrong.safetensors
census ../../runs/corpora/words.txt
census {run} --step 999999
census {run} --step x
census {run} --step 1e3
census {run} --group undead
census {run} --holes holes.csv
census {run} --csv ../../runs/census.csv
census {run} --csv nowhere/census.csv
census {run} --csv same.csv --holes same.csv --step 0
census {run}/history.safetensors
census ../../history.safetensors --key nothing
census ../../history.safetensors --dead 0-999
census ../../history.safetensors --group dead
census ../../history.safetensors --corpus nowhere.txt
distances {run} --group all,dead --step 0
axes {run} --of 0,1,2
axes {run} --of -3
events {run} --token 999
events {run} --group all,dead
verdict {run} --group all,dead
compare {run}
compare {run} {run}
compare {run} nowhere
compare {run} {run} --align sideways
compare {run} ../../history.safetensors --measure beauty
compare {run} ../../history.safetensors --align event --event birth
compare {run} ../../history.safetensors --group dead
differences {run} nowhere
verify nowhere
verify ../../history.safetensors
list --group undead
annotate nowhere --label x
export {run} --to ../../runs/inside
export {run} --to export --only everything
export {run} --to export --only tables/nothing.csv
export {run} --to export --only ,
export {run} --to export --unit miles
export {run} --to export --step 999999
export {run} --to export --first 5 --last 3
export {run}
import nowhere.zip
import ../../runs/corpora/words.txt
import ../../runs --json
resume {run}
resume nowhere
stop nowhere --json
trash nowhere
restore nowhere
fork nowhere
fork {run} --step 999999
fork {run} --until 1
fork {run} --step {early} --vocab 97
record --preset nothing
record --vocab 0 --hidden 7 --heads 3 --sigma -1 --optimizer lion --extra beauty --record sometimes
record --corpus nowhere.txt
record --until 20 --steps 10
mobility --preset nothing
mobility --learning-rate fast
corpus gatsby --from ../../runs/corpora/words.txt
corpus gatsby --from nowhere.txt
corpus hamlet --json
bench --rounds 0 --json
sing
census
census {run} --loud

--version
"""


@dataclass(frozen=True)
class Command:
    """A command line: its words, and the module that ``python -m`` runs."""

    words: Words
    module: str = PROGRAM

    @property
    def name(self) -> str:
        """What its outputs are called in the list."""
        return " ".join([*([] if self.module == PROGRAM else [self.module.rpartition(".")[2]]), *self.words])

    def run(self, folder: Path, **more: str) -> dict[str, bytes]:
        """Exit status, output, and the files it wrote, by name; run in a new folder."""
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", self.module, *self.words]
        done = subprocess.run(command, cwd=folder, env=environment(folder.parent.parent) | more, capture_output=True)
        streams = {"status": str(done.returncode).encode(), "stdout": done.stdout, "stderr": done.stderr}
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        return {name: content for name, content in streams.items() if content} | files


def environment(place: Path) -> dict[str, str]:
    """The variables of a command: no settings of Snowball, texts 100 columns wide, modules of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNOWBALL_")}
    return kept | {"SNOWBALL_RUNS": str(place / "runs"), "COLUMNS": "100", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Subject:
    """A run or a foreign file that commands are about.

    Attributes
    ----------
    word : str
        What it is called on a command line.
    early, last : int
        Recorded steps: one after a sixteenth of the snapshots, and the last.
    known : str
        The group of the dead, or all where they are not known.
    """

    word: str
    early: int
    last: int
    known: str

    def commands(self, templates: str) -> Iterator[Command]:
        """The commands of some templates."""
        facts = {"run": self.word, "early": self.early, "last": self.last, "known": self.known}
        for line in templates.strip("\n").split("\n"):
            yield Command(tuple(line.format(**facts).split()))

    def modules(self, *names: str) -> Iterator[Command]:
        """The modules beside this one that are run on a run at its two steps."""
        for name in names:
            yield Command((self.word, str(self.early), str(self.last)), f"{__package__}.{name}")


def of_several(runs: Sequence[str], every: Sequence[str]) -> Iterator[Command]:
    """The commands about the library, about some of its runs and about all of them."""
    for line in (*_LIBRARY.strip().split("\n"), *_SEVERAL.strip().split("\n")):
        yield Command(tuple(line.format(**{"runs": " ".join(runs), "all": " ".join(every)}).split()))


def with_json(plain: Iterable[Command]) -> Iterator[Command]:
    """Commands, each as it is and with ``--json``; the answer of an export is in its index, so that it is not made twice."""
    for each in plain:
        yield each
        if each.words[0] != "export":
            yield Command((*each.words, "--json"))


def helps(place: Path) -> tuple[list[Command], dict[str, set[str]]]:
    """The help of the program and of every verb, and the flags of each verb."""
    first = Command(("--help",))
    text = first.run(place / "help" / "0")["stdout"].decode()
    verbs = re.findall(r"^  ([a-z][a-z-]*)(?: |$)", text, re.MULTILINE)
    flags = {}
    for number, verb in enumerate(verbs, 1):
        result = Command((verb, "--help")).run(place / "help" / str(number))["stdout"].decode()
        flags[verb] = set(re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", result, re.MULTILINE)) - {"--help", "--runs"}
    return [first, *(Command((verb, "--help")) for verb in verbs)], flags


def missed(flags: dict[str, set[str]], commands: Iterable[Words]) -> list[str]:
    """The verbs and flags that the program has and no command of ours uses."""
    used: dict[str, set[str]] = {}
    for words in commands:
        if words:
            used.setdefault(words[0], set()).update(words)
    verbs = [verb for verb in flags if verb not in used]
    lacking = {(verb, flag) for verb in flags if verb not in _FIELDS for flag in flags[verb] - used.get(verb, set())}
    return verbs + [" ".join(each) for each in sorted(lacking - _EXCUSED)]
