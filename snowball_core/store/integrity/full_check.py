"""Full check of a run: its bytes and numbers against its configuration, its hashes and its checkpoint, to verify it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...config import RunConfig
from ...costs import recorded_name, recordings, state_shapes
from ...errors import HistoryError, RunError
from ...schedules import learning_rate_at
from ..checkpoint import Checkpoint
from ..files.regular_files import file_sha256, read_bytes
from ..files.tensor_file import open_tensor
from ..metric_rows import METRIC_COLUMNS, METRICS, without_seconds
from ..origin import segments
from ..run_folder import CHECKPOINT, Run, matrix_sha256
from ..status import Status, hold, stop_marker, write_status
from .digests import Summary, Tally
from .quick_check import HASHES, MANIFEST, STATUS, faults, is_complete
from .resume_check import entries, other_rows, other_snapshots, sound_checkpoint

SAME, AGREES, ABSENT = "same", "agrees", "absent"
DIFFERS, MISSING, DAMAGED, UNLISTED, UNEXPECTED = "differs", "missing", "damaged", "not listed", "unexpected"
SOUND = (SAME, AGREES, ABSENT)
_MOST_OF_A_ROW = 200
_CHECKPOINT = CHECKPOINT.as_posix()
State = tuple[str, list[str]]


def checked_files(run: Run, status: Status, wrong: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The state of every file of a run by name, and everything that is wrong with it, one sentence each.

    ``wrong`` are the files with another fault, from :func:`~snowball_core.store.integrity.quick_check.faults`.
    """
    complete = is_complete(run, status)
    try:
        saved, fault = sound_checkpoint(run), ""
    except RunError as error:
        saved, fault = None, str(error)
    states = _recording_states(run, complete, wrong, saved)
    states.setdefault(METRICS, _metrics_state(run, complete, wrong, None if saved is None else saved.metrics))
    states.setdefault(_CHECKPOINT, _checkpoint_state(run, complete, saved, fault))
    problems = list(wrong.values())
    for state, sentences in states.values():
        problems += sentences if state not in SOUND else []
    problems += (_manifest_problems(run) if complete else []) + _origin_problems(run)
    return {name: state for name, (state, _) in states.items()}, list(dict.fromkeys(problems))


def restored_status(run: Run) -> Status | None:
    """The status of a completed run that lacks nothing else, now written; None, and nothing written, where more is wrong.

    Training again would need the text, and the versions and the processor of the run; comparing needs nothing but its files.
    """
    if HASHES not in run.manifest:
        return None
    status = Status("completed", run.config.last_step, run.config.last_step)
    with hold(run.path):
        wrong = faults(run, status)
        wrong.pop(STATUS, None)
        states, problems = checked_files(run, status, wrong)
        if problems or not all(state in SOUND for state in states.values()):
            return None
        write_status(run.path, status)
        stop_marker(run.path).unlink(missing_ok=True)
    return status


def _recording_states(run: Run, complete: bool, wrong: Mapping[str, str], saved: Checkpoint | None) -> dict[str, State]:
    """The state of every recording of the configuration, and of every other file that ``run.json`` lists."""
    hashes: Mapping[str, str] = run.manifest.get(HASHES, {})
    proved = saved.recordings if saved is not None and saved.recordings is not None else {}
    states = {}
    for name, each in recordings(run.config).items():
        state, problems = _recording_state(run.path / each.file, hashes, complete, each.file in wrong)
        if name in proved and state in (SAME, AGREES, UNLISTED):
            ranges = Tally(entries(run, each, range(proved[name].entries))).damage(proved[name])
            changed = [f"{each.file} up to the checkpoint: {other_snapshots(run, ranges)}."] if ranges else []
            state, problems = (DIFFERS, changed) if changed else (SAME if state == AGREES else state, problems)
        states[each.file] = state, problems
    for name in hashes:
        if name not in states:
            text = f"{MANIFEST} lists a hash of {name[:80]!r}, which the configuration does not record."
            states[name[:80]] = UNEXPECTED, [text]
    return states


