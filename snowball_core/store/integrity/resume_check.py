"""Resume check of a run: what it holds up to its checkpoint, compared with the hashes of it before anything goes on from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ...costs import HISTORY, Recording, recordings
from ...errors import HistoryError, RunError
from ...schedules import recorded_steps
from ..checkpoint import Checkpoint, read_checkpoint
from ..files.regular_files import file_sha256, open_regular
from ..files.tensor_file import recorded_in
from ..files.tensor_header import DATA_START, read_header
from ..manifest import is_as_written
from ..metric_rows import METRICS, Rows, read_rows
from ..run_folder import CHECKPOINT, Run, matrix_sha256
from .digests import Summary, Tally
from .quick_check import has_checkpoint

_BLOCK = 1 << 20
_AGAIN = f"move {CHECKPOINT} away and resume: the run is trained again from step 0, and what differs is rewritten"


class Prefix(NamedTuple):
    """What a run holds up to its checkpoint, to go on from."""

    step: int | None  # of the checkpoint; None without one
    is_proved: bool  # whether hashes were compared; False for a checkpoint of an older version
    recorded: Mapping[str, int]  # snapshots in each recording, those behind the checkpoint among them
    tallies: Mapping[str, Tally]  # of each recording up to the checkpoint
    rows: Rows  # of ``metrics.csv``


def sound_prefix(run: Run) -> Prefix:
    """What a run holds up to its checkpoint, after every hash was compared; nothing is written.

    Without a checkpoint all is trained again. A checkpoint of an older version has no hashes; there the
    recordings of a completed run are compared with those of its ``run.json``.
    """
    require_manifest(run)
    saved, planned = sound_checkpoint(run), recordings(run.config)
    if saved is None:
        # An exact fork has no beginning of its own to start over from; a completed run was whole.
        if run.origin and run.is_exact_fork:
            raise RunError(
                f'an exact fork goes on from its checkpoint; "{run.id}" has lost it. Fork {run.origin.parent} again, or this '
                "run from a recorded step (--step T)."
            )
        _require_sealed_files(run)
        recorded = {name: _count_without_checkpoint(run, name, each) for name, each in planned.items()}
        return Prefix(None, False, recorded, {name: Tally() for name in planned}, _rows(run, 0))
    if saved.recordings is None:
        _require_sealed_files(run)
    believed = {name: _believed(run, name, each, saved) for name, each in planned.items()}
    rows = _rows(run, saved.step)
    if saved.metrics is not None:
        _require_rows(run, rows.tally, saved.metrics, saved.step)
    tallies = {name: tally for name, (_, tally) in believed.items()}
    recorded = {name: count for name, (count, _) in believed.items()}
    return Prefix(saved.step, saved.recordings is not None, recorded, tallies, rows)


def require_manifest(run: Run) -> None:
    """Refuse to go on from a run whose configuration is not the one it began with."""
    if not is_as_written(run.manifest):
        raise RunError(
            f'the run.json of "{run.id}" must hold what was written there; its entries have another SHA-256. Nothing was '
            "changed. Put it back from a copy, or record the run again."
        )


def sound_hashes(run: Run, recorded: Mapping[str, Summary], rows: Summary) -> dict[str, str]:
    """SHA-256 of every recording of a run at its end, by file name, after each was compared with what was recorded."""
    sound_checkpoint(run)
    last, hashes = run.config.last_step, {}
    for name, each in recordings(run.config).items():
        _require_snapshots(run, each, Tally(entries(run, each, range(recorded[name].entries))), recorded[name], last)
        hashes[each.file] = file_sha256(run.path / each.file)
    _require_rows(run, _rows(run, last).tally, rows, last)
    return hashes


def sound_checkpoint(run: Run) -> Checkpoint | None:
    """The checkpoint of a run, its tensors compared with their hashes; None if there is none."""
    file, planned = run.path / CHECKPOINT, set(recordings(run.config))
    if not has_checkpoint(run):
        return None
    try:
        if not file.parent.is_dir():
            raise HistoryError(f'"{file.parent.name}" is not a folder')
        saved = read_checkpoint(file, run.config.last_step)
        if saved.recordings is not None:
            counts = {summary.entries for summary in saved.recordings.values()}
            if set(saved.recordings) != planned or counts != {run.snapshots_until(saved.step)}:
                raise HistoryError("it lists other recordings than this configuration makes: it belongs to another run")
    except HistoryError as error:
        again = "" if run.is_exact_fork else f", or {_AGAIN}"
        raise RunError(
            f'the checkpoint of "{run.id}" ({CHECKPOINT}) must hold what was written there; {error}. Nothing was changed. '
            f"Put it back from a copy, or fork from a recorded step (--step T){again}."
        ) from None
    return saved


def sound_matrix(run: Run, step: int, *digests: str) -> str:
    """SHA-256 of the matrix at the step of the checkpoint, where all that is known of it agrees; empty if nothing is."""
    recorded = run.matrix_at(step)
    known = {*digests, "" if recorded is None else matrix_sha256(recorded)} - {""}
    if len(known) > 1:
        raise RunError(
            f'the checkpoint of "{run.id}" must hold the matrix recorded at step {step:,}; it holds another (SHA-256). '
            "It belongs to another run: put the right one back, or fork from a recorded step (--step T)."
        )
    return next(iter(known), "")


def require_sound_snapshot(run: Run, index: int) -> None:
    """Refuse a snapshot of the history that is not what was recorded, where the checkpoint has the hash of it."""
    require_manifest(run)
    try:
        saved = sound_checkpoint(run)
    except RunError:
        return  # a fork from one matrix does not go on from the checkpoint
    if saved is None or saved.recordings is None:
        return
    history, expected = next(iter(recordings(run.config).values())), next(iter(saved.recordings.values()))
    if index >= expected.entries:
        return
    first = index // expected.every * expected.every
    block = range(first, min(first + expected.every, expected.entries))
    if Tally(entries(run, history, block)).marks(expected.every) != [expected.mark(first // expected.every)]:
        raise _refusal(run, HISTORY, other_snapshots(run, [block]), saved.step, [block])


def _require_sealed_files(run: Run) -> None:
    """Compare the recordings with the hashes of a completed run's ``run.json``, if it has them."""
    hashes = run.manifest.get("sha256", {})
    for each in recordings(run.config).values():
        is_same = each.file not in hashes
        with contextlib.suppress(OSError):
            is_same = is_same or file_sha256(run.path / each.file) == hashes[each.file]
        if not is_same:
            raise _refusal(run, each.file, "its SHA-256 is not that of run.json", run.config.last_step)


