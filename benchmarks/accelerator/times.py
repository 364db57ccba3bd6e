"""Seconds of a step, every way of making one taking turns in one sitting: eager, recorded, captured, the original procedure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from snowball_core.costs import has_bf16_units
from snowball_core.jobs.prepare import prepare
from snowball_core.training import trainer
from snowball_core.training.recorder import Recorder

from .sitting import COMPUTES, HOLDS, MEASURED, MISSED, Row, Sitting, broken, not_run

PART = "speed"
_ROUND_SECONDS, _LONGEST_BLOCK, _ROUNDS, _LEAST_ROUNDS = 0.1, 50, 100, 3
# What a trainer with a step captured as a CUDA graph offers: captured(config, corpus), advanced as a Training is.
CAPTURED = "captured"


@dataclass
class Timed:
    """One way of making a step, and its seconds in every round."""

    what: str
    advance: Callable[[], object]
    members: int = 1  # runs that one step advances
    finish: Callable[[], None] = lambda: None  # waits for what the steps started on the device
    block: int = 1  # steps of a round
    seconds: list[float] = field(default_factory=list)
    error: BaseException | None = None

    def warm_up(self) -> None:
        """Make three steps, and choose how many make a round."""
        self._guarded(self.advance)
        began = time.perf_counter()
        for _ in range(2):
            self._guarded(self.advance)
        self._guarded(self.finish)
        self.block = max(1, min(_LONGEST_BLOCK, int(2 * _ROUND_SECONDS / (time.perf_counter() - began))))

    def round(self) -> None:
        """Time one block of steps."""
        began = time.perf_counter()
        for _ in range(self.block):
            self._guarded(self.advance)
        self._guarded(self.finish)
        if self.error is None:
            self.seconds.append((time.perf_counter() - began) / self.block)

    def _guarded(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except Exception as error:
                self.error = error

    @property
    def speed(self) -> float:
        """Median steps of single runs in a second."""
        return self.members / float(np.median(self.seconds))

    def row(self, target: str = "", holds: bool | None = None) -> Row:
        """The row of its speed."""
        if self.error is not None:
            return broken(PART, self.what, self.error)
        if len(self.seconds) < _LEAST_ROUNDS:
            return not_run(PART, self.what, f"fewer than {_LEAST_ROUNDS} rounds fit into the time")
        state = MEASURED if holds is None else HOLDS if holds else MISSED
        note = f"median of {len(self.seconds)} rounds of {self.block} {'step' if self.block == 1 else 'steps'}"
        note += f"; {1e3 * self.members / self.speed:.3g} ms a step"
        return Row(PART, self.what, state, self.speed, "steps/s", target, note, {"seconds": self.seconds, "block": self.block})


def take_turns(ways: list[Timed], sitting: Sitting) -> bool:
    """One round of each that still works, if it fits into the time; whether there may be another."""
    working = [way for way in ways if way.error is None]
    longest = sum(way.seconds[-1] * way.block for way in working if way.seconds)
    if sitting.clock.left <= longest:
        return False
    for way in working:
        way.round()
    return max((len(way.seconds) for way in working), default=_ROUNDS) < _ROUNDS


def speeds(sitting: Sitting) -> Iterator[Row]:
    """Rows of all the ways that one run can be trained here, and their ratios with targets where they are meant for it."""
    with ExitStack() as stack:
        ways, missing = _ways(sitting, stack)
        for way in ways.values():
            way.warm_up()
        original = _in_turns_with_the_original(sitting, list(ways.values()))
        yield from _speed_rows(sitting, ways)
        yield from missing
        yield original.row() if isinstance(original, Timed) else original
        yield _recording_row(sitting, ways)
        yield _original_row(sitting, ways, original)


def _ways(sitting: Sitting, stack: ExitStack) -> tuple[dict[str, Timed], list[Row]]:
    """The ways by a short name, and the rows of those that could not be set up."""
    ways, missing = dict[str, Timed](), list[Row]()
    makers: dict[str, tuple[str, Callable[[], Callable[[], object]]]] = {}
    for compute in COMPUTES:
        makers[compute] = (f"eager, not recorded, compute {compute}", partial(_quiet, sitting, compute))
    for compute in COMPUTES:
        what = f"eager, recorded at every step, compute {compute}"
        makers[f"recorded {compute}"] = (what, partial(_recorded, sitting, compute, stack))
    makers["graph"] = ("CUDA graph, recorded at every step", partial(_captured, sitting, stack))
    for name, (what, make) in makers.items():
        try:
            ways[name] = Timed(what, make(), finish=sitting.finish)
        except NotBuiltError as reason:
            missing.append(not_run(PART, what, str(reason)))
        except Exception as error:
            missing.append(broken(PART, what, error))
    return ways, missing


class NotBuiltError(Exception):
    """What the trainer cannot do yet, or not on this device."""


def _quiet(sitting: Sitting, compute: str) -> Callable[[], object]:
    training = sitting.training(compute, extra="")
    return lambda: training.advance(wanted=False)


def _recorded(sitting: Sitting, compute: str, stack: ExitStack) -> Callable[[], object]:
    return _into_files(sitting, sitting.training(compute), stack)


def _into_files(sitting: Sitting, training: Any, stack: ExitStack) -> Callable[[], object]:
    """A step of a training and the writing of its snapshot into a run folder."""
    run = prepare(sitting.folder, replace(training.config, record="every"))
    recorder = stack.enter_context(Recorder(run))
    recorder.write(training.snapshot(), 0.0)
    return lambda: recorder.write(training.advance(), 0.0)


def _captured(sitting: Sitting, stack: ExitStack) -> Callable[[], object]:
    if not sitting.is_cuda:
        raise NotBuiltError(f"a CUDA graph needs a GPU under CUDA; the device is {sitting.device.type}")
    make = getattr(trainer, CAPTURED, None)
    if make is None:
        raise NotBuiltError("not built yet: the trainer captures no graph")
    return _into_files(sitting, make(sitting.config, sitting.corpus), stack)


def _in_turns_with_the_original(sitting: Sitting, ways: list[Timed]) -> Timed | Row:
    """Rounds of all ways, each after a step of the original procedure where that can be run."""
    theirs = Timed("original procedure (transformers' Trainer, bf16)", lambda: None)
    reason = _why_not_original(sitting)
    if not reason:
        try:
            from benchmarks.original import original_steps

            steps = original_steps(sitting.config, sitting.corpus, _ROUNDS, lambda: not take_turns(ways, sitting))
            # The first one includes what is done once.
            theirs.seconds = [step.seconds for step in steps[1:]]
        except Exception as error:
            theirs.error = error
    while take_turns(ways, sitting):
        pass
    return not_run(PART, theirs.what, reason) if reason else theirs


def _why_not_original(sitting: Sitting) -> str:
    if find_spec("accelerate") is None:
        return "transformers' Trainer needs accelerate, which is not installed"
    if sitting.device.index:
        return "transformers' Trainer trains on the first GPU: set CUDA_VISIBLE_DEVICES instead of --device"
    return ""


def _speed_rows(sitting: Sitting, ways: dict[str, Timed]) -> Iterator[Row]:
    best = max((way.speed for way in ways.values() if _is_recorded(way)), default=0.0)
    for way in ways.values():
        is_best = sitting.is_target_card and _is_recorded(way) and way.speed == best
        target, holds = ("≥ 1,500", best >= 1_500) if is_best else ("", None)
        yield way.row(target, holds)


def _is_recorded(way: Timed) -> bool:
    return bool(way.seconds) and way.error is None and "recorded at every step" in way.what


def _recording_row(sitting: Sitting, ways: dict[str, Timed]) -> Row:
    """What recording adds to a step: the median over rounds of one over the other."""
    what = f"recording, share of a step, compute {COMPUTES[0]}"
    pair = [ways[name] for name in (f"recorded {COMPUTES[0]}", COMPUTES[0]) if name in ways]
    if len(pair) < 2 or min(len(way.seconds) for way in pair) < _LEAST_ROUNDS:
        return not_run(PART, what, "its two speeds were not measured")
    ratios = [one / other - 1 for one, other in zip(pair[0].seconds, pair[1].seconds, strict=False)]
    cost = float(np.median(ratios))
    state, target = (HOLDS if cost <= 0.05 else MISSED, "≤ 5") if sitting.is_cuda else (MEASURED, "")
    return Row(PART, what, state, 100 * cost, "%", target, "", {"ratios": ratios})


def _original_row(sitting: Sitting, ways: dict[str, Timed], original: Timed | Row) -> Row:
    """How many times faster than the original procedure the fastest recorded way is."""
    what = "original step / our fastest recorded step"
    ours = [way for way in ways.values() if _is_recorded(way)]
    if isinstance(original, Row) or len(original.seconds) < _LEAST_ROUNDS or not ours:
        return not_run(PART, what, "one of the two was not measured")
    best = max(ours, key=lambda way: way.speed)
    ratio, least = best.speed / original.speed, _least_ratio(sitting)
    state, target = (MEASURED, "") if least is None else (HOLDS if ratio >= least else MISSED, f"≥ {least:g}")
    return Row(PART, what, state, ratio, "×", target, best.what)


def _least_ratio(sitting: Sitting) -> float | None:
    """The target, on the hardware that it is meant for."""
    if sitting.is_target_card:
        return 20.0
    return 2.5 if sitting.device.type == "cpu" and has_bf16_units() else None
