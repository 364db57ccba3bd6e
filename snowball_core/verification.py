"""Is a recorded run what it says it is: its hashes, and on request every bit, trained again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RunError
from .preparing import checked_corpus
from .provenance import differences, provenance
from .retracing import begin, retrace
from .runs import HISTORY, TENSOR, Run, file_sha256
from .tensorfile import open_tensor


@dataclass(frozen=True)
class Verification:
    """What verifying found.

    Attributes
    ----------
    files : dict of str to str
        File name → ``same``, ``differs`` or ``missing``, by SHA-256.
    replayed : int or None
        Snapshots trained again and compared; None without replay.
    first_difference : int or None
        Step of the first snapshot that came out different.
    what_differs : str
        The recording that differed there.
    """

    files: dict[str, str]
    replayed: int | None = None
    first_difference: int | None = None
    what_differs: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether nothing differs."""
        return self.first_difference is None and all(found == "same" for found in self.files.values())


def verify_hashes(run: Run) -> Verification:
    """Compare the recordings' SHA-256 with those written when the run was completed.

    Raises
    ------
    RunError
        If the run is not complete, so that there is nothing to compare with.
    """
    expected = run.manifest.get("sha256")
    if not isinstance(expected, dict):
        raise RunError(f'hashes are written when a run completes; "{run.id}" is {run.status().state}. Resume it first.')
    found = {}
    for name, digest in expected.items():
        file = run.path / Path(name).name
        found[name] = "missing" if not file.is_file() else "same" if file_sha256(file) == digest else "differs"
    return Verification(found)


def replay(run: Run, folder: Path, progress: Callable[[int], None] = lambda step: None) -> Verification:
    """Train the run again and compare every recorded snapshot, bit for bit.

    Raises
    ------
    RunError
        If the text, the versions, the device or the threads differ from those of the run: the bits could not be expected equal.
    """
    corpus = checked_corpus(folder, run.config)
    if corpus.sha256 != run.text_sha256:
        raise RunError(
            f'a replay needs the text of the run; "{run.config.corpus}" is another one now (SHA-256 differs). Put it back.'
        )
    training = begin(run, corpus)
    if changed := differences(run.manifest.get("provenance", {}), provenance(training)):
        raise RunError(
            f"a replay can only be expected to repeat the bits where they were made; here these differ: {'; '.join(changed)}. "
            "Replay it with those, or compare conclusions instead of bits."
        )
    recorded = {TENSOR: run.history().words}
    for name in run.config.extras:
        if (file := run.path / f"{name}.safetensors").is_file():
            recorded[name] = open_tensor(file, name).words
    files = verify_hashes(run).files if "sha256" in run.manifest else {HISTORY: "same"}
    steps = run.steps(len(recorded[TENSOR]))
    index = {int(step): i for i, step in enumerate(steps)}
    for snapshot in retrace(run, corpus, steps):
        if (at := index.get(snapshot.step)) is not None:
            fresh: dict[str, Any] = {TENSOR: snapshot.words, **snapshot.extras}
            for name, words in recorded.items():
                if words[at].tobytes() != fresh[name].tobytes():
                    return Verification(files, at, snapshot.step, name)
            progress(snapshot.step)
            if at == len(steps) - 1:
                break
    return Verification(files, len(steps))
