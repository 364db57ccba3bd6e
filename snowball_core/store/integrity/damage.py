"""Damage of a run: where its files are not what its configuration and its state say, found without reading their data."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import HistoryError, RunError
from ...schedules import recorded_steps
from ...shapes import HISTORY, TENSOR, Recording, recordings
from ..files.regular_files import FileIdentity, identity, open_regular, read_json
from ..files.tensor_header import TensorEntry, read_header
from ..manifest import is_as_written, seed_entries
from ..origin import CHECKPOINT as FROM_CHECKPOINT
from ..run_folder import CHECKPOINT, METRICS, Run, read_metrics
from ..status import ALIVE_STATES, Status

STATUS, MANIFEST = "status.json", "run.json"
HASHES = "sha256"
_TAIL, _BLOCK = 4_096, 1 << 20
_MEND = "Put it back from a copy, or record the run again: the same configuration gives the same bits."


def damage(run: Run) -> tuple[str, ...]:
    """What is wrong with a run's files, one sentence each; empty for a run that is what its configuration says.

    Only headers, lengths and states are compared: :mod:`~snowball_core.training.verification` compares the bytes.
    """
    return tuple(faults(run).values())


def is_complete(run: Run, status: Status) -> bool:
    """Whether a run was completed, by its status or by the hashes that are written at its end."""
    return status.state == "completed" or HASHES in run.manifest


def faults(run: Run, status: Status | None = None) -> dict[str, str]:
    """The sentences of :func:`damage` by the name of the file that each is about.

    Of a run that is being recorded only what no writing explains is a fault: its recordings are written one after another.
    """
    status = run.status() if status is None else status
    found: dict[str, str] = {}
    steps, made = recorded_steps(run.config), recordings(run.config)
    counts = {name: _count(run.path, name, each, found) for name, each in made.items()}
    if status.is_alive and (status.state == "queued" or counts[TENSOR] < 2):
        return {}  # its worker may be creating the files
    expected = _expected(run, status, steps)
    if not expected and counts[TENSOR] == 0 and _never_began(run, status):
        return {}
    for name, (file, _, _) in made.items():
        if file not in found:
            if text := _too_few(run, name, counts, expected, len(steps), status):
                found[file] = text
        elif (status.is_alive and (run.path / file).exists()) or _comes_later(run, name, counts[TENSOR], expected):
            del found[file]  # a header that is just being rewritten, or a file that the first start makes
    found |= _metric_fault(run, status, int(steps[max(0, min(counts[TENSOR], len(steps)) - 1)]))
    changed = manifest_fault(run)  # first: where the configuration is another one, all other files seem wrong
    other = _checkpoint_fault(run, status) | _status_fault(run, status) | _seed_fault(run) | _dead_fault(run)
    return changed | found | other | changed


def _never_began(run: Run, status: Status) -> bool:
    """Whether a run without a snapshot never had one."""
    file = run.path / METRICS
    return not (run.path / HISTORY).exists() and not status.step and (not file.exists() or _rows(file, identity(file))[0] == 0)


def _comes_later(run: Run, name: str, whole: int, expected: int) -> bool:
    """Whether a recording that is missing is made when the run is started: its history is empty, or a fork's first matrix."""
    if name == TENSOR or (run.path / recordings(run.config)[name].file).exists():
        return False
    from_snapshot = run.origin is not None and run.origin.kind != FROM_CHECKPOINT
    return whole == expected == int(from_snapshot) and run.checkpoint_step is None


def _count(path: Path, name: str, made: Recording, found: dict[str, str]) -> int:
    """How many snapshots a recording holds; what keeps it from being read is noted under the name of its file."""
    file = path / made.file
    if not file.exists():
        found[made.file] = f"{made.file} is missing. {_MEND}"
        return 0
    try:
        entry = read_header(file).tensors.get(name)
    except HistoryError as error:
        found[made.file] = f"{made.file} cannot be read: {str(error).replace(f'{path}/', '')}"
        return 0
    if entry is None or not entry.shape or (entry.dtype, entry.shape[1:]) != (made.dtype, made.shape):
        found[made.file] = (
            f"{made.file} must hold {name} as {made.dtype} {list(made.shape)} per snapshot; it holds {_held(entry)}. {_MEND}"
        )
        return 0
    return entry.shape[0]


