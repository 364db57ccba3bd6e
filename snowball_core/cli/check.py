"""Commands that prove: verify a run, say what can move, time the instrument."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunError
from .common import Answer, add_fields, configuration, folder_of, found_run, plain, say, whole
from .terminal import ReaderLeft, flush, write

if TYPE_CHECKING:
    from ..training.verification import Verification


def add_proof_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verbs ``verify``, ``mobility`` and ``bench``."""
    checker = verb(
        "verify",
        _verify,
        "check a run against its configuration and its hashes; with --replay also train it again",
    )
    checker.add_argument("run", metavar="RUN")
    checker.add_argument("--replay", action="store_true", help="train again and compare every recorded bit")
    add_fields(verb("mobility", _mobility, "what can move: updates, decay and moments against the lattice, before training"))
    timer = verb("bench", _bench, "the benchmark table of the README")
    timer.add_argument("--rounds", type=whole, default=60, help="counted rounds of each timing")
    timer.add_argument("--longer", type=whole, default=20_000, help="recorded steps of the memory row")


def _verify(asked: argparse.Namespace) -> Answer:
    run = found_run(asked)
    from ..training.verification import replay, verify_hashes

    found = replay(run, folder_of(asked)) if asked.replay else verify_hashes(run)
    answer: dict[str, Any] = {"run": run.id, "sound": found.is_sound, **asdict(found)}
    if found.is_sound:
        _say_found(asked, found)
        return answer
    # A reader that leaves ends a command with 0; a run that is not sound must not end so.
    with contextlib.suppress(ReaderLeft):
        _say_found(asked, found)
        if asked.json:
            write(json.dumps(answer) + "\n", sys.stdout)
    raise RunError(f'the run "{run.id}" is not what it says it is: {_first_fault(found)}')


def _say_found(asked: argparse.Namespace, found: Verification) -> None:
    for name, state in found.files.items():
        say(asked, f"{name:32}{state}")
    for problem in found.problems:
        say(asked, f"problem: {problem}")
    if found.first_difference is not None:
        say(asked, f"replay: {found.what_differs} differs first at step {found.first_difference:,}")
    elif found.replayed is not None:
        say(asked, f"replay: {found.replayed:,} snapshots and {found.rows:,} rows of numbers trained again, no bit differs")


def _first_fault(found: Verification) -> str:
    """What is wrong, in one sentence."""
    from ..store.integrity.full_check import SOUND

    if found.first_difference is not None:
        return f"trained again, {found.what_differs} differs first at step {found.first_difference:,}."
    others = len(found.problems) - 1
    more = f" (And {others:,} more {'problem' if others == 1 else 'problems'}.)" if others > 0 else ""
    if found.problems:
        return f"{found.problems[0]}{more}"
    return "; ".join(f"{name} {state}" for name, state in found.files.items() if state not in SOUND) + "."


def _mobility(asked: argparse.Namespace) -> Answer:
    config = configuration(asked)
    from ..measures.mobility import mobility, sentences
    from ..store.corpus import load_corpus
    from ..store.run_folder import corpora_folder
    from ..training.trainer import Training

    corpus = load_corpus(config.corpus, config.corpus_errors, corpora_folder(folder_of(asked)))
    found = mobility(config, Training(config, corpus).snapshot().words)
    for sentence in sentences(found, config):
        say(asked, sentence)
    return {**plain(asdict(found)), "sentences": sentences(found, config)}


def _bench(asked: argparse.Namespace) -> Answer:
    if asked.rounds < 1 or asked.longer < 1_001:
        raise RunError(f"rounds must be at least 1 and longer at least 1,001; got {asked.rounds:,} and {asked.longer:,}.")
    root = Path(__file__).resolve().parents[2]
    words = [str(folder_of(asked).resolve()), str(asked.rounds), str(asked.longer)]
    machine, rows = "", []
    with subprocess.Popen([sys.executable, "-m", "benchmarks", *words], cwd=root, stdout=subprocess.PIPE, text=True) as timing:
        assert timing.stdout is not None
        try:
            for row in map(json.loads, timing.stdout):
                if "error" in row:
                    raise RunError(row["error"])
                if "machine" in row:
                    machine = row["machine"]
                    say(asked, f"on {machine}\n\n| what | value | budget | |\n|---|---|---|---|")
                    continue
                verdict = "" if row["holds"] is None else "holds" if row["holds"] else "missed"
                say(asked, f"| {row['what']} | {row['value']:.3g} {row['unit']} | {row['budget']} | {verdict} |")
                flush()
                rows.append(row)
        except BaseException:
            timing.terminate()
            raise
    if timing.returncode:
        raise RuntimeError("the benchmark did not end well: see above")
    return {"machine": machine, "rows": rows}
