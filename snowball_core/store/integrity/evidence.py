"""Evidence for a run: what its bytes say against its configuration, its hashes, its numbers per step and its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...config import RunConfig
from ...errors import HistoryError, RunError
from ...schedules import learning_rate_at, recorded_steps
from ...shapes import recorded_name, recordings, state_shapes
from ..checkpoint import Checkpoint
from ..files.regular_files import file_sha256, open_regular, read_bytes
from ..files.tensor_file import open_tensor
from ..files.tensor_header import Header, TensorEntry, read_header
from ..origin import CHECKPOINT as FROM_CHECKPOINT
from ..origin import segments
from ..run_folder import CHECKPOINT, METRIC_COLUMNS, METRICS, Run, matrix_sha256
from .damage import HASHES, MANIFEST, is_complete
from .digests import Summary, tally_of
from .soundness import sound_checkpoint

SAME, AGREES, ABSENT = "same", "agrees", "absent"
DIFFERS, MISSING, DAMAGED, UNLISTED, UNEXPECTED = "differs", "missing", "damaged", "not listed", "unexpected"
SOUND = (SAME, AGREES, ABSENT)
_MOST_OF_A_ROW = 200
_ITEM: dict[str, np.dtype[Any]] = {"BF16": np.dtype("<u2"), "F32": np.dtype("<f4")}
State = tuple[str, list[str]]


def recording_states(run: Run, wrong: Mapping[str, str], saved: Checkpoint | None) -> dict[str, State]:
    """The state of every recording of the configuration, and of every other file that ``run.json`` lists.

    Parameters
    ----------
    wrong : mapping of str to str
        The files with another fault, from :func:`~snowball_core.store.integrity.damage.faults`.
    saved : Checkpoint or None
        The checkpoint, whose hashes the recordings up to its step must have.
    """
    listed = run.manifest.get(HASHES)
    hashes: Mapping[str, Any] = listed if isinstance(listed, dict) else {}
    complete = is_complete(run, run.status())
    proved = saved.recordings if saved is not None and saved.recordings is not None else {}
    states = {}
    for name, (file, _, _) in recordings(run.config).items():
        state, problems = _recording(run.path / file, hashes, complete, file in wrong)
        if name in proved and state in (SAME, AGREES, UNLISTED):
            found = _prefix_problems(run, name, file, proved[name])
            state, problems = (DIFFERS, found) if found else (SAME if state == AGREES else state, problems)
        states[file] = state, problems
    for name in hashes:
        if name not in states:
            text = f"{MANIFEST} lists a hash of {str(name)[:80]!r}, which the configuration does not record."
            states[str(name)[:80]] = UNEXPECTED, [text]
    return states


def _recording(path: Path, hashes: Mapping[str, Any], complete: bool, is_wrong: bool) -> State:
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


def _prefix_problems(run: Run, name: str, file: str, expected: Summary) -> list[str]:
    """Whether a recording up to the checkpoint has the hashes that were written there."""
    try:
        words = open_tensor(run.path / file, name).words[: expected.entries]
    except HistoryError as error:
        return [f"{file} cannot be read: {error}"]
    ranges = tally_of(np.ascontiguousarray(each).tobytes() for each in words).damage(expected)
    steps = recorded_steps(run.config)
    return [
        f"{file}: {_places(each, 'snapshot')} ({_places(steps[each], 'step')}) must be what was recorded, by the SHA-256 in "
        "the checkpoint; it is not."
        for each in (np.arange(span.start, span.stop) for span in ranges[:1])
    ]


def _places(numbers: npt.NDArray[Any], what: str) -> str:
    first, last = int(numbers[0]), int(numbers[-1])
    return f"{what} {first:,}" if first == last else f"one of {what}s {first:,} to {last:,}"


def metrics_state(run: Run, wrong: Mapping[str, str], saved: Checkpoint | None) -> State:
    """The state of ``metrics.csv``: one row a step, as the recorder writes it, with the learning rate of the schedule.

    The rows up to the checkpoint must have the hash that was written there.
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
    if lines[-1] and is_complete(run, run.status()):
        problems.append(f"{METRICS} must end with a whole row.")
    for step, row in enumerate(rows[:last], start=1):
        if fault := _row_fault(row, step, next(config for begin, config in rates if step > begin)):
            problems.append(f"{METRICS}: row {step:,} {fault}.")
            break
    expected = None if saved is None else saved.metrics
    if expected is not None and not problems:
        said = (row.rpartition(",")[0].encode() for row in rows[: expected.entries])
        if ranges := tally_of(said).damage(expected):
            place = _places(np.arange(ranges[0].start + 1, ranges[0].stop + 1), "row")
            problems.append(f"{METRICS}: {place} must be what was recorded, by the SHA-256 in the checkpoint; it is not.")
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


def manifest_problems(run: Run) -> list[str]:
    """What of a completed run's ``run.json`` is missing or contradicts itself, its dead tokens aside."""
    corpus, problems = run.manifest.get("corpus"), []
    counts = corpus.get("byte_counts") if isinstance(corpus, dict) else None
    if not isinstance(corpus, dict) or not isinstance(counts, list) or not all(type(count) is int for count in counts):
        problems.append(f"{MANIFEST} must hold how often each byte of the text occurs; it does not.")
    elif sum(counts) != corpus.get("bytes") or min(counts, default=0) < 0:
        problems.append(f"{MANIFEST} must hold byte counts that add up to the {corpus.get('bytes')} bytes of the text.")
    if not isinstance(run.manifest.get("provenance"), dict):
        problems.append(f"{MANIFEST} must say with which versions and on which machine the run was recorded; it does not.")
    if not isinstance(run.manifest.get(HASHES), dict):
        problems.append(f"{MANIFEST} must hold the hashes of a completed run; it has none.")
    return problems