def _held(entry: TensorEntry | None) -> str:
    return "no tensor of that name" if entry is None else f"{entry.dtype} {list(entry.shape[1:])}"


def _expected(run: Run, status: Status, steps: Any) -> int:
    """How many snapshots there must be at least: all of a completed run, those up to the checkpoint of another."""
    if is_complete(run, status):
        return len(steps)
    reached = [run.checkpoint_step]
    if status.state == "stopped" and status.step > 0:
        reached.append(status.step)
    if run.origin is not None:
        reached.append(run.origin.step if run.origin.kind == FROM_CHECKPOINT else 0)
    known = [step for step in reached if step is not None]
    return int(np.searchsorted(steps, max(known), side="right")) if known else 0


def _too_few(run: Run, name: str, counts: dict[str, int], expected: int, most: int, status: Status) -> str:
    """What is wrong with the number of snapshots in a recording that can be read; empty if nothing is."""
    file, count, whole = recordings(run.config)[name].file, counts[name], min(counts[TENSOR], most)
    if count > most:
        return f"{file} must hold at most the {most:,} snapshots of the configuration; it holds {count:,}. {_MEND}"
    if status.is_alive:
        behind = name != TENSOR and count < whole - 1
        return f"{file} must hold as many snapshots as {HISTORY}, {whole:,}; it holds {count:,}. {_MEND}" if behind else ""
    least = max(expected, whole, min(max(counts.values()), most) - 1)
    if count >= least:
        return ""
    kind = "completed " if is_complete(run, status) else ""
    return f"{file} must hold {least:,} snapshots of this {kind}run; it holds {count:,}. {_MEND}"


def _metric_fault(run: Run, status: Status, reached: int) -> dict[str, str]:
    """Whether ``metrics.csv`` holds a row for every step; of a run that was killed the last may be missing."""
    file, complete = run.path / METRICS, is_complete(run, status)
    if not file.exists():
        return {METRICS: f"{METRICS} is missing: losses, rates and gradient norms are unknown. {_MEND}"} if reached else {}
    if status.is_alive:
        return {}
    try:
        rows, last = _rows(file, identity(file))
    except OSError as error:
        return {METRICS: f"{METRICS} cannot be read ({error.strerror}). {_MEND}"}
    if text := _unreadable_rows(file, identity(file)):
        return {METRICS: text}
    least = run.config.last_step if complete else reached - 1
    if last is None or (rows == last and rows >= least and not (complete and rows > least)):
        return {}
    wanted = f"a row for each of the {least:,} steps" if complete else f"a row for each step, to step {max(least, last):,}"
    return {METRICS: f"{METRICS} must hold {wanted}; it holds {rows:,} and ends at step {last:,}. {_MEND}"}


@functools.lru_cache(maxsize=1_024)
def _unreadable_rows(file: Path, at: FileIdentity) -> str:
    """Why the rows of a file of metrics cannot be read as numbers; empty if they can."""
    try:
        read_metrics(file)
    except RunError as error:
        return str(error)
    return ""


@functools.lru_cache(maxsize=1_024)
def _rows(file: Path, at: FileIdentity) -> tuple[int, int | None]:
    """How many whole rows a file of metrics holds, its header aside, and the step of the last; None if that is no number."""
    with open_regular(file) as source:
        lines = sum(block.count(b"\n") for block in iter(lambda: source.read(_BLOCK), b""))
        source.seek(max(0, at[1] - _TAIL))
        tail = source.read(_TAIL)
    if lines < 2:
        return 0, 0
    word = tail[: tail.rfind(b"\n")].rpartition(b"\n")[2].partition(b",")[0]
    return lines - 1, int(word) if word.isdigit() and len(word) < 19 else None


