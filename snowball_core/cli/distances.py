"""The verbs of space: how far apart the tokens are, and along which axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config_fields import whole_number
from ..errors import ConfigError
from .common import counting, groups_of, of_groups, one_group, plain, reading, rows_of, say, say_divergence, show_table
from .output_files import OutputFile
from .parser import ANY_GROUP, CSV, GROUP, Answer, option, whole, written

if TYPE_CHECKING:
    from ..measures.principal_axes import PrincipalAxes
    from ..store.history import History


@reading(
    "distances",
    option("--step", "all pairs at this step (default: extents at every step)", type=whole),
    option("--group", "all, dead or live; one group with --step (default: dead, if known)", ANY_GROUP),
    CSV,
    written("--closeness", "write the pairs' closeness at the step to FILE (CSV)"),
    written("--dimensions", "write one row per step and dimension to FILE (CSV)"),
)
def distances(
    history: History, step: int | None, group: str | None, csv: OutputFile | None, **files: OutputFile | None
) -> Answer:
    """Distances of tokens, in weight units and in cells."""
    from ..tables.per_step import EXTENT_COLUMNS, step_table

    if file := files["dimensions"]:
        from ..tables.long import dimension_tables

        start, stop = (0, None) if step is None else (history.index(step), history.index(step) + 1)
        with counting("dimensions", is_kept=False) as progress:
            file.write_tables(dimension_tables(history, groups_of(history, group), start, stop, progress))
    if step is None:
        groups = groups_of(history, group)
        lost = say_divergence(history, *groups)
        with counting("distances") as progress:
            table = of_groups(step_table(history, progress)[list(EXTENT_COLUMNS)], groups)
        show_table(table, csv)
        return {"run": history.id, "rows": rows_of(table), "divergence": lost}
    return _pairs(history, step, one_group(history, group, "distances"), csv, files["closeness"])


def _pairs(history: History, step: int, group: str, csv: OutputFile | None, closeness: OutputFile | None) -> Answer:
    from dataclasses import asdict

    from ..measures.distances import pair_statistics
    from ..measures.verdict import compactness
    from ..tables.at_step import UNITS, closeness_table, distance_table

    lost = say_divergence(history, group)
    pairs = pair_statistics(history.rows(step, group))
    numbers, criterion = asdict(pairs), compactness(pairs.linf.max, pairs.cells.max)
    if csv:
        csv.write_table(distance_table(pairs, step, group))
    if closeness:
        closeness.write_table(closeness_table(pairs, step, group))
    for key, unit in UNITS.items():
        name = key.removesuffix("_cells").replace("cells", "linf").replace("linf", "L∞").replace("l1", "L1").replace("l2", "L2")
        spread = "  ".join(f"{name} {value:.6g}" for name, value in numbers[key].items())
        say(f"{name.replace('hamming', 'Hamming')}, {unit}".ljust(20) + spread)
    say(f"{pairs.pairs:,} pairs of tokens, {pairs.pairs_in_holes:,} within a black hole (distance 0)")
    say(f"adjacent (≤ 1 cell) {pairs.adjacent:.4f}, touching (≤ 2 cells) {pairs.touching:.4f} of all pairs")
    say(f"connected components (within a cell) {pairs.components:,}, largest {pairs.largest_component:,} tokens")
    say(f"active dimensions {pairs.active_dimensions:,} of {len(pairs.cells_spanned):,}")
    for key, name in (("seed", "original notebook"), ("cells", "corrected (cells)")):
        asks = ", ".join(f"{word} {value}" for word, value in criterion[key].items())
        say(f"compact ({name}): {asks}")
    answer = {"run": history.id, "step": step, "group": group, **numbers, "criterion": criterion, "divergence": lost}
    return dict(plain(answer))


@reading(
    "axes",
    GROUP,
    option("--of", "fit on one step (140) or on the difference of two (0,140)", metavar="STEPS"),
    option("--step", "write token positions at this step instead of one row per step", type=whole),
    CSV,
)
def axes(history: History, group: str | None, of: str | None, step: int | None, csv: OutputFile | None) -> Answer:
    """Principal axes of a group, and how much of each step they show."""
    import numpy as np
    import pandas as pd

    from ..tables.per_step import axes_table

    group = one_group(history, group, "axes")
    lost = say_divergence(history, group)
    basis = _basis(history, group, of)
    answer: Answer = {"run": history.id, "group": group, "fitted_on": of or "run", "unit": "weight"}
    answer |= {name: plain(getattr(basis, name).tolist()) for name in ("origin", "axes", "explained")} | {"divergence": lost}
    if step is not None:
        places = basis.coordinates(history.rows(step, group))
        tokens = np.flatnonzero(history.mask(group))
        table = pd.DataFrame({"token": tokens, "first_weight": places[:, 0], "second_weight": places[:, 1]})
        show_table(table, csv)
        return {**answer, "step": step, "places": rows_of(table)}
    with counting("axes", is_kept=False) as progress:
        table = axes_table(history, basis, group, progress)
    show_table(table, csv)
    return {**answer, "rows": rows_of(table)}


def _basis(history: History, group: str, of: str | None) -> PrincipalAxes:
    from ..measures.principal_axes import difference_basis, step_basis
    from ..tables.per_step import basis_of_run

    if of is None:
        with counting("basis", is_kept=False) as progress:
            return basis_of_run(history, group, progress)
    # The comma stands between two steps here, so thousands are grouped with _ alone.
    ends = [whole_number(end) for end in of.split(",")]
    steps = [end for end in ends if end is not None and end >= 0]
    if len(ends) > 2 or len(steps) != len(ends):
        raise ConfigError([f'--of must be one recorded step or two with a comma; got "{of[:60]}". Try --of 0,140.'])
    rows = [history.rows(step, group) for step in steps]
    return step_basis(rows[0]) if len(rows) == 1 else difference_basis(rows[0], rows[1])
