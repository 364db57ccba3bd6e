"""Laws that hold on every device: the initial state, the losses, the same bits twice, equal rows with equal gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from snowball_core.costs import TENSOR, recorded_name
from snowball_core.measures.identity import classes
from snowball_core.store.files.tensor_file import open_tensor
from snowball_core.store.metric_rows import read_metrics
from snowball_core.training.model import build
from snowball_core.training.precision import PRECISIONS
from snowball_core.training.trainer import Snapshot

from .sitting import FAILS, HOLDS, Row, Sitting, broken, checked, not_run

# Mean losses over steps 1-100, 101-200 and 201-300 of the published run.
PUBLISHED = (3.4507, 3.0907, 3.0831)
_TOLERANCE = 0.002
_EQUAL_ROWS_STEPS = 20
_REPEATED_STEPS = 100


def initial_state(sitting: Sitting) -> Iterator[Row]:
    """Whether step 0 on the device is what is drawn on the CPU, and what the shipped run begins with."""
    part, training = "initial state", sitting.training("f32")
    drawn, kept = PRECISIONS[sitting.config.precision].weights, training.state()
    model = build(sitting.config)[0]
    differing = [
        name
        for name, parameter in model.named_parameters()
        if not torch.equal(_bits(parameter.detach().to(drawn)), _bits(kept[f"weight/{name}"].to(drawn)))
    ]
    what = "every parameter at step 0 has the bits drawn on the CPU"
    yield checked(part, what, not differing, _listed(differing), differing=differing, recorded=recorded_name(sitting.config))
    what = "step 0 is that of the shipped run of the published experiment"
    if sitting.shipped is None:
        yield not_run(part, what, "no run of this configuration is shipped")
        return
    first = open_tensor(sitting.shipped / "history.safetensors", TENSOR).words[0]
    yield checked(part, what, first.tobytes() == training.matrix().tobytes())


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(torch.uint8)


def _listed(names: list[str]) -> str:
    return f"different: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else ""


def losses(sitting: Sitting, compute: str) -> Iterator[Row]:
    """Mean losses over windows of steps against the published ones, or without that text against the CPU's in float32."""
    part, against = "losses", "published" if sitting.is_published else "those of the CPU in float32"
    what = f"mean losses of every {sitting.window} steps, compute {compute}, against {against}"
    if not sitting.is_published and compute == "f32" and sitting.device.type == "cpu":
        yield not_run(part, what, "they are the reference; without the published text (--text) there is no other")
        return
    run = _losses(sitting.snapshots(compute, sitting.window * sitting.windows))
    ours = _window_means(run, sitting.window)
    expected, done = (PUBLISHED, "published") if sitting.is_published else (_on_the_cpu(sitting, len(ours)), "CPU, float32")
    pairs = list(zip(ours, expected, strict=False))
    if not pairs:
        yield not_run(part, what, f"{sitting.window} steps did not fit into the time")
        return
    largest = max(abs(one - other) for one, other in pairs)
    note = f"here {_numbers(ours)}; {done} {_numbers(expected)}" + _left_out(len(pairs), sitting.windows)
    state = HOLDS if largest <= _TOLERANCE else FAILS
    numbers = {"losses": run, "means": ours, "expected": list(expected)} | _against_shipped(sitting, run)
    yield Row(part, what, state, largest, "largest difference", f"≤ {_TOLERANCE}", note, numbers)


def _left_out(compared: int, windows: int) -> str:
    return "" if compared == windows else f" ({compared} of {windows} windows fit into the time)"


def _losses(run: list[Snapshot]) -> list[float]:
    return [snapshot.loss for snapshot in run[1:]]


def _window_means(values: list[float], window: int) -> list[float]:
    whole = len(values) // window
    return [float(np.mean(values[place * window : (place + 1) * window])) for place in range(whole)]


def _on_the_cpu(sitting: Sitting, windows: int) -> tuple[float, ...]:
    if sitting.device.type == "cpu":
        run = _losses(sitting.snapshots("f32", windows * sitting.window))
    else:
        training, run = sitting.training("f32", device="cpu"), list[float]()
        while len(run) < windows * sitting.window and sitting.clock.left > 0:
            run.append(training.advance(wanted=False).loss)
    return tuple(_window_means(run, sitting.window))


