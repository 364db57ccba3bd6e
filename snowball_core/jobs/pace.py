"""Time that training takes: from the seconds that steps were recorded to take, else from the speed of the processor.

A time is a range: a step of the same run takes several times longer while other programs use the processor.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..config import RunConfig
from ..costs import cost
from ..errors import RunError
from ..store.metric_rows import read_metrics
from ..store.run_folder import METRICS, Run, read_run
from ..store.run_listing import run_paths
from ..store.status import log_of

# The fields that decide the work of a step and where it is done.
SHAPE = (
    *("vocab", "context", "batch", "hidden", "layers", "heads", "tied", "norm_layer", "precision", "compute", "optimizer"),
    *("device", "threads"),
)
_WINDOW = 50
_MOST_RUNS, _MOST_LOOKED_AT = 4, 40
# Share of a slow estimate by the processor's speed: a step's own overhead, measured on other machines.
_UNCERTAIN = 2.0
# A worker has niceness 5: a program of niceness 0 gets about three times its share.
_SHARE_OF_OTHERS = 3.0


class Pace(NamedTuple):
    """Seconds per step, at the fastest and at the slowest."""

    fastest: float
    slowest: float

    def seconds(self, steps: int) -> tuple[float, float]:
        """Shortest and longest time of so many steps."""
        return steps * self.fastest, steps * self.slowest


def pace_of(seconds: npt.NDArray[np.float64]) -> Pace | None:
    """Range of the mean seconds per step over stretches of 50 steps; None without a step.

    A shorter record is one stretch. The first step of a record, which also loads kernels, is left out where there are others.

    Examples
    --------
    >>> pace_of(np.array([9.0] + [0.1] * 50 + [0.4] * 50))
    Pace(fastest=0.1, slowest=0.4)
    """
    steps = seconds[1:] if len(seconds) > 1 else seconds
    steps = steps[np.isfinite(steps) & (steps >= 0)]
    if not len(steps):
        return None
    whole = len(steps) // _WINDOW * _WINDOW
    means = steps[:whole].reshape(-1, _WINDOW).mean(axis=1) if whole else steps.mean(keepdims=True)
    return Pace(round(float(means.min()), 9), round(float(means.max()), 9))


def own_pace(run: Run) -> Pace | None:
    """The pace of the last hundred steps that a run recorded; None where it recorded none."""
    with contextlib.suppress(RunError):
        return pace_of(read_metrics(run.path / METRICS)["seconds"][-2 * _WINDOW - 1 :])
    return None


def recorded_pace(folder: Path, config: RunConfig) -> Pace | None:
    """The pace of the newest runs of the same shape that the app trained here; None where there is none.

    Only these have a worker's log: it stays behind when a run is packed.
    """
    paces = []
    for path in run_paths(folder)[:_MOST_LOOKED_AT]:
        with contextlib.suppress(RunError):
            run = read_run(path)
            if _is_alike(run.config, config) and log_of(path).exists() and (pace := own_pace(run)):
                paces.append(pace)
        if len(paces) == _MOST_RUNS:
            break
    return Pace(min(each.fastest for each in paces), max(each.slowest for each in paces)) if paces else None


def _is_alike(one: RunConfig, other: RunConfig) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in SHAPE)


def expected_pace(config: RunConfig, speed: float, recorded: Pace | None = None) -> Pace:
    """The pace to be expected of a run: as recorded, else by ``speed``; slower while the processor is busy now."""
    busy = 1 + _SHARE_OF_OTHERS * _load()
    if recorded:
        return Pace(recorded.fastest, max(recorded.slowest, recorded.fastest * busy))
    fastest = cost(config, speed).seconds / max(1, config.last_step)
    return Pace(fastest, fastest * _UNCERTAIN * busy)


def _load() -> float:
    """Programs per processor that wanted to run in the last minute; 0 where the system does not say."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 0.0
