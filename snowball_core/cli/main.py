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

from .. import __version__
from ..config_fields import whole_number
from ..errors import CancelledError, ConfigError, RunError, SnowballError
from ..presets import PRESETS
from .check import add_proof_verbs
from .common import (
    Answer,
    add_fields,
    configuration,
    folder_of,
    given_fields,
    nonempty,
    opened,
    prepare_files,
    say,
    whole,
    with_damage,
)
from .compare import add_compare_verb
from .distances import add_geometry_verbs
from .export import add_export_verbs
from .library import add_shelf_verbs
from .measure import add_measure_verbs
from .terminal import ReaderLeft, complain, flush, prepare_streams, settle, show_progress, shows_progress, write

CANCELLED = "\ncancelled: what was asked for was not finished. Ask again to begin anew."
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are the user's to mend: one line, status 2."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f'{message}. "python -m snowball_core --help" lists the commands and their options.'])

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a help text or a version; unlike argparse's own this says when it cannot be written."""
        write(message, sys.stdout)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; a run's flags are made from the fields of its configuration."""
    top = _Parser(prog="python -m snowball_core", description="Snowball: record and measure embedding matrices.")
    top.add_argument("--version", action="version", version=f"Snowball {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, action: Callable[[argparse.Namespace], Answer], help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.add_argument("--runs", metavar="DIR", type=nonempty, help="the runs folder (default: SNOWBALL_RUNS or ./runs)")
        added.add_argument("--json", action="store_true", help="print one JSON object on the last line")
        added.set_defaults(action=action, status=0)
        return added

    verb("presets", _presets, "names and one-line descriptions of the presets")
    recorder = verb("record", _record, "train a new run here, with a progress line")
    add_fields(recorder)
    forker = verb("fork", _fork, "train a new run on from a run's checkpoint, or from one of its snapshots with --step")
    forker.add_argument("run", metavar="RUN")
    forker.add_argument("--step", type=whole, help="fork from the matrix recorded at this step: everything else begins anew")
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
    builder.add_argument(
        "--from", dest="source", metavar="FILE", type=nonempty, help="the raw book; without it, it is downloaded"
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 130 after Ctrl-C, or 2 with one message on standard error for what can be mended.

    A reader that leaves ends the command with 0: what it wanted it has.
    """
    prepare_streams()
    try:
        return _answered(_joined(sys.argv[1:] if arguments is None else arguments))
    except ReaderLeft:
        return 0
    except KeyboardInterrupt:
        return _refused(CANCELLED, INTERRUPTED)
    except CancelledError as error:
        return _refused(error, INTERRUPTED)
    except SnowballError as error:
        return _refused(error)
    except MemoryError:
        return _refused("what is measured must fit in this machine's memory; it does not. Ask for fewer steps or tokens.")
    except (OSError, UnicodeError) as error:
        return _refused(_unforeseen(error))


def _answered(words: Sequence[str]) -> int:
    """The exit status of a command that was not refused."""
    try:
        asked = parser().parse_args(words)
    except SystemExit:
        # Of --help and --version.
        flush()
        raise
    prepare_files(asked)
    answer = asked.action(asked)
    if asked.json:
        # Of the control characters JSON lets one through.
        write(json.dumps(with_damage(asked, answer)).replace("\x7f", "\\u007f") + "\n", sys.stdout)
    flush()
    return int(asked.status)


def _refused(text: object, status: int = 2) -> int:
    settle()
    complain(text)
    return status


def _unforeseen(error: OSError | UnicodeError) -> str:
    """A sentence for a refusal of the machine that no command has words for."""
    if isinstance(error, OSError) and error.filename is not None:
        path = os.fsdecode(error.filename)
        return f'a file must be one that can be read or written; "{path}": {error.strerror}. Check path and permissions.'
    return f"this machine could not do what was asked: {error}. Check names, paths and room on the disk."


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
    from ..training.loop import record

    with _progress(asked) as watch:
        run = record(config, folder_of(asked), watch)
    return _ended(asked, run)


def _fork(asked: argparse.Namespace) -> Answer:
    from ..jobs.fork import prepare_fork
    from ..jobs.fork_points import branch, fork_request
    from ..store.origin import origin_sentence
    from ..training.precision import resolve_device

    folder, at = folder_of(asked), branch(opened(asked), asked.step)
    config = fork_request(folder, at, given_fields(asked))
    resolve_device(config.device)
    run = prepare_fork(folder, at, config)
    from ..training.loop import continue_run

    with _progress(asked) as watch:
        continue_run(folder, run, watch, is_new=True)
    # Not before: an output that cannot be written must not leave a fork untrained.
    say(asked, origin_sentence(run.origin, run.config) if run.origin else "")
    return _ended(asked, run) | {"parent": at.parent.id, "kind": at.kind, "step": at.step}


def _resume(asked: argparse.Namespace) -> Answer:
    run = opened(asked)
    if run.status().state == "completed" and "sha256" in run.manifest:
        raise RunError(f'the run "{run.id}" is complete: there is nothing to resume.')
    os.nice(_niceness())
    from ..store.integrity.full_check import restored_status

    if restored_status(run) is None:
        from ..training.loop import continue_run

        with _progress(asked) as watch:
            continue_run(run.path.parent, run, watch)
    return _ended(asked, run)


def _niceness() -> int:
    """How far a worker steps back for other programs, as whoever started it wishes."""
    text = os.environ.get("SNOWBALL_NICENESS") or "0"
    if (number := whole_number(text)) is None:
        raise RunError(f'SNOWBALL_NICENESS must be a whole number; got "{text[:80]}". Unset it.')
    return number


def _ended(asked: argparse.Namespace, run: Any) -> dict[str, Any]:
    from ..jobs.stop_requests import was_interrupted

    asked.status = INTERRUPTED if was_interrupted() else 0
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
    shown = shows_progress() and not asked.json

    def watch(status: Any) -> None:
        left = "" if status.seconds_left is None else f", {status.seconds_left / 60:.1f} min left"
        line = (
            f"{status.state} {status.step:,}/{status.last_step:,}, {status.steps_per_second:.1f} steps/s{left} {status.message}"
        )
        if shown:
            show_progress(line[:120])

    try:
        yield watch
    finally:
        if shown:
            show_progress("", begins="", ends="\n")


def _stop(asked: argparse.Namespace) -> Answer:
    from ..store.status import request_stop

    run = opened(asked)
    request_stop(run.path)
    say(asked, f"{run.id} will stop after its step")
    return {"run": run.id, "state": "stopping"}


def _corpus(asked: argparse.Namespace) -> Answer:
    from ..store.corpus import GATSBY_SHA256
    from ..store.published_text import build_gatsby

    place = build_gatsby(folder_of(asked), Path(asked.source) if asked.source else None)
    size = place.stat().st_size
    say(asked, f"gatsby: {size:,} bytes, SHA-256 {GATSBY_SHA256}, in {place}")
    return {"corpus": "gatsby", "bytes": size, "sha256": GATSBY_SHA256, "path": str(place)}
