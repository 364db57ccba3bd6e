"""Train a run from where it began, through the exact forks it came by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from ..errors import RunError
from ..measures.bf16 import Words
from ..store.corpus import Corpus
from ..store.origin import root, segments
from ..store.run_folder import Run, matrix_sha256
from .trainer import Snapshot, Training, snapshots


def begin(run: Run, corpus: Corpus) -> Training:
    """A training of the run's configuration, where it is at step 0."""
    return _training(run, run.config, corpus)


def _training(run: Run, config: RunConfig, corpus: Corpus) -> Training:
    return Training(config, corpus, _given(run) if config.initial_state == "snapshot" else None)


def _given(run: Run) -> Words:
    """The matrix a run began with, which is its first snapshot, compared with the hash written when it was forked."""
    first, origin = root(run.origin), run.history().words[:1]
    expected = first.matrix_sha256 if first else "none"
    if not len(origin) or matrix_sha256(origin[0]) != expected:
        raise RunError(
            f'the first snapshot of "{run.id}" must be the matrix it was forked with; its SHA-256 is not {expected[:12]}…. '
            "Put the file back, or fork the parent again."
        )
    matrix: Words = origin[0]
    return matrix


def retrace(run: Run, corpus: Corpus, wanted: npt.NDArray[np.int64]) -> Iterator[Snapshot]:
    """Every snapshot of the run, trained again from its beginning, each part with the configuration it was trained with.

    Parameters
    ----------
    wanted : ndarray of int64
        Steps whose matrix is wanted.
    """
    before: Training | None = None
    for start, config in segments(run.config, run.origin):
        here = run.config
        training = _training(run, replace(config, extra=here.extra, device=here.device, threads=here.threads), corpus)
        if before is not None:
            training.restore(start, before.state())
        yield from snapshots(training, wanted)
        before = training
