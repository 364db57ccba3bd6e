"""The verbs that train: presets, record, fork, resume, stop, corpus."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config_fields import whole_number
from ..errors import RunError
from ..presets import PRESETS
from .common import PRESET, configuration, field_options, folder, given_fields, open_named, say
from .parser import RUN, Answer, argument, nonempty, option, paths, verb, whole
from .terminal import INTERRUPTED, progress_bar

if TYPE_CHECKING:
    from ..config import RunConfig
    from ..store.run_folder import Run
    from ..store.status import Status


@verb("presets")
def presets() -> Answer:
    """List the presets."""
    for name, (text, _) in PRESETS.items():
        say(f"{name:22}{text}")
    return {"presets": [{"name": name, "description": text} for name, (text, _) in PRESETS.items()]}


@verb("record", PRESET, *field_options())
def record(preset: str, **fields: str | None) -> Answer:
    """Train a new run in the foreground, with a progress line."""
    config = _with_compute(configuration(preset, fields))
    from ..training.loop import record

    with _progress() as watch:
        run = record(config, folder(), watch)
    return _ended(run)


@verb(
    "fork",
    RUN,
    option("--step", "fork from the matrix recorded at this step; everything else is reset", type=whole),
    *field_options(),
)
def fork(run: str, step: int | None, **fields: str | None) -> Answer:
    """Start a new run from a run's checkpoint, or from a snapshot with --step."""
    from ..jobs.fork import prepare_fork
    from ..jobs.fork_points import branch, fork_request
    from ..store.origin import origin_sentence
    from ..training.precision import resolve_device

    at = branch(open_named(run), step)
    config = fork_request(folder(), at, given_fields(fields))
    resolve_device(config.device)
    made = prepare_fork(folder(), at, _with_compute(config))
    from ..training.loop import continue_run

    with _progress() as watch:
        continue_run(folder(), made, watch, is_new=True)
    # Not before: an output that cannot be written must not leave a fork untrained.
    say(origin_sentence(made.origin, made.config) if made.origin else "")
    return _ended(made) | {"parent": at.parent.id, "kind": at.kind, "step": at.step}


@verb("resume", RUN)
def resume(run: str) -> Answer:
    """Continue a stopped or interrupted run."""
    opened = open_named(run)
    if opened.status().state == "completed" and "sha256" in opened.manifest:
        raise RunError(f'the run "{opened.id}" is complete: nothing to resume.')
    text = os.environ.get("SNOWBALL_NICENESS") or "0"
    if (niceness := whole_number(text)) is None:
        raise RunError(f'SNOWBALL_NICENESS must be a whole number; got "{text[:80]}". Unset it.')
    os.nice(niceness)
    from ..store.integrity.full_check import restored_status

    if restored_status(opened) is None:
        from ..training.loop import continue_run

        with _progress() as watch:
            continue_run(opened.path.parent, opened, watch)
    return _ended(opened)


def _with_compute(config: RunConfig) -> RunConfig:
    """The configuration with the faster arithmetic for ``auto``, which is printed."""
    from ..jobs.compute_choice import chosen

    config, reason = chosen(config)
    if reason:
        say(reason)
    return config


def _ended(run: Run) -> Answer:
    from ..jobs.stop_requests import was_interrupted

    if was_interrupted():
        click.get_current_context().meta["status"] = INTERRUPTED
    status = run.status()
    say(f"{run.id}: {status.state} after {status.step:,} of {status.last_step:,} steps")
    for note in run.manifest["corpus"].get("notes", []):
        say(f"corpus: {note}")
    if not run.manifest["dead_ids"]:
        say("no dead tokens: every id below vocab occurs in the corpus")
    return {"run": run.id, "steps": status.step, "state": status.state, "dead": len(run.manifest["dead_ids"])}


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Status], None]]:
    with progress_bar(unit=" steps") as draw:

        def watch(status: Status) -> None:
            draw(status.step, status.last_step, f"{status.state} {status.message}".strip())

        yield watch


@verb("stop", RUN)
def stop(run: str) -> Answer:
    """Stop a running run after the current step."""
    from ..store.status import request_stop

    opened = open_named(run)
    request_stop(opened.path)
    say(f"{opened.id} will stop after the current step")
    return {"run": opened.id, "state": "stopping"}


@verb(
    "corpus",
    argument("name", "gatsby", lambda *_: ["gatsby"], "name"),
    option("--from", "the raw book (default: download it)", metavar="FILE", type=nonempty, completed=paths),
)
def corpus(name: str, **flags: str | None) -> Answer:
    """Build the published experiment's corpus from the raw book."""
    from ..store.corpus import GATSBY_SHA256, build_gatsby

    if name != "gatsby":
        raise click.UsageError(f"argument name: invalid choice: {name!r} (choose from 'gatsby')")
    place = build_gatsby(folder(), Path(flags["from"]) if flags["from"] else None)
    size = place.stat().st_size
    say(f"{name}: {size:,} bytes, SHA-256 {GATSBY_SHA256}, in {place}")
    return {"corpus": name, "bytes": size, "sha256": GATSBY_SHA256, "path": str(place)}
