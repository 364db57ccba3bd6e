"""The command: its arguments, the parts in their order, each with its share of the time, and the exit status."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from snowball_core.config_checks import configured, preset
from snowball_core.errors import SnowballError
from snowball_core.store.corpus import BUILT_IN, GATSBY_SHA256, Corpus, load_corpus, text_path
from snowball_core.store.run_folder import corpora_folder
from snowball_core.training.precision import resolve_device

from . import checks, kernels, kill, many, report, times
from .sitting import BROKEN, FAILS, Clock, Row, Sitting, broken, not_run

_PRESET = "primordial-snowball"
_RUNS = Path(__file__).resolve().parents[2] / "runs"


class Step(NamedTuple):
    """One part: its name, its rows, and the share of the whole time at which it should have ended."""

    name: str
    rows: Callable[[Sitting], Iterator[Row]]
    until: float


def parts() -> list[Step]:
    """All parts in their order; time that one does not use is there for the next."""
    return [
        Step("initial state", checks.initial_state, 0.2),
        Step("losses", partial(checks.losses, compute="f32"), 0.28),
        Step("determinism", partial(checks.determinism, compute="f32"), 0.36),
        Step("equal rows", partial(checks.equal_rows, compute="f32"), 0.4),
        Step("kill and resume", kill.killed_and_resumed, 0.6),
        Step("losses", partial(checks.losses, compute="bf16"), 0.68),
        Step("determinism", partial(checks.determinism, compute="bf16"), 0.71),
        Step("equal rows", partial(checks.equal_rows, compute="bf16"), 0.74),
        Step(times.PART, times.speeds, 0.88),
        Step(times.PART, many.many_runs, 0.94),
        Step(kernels.PART, partial(kernels.shares, compute="f32"), 0.96),
        Step(kernels.PART, partial(kernels.shares, compute="bf16"), 0.98),
    ]


def run(sitting: Sitting, steps: Sequence[Step], collect: Callable[[Row], None]) -> None:
    """Run the parts one after the other; what one raises becomes its row, and the next one begins."""
    for step in steps:
        sitting.clock.allow(step.until)
        if sitting.clock.left <= 0:
            collect(not_run(step.name, "all of it", "its time had passed"))
            continue
        try:
            for row in step.rows(sitting):
                collect(row)
        except Exception as error:
            collect(broken(step.name, "the rest of it", error))


def exit_status(rows: Sequence[Row]) -> int:
    """1 if a check fails or could not be done for an exception, else 0; a missed target is no failure."""
    return int(any(row.state in (FAILS, BROKEN) for row in rows))


def main(words: Sequence[str], began: float | None = None) -> int:
    """Print the rows as they come and the table at the end; 0, 1 if a check fails, 2 for wrong arguments, 130 after Ctrl-C."""
    args, rows = _arguments(words), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        try:
            sitting = made_sitting(args.device, args.threads, args.text, Clock(60 * args.minutes, began), Path(folder))
        except SnowballError as error:
            print(f"Error: {error}", file=sys.stderr)
            return 2
        facts = _facts(sitting, args.minutes)

        def collect(row: Row) -> None:
            rows.append(row)
            print(f"{sitting.clock.taken:5.1f} s  {report.line(row)}", file=sys.stderr, flush=True)
            report.write({**facts, "seconds": sitting.clock.taken}, rows, args.json, args.markdown)

        try:
            run(sitting, parts(), collect)
            status = exit_status(rows)
        except KeyboardInterrupt:
            rows.append(not_run("sitting", "the rest of it", "interrupted"))
            status = 130
        report.write({**facts, "seconds": sitting.clock.taken}, rows, args.json, args.markdown)
    print("\n".join([report.headline(facts["machine"]), "", facts["text"], "", report.table(rows)]))
    return status


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks accelerator", description="What this accelerator computes, how fast."
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: one per core")
    parser.add_argument("--text", type=Path, help="the published text, gatsby.txt; without it the built-in text is used")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    parser.add_argument("--minutes", type=float, default=4.0, help="time for all of it")
    return parser.parse_args(words)


def made_sitting(device: str, threads: int, text: Path | None, clock: Clock, folder: Path) -> Sitting:
    """The sitting of the published experiment on a device and a text."""
    corpus = _corpus(text)
    place = folder / "text.txt"
    place.write_bytes(corpus.ids.tobytes())
    base = configured(preset(_PRESET), {"device": device, "threads": threads})
    config = replace(base, device=str(resolve_device(device)), corpus=str(place))
    shipped = next(iter(sorted(_RUNS.glob(f"*-{_PRESET}"))), None)
    return Sitting(config, corpus, clock, folder, shipped, corpus.sha256 == GATSBY_SHA256)


def _corpus(text: Path | None) -> Corpus:
    """The text that is given, else the published one if it was built, else the built-in one."""
    built = text_path("gatsby", corpora_folder(_RUNS))
    if text is None and not built.is_file():
        return load_corpus(BUILT_IN)
    return load_corpus(str(text or built), errors="ignore")


def _facts(sitting: Sitting, minutes: float) -> dict[str, Any]:
    """What stands above the rows."""
    warnings = [f"another version than the pinned one: {words}" for words in report.version_warnings()]
    for words in warnings:
        print(f"Warning: {words}", file=sys.stderr)
    named = "the published text" if sitting.is_published else "not the published text: losses are compared with the CPU's"
    text = f"Text: {len(sitting.corpus):,} bytes, SHA-256 {sitting.corpus.sha256[:12]}…, {named}."
    return {"machine": report.machine(sitting), "minutes": minutes, "text": text, "warnings": warnings}
