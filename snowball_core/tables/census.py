"""Tidy tables of a run, one row per observation, with the unit in the column's name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import HistoryError
from ..measures.bf16 import Words, format_of, nan_rows
from ..measures.census import Census, census, censuses, history_leaders
from ..measures.distances import centroid, largest_linf, linf_cells, linf_weight
from ..measures.extent import extents, known_cells
from ..measures.identity import classes, populations
from ..schedules import recorded_steps
from ..store.run_folder import HISTORY, Run

GROUPS = ("all", "dead", "live")
CENSUS_COLUMNS = ("step", "group", "tokens", "unique", "black_holes", "population", "singletons", "largest", "sizes")
_CONTROL_NAMES = (
    *("NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI"),
    *("DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"),
)


def glyph(token: int) -> str:
    """A printable name for a token: the character, or the control character's ASCII name.

    Examples
    --------
    >>> [glyph(token) for token in (65, 10, 32, 127, 500)]
    ['A', 'LF', 'space', 'DEL', '500']
    """
    if token < 32:
        return _CONTROL_NAMES[token]
    return {32: "space", 127: "DEL"}.get(token, chr(token) if token < 127 else str(token))


def group_mask(dead: npt.NDArray[np.bool_], group: str) -> npt.NDArray[np.bool_]:
    """Which tokens belong to the group all, dead or live; shape ``(vocab,)``.

    Raises
    ------
    HistoryError
        If there is no such group.
    """
    masks = {"all": np.ones_like(dead), "dead": dead, "live": ~dead}
    if group not in masks:
        raise HistoryError(f'a group is one of {", ".join(GROUPS)}; got "{group}".')
    return masks[group]


def census_row(step: int, group: str, counts: Census) -> dict[str, Any]:
    """One census as a row; ``sizes`` stays a list."""
    numbers = {name: getattr(counts, name) for name in CENSUS_COLUMNS[2:-1]}
    return {"step": step, "group": group, **numbers, "sizes": list(counts.sizes)}


def census_at(words: Words, dead: npt.NDArray[np.bool_], step: int, groups: Sequence[str] = GROUPS) -> list[dict[str, Any]]:
    """The census of one matrix, a row per group, in the order of the groups asked for."""
    return [census_row(step, group, census(words[group_mask(dead, group)])) for group in groups]


def census_rows(
    history: Words, steps: npt.NDArray[np.int64], dead: npt.NDArray[np.bool_], groups: Sequence[str] = GROUPS
) -> list[dict[str, Any]]:
    """The census of every snapshot and group as rows, ordered by step, then group; ``sizes`` are lists."""
    leader = history_leaders(history)
    per_group = {group: censuses(leader, group_mask(dead, group)) for group in groups}
    return [census_row(int(step), group, per_group[group][i]) for i, step in enumerate(steps) for group in groups]


def census_table(
    history: Words, steps: npt.NDArray[np.int64], dead: npt.NDArray[np.bool_], groups: Sequence[str] = GROUPS
) -> pd.DataFrame:
    """The rows of :func:`census_rows` as a table: columns :data:`CENSUS_COLUMNS`.

    ``sizes`` is text, populations of the black holes in descending order, separated by spaces.
    """
    table = pd.DataFrame(census_rows(history, steps, dead, groups), columns=list(CENSUS_COLUMNS))
    table["sizes"] = [" ".join(map(str, sizes)) for sizes in table["sizes"]]
    return table


def measures_table(history: Words, steps: npt.NDArray[np.int64], dead: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """One row per snapshot and group: columns of :func:`census_table`, ``largest_linf_weight``, ``largest_linf_cells``.

    Every snapshot is measured on its own, so tables of consecutive parts of a history, put together, are its table.
    """
    table = census_table(history, steps, dead)
    found = extents(history, dead)
    # Rows go by step, then group: so do these, read row by row.
    table["largest_linf_weight"] = np.stack([found[group].largest_linf_weight for group in GROUPS], axis=1).ravel()
    table["largest_linf_cells"] = np.stack([found[group].largest_linf_cells for group in GROUPS], axis=1).ravel()
    table["largest_linf_cells"] = known_cells(table["largest_linf_cells"], table["largest_linf_weight"])
    return table


def with_metrics(measures: pd.DataFrame, metrics: Mapping[str, npt.NDArray[np.float64]]) -> pd.DataFrame:
    """``measures`` with each step's ``loss``, ``learning_rate`` and ``grad_norm`` (empty at step 0)."""
    numbers = pd.DataFrame(dict(metrics))[["step", "loss", "learning_rate", "grad_norm"]].astype({"step": "int64"})
    return measures.merge(numbers, on="step", how="left")


