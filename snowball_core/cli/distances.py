"""The commands about space: how far apart the tokens are, and along which axes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..config_fields import whole_number
from ..errors import ConfigError
from .common import (
    AddVerb,
    Answer,
    add_file,
    counting,
    csv_parts,
    group_of,
    groups_of,
    lost_of,
    measuring,
    of_groups,
    plain,
    rows_of,
    say,
    seen_of,
    told_table,
    whole,
    write_table,
)

if TYPE_CHECKING:
    from ..measures.principal_axes import PrincipalAxes
    from ..store.history import History


def add_geometry_verbs(verb: AddVerb) -> None:
    """Tell the parser of the commands about space."""
    meter = measuring(verb, "distances", _distances, "distances of tokens, in weight units and in cells")
    meter.add_argument("--step", type=whole, help="all pairs at this step; without it, extents at every step")
    meter.add_argument("--group", help="all, dead or live; at a step one group (default: dead, where it is known)")
    add_file(meter, "--closeness", "write who is near whom at the step there, as CSV")
    add_file(meter, "--dimensions", "write one row per step and dimension there, as CSV")
    viewer = measuring(verb, "axes", _axes, "principal axes of a group, and how much of each step they show")
    viewer.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    viewer.add_argument("--of", metavar="STEPS", help="fit on one step (140) or on the difference of two (0,140)")
    viewer.add_argument("--step", type=whole, help="tell where the tokens are at this step, instead of a row per step")


def _distances(asked: argparse.Namespace) -> Answer:
    history = seen_of(asked)
    if asked.dimensions:
        _write_dimensions(asked, history)
    return _extents(asked, history) if asked.step is None else _pairs(asked, history)


def _write_dimensions(asked: argparse.Namespace, history: History) -> None:
    from ..tables.long import dimension_tables

    start = 0 if asked.step is None else history.index(asked.step)
    stop = None if asked.step is None else start + 1
    with counting(asked, "dimensions", is_kept=False) as progress:
        tables = dimension_tables(history, groups_of(asked, history), start, stop, progress)
        asked.dimensions.write(csv_parts(tables))


def _extents(asked: argparse.Namespace, history: History) -> Answer:
    """How far apart and how wide at every step, without forming a pair."""
    from ..tables.per_step import EXTENT_COLUMNS, step_table

    groups = groups_of(asked, history)
    lost = lost_of(asked, history, groups)
    with counting(asked, "distances") as progress:
        table = of_groups(step_table(history, progress)[list(EXTENT_COLUMNS)], groups)
    told_table(asked, table)
    return {"run": history.id, "rows": rows_of(table), "divergence": lost}


def _pairs(asked: argparse.Namespace, history: History) -> Answer:
    """All pairs at one step."""
    from dataclasses import asdict

    from ..measures.distances import pair_statistics
    from ..measures.verdict import seed_criterion
    from ..tables.at_step import UNITS, closeness_table, distance_table

    group = group_of(asked, history, "distances")
    lost = lost_of(asked, history, [group])
    told = pair_statistics(history.rows(asked.step, group))
    found, criterion = asdict(told), seed_criterion(told.linf.max, told.cells.max)
    answer = {"run": history.id, "step": asked.step, "group": group, **found, "criterion": criterion, "divergence": lost}
    if asked.csv:
        told_table(asked, distance_table(told, asked.step, group))
    if asked.closeness:
        write_table(asked.closeness, closeness_table(told, asked.step, group))
    for key, unit in UNITS.items():
        name = key.removesuffix("_cells").replace("cells", "linf").replace("linf", "L∞").replace("l1", "L1").replace("l2", "L2")
        spread = "  ".join(f"{name} {value:.6g}" for name, value in found[key].items())
        say(asked, f"{name.replace('hamming', 'Hamming')}, {unit}".ljust(20) + spread)
    say(asked, f"{told.pairs:,} pairs of tokens, {told.pairs_in_holes:,} of them in one black hole: at distance 0")
    say(asked, f"adjacent (≤ 1 cell) {told.adjacent:.4f}, touching (≤ 2 cells) {told.touching:.4f} of all pairs")
    say(asked, f"components within a cell {told.components:,}, the largest of {told.largest_component:,} tokens")
    say(asked, f"active dimensions {told.active_dimensions:,} of {len(told.cells_spanned):,}")
    for key, name in (("seed", "as the seed asked"), ("cells", "asked in cells")):
        asks = ", ".join(f"{word} {value}" for word, value in criterion[key].items())
        say(asked, f"compact, {name}: {asks}")
    return dict(plain(answer))


def _axes(asked: argparse.Namespace) -> Answer:
    import numpy as np
    import pandas as pd

    from ..tables.axes import axes_table

    history = seen_of(asked)
    group = group_of(asked, history, "axes")
    lost = lost_of(asked, history, [group])
    basis, mask = _basis(asked, history, group), history.mask(group)
    fitted = {"origin": basis.origin.tolist(), "axes": basis.axes.tolist(), "explained": basis.explained.tolist()}
    fitted = dict(plain(fitted))
    answer = {"run": history.id, "group": group, "fitted_on": asked.of or "run", "unit": "weight", **fitted, "divergence": lost}
    if asked.step is not None:
        places = basis.coordinates(history.rows(asked.step, group))
        table = pd.DataFrame({"token": np.flatnonzero(mask), "first_weight": places[:, 0], "second_weight": places[:, 1]})
        told_table(asked, table)
        return {**answer, "step": asked.step, "places": rows_of(table)}
    with counting(asked, "axes", is_kept=False) as progress:
        table = axes_table(history, basis, group, progress)
    told_table(asked, table)
    return {**answer, "rows": rows_of(table)}


def _basis(asked: argparse.Namespace, history: History, group: str) -> PrincipalAxes:
    """The basis asked for: of the run, of a step, of the difference of two steps."""
    from ..measures.principal_axes import difference_basis, step_basis
    from ..tables.axes import basis_of_run

    if asked.of is None:
        with counting(asked, "basis", is_kept=False) as progress:
            return basis_of_run(history, group, progress)
    # The comma stands between two steps here, so thousands are grouped with _ alone.
    ends = [whole_number(end) for end in asked.of.split(",")]
    steps = [end for end in ends if end is not None and end >= 0]
    if len(ends) > 2 or len(steps) != len(ends):
        raise ConfigError([f'--of must be one recorded step or two with a comma; got "{asked.of[:60]}". Try --of 0,140.'])
    rows = [history.rows(step, group) for step in steps]
    return step_basis(rows[0]) if len(rows) == 1 else difference_basis(rows[0], rows[1])