def _against_shipped(sitting: Sitting, run: list[float]) -> dict[str, float]:
    """The largest difference of a single loss to the shipped run, which another processor trained: for the JSON only."""
    if sitting.shipped is None or not sitting.is_published:
        return {}
    theirs = read_metrics(sitting.shipped / "metrics.csv")["loss"][: len(run)]
    return {"largest_difference_to_shipped": float(np.abs(np.array(run) - theirs).max())}


def _numbers(values: list[float] | tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def determinism(sitting: Sitting, compute: str) -> Iterator[Row]:
    """Whether training a second time gives the same matrices, further recordings and numbers at every step."""
    part, what = "determinism", f"two trainings have the same bits at every step, compute {compute}"
    second, compared = sitting.training(compute), 0
    for step in range(_REPEATED_STEPS + 1):
        first = sitting.snapshots(compute, step)
        if len(first) <= step or (step > 1 and sitting.clock.left <= 0):
            break
        if name := difference(first[step], second.advance() if step else second.snapshot()):
            yield checked(part, what, False, f"{name} differs at step {step}", step=step)
            return
        compared = step
    if compared:
        yield checked(part, what, True, f"{compared} steps compared", steps=compared)
    else:
        yield not_run(part, what, "no step fit into the time")


def difference(one: Snapshot, other: Snapshot) -> str:
    """The name of what two snapshots differ in, by bits; empty if nothing does."""
    pairs = {TENSOR: (one.words, other.words), **{name: (one.extras[name], other.extras[name]) for name in one.extras}}
    for name, (ours, theirs) in pairs.items():
        if np.asarray(ours).tobytes() != np.asarray(theirs).tobytes():
            return name
    numbers = [np.array([each.loss, each.grad_norm]).tobytes() for each in (one, other)]
    return "" if numbers[0] == numbers[1] else "loss or gradient norm"


def equal_rows(sitting: Sitting, compute: str) -> Iterator[Row]:
    """Whether dead tokens whose rows have equal bits get gradients of equal bits, from two initial states."""
    part = "equal rows"
    for state in ("snowball", "singularity"):
        what = f"dead tokens with equal rows get equal gradients, compute {compute}, from {state}"
        try:
            yield _equal_rows(sitting, compute, state, part, what)
        except Exception as error:
            yield broken(part, what, error)


def _equal_rows(sitting: Sitting, compute: str, state: str, part: str, what: str) -> Row:
    training = sitting.training(compute, initial_state=state, extra="gradient")
    dead, compared, steps = training.dead.cpu().numpy(), 0, 0
    while steps < _EQUAL_ROWS_STEPS and sitting.clock.left > 0:
        before = training.matrix()[dead]
        gradient = training.advance().extras["gradient"][dead]
        steps += 1
        separated, equal = separated_rows(before, gradient)
        compared += equal
        if separated:
            return checked(part, what, False, f"{separated} rows got another gradient at step {steps}", step=steps)
    if not compared:
        return not_run(part, what, "no dead tokens had equal rows" if steps else "no step fit into the time")
    return checked(part, what, True, f"{compared:,} rows compared in {steps} steps", rows=compared, steps=steps)


def separated_rows(rows: npt.NDArray[Any], gradients: npt.NDArray[Any]) -> tuple[int, int]:
    """How many vectors more the gradients tell apart than the rows do, and how many rows equal an earlier one.

    Examples
    --------
    >>> rows = np.array([[1, 1], [1, 1], [2, 2]], np.uint16)
    >>> separated_rows(rows, np.array([[5, 5], [5, 5], [7, 7]], np.uint16))
    (0, 1)
    >>> separated_rows(rows, np.array([[5, 5], [5, 6], [7, 7]], np.uint16))
    (1, 1)
    """
    labels = classes(rows)
    unique = int(labels.max(initial=-1)) + 1
    both = classes(np.concatenate([_as_words(rows), _as_words(gradients)], axis=1))
    return int(both.max(initial=-1)) + 1 - unique, len(labels) - unique


def _as_words(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(rows).view(np.uint16)
