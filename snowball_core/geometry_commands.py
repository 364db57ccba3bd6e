"""The commands about space: how far apart the tokens are, and along which axes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .answers import (
    AddVerb,
    Answer,
    counting,
    csv_parts,
    group_of,
    groups_of,
    measuring,
    of_groups,
    plain,
    rows_of,
    say,
    seen_of,
    told_table,
    write_parts,
)
from .errors import ConfigError

if TYPE_CHECKING:
    from .geometry import PrincipalAxes
    from .observation import Observation


def add_geometry_verbs(verb: AddVerb) -> None:
    """Tell the parser of the commands about space."""
    meter = measuring(verb, "distances", _distances, "distances of tokens, in weight units and in cells")
    meter.add_argument("--step", type=int, help="all pairs at this step; without it, extents at every step")
    meter.add_argument("--group", help="all, dead or live; at a step one group (default: dead, where it is known)")
    meter.add_argument("--dimensions", metavar="FILE", help="write one row per step and dimension there, as CSV")
    viewer = measuring(verb, "axes", _axes, "principal axes of a group, and how much of each step they show")
    viewer.add_argument("--group", help="one group: all, dead or live (default: dead, where it is known)")
    viewer.add_argument("--of", metavar="STEPS", help="fit on one step (140) or on the difference of two (0,140)")
    viewer.add_argument("--step", type=int, help="tell where the tokens are at this step, instead of a row per step")


def _distances(asked: argparse.Namespace) -> Answer:
    seen = seen_of(asked)
    if asked.dimensions:
        _write_dimensions(asked, seen)
    return _extents(asked, seen) if asked.step is None else _pairs(asked, seen)


def _write_dimensions(asked: argparse.Namespace, seen: Observation) -> None:
    from .long_tables import dimension_tables

    start = 0 if asked.step is None else seen.index(asked.step)
    stop = None if asked.step is None else start + 1
    with counting(asked, "dimensions") as progress:
        tables = dimension_tables(seen, groups_of(asked, seen), start, stop, progress)
        write_parts(asked.dimensions, csv_parts(tables))


def _extents(asked: argparse.Namespace, seen: Observation) -> Answer:
    """How far apart and how wide at every step, without forming a pair."""
    from .step_tables import EXTENT_COLUMNS, step_table

    groups = groups_of(asked, seen)
    with counting(asked, "distances") as progress:
        table = of_groups(step_table(seen, progress)[list(EXTENT_COLUMNS)], groups)
    told_table(asked, table)
    return {"run": seen.id, "rows": rows_of(table)}


def _pairs(asked: argparse.Namespace, seen: Observation) -> Answer:
    """All pairs at one step."""
    from dataclasses import asdict

    import pandas as pd

    from .pairs import pair_statistics, seed_criterion

    group = group_of(asked, seen, "distances")
    found = asdict(pair_statistics(seen.rows(asked.step, group)))
    criterion = seed_criterion(found["linf"]["max"], found["cells"]["max"])
    answer = {"run": seen.id, "step": asked.step, "group": group, **found, "criterion": criterion}
    units = {"linf": "L∞, weight units", "cells": "L∞, cells", "l1": "L1, weight units", "l1_cells": "L1, cells"}
    units |= {"l2": "L2, weight units", "l2_cells": "L2, cells", "hamming": "Hamming, components"}
    if asked.csv:
        told_table(asked, pd.DataFrame([{"measure": key, "unit": unit, **found[key]} for key, unit in units.items()]))
    for key, unit in units.items():
        say(asked, f"{unit:20}" + "  ".join(f"{name} {value:.6g}" for name, value in found[key].items()))
    say(asked, f"adjacent (≤ 1 cell) {found['adjacent']:.4f}, touching (≤ 2 cells) {found['touching']:.4f} of all pairs")
    say(asked, f"components within a cell {found['components']:,}, the largest of {found['largest_component']:,} tokens")
    say(asked, f"active dimensions {found['active_dimensions']:,} of {len(found['cells_spanned']):,}")
    for key, name in (("seed", "as the seed asked"), ("cells", "asked in cells")):
        asks = ", ".join(f"{word} {value}" for word, value in criterion[key].items())
        say(asked, f"compact, {name}: {asks}")
    return dict(plain(answer))


def _axes(asked: argparse.Namespace) -> Answer:
    import numpy as np
    import pandas as pd

    from .axes import explained_variance

    seen = seen_of(asked)
    group = group_of(asked, seen, "axes")
    basis, mask = _basis(asked, seen, group), seen.mask(group)
    fitted = {"origin": basis.origin.tolist(), "axes": basis.axes.tolist(), "explained": basis.explained.tolist()}
    answer = {"run": seen.id, "group": group, "fitted_on": asked.of or "run", "unit": "weight", **fitted}
    if asked.step is not None:
        places = basis.coordinates(seen.rows(asked.step, group))
        table = pd.DataFrame({"token": np.flatnonzero(mask), "first_weight": places[:, 0], "second_weight": places[:, 1]})
        told_table(asked, table)
        return {**answer, "step": asked.step, "places": rows_of(table)}
    shown, missed = explained_variance(basis, seen.words, mask)
    table = pd.DataFrame({"step": seen.steps, "first": shown[:, 0], "second": shown[:, 1], "missed": missed})
    told_table(asked, table)
    return {**answer, "rows": rows_of(table)}


def _basis(asked: argparse.Namespace, seen: Observation, group: str) -> PrincipalAxes:
    """The basis asked for: of the run, of a step, of the difference of two steps."""
    from .axes import difference_basis, durations, run_basis, step_basis
    from .blocks import changed_snapshots

    if asked.of is None:
        changed = changed_snapshots(seen, seen.mask(group))
        return run_basis(seen.words, seen.mask(group), changed, durations(changed, seen.steps))
    words = [word.strip() for word in asked.of.split(",")]
    if len(words) > 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise ConfigError([f'--of must be one recorded step or two with a comma; got "{asked.of[:60]}". Try --of 0,140.'])
    rows = [seen.rows(int(word), group) for word in words]
    return step_basis(rows[0]) if len(rows) == 1 else difference_basis(rows[0], rows[1])
