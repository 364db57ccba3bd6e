"""Where a run can be forked, and what a fork may change there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config import DEFAULTS, RunConfig
from ..config_checks import DRAWN
from ..errors import ConfigError, HistoryError, RunError
from ..measures.bf16 import Words
from ..measures.census import finite_snapshots
from ..schedules import recorded_steps
from ..store.metric_rows import read_metrics
from ..store.origin import CHECKPOINT, SNAPSHOT, segments
from ..store.run_folder import METRICS, Run
from .prepare import Read, request

# Why an exact fork cannot change a field; the fields not named act on each step by themselves and can.
FIXED = {
    "seed": "determines data order and noise",
    **dict.fromkeys(("corpus", "corpus_errors"), "the data order refers to this text"),
    **dict.fromkeys(("context", "batch"), "determines the windows of each step"),
    **dict.fromkeys(
        ("vocab", "hidden", "layers", "heads", "norm_layer", "tied", "matrix"), "determines the shape of the parameters"
    ),
    **dict.fromkeys(("initial_state", *DRAWN), "acts only on the initial state"),
    **dict.fromkeys(("precision", "compute", "optimizer"), "determines the form of parameters and moments"),
}
# A loss above this multiple of the first one has left the range of training.
_ORDINARY = 2.0
# Why a fork from a snapshot cannot.
GIVEN = {
    **dict.fromkeys(("vocab", "hidden"), "determines the shape of the snapshot"),
    **dict.fromkeys(("initial_state", *DRAWN), "W is the snapshot"),
}


@dataclass(frozen=True)
class Branch:
    """The place where a fork leaves its parent."""

    parent: Run
    kind: str  # CHECKPOINT or SNAPSHOT of store.origin
    step: int  # the parent's step

    @property
    def start(self) -> RunConfig:
        """The parent's configuration with the fork's name."""
        config = self.parent.config
        name = config.name if config.name.endswith("-fork") else f"{config.name[:55].rstrip('-')}-fork".removeprefix("-")
        if self.kind == CHECKPOINT:
            return replace(config, name=name)
        drawn: dict[str, Any] = {field: getattr(DEFAULTS, field) for field in DRAWN} | {"sigma": 0.0}
        return replace(config, name=name, initial_state="snapshot", **drawn)

    @property
    def behind(self) -> int:
        """Steps of the fork that are trained already when it begins."""
        return self.step if self.kind == CHECKPOINT else 0

    @property
    def past(self) -> tuple[RunConfig, ...]:
        """The configurations of the parts that an exact fork continues, each to its last step."""
        if self.kind != CHECKPOINT:
            return ()
        *earlier, last = (config for _, config in segments(self.parent.config, self.parent.origin))
        return (*earlier, replace(last, until=self.step))

    @property
    def suggested(self) -> RunConfig:
        """:attr:`start`, going on beyond the checkpoint: to the parent's horizon, or as far again."""
        start = self.start
        if start.last_step > self.behind:
            return start
        return replace(start, until=None, steps=start.steps if start.steps > self.behind else 2 * max(1, self.behind))

    @property
    def fixed(self) -> Mapping[str, str]:
        """The fields that cannot be changed here, and why."""
        return FIXED if self.kind == CHECKPOINT else GIVEN


def branch(parent: Run, step: int | None = None) -> Branch:
    """Where a run can be forked: at its checkpoint, or, with ``step``, at that recorded snapshot."""
    if step is not None:
        snapshot_at(parent, step)
        return Branch(parent, SNAPSHOT, step)
    if (at := parent.checkpoint_step) is None:
        raise RunError(
            f'an exact fork needs a checkpoint; "{parent.id}" has none that can be read (a run keeps its last one). '
            "Fork it from a recorded step instead: --step T."
        )
    return Branch(parent, CHECKPOINT, at)


