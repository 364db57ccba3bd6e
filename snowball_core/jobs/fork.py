"""A new run out of an old one: exactly from its checkpoint, or from one recorded matrix with everything else fresh.

A fork is a whole run: what it takes over is copied, its folder is self-contained, and its ``run.json`` names its parent.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..config import RunConfig
from ..config_checks import faults_carried
from ..costs import HISTORY, TENSOR, recordings
from ..errors import ConfigError, HistoryError, RunError
from ..measures.bf16 import Words, format_of, values
from ..schedules import recorded_steps
from ..store.checkpoint import read_checkpoint, reseal
from ..store.corpus import Corpus
from ..store.files.tensor_file import TensorWriter, open_tensor
from ..store.files.tensor_header import read_header
from ..store.integrity.digests import Tally
from ..store.integrity.resume_check import require_sound_snapshot, sound_matrix, sound_prefix
from ..store.metric_rows import read_rows
from ..store.origin import CHECKPOINT, Origin
from ..store.run_folder import CHECKPOINT as CHECKPOINT_FILE
from ..store.run_folder import METRICS, Run, matrix_sha256
from ..store.status import require_writable
from .fork_points import Branch, branch_faults, kept_steps, snapshot_at
from .prepare import checked_corpus, prepare_with, require_text


def prepare_fork(folder: Path, at: Branch, config: RunConfig, corpus: Corpus | None = None) -> Run:
    """A new, queued run that continues from a branch; nothing is written if any check fails.

    ``corpus`` is the text where it was read and checked together with the configuration.
    """
    require_writable()
    parent, corpus = at.parent, corpus or checked_corpus(folder, config)
    if at.kind == CHECKPOINT:
        rule = "an exact fork goes on with the text of its parent"
        require_text(corpus, parent, rule, "Put the old text back, or fork from a recorded step (--step T).")
    if faults := branch_faults(at, config):
        raise ConfigError(faults)
    _require_sound(at)
    take = _take_checkpoint if at.kind == CHECKPOINT else _take_snapshot
    return prepare_with(folder, config, corpus, _entries(at, config), lambda path: take(at, config, path))


def _require_sound(at: Branch) -> None:
    """Compare what the fork takes over with the hashes of it."""
    if at.kind == CHECKPOINT:
        sound_prefix(at.parent)
        return
    recorded = recorded_steps(at.parent.config)
    require_sound_snapshot(at.parent, int(np.searchsorted(recorded, at.step)))


def _entries(at: Branch, config: RunConfig) -> dict[str, Any]:
    """The entries of ``run.json`` on the origin."""
    parent = at.parent
    if at.kind == CHECKPOINT:
        kept = read_header(parent.path / CHECKPOINT_FILE).metadata.get("matrix_sha256", "")
        digest = sound_matrix(parent, at.step, kept)
    else:
        digest = matrix_sha256(_as_recorded(snapshot_at(parent, at.step), config))
    origin = Origin(
        at.kind,
        parent.id,
        at.step,
        digest,
        parent.manifest.get("sha256", {}).get(HISTORY),
        parent.config,
        parent.origin,
    )
    since = f"up to step {at.step:,}, in {parent.id}"
    before = [
        f"{fault} ({since})" for fault in parent.manifest.get("faults_carried", []) if fault not in faults_carried(config)
    ]
    entries = {"fork": origin.to_json(), "faults_carried": [*faults_carried(config), *before]}
    if at.kind == CHECKPOINT and "provenance" in parent.manifest:
        # The fork is compared with what made its first part, as a resumed run is: only there can it be exact.
        entries["provenance"] = parent.manifest["provenance"]
    return entries


def _as_recorded(matrix: Words, config: RunConfig) -> Words:
    """A parent's matrix in the format in which the fork records; exact."""
    return matrix if config.recorded_format == format_of(matrix).name else values(matrix)


def _take_snapshot(at: Branch, config: RunConfig, path: Path) -> None:
    """Make the matrix the fork's first snapshot."""
    matrix = _as_recorded(snapshot_at(at.parent, at.step), config)
    if not np.isfinite(values(matrix)).all():
        raise RunError(
            f"a fork must begin with finite numbers; W of {at.parent.id} at step {at.step:,} has others. Choose an earlier one."
        )
    with TensorWriter(path / HISTORY, TENSOR, config.recorded_format, matrix.shape, len(recorded_steps(config)), {}) as history:
        history.append(matrix)


def _take_checkpoint(at: Branch, config: RunConfig, path: Path) -> None:
    """Copy the checkpoint and everything recorded up to it."""
    parent, own = at.parent, path / CHECKPOINT_FILE
    source = path / "checkpoint.copy"
    shutil.copyfile(parent.path / CHECKPOINT_FILE, source)
    try:
        saved = read_checkpoint(source, parent.config.last_step)
    except HistoryError as error:
        raise RunError(f'the checkpoint of "{parent.id}" changed while it was copied; {error}. Fork it again.') from None
    if saved.step != at.step:
        raise RunError(f'the checkpoint of "{parent.id}" has just moved on from step {at.step:,}. Fork it again.')
    recorded = {}
    for name, each in recordings(config).items():
        recorded[name] = _copy_recording(parent, path / each.file, name, config, at.step).summary()
    rows = read_rows(parent.path / METRICS, at.step)
    (path / METRICS).write_bytes((parent.path / METRICS).read_bytes()[: rows.end])
    own.parent.mkdir()
    if saved.recordings is None:
        # Of a version without hashes: none are added.
        os.replace(source, own)
    else:
        reseal(source, own, recorded, rows.tally.summary())
        source.unlink()


def _copy_recording(parent: Run, to: Path, name: str, config: RunConfig, step: int) -> Tally:
    """Copy the snapshots of one recording up to ``step``, with space for the rest; their digests."""
    source = parent.path / to.name
    entry, recorded = read_header(source).tensors[name], open_tensor(source, name).words
    steps = parent.steps(len(recorded))
    wanted = kept_steps(config, step)
    kept = np.searchsorted(steps, wanted)
    if len(steps) <= kept.max() or (steps[kept] != wanted).any():
        raise HistoryError(
            f'{to.name} of "{parent.id}" must hold every snapshot up to step {step:,}; it was cut. Leave {name} out of '
            "extra, or fork from a recorded step (--step T)."
        )
    tally = Tally()
    with TensorWriter(to, name, entry.dtype, entry.shape[1:], len(recorded_steps(config)), {}) as writer:
        for place, index in enumerate(kept):
            tally.add(writer.put(place, recorded[index]))
    return tally