def _checkpoint_fault(run: Run, status: Status) -> dict[str, str]:
    """Whether the header of the checkpoint can be read, where there is one; only an exact fork must have one to go on."""
    name = CHECKPOINT.as_posix()
    if status.is_alive or run.checkpoint_step is not None:
        return {}
    folder = run.path / CHECKPOINT.parent
    if os.path.lexists(run.path / CHECKPOINT) or (os.path.lexists(folder) and not folder.is_dir()):
        return {name: f"{name} cannot be read or is of another run: no resume and no exact fork can begin there. Put it back."}
    is_exact = run.origin is not None and run.origin.kind == FROM_CHECKPOINT
    if is_exact and not is_complete(run, status):
        return {name: f"{name} is missing: an exact fork goes on from its checkpoint. Put it back from a copy."}
    return {}


def _status_fault(run: Run, status: Status) -> dict[str, str]:
    """Whether ``status.json`` can be read and agrees with ``run.json``."""
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
        return {STATUS: f"{STATUS} says completed at step {step:,}; the run ends at step {last:,}. Put it back from a copy."}
    has_hashes = HASHES in run.manifest
    if status.state == "completed" and not has_hashes:
        text = f"{MANIFEST} must hold the hashes of a completed run; it has none. Put it back from a copy, or, if {STATUS}"
        return {MANIFEST: f'{text} was changed, go on from the checkpoint: "python -m snowball_core resume {run.id}".'}
    saved = run.checkpoint_step
    if status.state == "stopped" and saved is not None and status.step < saved:
        return {STATUS: f"{STATUS} says stopped at step {status.step:,}; the checkpoint is of step {saved:,}. {again}"}
    if status.state in ("stopped", "failed") and has_hashes:
        return {STATUS: f"{STATUS} says {status.state}, {MANIFEST} holds the hashes of a completed run. {again}"}
    return {}


def manifest_fault(run: Run) -> dict[str, str]:
    """Whether the entries of ``run.json`` are those that were written, by their SHA-256."""
    if is_as_written(run.manifest):
        return {}
    text = f"{MANIFEST} is not what was written: its entries have another SHA-256. Put it back from a copy."
    return {MANIFEST: text}


def _seed_fault(run: Run) -> dict[str, str]:
    """Whether the seed is the one that the provenance names; an exact fork has the provenance of its parent."""
    provenance = run.manifest.get("provenance")
    named = provenance.get("seeds") if isinstance(provenance, dict) else None
    known = named if isinstance(named, dict) else {}
    is_exact = run.origin is not None and run.origin.kind == FROM_CHECKPOINT
    if is_exact or all(known.get(name, value) == value for name, value in seed_entries(run.config).items()):
        return {}
    text = f"{MANIFEST} must name one seed; it says {run.config.seed} in config and another in provenance."
    return {MANIFEST: f"{text} Put it back from a copy."}


def _dead_fault(run: Run) -> dict[str, str]:
    """Whether the dead tokens are those that never occur by the counts beside them."""
    corpus = run.manifest.get("corpus")
    counts = corpus.get("byte_counts") if isinstance(corpus, dict) else None
    if not isinstance(counts, list) or sorted(run.manifest["dead_ids"]) == dead_by(counts, run.config.vocab):
        return {}
    return {
        MANIFEST: f"{MANIFEST} must name as dead the tokens that never occur; dead_ids and byte_counts in it disagree. "
        "Put it back from a copy."
    }


def dead_by(counts: list[Any], vocab: int) -> list[int]:
    """The tokens of a vocabulary that never occur, by how often each byte occurs."""
    return [token for token in range(vocab) if token >= len(counts) or counts[token] == 0]
