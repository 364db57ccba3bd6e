"""What to say of a damaged run that cannot go on: which file, which snapshot or row, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import RunError
from ...schedules import recorded_steps
from ...shapes import HISTORY
from ..origin import CHECKPOINT as EXACT
from ..run_folder import CHECKPOINT, Run

AGAIN = f"move {CHECKPOINT} away and resume: the run is trained again from step 0, and what differs is rewritten"


def damage(run: Run, file: str, what: str, step: int, ranges: Sequence[range] = ()) -> RunError:
    """The error that names a damaged file, what of it, and what can be done; ``ranges`` are the snapshots it concerns."""
    wanted = recorded_steps(run.config)
    usable = [int(s) for i, s in enumerate(wanted) if s <= step and not any(i in each for each in ranges)]
    before = [s for s in usable if not ranges or s < wanted[ranges[0].start]] or usable
    ways = [f"fork it from a recorded step (fork {run.id} --step {before[-1]})"] if before else []
    if file == HISTORY and not ranges:
        ways = [f'see which step differs first ("verify {run.id} --replay")']
    if not is_exact_fork(run) and "sha256" not in run.manifest:
        ways.append(AGAIN)
    return RunError(
        f'{file} of "{run.id}" must hold what was recorded up to the checkpoint at step {step:,}; {what}. Nothing was changed. '
        f"Put the file back from a copy{''.join(f', or {way}' for way in ways)}."
    )


def is_exact_fork(run: Run) -> bool:
    """Whether a run goes on from the checkpoint of another."""
    return run.origin is not None and run.origin.kind == EXACT


def snapshot_words(run: Run, ranges: Sequence[range]) -> str:
    """Which snapshots are not what was recorded."""
    steps, first = recorded_steps(run.config), ranges[0]
    more = sum(map(len, ranges))
    if len(first) == 1:
        where = f"snapshot {first.start:,} (step {steps[first.start]:,})"
    else:
        last = first.stop - 1
        where = f"one of the snapshots {first.start:,} to {last:,} (steps {steps[first.start]:,} to {steps[last]:,})"
    others = f", and with it up to {more - len(first):,} more," if more > len(first) else ""
    return f"{where}{others} is not what was recorded, by SHA-256"


def row_words(ranges: Sequence[range], count: int) -> str:
    """Which rows of ``metrics.csv`` are not what was recorded."""
    first = ranges[0]
    where = f"row {first.start + 1:,}" if len(first) == 1 else f"one of the rows {first.start + 1:,} to {first.stop:,}"
    return f"{where} of {count:,} is not what was recorded, by SHA-256 without the seconds"
