"""Names, definitions and units of every number measured at each step: the one list that tables, pictures and pages read.

A new measure is a function of :mod:`snowball_core.measures` and a line here that names it. docs/measures.md gives for each
which mistake it avoids; its other columns are written from here by :func:`document`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .motion import PERCENTILES, REGIMES
from .principal_axes import participation_ratio


@dataclass(frozen=True)
class Quantity:
    """A column of :func:`~snowball_core.tables.per_step.step_table`, or several that are explained together.

    A family is measured together: "shape" by ``measure``, from the covariance matrices of a group, shape (snapshots,
    hidden, hidden), to a number per snapshot; the others by :mod:`~snowball_core.tables.per_step`. Unit and formula are
    Markdown, ``beside`` stands behind the columns in docs/measures.md. ``short`` is the name where there is little room.
    """

    family: str
    columns: tuple[str, ...]
    unit: str
    formula: str
    symbol: str = ""
    name: str = ""
    short: str = ""
    measure: Callable[[Any], Any] = len
    beside: str = ""
    group: str = "any"

    @property
    def label(self) -> str:
        """Symbol and name in one, as in "U unique vectors"."""
        return f"{self.symbol} {self.name}".strip()

    @property
    def short_label(self) -> str:
        """The same where there is little room, as in "U unique"."""
        return f"{self.symbol} {self.short}".strip()

    @property
    def title(self) -> str:
        """The same as a heading, as in "U, unique vectors"."""
        return f"{self.symbol}, {self.name}" if self.symbol else self.name

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Its row in docs/measures.md: columns, formula, unit and group."""
        columns = ", ".join(f"`{column}`" for column in self.columns) + self.beside
        return f"{columns} {self.symbol}".strip(), self.formula, self.unit, self.group


_DISPLACEMENTS = tuple(f"displacement_{unit}_p{share}" for unit in ("cells", "weight") for share in PERCENTILES)
_PERCENTILE = (
    "percentiles over the group's tokens of their displacement since the previous snapshot: the smallest value not exceeded "
    "by at least this percentage of tokens; L∞ in cells, Euclidean in weight units"
)
# fmt: off
QUANTITIES = (
    Quantity("counts", ("tokens",), "tokens", "number of tokens of the group", "V", "tokens"),
    Quantity("counts", ("unique",), "vectors", "number of distinct rows by bits", "U", "unique vectors", "unique"),
    Quantity("counts", ("black_holes",), "vectors", "number of vectors shared by ≥ 2 tokens", "C", "black holes",
             "black holes"),
    Quantity("counts", ("population",), "tokens", "number of tokens in black holes", "P", "tokens in black holes",
             "in holes"),
    Quantity("counts", ("singletons",), "tokens", "number of unshared rows; U = C + S, P + S = V", "S", "singletons",
             "singletons"),
    Quantity("counts", ("largest", "sizes"), "tokens", "size of the largest hole; of all holes, descending",
             name="Largest black hole", short="Largest hole"),
    Quantity("counts", ("effective",), "vectors",
             "exp(−Σ p ln p), p = share of tokens of each of the U vectors (Hill number of order 1)"),
    Quantity("hidden", ("hidden_classes",), "classes", "number of distinct pairs of row and recorded `moment_hash`",
             name="Hidden classes"),
    Quantity("hidden", ("true_holes", "apparent_holes"), "vectors", "number of holes of one hidden class; of several"),
    Quantity("levels", ("unique_values",), "vectors",
             "number of distinct rows by value: −0 = +0, a row with NaN equals nothing"),
    Quantity("levels", ("unique_bf16",), "vectors", "number of distinct rows after rounding to bfloat16"),
    Quantity("levels", ("minus_zero_rows", "nan_rows"), "tokens", "number of rows with a −0; with a NaN"),
    Quantity("extent", ("largest_linf_weight",), "weight units", "max over components of (max − min)",
             name="Largest L∞ in weight units"),
    Quantity("extent", ("largest_linf_cells",), "cells", "max over components of (max − min) between ordinals",
             name="Largest L∞ in cells"),
    Quantity("extent", ("active_dimensions",), "components, cells",
             "components in which not all tokens agree: how many; max − min ordinal of each", beside=", `cells_spanned`"),
    Quantity("extent", ("centroid_length_weight",), "weight units", "length of the mean row, float64"),
    Quantity("extent", ("radius_rms_weight",), "weight units", "√(mean over tokens of ‖row − centroid‖²)",
             name="RMS radius"),
    Quantity("extent", ("widest_spread_weight",), "weight units", "largest standard deviation of a component"),
    Quantity("extent", ("live_dead_separation_weight",), "weight units", "‖centroid of live − centroid of dead‖",
             group="live against dead"),
    Quantity("motion", ("moved",), "tokens", "number of tokens with a changed bit since the previous snapshot",
             name="Moved since the previous snapshot", short="Moved"),
    Quantity("motion", REGIMES, "tokens",
             "number of tokens in each regime: no bit changed; one component by one cell; L∞ ≤ 1 cell; more"),
    Quantity("motion", ("bulk_speed_weight",), "weight units per step",
             "‖displacement of the group's centroid‖ / steps between the snapshots", name="bulk speed", short="Bulk speed"),
    Quantity("motion", ("thermal_speed_weight",), "weight units per step", "√(mean ‖displacement − centroid's‖²) / steps",
             name="thermal speed", short="Thermal speed"),
    Quantity("motion", ("coherence",), "−1 to 1", "mean cosine of the moved tokens' displacements with the centroid's",
             name="coherence", short="Coherence"),
    Quantity("motion", ("mean_displacement_cells",), "cells", "mean over tokens of the displacement's L∞"),
    Quantity("motion", _DISPLACEMENTS, "cells, weight units", _PERCENTILE),
    Quantity("shape", ("participation_ratio",), "dimensions", "(Σ λ)² / Σ λ², λ the eigenvalues of the covariance of the rows",
             measure=participation_ratio),
    Quantity("training", ("loss",), "nats", "cross entropy of the step's batch, over the positions that `loss_over` names",
             name="Training loss", group="the batch"),
    Quantity("training", ("learning_rate",), "per step", "learning rate of the step", name="Learning rate",
             group="the run"),
    Quantity("training", ("grad_norm",), "nats per weight unit", "length of the whole gradient before clipping",
             group="the batch"),
)
# fmt: on
OF_COLUMN = {column: quantity for quantity in QUANTITIES for column in quantity.columns}
COUNTS = ("unique", "black_holes", "population", "singletons")


def columns_of(*families: str) -> tuple[str, ...]:
    """The columns of some families, in order."""
    return tuple(column for family in families for each in QUANTITIES if each.family == family for column in each.columns)


def document(text: str) -> str:
    """docs/measures.md with the rows of all quantities as they are here; those without a row follow the last of their family.

    The last cell of a row, the mistake that the number avoids, stays as it is written there.
    """
    lines = text.split("\n")
    columns: dict[str, int] = {}
    for place, line in enumerate(lines):
        named = re.match(r"\| `(\w+)`", line)
        quantity = OF_COLUMN.get(named[1]) if named else None
        if named and quantity and quantity.columns[0] == named[1]:
            trap = re.split(r"(?<!\\)\|", line)[5].strip()
            lines[place] = f"| {' | '.join((*quantity.cells, trap))} |".replace("|  |", "| |")
            columns[quantity.columns[0]] = columns[quantity.family] = place
    for new in reversed([each for each in QUANTITIES if each.columns[0] not in columns]):
        lines.insert(columns.get(new.family, columns["extent"]) + 1, f"| {' | '.join(new.cells)} | |")
    return "\n".join(lines)
