"""What a run holds up to its checkpoint, compared with the hashes written with it, before anything goes on from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ...errors import HistoryError, RunError
from ...schedules import recorded_steps
from ...shapes import HISTORY, Recording, recordings
from ..checkpoint import Checkpoint, read_checkpoint
from ..files.regular_files import file_sha256, open_regular
from ..files.tensor_file import DATA_START, recorded_in
from ..files.tensor_header import read_header
from ..manifest import is_as_written
from ..metric_rows import Rows, read_rows
from ..run_folder import CHECKPOINT, METRICS, Run
from .digests import Summary, Tally, tally_of
from .refusals import AGAIN, damage, is_exact_fork, row_words, snapshot_words

_BLOCK = 1 << 20


class Prefix(NamedTuple):
    """What of a run is believed.

    Attributes
    ----------
    step : int or None
        Of the checkpoint; None without one.
    is_proved : bool
        Whether hashes were compared; False for a checkpoint of an older version.
    recorded : mapping of str to int
        Snapshots in each recording, those behind the checkpoint among them.
    tallies : mapping of str to Tally
        Of each recording up to the checkpoint.
    rows : Rows
        Of ``metrics.csv``.
    """

    step: int | None
    is_proved: bool
    recorded: Mapping[str, int]
    tallies: Mapping[str, Tally]
    rows: Rows


def sound_prefix(run: Run) -> Prefix:
    """What a run holds up to its checkpoint, after every hash was compared; nothing is written.

    Without a checkpoint nothing is believed: training repeats it all. A checkpoint of an older version has no hashes; there the
    recordings of a completed run are compared with those of its ``run.json``.
    """
    require_manifest(run)
    saved = sound_checkpoint(run)
    if saved is None:
        _require_start(run)
        recorded = {name: _count_without_checkpoint(run, name, each) for name, each in recordings(run.config).items()}
        rows = _rows(run, 0)
        return Prefix(None, False, recorded, {name: Tally() for name in recorded}, rows)
    if saved.recordings is None:
        _require_sealed_files(run)
    found = {name: _believed(run, name, each, saved) for name, each in recordings(run.config).items()}
    rows = _rows(run, saved.step)
    if saved.metrics is not None:
        _require_rows(run, rows.tally, saved.metrics, saved.step)
    tallies = {name: tally for name, (_, tally) in found.items()}
    return Prefix(saved.step, saved.recordings is not None, {name: count for name, (count, _) in found.items()}, tallies, rows)


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
    last, made = run.config.last_step, {}
    for name, each in recordings(run.config).items():
        expected = recorded[name]
        _require_snapshots(run, each, tally_of(_entries(run, each, range(expected.entries))), expected, last)
        made[each.file] = file_sha256(run.path / each.file)
    _require_rows(run, _rows(run, last).tally, rows, last)
    return made


def sound_checkpoint(run: Run) -> Checkpoint | None:
    """The checkpoint of a run, its tensors compared with their hashes; None if there is none.

    Raises
    ------
    RunError
        If it is damaged or of another run.
    """
    file, planned = run.path / CHECKPOINT, set(recordings(run.config))
    has_folder = file.parent.is_dir() or not os.path.lexists(file.parent)
    if has_folder and not os.path.lexists(file):
        return None
    try:
        if not has_folder:
            raise HistoryError(f'"{file.parent.name}" is not a folder')
        saved = read_checkpoint(file, run.config.last_step)
        if saved.recordings is not None:
            counts = {summary.entries for summary in saved.recordings.values()}
            if set(saved.recordings) != planned or counts != {_snapshots(run, saved.step)}:
                raise HistoryError("it lists other recordings than this configuration makes: it belongs to another run")
    except HistoryError as error:
        repair = "" if is_exact_fork(run) else f", or {AGAIN}"
        raise RunError(
            f'the checkpoint of "{run.id}" ({CHECKPOINT}) must hold what was written there; {error}. Nothing was changed. '
            f"Put it back from a copy, or fork from a recorded step (--step T){repair}."
        ) from None
    return saved


def require_sound_snapshot(run: Run, index: int) -> None:
    """Refuse a snapshot of the history that is not what was recorded, where the checkpoint has the hash of it."""
    require_manifest(run)
    try:
        saved = sound_checkpoint(run)
    except RunError:
        return  # whoever takes one matrix does not go on from the checkpoint
    if saved is None or saved.recordings is None:
        return
    expected = next(iter(saved.recordings.values()))
    if index >= expected.entries:
        return
    first = index // expected.every * expected.every
    block = range(first, min(first + expected.every, expected.entries))
    history = next(iter(recordings(run.config).values()))
    if tally_of(_entries(run, history, block)).marks(expected.every) != [expected.mark(first // expected.every)]:
        raise damage(run, HISTORY, snapshot_words(run, [block]), saved.step, [block])


def _require_start(run: Run) -> None:
    """An exact fork has no beginning of its own to start over from; a completed run was whole."""
    if run.origin and is_exact_fork(run):
        raise RunError(
            f'an exact fork goes on from its checkpoint; "{run.id}" has lost it. Fork {run.origin.parent} again, or this run '
            "from a recorded step (--step T)."
        )
    _require_sealed_files(run)


def _require_sealed_files(run: Run) -> None:
    """Compare the recordings with the hashes of a completed run's ``run.json``, if it has them."""
    expected = run.manifest.get("sha256")
    if not isinstance(expected, dict):
        return
    for each in recordings(run.config).values():
        digest = expected.get(each.file)
        try:
            is_same = digest is None or file_sha256(run.path / each.file) == digest
        except OSError:
            is_same = False
        if not is_same:
            raise damage(run, each.file, "its SHA-256 is not that of run.json", run.config.last_step)