def _recording_state(path: Path, hashes: Mapping[str, str], complete: bool, is_wrong: bool) -> State:
    if not path.exists():
        return (MISSING if complete or is_wrong else ABSENT), []
    try:
        digest = file_sha256(path) if path.name in hashes else ""
    except OSError as error:
        return DAMAGED, [f"{path.name} cannot be read ({error.strerror})."]
    if path.name not in hashes:
        text = f"{MANIFEST} must list the SHA-256 of {path.name}; it lists none."
        return (UNLISTED, [text]) if complete else (DAMAGED if is_wrong else AGREES, [])
    if digest != hashes[path.name]:
        return DIFFERS, [f"{path.name} has another SHA-256 than {MANIFEST} lists: one of the two was changed."]
    return (DAMAGED if is_wrong else SAME), []


def _metrics_state(run: Run, complete: bool, wrong: Mapping[str, str], expected: Summary | None) -> State:
    """The state of ``metrics.csv``: one row a step, as the recorder writes it, with the learning rate of the schedule.

    The rows up to the checkpoint must have the hash that was ``expected`` there.
    """
    file, last = run.path / METRICS, run.config.last_step
    if not file.exists():
        return (MISSING if METRICS in wrong else ABSENT), []
    try:
        lines = read_bytes(file, _MOST_OF_A_ROW * (last + 10)).decode("ascii").split("\n")
    except (OSError, ValueError):
        return DAMAGED, [f"{METRICS} cannot be read as text of {last:,} rows."]
    if lines[0] != ",".join(METRIC_COLUMNS):
        return DIFFERS, [f"{METRICS} must begin with the line {','.join(METRIC_COLUMNS)}."]
    problems = []
    rows, rates = lines[1:-1], list(reversed(segments(run.config, run.origin)))
    if len(rows) > last:
        problems.append(f"{METRICS} must hold at most {last:,} rows; it holds {len(rows):,}.")
    if lines[-1] and complete:
        problems.append(f"{METRICS} must end with a whole row.")
    for step, row in enumerate(rows[:last], start=1):
        if fault := _row_fault(row, step, next(config for begin, config in rates if step > begin)):
            problems.append(f"{METRICS}: row {step:,} {fault}.")
            break
    if expected is not None and not problems:
        ranges = Tally(without_seconds(row.encode()) for row in rows[: expected.entries]).damage(expected)
        problems += [f"{METRICS} up to the checkpoint: {other_rows(ranges, expected.entries)}."] if ranges else []
    if problems or METRICS in wrong:
        return DIFFERS, problems
    return (AGREES if expected is None else SAME), []


def _row_fault(row: str, step: int, config: RunConfig) -> str:
    """What is wrong with the row of a step; empty if it is one that the recorder writes."""
    cells = row.split(",")
    if len(cells) != len(METRIC_COLUMNS) or cells[0] != str(step):
        return f"must be of step {step:,} with {len(METRIC_COLUMNS)} numbers; it is {row[:80]!r}"
    rate = learning_rate_at(config, step)
    if cells[2] != repr(rate):
        return f"must have the learning rate {rate!r} of the schedule; it has {cells[2][:40]}"
    try:
        loss, norm, seconds = (float(cells[place]) for place in (1, 3, 4))
    except ValueError:
        return f"must hold numbers; it is {row[:80]!r}"
    if not math.isfinite(loss) or not math.isfinite(seconds):
        return f"must hold a finite loss and time; it is {row[:80]!r}"
    if (cells[1], cells[3]) != (str(np.float32(loss)), str(np.float32(norm))):
        return f"must hold float32 numbers as they are written; it is {row[:80]!r}"
    return ""


def _manifest_problems(run: Run) -> list[str]:
    """What of a completed run's ``run.json`` is missing or contradicts itself, its dead tokens aside."""
    corpus, problems = run.manifest.get("corpus", {}), []
    if "byte_counts" not in corpus:
        problems.append(f"{MANIFEST} must hold how often each byte of the text occurs; it does not.")
    elif sum(corpus["byte_counts"]) != corpus.get("bytes"):
        problems.append(f"{MANIFEST} must hold byte counts that add up to the {corpus.get('bytes')} bytes of the text.")
    if "provenance" not in run.manifest:
        problems.append(f"{MANIFEST} must say with which versions and on which machine the run was recorded; it does not.")
    if HASHES not in run.manifest:
        problems.append(f"{MANIFEST} must hold the hashes of a completed run; it has none.")
    return problems


