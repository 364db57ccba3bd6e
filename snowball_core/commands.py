"""What each command does; the frameworks are imported only by the commands that train."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .answers import Answer, add_fields, configuration, folder_of, given_fields, opened, say, with_damage
from .compare_command import add_compare_verb
from .config import PRESETS
from .errors import ConfigError, RunError, SnowballError
from .export_commands import add_export_verbs
from .geometry_commands import add_geometry_verbs
from .measure_commands import add_measure_verbs
from .proof_commands import add_proof_verbs
from .shelf_commands import add_shelf_verbs


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are the user's to mend: one line, status 2."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f'{message}. "python -m snowball_core --help" lists the commands and their options.'])


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; a run's flags are made from the fields of its configuration."""
    top = _Parser(prog="python -m snowball_core", description="Snowball: record and measure embedding matrices.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, action: Callable[[argparse.Namespace], Answer], help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.add_argument("--runs", metavar="DIR", help="the runs folder (default: SNOWBALL_RUNS or ./runs)")
        added.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        added.set_defaults(action=action)
        return added

    verb("presets", _presets, "names and one-line descriptions of the presets")
    recorder = verb("record", _record, "train a new run here, with a progress line")
    add_fields(recorder)
    forker = verb("fork", _fork, "train a new run on from a run's checkpoint, or from one of its snapshots with --step")
    forker.add_argument("run", metavar="RUN")
    forker.add_argument("--step", type=int, help="fork from the matrix recorded at this step: everything else begins anew")
    add_fields(forker, preset=False)
    verb("resume", _resume, "continue a stopped or interrupted run").add_argument("run", metavar="RUN")
    verb("stop", _stop, "ask a running run to stop and keep what it has").add_argument("run", metavar="RUN")
    add_shelf_verbs(verb)
    add_measure_verbs(verb)
    add_geometry_verbs(verb)
    add_compare_verb(verb)
    add_proof_verbs(verb)
    add_export_verbs(verb)
    builder = verb("corpus", _corpus, "build the seed's corpus from the raw book")
    builder.add_argument("name", choices=["gatsby"])
    builder.add_argument("--from", dest="source", metavar="FILE", help="the raw book; without it, it is downloaded")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 2 with one message on standard error for what the user can mend."""
    try:
        asked = parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
        answer = asked.action(asked)
    except SnowballError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ncancelled: what was asked for was not finished. Ask again to begin anew.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if asked.json:
        print(json.dumps(with_damage(asked, answer)))
    return 0


def _joined(arguments: Sequence[str]) -> list[str]:
    """``--sigma -1e-5`` as ``--sigma=-1e-5``: argparse takes a negative number in scientific notation for an option."""
    words: list[str] = []
    for word in arguments:
        is_number = re.fullmatch(r"-[0-9.].*", word)
        if is_number and words and words[-1].startswith("--") and "=" not in words[-1]:
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _presets(asked: argparse.Namespace) -> Answer:
    for name, (text, _) in PRESETS.items():
        say(asked, f"{name:22}{text}")
    return {"presets": [{"name": name, "description": text} for name, (text, _) in PRESETS.items()]}


def _record(asked: argparse.Namespace) -> Answer:
    config = configuration(asked)
    from .recording import record

    with _progress(asked) as watch:
        run = record(config, folder_of(asked), watch)
    return _ended(asked, run)


def _fork(asked: argparse.Namespace) -> Answer:
    from .branching import branch, fork_request
    from .forking import prepare_fork
    from .machine import resolve_device
    from .origins import told

    folder, at = folder_of(asked), branch(opened(asked), asked.step)
    config = fork_request(folder, at, given_fields(asked))
    resolve_device(config.device)
    run = prepare_fork(folder, at, config)
    say(asked, told(run.origin, run.config) if run.origin else "")
    from .recording import continue_run

    with _progress(asked) as watch:
        continue_run(folder, run, watch, is_new=True)
    return _ended(asked, run) | {"parent": at.parent.id, "kind": at.kind, "step": at.step}


def _resume(asked: argparse.Namespace) -> Answer:
    run = opened(asked)
    if run.status().state == "completed":
        raise RunError(f'the run "{run.id}" is complete: there is nothing to resume.')
    os.nice(int(os.environ.get("SNOWBALL_NICENESS", "0")))
    from .recording import continue_run

    with _progress(asked) as watch:
        continue_run(run.path.parent, run, watch)
    return _ended(asked, run)


def _ended(asked: argparse.Namespace, run: Any) -> dict[str, Any]:
    status = run.status()
    say(asked, f"{run.id}: {status.state} after {status.step:,} of {status.last_step:,} steps")
    for note in run.manifest["corpus"].get("notes", []):
        say(asked, f"corpus: {note}")
    if not run.manifest["dead_ids"]:
        say(asked, "no token is dead: every id below vocab occurs in the corpus")
    return {"run": run.id, "steps": status.step, "state": status.state, "dead": len(run.manifest["dead_ids"])}


@contextlib.contextmanager
def _progress(asked: argparse.Namespace) -> Any:
    """A callable that shows a status on one line of a terminal; silent elsewhere."""
    shown = sys.stderr.isatty() and not asked.json

    def watch(status: Any) -> None:
        left = "" if status.seconds_left is None else f", {status.seconds_left / 60:.1f} min left"
        line = (
            f"{status.state} {status.step:,}/{status.last_step:,}, {status.steps_per_second:.1f} steps/s{left} {status.message}"
        )
        if shown:
            print(f"\r\033[K{line[:120]}", end="", file=sys.stderr, flush=True)

    try:
        yield watch
    finally:
        if shown:
            print(file=sys.stderr)


def _stop(asked: argparse.Namespace) -> Answer:
    from .status import request_stop

    run = opened(asked)
    request_stop(run.path)
    say(asked, f"{run.id} will stop after its step")
    return {"run": run.id, "state": "stopping"}


def _corpus(asked: argparse.Namespace) -> Answer:
    from .book import build_gatsby
    from .corpus import GATSBY_SHA256

    place = build_gatsby(folder_of(asked), Path(asked.source) if asked.source else None)
    size = place.stat().st_size
    say(asked, f"gatsby: {size:,} bytes, SHA-256 {GATSBY_SHA256}, in {place}")
    return {"corpus": "gatsby", "bytes": size, "sha256": GATSBY_SHA256, "path": str(place)}