def _snapshots(run: Run, step: int) -> int:
    return int(np.searchsorted(recorded_steps(run.config), step, "right"))


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
    upto, wanted = _snapshots(run, saved.step), recorded_steps(run.config)
    fault, count = "", 0
    try:
        count = recorded_in(run.path / each.file, name, each.dtype, each.shape)
    except HistoryError as error:
        fault = str(error)
    tally = tally_of(_entries(run, each, range(upto)))
    if saved.recordings is None:
        if fault or count < upto:
            raise RunError(
                fault
                or f'{each.file} of "{run.id}" must hold {upto:,} snapshots up to the checkpoint at step {saved.step:,}; '
                f"it holds {count:,}: the file was cut by something else. Put it back from a copy, or fork the run."
            )
    else:
        _require_snapshots(run, each, tally, saved.recordings[name], saved.step)
    # Where the hashes agree a damaged header is rewritten: all it says follows from the configuration and the checkpoint.
    return min(max(count, upto), len(wanted)), tally


def _require_snapshots(run: Run, each: Recording, tally: Tally, expected: Summary, step: int) -> None:
    if ranges := tally.damage(expected):
        if sum(map(len, ranges)) == expected.entries > 1 and tally.count == expected.entries:
            raise RunError(
                f'the checkpoint of "{run.id}" must go with what is recorded up to step {step:,}; no snapshot of {each.file} '
                "is the one it names (SHA-256). One of them belongs to another run: put the right one back, or fork from a "
                "recorded step (--step T)."
            )
        raise damage(run, each.file, snapshot_words(run, ranges), step, ranges if each.file == HISTORY else ())


def _require_rows(run: Run, tally: Tally, expected: Summary, step: int) -> None:
    if ranges := tally.damage(expected):
        raise damage(run, METRICS, row_words(ranges, expected.entries), step)


def _entries(run: Run, each: Recording, wanted: range) -> Iterator[memoryview]:
    """The bytes of some snapshots, one after the other; fewer where the file ends."""
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
        return  # what cannot be read is missing


def _rows(run: Run, upto: int) -> Rows:
    try:
        return read_rows(run.path / METRICS, upto)
    except HistoryError as error:
        raise damage(run, METRICS, str(error), upto) from None
    except OSError as error:
        raise RunError(
            f'"{run.path / METRICS}" must be readable, to be continued; {error.strerror}. Put it back from a copy.'
        ) from None
