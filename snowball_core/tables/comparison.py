"""Runs gathered for a comparison: each measured, twins found, draws counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import pandas as pd

from ..errors import HistoryError
from ..measures.alignment import FEWEST, MOST, SPENT, Entrant, anchors, differing_fields, spent
from ..measures.quantities import COUNTS, OF_COLUMN
from ..memory import Progress, silent
from ..store.history import History
from ..store.manifest import configuration_hash
from ..store.run_folder import read_run
from .draws import (
    SAME_BITS,
    SAME_BYTES,
    TEXT,
    ComparedRun,
    Twins,
    draw_hash,
    draw_numbers,
    run_fields,
    setting_hash,
    twins,
    unlike,
)
from .per_step import step_table, with_metrics
from .text import many

_COUNTED = ("vectors", "tokens", "classes", "cells")
_READING = "Letters: runs. Bands: range and median over the draws of a setting."
# Column → what it is called, its unit, and whether it counts something.
MEASURES = {
    column: (OF_COLUMN[column].title, OF_COLUMN[column].unit, OF_COLUMN[column].unit in _COUNTED)
    for column in (
        *(*COUNTS, "largest", "hidden_classes", "largest_linf_cells", "largest_linf_weight", "radius_rms_weight", "moved"),
        *("loss", "learning_rate"),
    )
}
USUAL = ("unique", "black_holes", "population", "largest_linf_cells", "loss")


@dataclass(frozen=True)
class LineUp:
    """Several runs, and which of them are one draw: the number of each recording's draw, from 1."""

    recordings: tuple[ComparedRun, ...]
    pairs: tuple[Twins, ...]
    draws: tuple[int, ...]

    @property
    def independent(self) -> int:
        """The effective number of independent draws: runs, with twins counted once."""
        return max(self.draws, default=0)

    @property
    def settings(self) -> tuple[str, ...]:
        """The setting of each recording; a foreign history is a separate one."""
        return tuple(setting_hash(each.fields) if each.fields else f"unknown: {each.id}" for each in self.recordings)

    @property
    def summary(self) -> str:
        """How much the runs say together, in words."""
        runs, draws = many(len(self.recordings), "run"), self.independent
        chance = "differences may be due to chance."
        known = {setting for each, setting in zip(self.recordings, self.settings, strict=True) if each.fields is not None}
        if unknown := len(self.unknown):
            kinds = f"of {'one setting' if len(known) == 1 else f'{len(known):,} settings'}, " if known else ""
            kinds += "settings unknown" + (f" of {many(unknown, 'file')}" if known else "")
            if draws == 1:
                return f"{runs}, one draw, {kinds}: {chance} Add another run."
            # Whether an opened file is another draw of what the others draw from is unknown.
            return f"{runs}, at most {many(draws, 'independent draw')}, {kinds}."
        if draws == 1:
            return f"{runs}, one draw: {chance} Record another seed."
        kinds = "all of one setting" if len(known) == 1 else f"of {len(known):,} settings"
        return f"{runs}, {many(draws, 'independent draw')}, {kinds}."

    @property
    def unknown(self) -> tuple[str, ...]:
        """The ids of the files without a known configuration, and so without known steps."""
        return tuple(each.id for each in self.recordings if each.fields is None)

    @property
    def numbered(self) -> str:
        """What the place of such files on the axis means, in words; empty where there are none."""
        if not self.unknown:
            return ""
        files = "every file" if len(self.unknown) == len(self.recordings) else ", ".join(self.unknown)
        return f"The steps of {files} are unknown: snapshot numbers from 0 are used instead."


def require_several(count: int, note: str = "") -> None:
    """Refuse a comparison of too few or too many runs; ``note`` says why they are no more."""
    if not FEWEST <= count <= MOST:
        raise HistoryError(f"a comparison needs {FEWEST} to {MOST} runs; got {count:,}.{note} Choose different runs.")


def recording(history: History) -> ComparedRun:
    """A run as the search for twins needs it; its text is known by its hash."""
    fields = None if history.config is None or history.kept_in is None else run_fields(read_run(history.kept_in))
    return ComparedRun(history.id, fields, history.words, history.steps, configuration_hash(history.config))


def line_up(recordings: Sequence[ComparedRun]) -> LineUp:
    """The runs with their twins and the numbers of their draws."""
    pairs = twins(recordings)
    return LineUp(tuple(recordings), tuple(pairs), tuple(draw_numbers([each.id for each in recordings], pairs)))


def measured(history: History, group: str, progress: Progress = silent) -> tuple[pd.DataFrame, dict[str, int | None]]:
    """What a comparison draws of one run: columns ``step``, those of :data:`MEASURES`, the sum of rates; and its events.

    Of a run that diverged the steps before: without rows where the first recorded step is not finite.
    """
    history.mask(group)
    if not len(history.words):
        raise HistoryError(f'a comparison needs a recorded snapshot; "{history.id}" has none yet.')
    whole = step_table(history, progress)
    whole = with_metrics(whole, history.metrics) if history.metrics else whole
    table = whole[whole["group"] == group].reset_index(drop=True).iloc[: history.finite]
    numbers = {name: pd.to_numeric(table[name]).astype("float64") for name in MEASURES if name in table}
    sums = spent(table["step"].to_numpy("int64"), history.rates)
    return pd.DataFrame({"step": table["step"], **numbers, SPENT: sums}), anchors(table)


def entrants(lined_up: LineUp, measure: Callable[[ComparedRun], tuple[pd.DataFrame, dict[str, int | None]]]) -> list[Entrant]:
    """Every run of a line-up, measured."""
    facts = zip(lined_up.recordings, lined_up.settings, lined_up.draws, strict=True)
    return [Entrant(each.id, setting, draw, *measure(each)) for each, setting, draw in facts]


