"""Quick check of a run: where its files are not what its configuration and state say, without reading their data."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ...costs import HISTORY, TENSOR, Recording, recordings
from ...errors import HistoryError, RunError
from ...schedules import recorded_steps
from ..files.regular_files import FileIdentity, identity, read_json
from ..files.tensor_header import read_header
from ..manifest import is_as_written, seed_entries
from ..metric_rows import METRICS, read_metrics
from ..run_folder import CHECKPOINT, Run
from ..status import ALIVE_STATES, Status

STATUS, MANIFEST = "status.json", "run.json"
HASHES = "sha256"
_BACK = "Put it back from a copy."
_MEND = "Put it back from a copy, or record the run again: the same configuration gives the same bits."


def damage(run: Run) -> tuple[str, ...]:
    """What is wrong with a run's files, one sentence each; empty for a run that is what its configuration says."""
    return tuple(faults(run).values())


def is_complete(run: Run, status: Status) -> bool:
    """Whether a run was completed, by its status or by the hashes that are written at its end."""
    return status.state == "completed" or HASHES in run.manifest


def faults(run: Run, status: Status | None = None) -> dict[str, str]:
    """The sentences of :func:`damage` by the name of the file that each is about.

    Of a run that is being recorded only what no writing explains is a fault: its recordings are written one after another.
    """
    status = run.status() if status is None else status
    recording_faults: dict[str, str] = {}
    planned, steps = recordings(run.config), recorded_steps(run.config)
    counts = {name: _count(run.path, name, each, recording_faults) for name, each in planned.items()}
    if status.is_alive and (status.state == "queued" or counts[TENSOR] < 2):
        return {}  # its worker may be creating the files
    expected = _expected(run, status)
    if not expected and counts[TENSOR] == 0 and _never_began(run, status):
        return {}
    for name, (file, _, _) in planned.items():
        if file not in recording_faults:
            if text := _count_fault(run, name, counts, expected, status):
                recording_faults[file] = text
        elif (status.is_alive and (run.path / file).exists()) or _comes_later(run, name, counts[TENSOR], expected):
            del recording_faults[file]  # a header that is just being rewritten, or a file that the first start makes
    last = int(steps[max(0, min(counts[TENSOR], len(steps)) - 1)])
    others = {
        METRICS: _metric_fault(run, status, last),
        CHECKPOINT.as_posix(): _checkpoint_fault(run, status),
        **_status_fault(run, status),
    }
    # First: where the configuration is another one, all other files seem wrong.
    manifest = {MANIFEST: text} if (text := _manifest_fault(run)) else {}
    return manifest | recording_faults | {file: text for file, text in others.items() if text} | manifest


def _count(path: Path, name: str, recording: Recording, noted: dict[str, str]) -> int:
    """How many snapshots a recording holds; what keeps it from being read is added to ``found``."""
    file, text = recording.file, ""
    if not (path / file).exists():
        text = f"{file} is missing. {_MEND}"
    else:
        try:
            entry = read_header(path / file).tensors.get(name)
        except HistoryError as error:
            text = f"{file} cannot be read: {str(error).replace(f'{path}/', '')}"
        else:
            if entry and entry.shape and (entry.dtype, entry.shape[1:]) == (recording.dtype, recording.shape):
                return entry.shape[0]
            held = f"{entry.dtype} {list(entry.shape[1:])}" if entry else "no tensor of that name"
            wanted = f"{name} as {recording.dtype} {list(recording.shape)} per snapshot"
            text = f"{file} must hold {wanted}; it holds {held}. {_MEND}"
    noted[file] = text
    return 0


def _never_began(run: Run, status: Status) -> bool:
    """Whether a run without a snapshot never had one."""
    file = run.path / METRICS
    return (
        not (run.path / HISTORY).exists()
        and not status.step
        and (not file.exists() or _rows(file, identity(file)) == (0, 0, ""))
    )


def _comes_later(run: Run, name: str, whole: int, expected: int) -> bool:
    """Whether a recording that is missing is made when the run is started: its history is empty, or a fork's first matrix."""
    if name == TENSOR or (run.path / recordings(run.config)[name].file).exists():
        return False
    from_snapshot = run.origin is not None and not run.is_exact_fork
    return whole == expected == int(from_snapshot) and run.checkpoint_step is None


def _expected(run: Run, status: Status) -> int:
    """How many snapshots there must be at least: all of a completed run, those up to the checkpoint of another."""
    if is_complete(run, status):
        return len(recorded_steps(run.config))
    stopped = status.step if status.state == "stopped" and status.step > 0 else None
    begun = run.origin.begin if run.origin else None
    reached = [step for step in (run.checkpoint_step, stopped, begun) if step is not None]
    return run.snapshots_until(max(reached)) if reached else 0


def _count_fault(run: Run, name: str, counts: dict[str, int], expected: int, status: Status) -> str:
    """What is wrong with the number of snapshots in a recording that can be read; empty if nothing is."""
    most = len(recorded_steps(run.config))
    file, count, whole = recordings(run.config)[name].file, counts[name], min(counts[TENSOR], most)
    if count > most:
        return f"{file} must hold at most the {most:,} snapshots of the configuration; it holds {count:,}. {_MEND}"
    if status.is_alive:
        behind = name != TENSOR and count < whole - 1
        return f"{file} must hold as many snapshots as {HISTORY}, {whole:,}; it holds {count:,}. {_MEND}" if behind else ""
    least = max(expected, whole, min(max(counts.values()), most) - 1)
    kind = "completed " if is_complete(run, status) else ""
    return "" if count >= least else f"{file} must hold {least:,} snapshots of this {kind}run; it holds {count:,}. {_MEND}"


