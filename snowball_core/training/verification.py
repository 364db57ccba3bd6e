"""Verification of a recorded run: files, numbers and hashes, and on request every bit, trained again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costs import TENSOR, recordings
from ..errors import HistoryError, RunError
from ..jobs.prepare import checked_corpus, dead_tokens, require_text
from ..store.corpus import Corpus
from ..store.files.regular_files import open_regular
from ..store.files.tensor_file import open_tensor
from ..store.integrity.full_check import AGREES, SAME, SOUND, checked_files
from ..store.integrity.quick_check import MANIFEST, faults, is_complete
from ..store.run_folder import METRICS, Run
from .recorder import environment_differences, provenance
from .trainer import Snapshot, Training, begin, retrace

_COLUMNS = ("loss", "learning_rate", "grad_norm")
_REPEATED = ("dtypes", "seeds", "base_length", "first_windows", "parameters")


@dataclass(frozen=True)
class Verification:
    """What verifying found."""

    # file name → ``same`` (as its hashes), ``agrees`` (with the configuration, where no hash is kept), ``absent`` (and need not
    # be there), ``differs``, ``missing``, ``damaged``, ``not listed`` (its hash is missing) or ``unexpected`` (the
    # configuration records no such file)
    files: dict[str, str]
    problems: tuple[str, ...] = ()  # what is wrong, one sentence each
    replayed: int | None = None  # snapshots trained again and compared; None without replay
    first_difference: int | None = None  # step of the first snapshot or row of numbers that came out different
    what_differs: str = ""  # the recording, or the column of ``metrics.csv``, that differed there
    rows: int | None = None  # rows of ``metrics.csv`` compared with what training again gave; None without replay

    @property
    def is_sound(self) -> bool:
        """Whether nothing differs and nothing is missing."""
        return self.first_difference is None and not self.problems and all(state in SOUND for state in self.files.values())


def verify_hashes(run: Run) -> Verification:
    """Compare the files of a run with its configuration, and with the hashes written at the end.

    Every recording of the configuration must be there, whole and with its hash; ``metrics.csv`` must have a row for every
    step with the rate of the schedule; the dead tokens must be those that never occur; the checkpoint must hold the recorded
    matrix. What must exist follows from the configuration alone, never from the run's files.

    Raises
    ------
    RunError
        If nothing is wrong, but the run is not complete and no hash of it is kept, so that its bytes cannot be compared.
    """
    status = run.status()
    files, problems = checked_files(run, status, faults(run, status))
    result = Verification(files, tuple(problems))
    if result.is_sound and not is_complete(run, status) and SAME not in files.values():
        raise RunError(
            f'hashes are written when a run completes; "{run.id}" is {status.state} and has none to compare with. '
            "Resume it first."
        )
    return result


def replay(run: Run, folder: Path) -> Verification:
    """Train the run again and compare every recorded snapshot and every row of numbers, bit for bit.

    Raises
    ------
    RunError
        If the text, the versions, the device or the threads differ from those of the run: the bits could not be expected equal.
    """
    corpus = checked_corpus(folder, run.config, is_checked=True)
    require_text(corpus, run, "a replay needs the text of the run", "Put it back.")
    training = begin(run, corpus)
    if changed := environment_differences(run.manifest.get("provenance", {}), provenance(training)):
        raise RunError(
            f"a replay can only be expected to repeat the bits where they were made; here these differ: {'; '.join(changed)}. "
            "Replay it with those, or compare conclusions instead of bits."
        )
    result = _verified(run)
    problems = (*result.problems, *_text_problems(run, corpus), *_training_problems(run, training))
    return _compared(run, corpus, replace(result, problems=tuple(dict.fromkeys(problems))))


def _verified(run: Run) -> Verification:
    """What can be found without training, also of a run that has no hashes yet."""
    try:
        return verify_hashes(run)
    except RunError:
        return Verification({made.file: AGREES for made in recordings(run.config).values()})


def _text_problems(run: Run, corpus: Corpus) -> Iterator[str]:
    """Where ``run.json`` is wrong about the text."""
    listed = run.manifest["corpus"]
    if sorted(run.manifest["dead_ids"]) != dead_tokens(corpus, run.config.vocab):
        yield f"{MANIFEST} must name as dead the tokens that never occur in the text; it names others."
    if (listed.get("byte_counts"), listed.get("bytes")) != (corpus.byte_counts.tolist(), len(corpus)):
        yield f"{MANIFEST} must count the bytes of the text; its counts are others."


def _training_problems(run: Run, training: Training) -> Iterator[str]:
    """Where the provenance in ``run.json`` is wrong about the training."""
    kept, here = run.manifest.get("provenance", {}), provenance(training)
    for name in _REPEATED:
        if name in kept and kept[name] != here[name]:
            yield f"{MANIFEST} must say of the training what it does; its provenance names another {name}."


def _compared(run: Run, corpus: Corpus, result: Verification) -> Verification:
    """What training again adds: how many snapshots and rows are the same, and where the first other one is."""
    recorded = _readable(run)
    steps = run.steps(max((len(words) for words in recorded.values()), default=0))
    index, rows = {int(step): i for i, step in enumerate(steps)}, _rows(run)
    last, compared = max([*rows, *index]), 0
    for snapshot in retrace(run, corpus, steps):
        differing = _other_number(rows, snapshot) if snapshot.step and rows else ""
        if not differing and (at := index.get(snapshot.step)) is not None:
            fresh: dict[str, Any] = {TENSOR: snapshot.words, **snapshot.extras}
            differing = next((name for name, words in recorded.items() if _is_other(words, at, fresh[name])), "")
            compared += not differing
        if differing:
            return replace(result, replayed=compared, first_difference=snapshot.step, what_differs=differing)
        if snapshot.step >= last:
            break
    return replace(result, replayed=compared, rows=len(rows))


def _is_other(words: npt.NDArray[Any], at: int, fresh: npt.NDArray[Any]) -> bool:
    return at < len(words) and words[at].tobytes() != fresh.tobytes()


def _readable(run: Run) -> dict[str, npt.NDArray[Any]]:
    """The recordings that can be opened, by name; the checks without training name the others."""
    words = {}
    for name, made in recordings(run.config).items():
        try:
            words[name] = run.history().words if name == TENSOR else open_tensor(run.path / made.file, name).words
        except HistoryError:
            continue
    return words


def _rows(run: Run) -> dict[int, list[str]]:
    """The whole rows of ``metrics.csv`` as they are written, without their seconds, by step."""
    try:
        with open_regular(run.path / METRICS) as file:
            lines = file.read().decode(errors="replace").split("\n")[1:-1]
    except OSError:
        return {}
    cells = [line.split(",") for line in lines]
    return {int(row[0]): row[1:4] for row in cells if row[0].isdigit() and len(row[0]) < 19}


def _other_number(rows: dict[int, list[str]], snapshot: Snapshot) -> str:
    """The first column of ``metrics.csv`` that differs from what a step gave; empty if none does."""
    if snapshot.step > max(rows):
        return ""
    fresh = (str(np.float32(snapshot.loss)), repr(snapshot.learning_rate), str(np.float32(snapshot.grad_norm)))
    row = rows.get(snapshot.step)
    if row is None or len(row) != len(fresh):
        return METRICS
    return next((name for name, old, new in zip(_COLUMNS, row, fresh, strict=True) if old != new), "")