def origin_problems(run: Run) -> list[str]:
    """Whether a fork still holds the matrix that it was forked with."""
    origin, problems, begin = run.origin, [], None
    while origin is not None:
        begin = origin.step if origin.kind == FROM_CHECKPOINT else 0
        digest = _recorded_sha256(run, begin)
        if digest not in (None, origin.matrix_sha256):
            problems.append(
                f"the matrix at step {begin:,} must be the one forked from {origin.parent}; its SHA-256 is another than "
                f"{MANIFEST} says."
            )
        origin = origin.earlier if origin.kind == FROM_CHECKPOINT else None
    return problems


def _recorded_sha256(run: Run, step: int) -> str | None:
    """SHA-256 of the matrix recorded at a step; None where it was not recorded or cannot be read."""
    words = _recorded(run, step)
    return None if words is None else matrix_sha256(words)


def _recorded(run: Run, step: int) -> npt.NDArray[Any] | None:
    try:
        words = run.history().words
    except HistoryError:
        return None
    place = np.flatnonzero(recorded_steps(run.config)[: len(words)] == step)
    return np.asarray(words[int(place[0])]) if len(place) else None


def read_saved(run: Run) -> tuple[Checkpoint | None, str]:
    """The checkpoint, its tensors compared with their hashes, or what is wrong with it; neither where there is none."""
    try:
        return sound_checkpoint(run), ""
    except RunError as error:
        return None, str(error)


def checkpoint_state(run: Run, saved: Checkpoint | None, fault: str) -> State:
    """The state of the checkpoint: its tensors against the configuration, its step, and its matrix against the history.

    Parameters
    ----------
    saved, fault
        From :func:`read_saved`.
    """
    file, name = run.path / CHECKPOINT, CHECKPOINT.as_posix()
    if saved is None:
        return (DIFFERS, [fault]) if fault else (ABSENT, [])
    try:
        header, step = read_header(file), saved.step
    except HistoryError as error:
        return DAMAGED, [f"{name} cannot be read: {error}"]
    wanted = state_shapes(run.config, step)
    if wrong := sorted(set(wanted) ^ set(header.tensors)):
        verb = "is missing" if wrong[0] in wanted else "is not of this model"
        return DIFFERS, [f"{name} must hold the state of this model: {wrong[0][:80]} {verb}."]
    if wrong := [tensor for tensor, entry in header.tensors.items() if (entry.dtype, entry.shape) != wanted[tensor]]:
        return DIFFERS, [f"{name} must hold the state of this model: {wrong[0]} is of another format or shape."]
    problems = _step_problems(run, file, header, step)
    if not problems:
        problems = _matrix_problems(run, file, header, step)
    return (DIFFERS if problems else AGREES if saved.recordings is None else SAME), problems


def _step_problems(run: Run, file: Path, header: Header, step: int) -> list[str]:
    name, last = CHECKPOINT.as_posix(), run.config.last_step
    if not 0 <= step <= last or (step != last and is_complete(run, run.status())):
        return [f"{name} must stand at a step of the run, a completed run's at {last:,}; it says {step:,}."]
    for tensor, entry in header.tensors.items():
        if tensor.startswith("step/") and float(_array(file, header, entry).ravel()[0]) != step:
            return [f"{name} must stand at step {step:,}; {tensor} says another."]
    return []


def _matrix_problems(run: Run, file: Path, header: Header, step: int) -> list[str]:
    """Whether the matrix in the checkpoint has the hash beside it and is the one recorded at its step."""
    name, digest = CHECKPOINT.as_posix(), header.metadata.get("matrix_sha256", "")
    words, recorded = _array(file, header, header.tensors[f"weight/{recorded_name(run.config)}"]), _recorded(run, step)
    if recorded is not None and matrix_sha256(recorded) != digest:
        return [f"{name} must hold the matrix recorded at step {step:,}; the history holds another (SHA-256)."]
    is_number = np.ones(words.shape, np.bool_)
    if words.dtype == np.float32 and run.config.recorded_format == "BF16":
        bits, is_number = words.view(np.uint32), ~np.isnan(words)
        if (bits & 0xFFFF)[is_number].any():
            return [f"{name} must hold a matrix of bfloat16 numbers; it holds others."]
        words = (bits >> 16).astype(np.uint16)
    # How NaN is rounded to bfloat16 depends on the processor: there only the other numbers can be compared.
    if is_number.all():
        is_same = matrix_sha256(words) == digest
    else:
        is_same = recorded is None or np.array_equal(words[is_number], recorded[is_number])
    return [] if is_same else [f"{name} must hold the matrix whose SHA-256 is beside it; it holds another."]


def _array(file: Path, header: Header, entry: TensorEntry) -> npt.NDArray[Any]:
    with open_regular(file) as source:
        source.seek(header.start + entry.begin)
        raw = source.read(entry.end - entry.begin)
    return np.frombuffer(raw, _ITEM[entry.dtype]).reshape(entry.shape)