def _metric_fault(run: Run, status: Status, reached: int) -> str:
    """Whether ``metrics.csv`` holds a row for every step; of a run that was killed the last may be missing."""
    file, complete = run.path / METRICS, is_complete(run, status)
    if not file.exists():
        return f"{METRICS} is missing: losses, rates and gradient norms are unknown. {_MEND}" if reached else ""
    if status.is_alive:
        return ""
    rows, last, text = _rows(file, identity(file))
    least = run.config.last_step if complete else reached - 1
    if text or last is None or (rows == last and rows >= least and not (complete and rows > least)):
        return text
    wanted = f"a row for each of the {least:,} steps" if complete else f"a row for each step, to step {max(least, last):,}"
    return f"{METRICS} must hold {wanted}; it holds {rows:,} and ends at step {last:,}. {_MEND}"


@functools.lru_cache(maxsize=1_024)
def _rows(file: Path, at: FileIdentity) -> tuple[int, int | None, str]:
    """How many rows a file of metrics holds, the step of the last (None if that is no number), and why it cannot be read."""
    try:
        steps = read_metrics(file)["step"]
    except RunError as error:
        return 0, None, str(error).replace(f"{file.parent}/", "")
    if not len(steps):
        return 0, 0, ""
    return len(steps), int(steps[-1]) if steps[-1].is_integer() else None, ""


def has_checkpoint(run: Run) -> bool:
    """Whether there is anything where the checkpoint of a run is, or where its folder is."""
    file = run.path / CHECKPOINT
    return os.path.lexists(file if file.parent.is_dir() else file.parent)


def _checkpoint_fault(run: Run, status: Status) -> str:
    """Whether the header of the checkpoint can be read, where there is one; only an exact fork must have one to go on."""
    if status.is_alive or run.checkpoint_step is not None:
        return ""
    name = CHECKPOINT.as_posix()
    if has_checkpoint(run):
        return f"{name} cannot be read or is of another run: no resume and no exact fork can begin there. Put it back."
    if run.is_exact_fork and not is_complete(run, status):
        return f"{name} is missing: an exact fork goes on from its checkpoint. {_BACK}"
    return ""


def _status_fault(run: Run, status: Status) -> dict[str, str]:
    """Whether ``status.json`` can be read and agrees with ``run.json``; which of the two is wrong where they contradict."""
    again = f'"python -m snowball_core resume {run.id}" rewrites it.'
    if not (run.path / STATUS).exists():
        return {STATUS: f"{STATUS} is missing: the state of the run is unknown. {again}"}
    try:
        written = read_json(run.path / STATUS)
        state, step, last = (written[name] for name in ("state", "step", "last_step"))
        is_read = (status.is_alive or state in ALIVE_STATES or state == status.state) and last == run.config.last_step
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        is_read = False
    if not is_read or status.state == "damaged" or (status.state == "interrupted" and status.last_step != last):
        return {STATUS: f"{STATUS} is damaged: the state of the run is unknown. {again}"}
    if status.state == "completed" and step != last:
        return {STATUS: f"{STATUS} says completed at step {step:,}; the run ends at step {last:,}. {_BACK}"}
    if status.state == "completed" and HASHES not in run.manifest:
        text = f"{MANIFEST} must hold the hashes of a completed run; it has none. Put it back from a copy, or, if {STATUS}"
        return {MANIFEST: f'{text} was changed, go on from the checkpoint: "python -m snowball_core resume {run.id}".'}
    saved = run.checkpoint_step
    if status.state == "stopped" and saved is not None and status.step < saved:
        return {STATUS: f"{STATUS} says stopped at step {status.step:,}; the checkpoint is of step {saved:,}. {again}"}
    if status.state in ("stopped", "failed") and HASHES in run.manifest:
        return {STATUS: f"{STATUS} says {status.state}, {MANIFEST} holds the hashes of a completed run. {again}"}
    return {}


def _manifest_fault(run: Run) -> str:
    """Whether the entries of ``run.json`` are those that were written, and agree on the dead tokens and the seed."""
    if not is_as_written(run.manifest):
        return f"{MANIFEST} is not what was written: its entries have another SHA-256. {_BACK}"
    if (counts := run.manifest.get("corpus", {}).get("byte_counts")) is not None:
        never = [token for token in range(run.config.vocab) if token >= len(counts) or counts[token] == 0]
        if sorted(run.manifest["dead_ids"]) != never:
            text = f"{MANIFEST} must name as dead the tokens that never occur; dead_ids and byte_counts in it disagree."
            return f"{text} {_BACK}"
    # An exact fork has the seeds of its parent.
    known = {} if run.is_exact_fork else run.manifest.get("provenance", {}).get("seeds", {})
    if any(known.get(name, value) != value for name, value in seed_entries(run.config).items()):
        return f"{MANIFEST} must name one seed; it says {run.config.seed} in config and another in provenance. {_BACK}"
    return ""
