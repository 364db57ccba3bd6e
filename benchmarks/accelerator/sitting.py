"""What all parts of the accelerator's benchmark share: configuration, text, the time that is left, and a row of the table."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from snowball_core.config import RunConfig
from snowball_core.store.corpus import Corpus
from snowball_core.training.precision import resolve_device
from snowball_core.training.trainer import Snapshot, Training

COMPUTES = ("f32", "bf16")
HOLDS, FAILS, MISSED, NOT_RUN, BROKEN, MEASURED = "holds", "fails", "missed", "not run", "failed", ""
_TARGET_CARDS = ("H100", "H200")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    what: str
    state: (
        str  # HOLDS, FAILS (a check), MISSED (a target), NOT_RUN, BROKEN (an exception), MEASURED (a number without a target)
    )
    value: float | None = None
    unit: str = ""
    target: str = ""
    note: str = ""  # the reason of "not run" and "failed"; what else belongs to the value
    numbers: dict[str, Any] = field(default_factory=dict)  # raw numbers, for the JSON only


def checked(part: str, what: str, is_true: bool, note: str = "", **numbers: Any) -> Row:
    """The row of a check."""
    return Row(part, what, HOLDS if is_true else FAILS, note=note, numbers=numbers)


def not_run(part: str, what: str, reason: str) -> Row:
    """The row of what was left out."""
    return Row(part, what, NOT_RUN, note=reason)


def broken(part: str, what: str, error: BaseException) -> Row:
    """The row of what raised an exception."""
    return Row(part, what, BROKEN, note=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


class Clock:
    """The time a sitting may take, and the moment at which the part being run should end."""

    def __init__(self, seconds: float, began: float | None = None) -> None:
        self.seconds, self.began = seconds, time.monotonic() if began is None else began
        self._until = 1.0

    def allow(self, until: float) -> None:
        """Let the next part end at this share of the whole; what earlier parts did not use is added to it."""
        self._until = until

    @property
    def left(self) -> float:
        """Seconds left to the part."""
        return self.began + self._until * self.seconds - time.monotonic()

    @property
    def taken(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


@dataclass
class Sitting:
    """One sitting: what is trained, on which text and device, and how far the snapshots of the unbroken run go."""

    config: RunConfig  # device resolved; its corpus is a path in ``folder``
    corpus: Corpus
    clock: Clock
    folder: Path  # temporary
    shipped: Path | None = None  # folder of the shipped run of this configuration
    is_published: bool = False  # whether the losses of this configuration and text were published
    window: int = 100  # steps over which losses are averaged
    windows: int = 3
    _unbroken: dict[str, list[Snapshot]] = field(default_factory=dict)
    _trainings: dict[str, Training] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return resolve_device(self.config.device)

    @property
    def is_cuda(self) -> bool:
        """Whether that is a GPU under CUDA."""
        return self.device.type == "cuda"

    @property
    def is_target_card(self) -> bool:
        """Whether the targets in steps per second are meant for this device."""
        return self.is_cuda and any(card in torch.cuda.get_device_name(self.device) for card in _TARGET_CARDS)

    def finish(self) -> None:
        """Wait until the device has done what it was given."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def training(self, compute: str, **changes: Any) -> Training:
        """A training at step 0."""
        return Training(replace(self.config, compute=compute, **changes), self.corpus)

    def snapshots(self, compute: str, upto: int) -> list[Snapshot]:
        """The snapshots of a run that is never interrupted, from step 0 to ``upto``; fewer if the part's time ends."""
        if compute not in self._trainings:
            self._trainings[compute] = self.training(compute)
            self._unbroken[compute] = [self._trainings[compute].snapshot()]
        kept, training = self._unbroken[compute], self._trainings[compute]
        while len(kept) <= upto and self.clock.left > 0:
            kept.append(training.advance())
        return kept[: upto + 1]
