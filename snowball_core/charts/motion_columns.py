"""What pictures of motion are made from: a group's motion over the steps, in no more columns than a screen can show.

What is measured at a recorded step happened since the recorded step before, so it is drawn over that stretch. Where more was
recorded than is drawn, the stretches that fall into one column are drawn as one, with their mean, or their least and largest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .step_axis import StepAxis

COLUMNS = 400
Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scene:
    """What all pictures of a group's motion share: the group's rows of a step table, the learning rate of each step, an axis.

    ``zero`` are the stretches of steps at which the rate was 0.
    """

    table: pd.DataFrame
    rates: tuple[Floats, Floats] | None
    zero: Sequence[tuple[int, int]]
    axis: StepAxis

    @property
    def steps(self) -> Steps:
        """The recorded steps."""
        steps: Steps = self.table["step"].to_numpy(np.int64)
        return steps

    @property
    def gaps(self) -> Steps:
        """Steps between a recorded step and the one before; one less than there are recorded steps."""
        return np.diff(self.steps)

    @property
    def starts(self) -> npt.NDArray[np.intp]:
        """The stretches between recorded steps at which a drawn column begins."""
        count = len(self.table) - 1
        every: npt.NDArray[np.intp] = np.arange(max(0, count), dtype=np.intp)
        if count <= COLUMNS:
            return every
        column = self.axis.columns(self.steps[:-1], COLUMNS)
        chosen: npt.NDArray[np.intp] = every[np.append(True, column[1:] != column[:-1])]
        return chosen

    @property
    def thinned(self) -> str:
        """The notice on the screen that columns were thinned."""
        count, starts = len(self.table), self.starts
        if len(starts) >= count - 1:
            return f"{count:,} recorded snapshots, all drawn"
        most = int(np.diff(starts, append=count - 1).max())
        return f"{count:,} recorded snapshots in {len(starts):,} columns of up to {most:,}"

    def is_alike(self, columns: Sequence[str]) -> bool:
        """Whether at every step all tokens of the group, or none, are counted in each of some columns."""
        whole = self.table[list(columns)].isin([0]) | self.table[list(columns)].eq(self.table["tokens"], axis=0)
        return bool(whole.to_numpy().all())

    @property
    def alike(self) -> str:
        """The notice on the screen where all tokens are alike."""
        return f"all {int(self.table['tokens'].max()):,} tokens alike"

    def ends(self) -> tuple[Steps, Steps]:
        """The recorded steps at which each drawn column begins and ends."""
        starts, steps = self.starts, self.steps
        return steps[starts], steps[np.append(starts[1:], len(steps) - 1)] if len(starts) else steps[:0]

    def mean(self, column: str) -> Floats:
        """The mean of a column over each drawn column; what is not a number makes it none."""
        values, starts = self.table[column].to_numpy(np.float64)[1:], self.starts
        return np.add.reduceat(values, starts) / np.diff(np.append(starts, len(values))) if len(starts) else values

    def span(self, column: str) -> tuple[Floats, Floats]:
        """The least and the largest value of a column over each drawn column; what is not a number is left out."""
        values, starts = self.table[column].to_numpy(np.float64)[1:], self.starts
        return (np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)) if len(starts) else (values, values)


def under(scene: Scene, step: int, columns: Mapping[str, Floats]) -> dict[str, pd.DataFrame]:
    """The data that every picture has: where a click lands, the learning rate, where it was 0, the cursor.

    ``columns`` are further columns of ``targets``, a value per drawn column.
    """
    begun, over = scene.ends()
    targets = pd.DataFrame({"x0": scene.axis.place(begun), "x1": scene.axis.place(over), "step": over, **columns})
    targets["time"] = [f"{a:,} to {b:,}" for a, b in zip(begun.tolist(), over.tolist(), strict=True)]
    zero = pd.DataFrame([tuple(scene.axis.place(pair)) for pair in scene.zero], columns=["x0", "x1"])
    return {"targets": targets, "rate": _rate(scene), "zero": zero, "cursor": scene.axis.cursor(step)}


def _rate(scene: Scene) -> pd.DataFrame:
    """The learning rate at the start, at the first step of each drawn column, where it becomes or leaves 0, and at the end."""
    if scene.rates is None or not len(scene.rates[0]):
        return pd.DataFrame({"x": [], "rate": []})
    steps, rate = scene.rates
    kept = np.append(True, np.diff(scene.axis.columns(steps.astype(np.int64), COLUMNS)) > 0)
    kept |= np.append(False, (rate[1:] == 0) != (rate[:-1] == 0))
    kept[-1] = True
    # The first rate is drawn from the step before: a run of one step would have no line otherwise.
    begun = np.append(max(0, steps[0] - 1), steps[kept])
    return pd.DataFrame({"x": scene.axis.place(begun), "rate": np.append(rate[0], rate[kept])})


def curve(scene: Scene, column: str) -> pd.DataFrame:
    """A column as least and largest value over each drawn column: x (its right end), low, high; and a point at the left end."""
    low, high = scene.span(column)
    if not len(low):
        return pd.DataFrame({"x": [], "low": [], "high": []})
    over = np.append(scene.steps[:1], scene.ends()[1])
    return pd.DataFrame({"x": scene.axis.place(over), "low": np.append(low[:1], low), "high": np.append(high[:1], high)})


def decades(values: pd.DataFrame) -> tuple[float, float]:
    """For an axis that shows 0 and the decades above it, seven at most: where it turns linear, and its upper end.

    Examples
    --------
    >>> decades(pd.DataFrame({"a": [0.0, 0.02], "b": [3.0, 50.0]}))
    (0.01, 57.5)
    """
    numbers = values.to_numpy(np.float64)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not len(numbers):
        return 1.0, 1.0
    low, high = float(numbers.min()), float(numbers.max())
    # Rounded to digits, not to decimals: the upper end is above 0 at any size.
    return 10.0 ** max(math.floor(math.log10(low)), math.floor(math.log10(high)) - 6), float(f"{high * 1.15:.12g}")