def sound_branch(parent: Run) -> Branch | None:
    """Where to fork a run that diverged: at its checkpoint if its loss was ordinary there, else at the last such snapshot.

    A loss is ordinary up to twice that of the first step. The loss of step t is that of the weights of step t − 1. None where
    no finite snapshot is recorded.
    """
    loss = read_metrics(parent.path / METRICS)["loss"]
    lost = np.flatnonzero(~(loss <= _ORDINARY * loss[0])) if len(loss) else np.empty(0)
    sound = max(0, int(lost[0] if len(lost) else len(loss)) - 1)
    if (at := parent.checkpoint_step) is not None and at <= sound:
        return Branch(parent, CHECKPOINT, at)
    steps = parent.steps(finite_snapshots(parent.history().words))
    steps = steps[steps <= sound]
    return Branch(parent, SNAPSHOT, int(steps[-1])) if len(steps) else None


def snapshot_at(parent: Run, step: int) -> Words:
    """The matrix recorded at a step."""
    matrix = parent.matrix_at(step)
    if matrix is None:
        steps = parent.steps(len(parent.history().words))
        distance = np.abs(steps - min(max(step, -1), 2**62))
        near = f", the nearest to it at step {steps[distance.argmin()]:,}" if len(steps) else ""
        raise HistoryError(
            f'a fork begins at a recorded step; got {step:,}. The run "{parent.id}" recorded {len(steps):,} snapshots{near}: '
            "choose one of those."
        )
    return matrix


def fork_request(folder: Path, at: Branch, changes: Mapping[str, Any], read: Read | None = None) -> RunConfig:
    """The configuration of a fork: the parent's with some fields replaced, checked with its text and against the branch."""
    config = request(folder, at.start, changes, read)
    if faults := branch_faults(at, config):
        raise ConfigError(faults)
    return config


def branch_faults(at: Branch, config: RunConfig) -> list[str]:
    """Why ``config`` cannot continue from a branch, one sentence each; empty if it can."""
    start, parent = at.start, at.parent.id
    way = "Keep it, or fork from a recorded step (--step T)." if at.kind == CHECKPOINT else "Keep it, or start a new run."
    faults = [
        f"{name} must stay {getattr(start, name)} in this fork of {parent} ({why}); got {getattr(config, name)}. {way}"
        for name, why in at.fixed.items()
        if getattr(config, name) != getattr(start, name)
    ]
    return faults + (_checkpoint_faults(at, config) if at.kind == CHECKPOINT else _snapshot_faults(at, config))


def _snapshot_faults(at: Branch, config: RunConfig) -> list[str]:
    if at.parent.config.recorded_format == "F32" and config.recorded_format == "BF16":
        return [
            f"precision must keep the snapshot's float32 numbers as they are; {config.precision} would round them. "
            "Choose mixed or f32."
        ]
    return []


def _checkpoint_faults(at: Branch, config: RunConfig) -> list[str]:
    faults = []
    if config.last_step <= at.step:
        faults.append(
            f"an exact fork must train beyond its checkpoint; the checkpoint of {at.parent.id} is at step {at.step:,} and "
            f"the fork would end at step {config.last_step:,}. Raise until or steps."
        )
        return faults
    missing = np.setdiff1d(kept_steps(config, at.step), at.parent.steps(len(at.parent.history().words)))
    if len(missing):
        faults.append(
            f"record must not ask for steps the parent did not record; {config.record} asks for {len(missing):,} of them up to "
            f"step {at.step:,}, the first is {missing[0]:,}. Record as the parent did ({at.parent.config.record}) or less."
        )
    if more := [name for name in config.extras if name not in at.parent.config.extras]:
        faults.append(
            f"extra must not name what the parent did not record; got {', '.join(more)}. Choose among "
            f"{', '.join(at.parent.config.extras) or 'none'}, or fork from a recorded step (--step T)."
        )
    return faults


def kept_steps(config: RunConfig, step: int) -> npt.NDArray[np.int64]:
    """The steps a fork's history has up to ``step``."""
    steps = recorded_steps(config)
    return steps[steps <= step]