def _origin_problems(run: Run) -> list[str]:
    """Whether a fork still holds the matrix that it was forked with."""
    origin, problems = run.origin, []
    while origin is not None:
        recorded = _recorded(run, origin.begin)
        if recorded is not None and matrix_sha256(recorded) != origin.matrix_sha256:
            problems.append(
                f"the matrix at step {origin.begin:,} must be the one forked from {origin.parent}; its SHA-256 is another "
                f"than {MANIFEST} says."
            )
        origin = origin.earlier if origin.is_exact else None
    return problems


def _recorded(run: Run, step: int) -> npt.NDArray[Any] | None:
    try:
        return run.matrix_at(step)
    except HistoryError:
        return None


def _checkpoint_state(run: Run, complete: bool, saved: Checkpoint | None, fault: str) -> State:
    """The state of the checkpoint: its tensors against the configuration, its step, and its matrix against the history."""
    if saved is None:
        return (DIFFERS, [fault]) if fault else (ABSENT, [])
    wanted = state_shapes(run.config, saved.step)
    if wrong := sorted(set(wanted) ^ set(saved.tensors)):
        verb = "is missing" if wrong[0] in wanted else "is not of this model"
        return DIFFERS, [f"{_CHECKPOINT} must hold the state of this model: {wrong[0][:80]} {verb}."]
    if wrong := [tensor for tensor, entry in saved.tensors.items() if (entry.dtype, entry.shape) != wanted[tensor]]:
        return DIFFERS, [f"{_CHECKPOINT} must hold the state of this model: {wrong[0]} is of another format or shape."]
    problem = _step_problem(run, complete, saved) or _matrix_problem(run, saved)
    return (DIFFERS if problem else AGREES if saved.recordings is None else SAME), [problem] if problem else []


def _step_problem(run: Run, complete: bool, saved: Checkpoint) -> str:
    last, step = run.config.last_step, saved.step
    if complete and step != last:
        return f"{_CHECKPOINT} must stand at a step of the run, a completed run's at {last:,}; it says {step:,}."
    for tensor in saved.tensors:
        if tensor.startswith("step/") and float(_tensor(run, tensor)) != step:
            return f"{_CHECKPOINT} must stand at step {step:,}; {tensor} says another."
    return ""


def _matrix_problem(run: Run, saved: Checkpoint) -> str:
    """Whether the matrix in the checkpoint has the hash beside it and is the one recorded at its step."""
    digest, step = saved.matrix_sha256, saved.step
    words, recorded = _tensor(run, f"weight/{recorded_name(run.config)}"), _recorded(run, step)
    if recorded is not None and matrix_sha256(recorded) != digest:
        return f"{_CHECKPOINT} must hold the matrix recorded at step {step:,}; the history holds another (SHA-256)."
    is_number = np.ones(words.shape, np.bool_)
    if words.dtype == np.float32 and run.config.recorded_format == "BF16":
        bits, is_number = words.view(np.uint32), ~np.isnan(words)
        if (bits & 0xFFFF)[is_number].any():
            return f"{_CHECKPOINT} must hold a matrix of bfloat16 numbers; it holds others."
        words = (bits >> 16).astype(np.uint16)
    # How NaN is rounded to bfloat16 depends on the processor: there only the other numbers can be compared.
    if is_number.all():
        is_same = matrix_sha256(words) == digest
    else:
        is_same = recorded is None or np.array_equal(words[is_number], recorded[is_number])
    return "" if is_same else f"{_CHECKPOINT} must hold the matrix whose SHA-256 is beside it; it holds another."


def _tensor(run: Run, name: str) -> npt.NDArray[Any]:
    return np.asarray(open_tensor(run.path / CHECKPOINT, name).words)
