"""The verbs that check: verify a run, predict what can move, time the program."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RunError
from .common import PRESET, configuration, field_options, folder, plain, read_named, say
from .parser import RUN, Answer, option, switch, verb, whole
from .terminal import ReaderLeft, flush, write

if TYPE_CHECKING:
    from ..training.verification import Verification


@verb("verify", RUN, switch("--replay", "train again and compare every recorded bit"))
def verify(run: str, replay: bool) -> Answer:
    """Check a run against its configuration and its hashes; with --replay also train it again."""
    recorded = read_named(run)
    from ..training import verification

    result = verification.replay(recorded, folder()) if replay else verification.verify_hashes(recorded)
    answer: Answer = {"run": recorded.id, "sound": result.is_sound, **asdict(result)}
    if result.is_sound:
        _say_result(result)
        return answer
    # A reader that leaves ends a command with 0; a run that is not sound must not end so.
    with contextlib.suppress(ReaderLeft):
        _say_result(result)
        if click.get_current_context().meta["json"]:
            write(json.dumps(answer) + "\n", sys.stdout)
    raise RunError(f'the run "{recorded.id}" is not what it says it is: {_first_fault(result)}')


def _say_result(found: Verification) -> None:
    for name, state in found.files.items():
        say(f"{name:32}{state}")
    for problem in found.problems:
        say(f"problem: {problem}")
    if found.first_difference is not None:
        say(f"replay: {found.what_differs} differs first at step {found.first_difference:,}")
    elif found.replayed is not None:
        say(f"replay: {found.replayed:,} snapshots and {found.rows:,} rows of numbers trained again, no bit differs")


def _first_fault(found: Verification) -> str:
    from ..store.integrity.full_check import SOUND

    if found.first_difference is not None:
        return f"trained again, {found.what_differs} differs first at step {found.first_difference:,}."
    others = len(found.problems) - 1
    more = f" (And {others:,} more {'problem' if others == 1 else 'problems'}.)" if others > 0 else ""
    if found.problems:
        return f"{found.problems[0]}{more}"
    return "; ".join(f"{name} {state}" for name, state in found.files.items() if state not in SOUND) + "."


@verb("mobility", PRESET, *field_options())
def mobility(preset: str, **fields: str | None) -> Answer:
    """What can move: updates, decay and moments against the lattice, before training."""
    config = configuration(preset, fields)
    from ..measures.mobility import mobility, sentences
    from ..store.corpus import load_corpus
    from ..store.run_folder import corpora_folder
    from ..training.trainer import Training

    corpus = load_corpus(config.corpus, config.corpus_errors, corpora_folder(folder()))
    result = mobility(config, Training(config, corpus).snapshot().words)
    for sentence in sentences(result, config):
        say(sentence)
    return {**plain(asdict(result)), "sentences": sentences(result, config)}


@verb(
    "bench",
    option("--rounds", "counted rounds of each timing", type=whole, default="60"),
    option("--longer", "recorded steps of the memory row", type=whole, default="20000"),
)
def bench(rounds: int, longer: int) -> Answer:
    """The benchmark table of the README."""
    if rounds < 1 or longer < 1_001:
        raise RunError(f"rounds must be at least 1 and longer at least 1,001; got {rounds:,} and {longer:,}.")
    root = Path(__file__).resolve().parents[2]
    words = [str(folder().resolve()), str(rounds), str(longer)]
    machine, rows = "", []
    with subprocess.Popen([sys.executable, "-m", "benchmarks", *words], cwd=root, stdout=subprocess.PIPE, text=True) as timing:
        assert timing.stdout is not None
        try:
            for row in map(json.loads, timing.stdout):
                if "error" in row:
                    raise RunError(row["error"])
                if "machine" in row:
                    machine = row["machine"]
                    say(f"on {machine}\n\n| what | value | budget | |\n|---|---|---|---|")
                    continue
                verdict = "" if row["holds"] is None else "holds" if row["holds"] else "missed"
                say(f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row['budget']} | {verdict} |")
                flush()
                rows.append(row)
        except BaseException:
            timing.terminate()
            raise
    if timing.returncode:
        raise RuntimeError("the benchmark did not end well: see above")
    return {"machine": machine, "rows": rows}