def in_words(field: str) -> str:
    """A field of a configuration as the form for a new run calls it; of the text its hash is known.

    Examples
    --------
    >>> in_words("label_shift"), in_words(TEXT)
    ('label shift', 'text')
    """
    return "text" if field == TEXT else field.replace("_", " ")


def letters(lined_up: LineUp) -> dict[str, str]:
    """A letter for each run, by id."""
    return {each.id: ascii_uppercase[rank % 26] * (1 + rank // 26) for rank, each in enumerate(lined_up.recordings)}


def groupings(lined_up: LineUp) -> dict[str, str]:
    """What runs can be grouped and coloured by, in words: each run, its setting, or a field in which they differ."""
    fields = configuration_differences(lined_up)["field"]
    return {"run": "run", "setting": "setting", **{field: in_words(field) for field in fields}}


def groups(lined_up: LineUp, by: str, titles: Mapping[str, str]) -> dict[str, str]:
    """The group of each run by id, in words: its letter and title; or a setting, or a field's value, with letters."""
    own, called = letters(lined_up), setting_names(lined_up)
    if by == "run":
        return {run: f"{letter} · {titles.get(run, run)}" for run, letter in own.items()}
    if by == "setting":
        named = {each.id: called[its] for each, its in zip(lined_up.recordings, lined_up.settings, strict=True)}
    else:
        table = configuration_differences(lined_up).set_index("field")
        named = {run: f"{in_words(by)} {table.loc[by, run]}" for run in own}
    members = {name: ", ".join(own[run] for run in own if named[run] == name) for name in named.values()}
    return {run: f"{name} ({members[name]})" for run, name in named.items()}


def setting_names(lined_up: LineUp) -> dict[str, str]:
    """What to call each setting: its number and the fields in which the settings differ, the first three."""
    firsts = {setting: each for each, setting in reversed(list(zip(lined_up.recordings, lined_up.settings, strict=True)))}
    ordered = {setting: firsts[setting] for setting in dict.fromkeys(lined_up.settings)}
    known = {setting: each.fields for setting, each in ordered.items() if each.fields is not None}
    named = {setting: f"setting unknown: {each.id}" for setting, each in ordered.items()}
    if len(known) == 1:
        return named | dict.fromkeys(known, "one setting")
    table = differing_fields(known)
    table = table[table["field"] != "seed"]
    for number, setting in enumerate(known, 1):
        values = [f"{in_words(field)} {str(value)[:14]}" for field, value in zip(table["field"], table[setting], strict=True)]
        named[setting] = f"setting {number}: " + ", ".join(values[:3]) + (", …" if len(values) > 3 else "")
    return named


def roll(lined_up: LineUp) -> list[dict[str, Any]]:
    """One row per run: its draw, configuration, setting, seed, steps recorded, and the run it is a twin of."""
    rows = []
    for each, setting, draw in zip(lined_up.recordings, lined_up.settings, lined_up.draws, strict=True):
        mine = [pair for pair in lined_up.pairs if each.id == pair.second]
        rows.append(
            {
                "run": each.id,
                "draw": draw,
                "seed": None if each.fields is None else each.fields.get("seed"),
                "setting": setting,
                "draw_hash": None if each.fields is None else draw_hash(each.fields),
                "first_step": int(each.steps[0]),
                "last_step": int(each.steps[-1]),
                "snapshots": len(each.steps),
                "twin_of": mine[0].first if mine else None,
                "twin": told_twin(mine[0]) if mine else None,
            }
        )
    return rows


def footer(lined_up: LineUp, names: Mapping[str, str], along: str, group: str, unit: str) -> list[str]:
    """The lines under a picture of several runs: how they lie on the axis, group and unit; each run and its configuration."""
    short = {run: name.replace(" · ", " ") for run, name in names.items()}
    runs = [
        f"{short[each.id]}: {each.id}, configuration {(each.configuration or 'not known')[:12]}" for each in lined_up.recordings
    ]
    notes = [line for line in (unlike(lined_up.recordings, short), lined_up.summary, lined_up.numbered) if line]
    return [f"x: {along} · {group} · unit: {unit}", *notes, _READING, " · ".join(runs)]


def told_twin(pair: Twins) -> str:
    """What two twins share, in words."""
    if pair.kind in (SAME_BYTES, SAME_BITS):
        return f"{pair.kind}: identical for {many(pair.common, 'snapshot')}"
    if not pair.common:
        return f"{pair.kind}: no common step"
    if pair.first_difference is None:
        return f"{pair.kind}: identical for {many(pair.common, 'common step')}"
    return f"{pair.kind}: first difference at step {pair.first_difference:,}"


def configuration_differences(lined_up: LineUp) -> pd.DataFrame:
    """The fields in which the runs differ; see ``alignment.differing_fields``. The text is named by its hash.

    Every field of a file without a configuration is "unknown", which counts as no difference.
    """
    known = {each.id: each.fields for each in lined_up.recordings if each.fields is not None}
    table = differing_fields({run: {**fields, TEXT: str(fields[TEXT])[:12]} for run, fields in known.items()})
    return table.assign(**dict.fromkeys(lined_up.unknown, "unknown"))[["field", *(each.id for each in lined_up.recordings)]]


def no_differences(lined_up: LineUp) -> str:
    """What an empty table of differences means, in words."""
    unknown, known = len(lined_up.unknown), len(lined_up.recordings) - len(lined_up.unknown)
    if not unknown:
        return "Their configurations do not differ in any field that affects the results."
    if not known:
        return "Their configurations are unknown."
    files = ", ".join(lined_up.unknown)
    if known == 1:
        return f"The configuration of {files} is unknown."
    return f"The known configurations do not differ in any field that affects the results; that of {files} is unknown."