def _count_without_checkpoint(run: Run, name: str, each: Recording) -> int:
    """Snapshots a recording says it has; none where its header never reached the disk."""
    file = run.path / each.file
    if not file.is_symlink() and not file.exists():
        return 0
    if not file.is_file():
        raise RunError(f'"{file}" must be a file, to be recorded to; it is something else. Move it away.')
    try:
        read_header(file)
    except HistoryError:
        return 0
    return min(recorded_in(file, name, each.dtype, each.shape), len(recorded_steps(run.config)))


def _believed(run: Run, name: str, each: Recording, saved: Checkpoint) -> tuple[int, Tally]:
    """How many snapshots a recording has, and the digests of those up to the checkpoint."""
    upto, fault, count = run.snapshots_until(saved.step), "", 0
    try:
        count = recorded_in(run.path / each.file, name, each.dtype, each.shape)
    except HistoryError as error:
        fault = str(error)
    tally = Tally(entries(run, each, range(upto)))
    if saved.recordings is not None:
        _require_snapshots(run, each, tally, saved.recordings[name], saved.step)
    elif fault or count < upto:
        raise RunError(
            fault
            or f'{each.file} of "{run.id}" must hold {upto:,} snapshots up to the checkpoint at step {saved.step:,}; '
            f"it holds {count:,}: the file was cut by something else. Put it back from a copy, or fork the run."
        )
    # Where the hashes agree a damaged header is rewritten from the configuration and the checkpoint.
    return min(max(count, upto), len(recorded_steps(run.config))), tally


def _require_snapshots(run: Run, each: Recording, tally: Tally, expected: Summary, step: int) -> None:
    if ranges := tally.damage(expected):
        if sum(map(len, ranges)) == expected.entries > 1 and tally.count == expected.entries:
            raise RunError(
                f'the checkpoint of "{run.id}" must go with what is recorded up to step {step:,}; no snapshot of {each.file} '
                "is the one it names (SHA-256). One of them belongs to another run: put the right one back, or fork from a "
                "recorded step (--step T)."
            )
        raise _refusal(run, each.file, other_snapshots(run, ranges), step, ranges if each.file == HISTORY else ())


def _require_rows(run: Run, tally: Tally, expected: Summary, step: int) -> None:
    if ranges := tally.damage(expected):
        raise _refusal(run, METRICS, other_rows(ranges, expected.entries), step)


def entries(run: Run, each: Recording, wanted: range) -> Iterator[memoryview]:
    """The bytes of some snapshots of a recording, one after the other; fewer where the file ends or cannot be read."""
    size = each.snapshot_bytes
    at_once = max(1, _BLOCK // size)
    try:
        with open_regular(run.path / each.file) as file:
            file.seek(DATA_START + wanted.start * size)
            for first in range(wanted.start, wanted.stop, at_once):
                block = memoryview(file.read(size * min(at_once, wanted.stop - first)))
                for at in range(0, len(block) - size + 1, size):
                    yield block[at : at + size]
                if len(block) % size or not block:
                    return
    except OSError:
        return


def _rows(run: Run, upto: int) -> Rows:
    try:
        return read_rows(run.path / METRICS, upto)
    except HistoryError as error:
        raise _refusal(run, METRICS, str(error), upto) from None
    except OSError as error:
        raise RunError(
            f'"{run.path / METRICS}" must be readable, to be continued; {error.strerror}. Put it back from a copy.'
        ) from None


def _refusal(run: Run, file: str, what: str, step: int, ranges: Sequence[range] = ()) -> RunError:
    """The error that names a damaged file, what of it, and what can be done; ``ranges`` are the snapshots it concerns."""
    steps = recorded_steps(run.config)
    usable = [int(s) for i, s in enumerate(steps) if s <= step and not any(i in each for each in ranges)]
    before = [s for s in usable if not ranges or s < steps[ranges[0].start]] or usable
    ways = [f"fork it from a recorded step (fork {run.id} --step {before[-1]})"] if before else []
    if file == HISTORY and not ranges:
        ways = [f'see which step differs first ("verify {run.id} --replay")']
    if not run.is_exact_fork and "sha256" not in run.manifest:
        ways.append(_AGAIN)
    return RunError(
        f'{file} of "{run.id}" must hold what was recorded up to the checkpoint at step {step:,}; {what}. Nothing was changed. '
        f"Put the file back from a copy{''.join(f', or {way}' for way in ways)}."
    )


def other_snapshots(run: Run, ranges: Sequence[range]) -> str:
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


def other_rows(ranges: Sequence[range], count: int) -> str:
    """Which rows of ``metrics.csv`` are not what was recorded."""
    first = ranges[0]
    where = f"row {first.start + 1:,}" if len(first) == 1 else f"one of the rows {first.start + 1:,} to {first.stop:,}"
    return f"{where} of {count:,} is not what was recorded, by SHA-256 without the seconds"