def token_table(words: Words, dead: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """One row per token of one matrix: its glyph, group, and the black hole it is in.

    ``hole`` ranks black holes by population (1 is the largest, ties by smallest token), 0 for a singleton. ``vector`` numbers
    the distinct rows by their first token.
    """
    label = classes(words)
    sizes = populations(label)
    first = np.unique(label, return_index=True)[1]
    ranked = sorted((vector for vector in range(len(sizes)) if sizes[vector] > 1), key=lambda v: (-sizes[v], first[v]))
    hole = np.zeros(len(sizes), np.int64)
    hole[ranked] = np.arange(1, len(ranked) + 1)
    tokens = np.arange(len(words))
    return pd.DataFrame(
        {
            "token": tokens,
            "glyph": [glyph(int(token)) for token in tokens],
            "group": np.where(dead, "dead", "live"),
            "vector": label,
            "hole": hole[label],
            "population": sizes[label],
        }
    )


def group_table(rows: Words, dead: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The :func:`token_table` of a group's rows, with the tokens' own ids and glyphs.

    Parameters
    ----------
    rows : Words, shape (tokens of the group, hidden)
    dead, mask : ndarray of bool, shape (vocab,)
    """
    ids = np.flatnonzero(mask)
    return token_table(rows, dead[mask]).assign(token=ids, glyph=[glyph(int(token)) for token in ids])


def hole_table(words: Words, dead: npt.NDArray[np.bool_], group: str = "all") -> pd.DataFrame:
    """One row per black hole among the group's rows, largest first: its population and its tokens."""
    mask = group_mask(dead, group)
    return holes_of(group_table(words[mask], dead, mask))


def holes_of(tokens: pd.DataFrame) -> pd.DataFrame:
    """The black holes of a :func:`token_table` with true token ids, one row each, largest first."""
    listed = [(hole, list(part["token"]), list(part["glyph"])) for hole, part in tokens[tokens["hole"] > 0].groupby("hole")]
    return pd.DataFrame(
        {
            "hole": np.array([hole for hole, *_ in listed], np.int64),
            "population": np.array([len(ids) for _, ids, _ in listed], np.int64),
            "tokens": [" ".join(map(str, ids)) for _, ids, _ in listed],
            "glyphs": [" ".join(glyphs) for *_, glyphs in listed],
        }
    )


def distance_matrix(words: Words, unit: str) -> npt.NDArray[Any]:
    """Pairwise L∞ between the rows, in ``weight`` units (float64) or ``cells`` (int64).

    Where a row holds a NaN both are float64, and NaN for its pairs, also with itself: it has no distance.
    """
    apart, lost = linf_cells(words) if unit == "cells" else linf_weight(words), nan_rows(words)
    if lost.any():
        apart = apart.astype(np.float64)
        apart[lost], apart[:, lost] = np.nan, np.nan
    return apart


def lattice_facts(words: Words) -> dict[str, Any]:
    """The format of the rows and the length of their centroid in weight units."""
    return {"format": format_of(words).name, "centroid_length": float(np.linalg.norm(centroid(words)))}


def exact_numbers(rows: Words) -> dict[str, Any]:
    """The census of a group's rows at one step and their farthest pair, L∞ in weight units and in cells: NaN with a NaN.

    Keys ``tokens``, ``unique``, ``black_holes``, ``population``, ``singletons``, ``largest``, ``linf_weight``, ``linf_cells``.
    """
    counts = census(rows)
    weight, cells = largest_linf(rows[None], np.ones(len(rows), np.bool_))
    numbers = {name: getattr(counts, name) for name in CENSUS_COLUMNS[2:-1]}
    known = not np.isnan(weight[0])
    return {**numbers, "linf_weight": float(weight[0]), "linf_cells": int(cells[0]) if known else float("nan")}


def last_hole_change(measures: pd.DataFrame, group: str) -> int:
    """The last step at which the group's black holes changed in number or size; the first step if they never did.

    Steps from a divergence on do not count: a farthest pair of all tokens is not finite there.
    """
    rows = measures[measures["group"] == group]
    if "largest_linf_weight" in measures:
        lost = measures.loc[~np.isfinite(measures["largest_linf_weight"]), "step"]
        if len(lost):
            rows = rows[rows["step"] < max(lost.min(), rows["step"].iloc[0] + 1)]
    changed = rows["sizes"].ne(rows["sizes"].shift()) | rows["unique"].ne(rows["unique"].shift())
    return int(rows.loc[changed, "step"].iloc[-1])


def recorded_at(steps: npt.NDArray[np.int64], wanted: int) -> int:
    """Index of the snapshot to show for a wanted step: the last one recorded at or before it, else the first.

    Examples
    --------
    >>> recorded_at(np.array([0, 10, 20]), 19), recorded_at(np.array([0, 10, 20]), 10**30), recorded_at(np.array([5]), -1)
    (1, 2, 0)
    """
    return max(0, int((steps <= min(max(wanted, 0), 2**62)).sum()) - 1)


def unformulated(cell: Any) -> Any:
    """The cell of a table, prefixed with an apostrophe where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> unformulated("=1+1"), unformulated("a")
    ("'=1+1", 'a')
    """
    return f"'{cell}" if str(cell).startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The table as CSV; text that a spreadsheet would take for a formula is prefixed with an apostrophe.

    Examples
    --------
    >>> csv_bytes(pd.DataFrame({"glyph": ["=", "a"], "hole": [-1, 2]})).decode().split()
    ['glyph,hole', "'=,-1", 'a,2']
    """
    safe = table.copy()
    for name in safe.select_dtypes(include=["object", "string"]):
        safe[name] = [unformulated(cell) for cell in safe[name]]
    text: str = safe.to_csv(index=False)
    return text.encode()


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def recorded_snapshots(run: Run) -> int:
    """How many snapshots can be read now; 0 before the first, also while a worker is just creating the file.

    Raises
    ------
    HistoryError
        If there is a history, nobody is at it, and it cannot be read.
    """
    try:
        return len(run.history().words)
    except HistoryError:
        if (run.path / HISTORY).exists() and not run.status().is_alive:
            raise
        return 0


def planned(run: Run) -> int:
    """How many snapshots the run has when it is complete."""
    return len(recorded_steps(run.config))


def settled(snapshots: int) -> int:
    """How much of a growing history a picture's frame is made from: its length, rounded down by less than an eighth.

    So the frame is renewed rarely while a run is recorded, and holds nearly all of it.

    Examples
    --------
    >>> settled(7), settled(88), settled(1000)
    (7, 88, 960)
    """
    return snapshots - snapshots % (1 << max(0, snapshots.bit_length() - 4))
