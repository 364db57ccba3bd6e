"""The roll of a comparison: every run with its draw, the duplicates, and what differs between configurations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from snowball_core.charts.theme import LineStyle, swatch
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_titles import state_word, title
from snowball_core.store.status import Status
from snowball_core.tables.comparison import (
    LineUp,
    configuration_differences,
    in_words,
    letters,
    no_differences,
    roll,
    setting_names,
    told_twin,
)
from snowball_core.tables.draws import unlike

from ..shared.downloads import link
from ..shared.help_links import what_is
from ..shared.text import plain

_MOST_NOTES, _MOST_NAMED = 6, 6


def roll_call(lined_up: LineUp, lines: Mapping[str, LineStyle], states: Mapping[str, Status]) -> None:
    """How many independent draws the runs are, which of them are duplicates, and one row for each with its line."""
    names = letters(lined_up)
    with st.container(border=True, key="draws"):
        if differing := unlike(lined_up.recordings, names):
            st.info(plain(differing), icon=":material/difference:")
        st.markdown(f"**{plain(lined_up.summary)}** {what_is('independent draws')}")
        runs_of = Counter(lined_up.draws)
        notes = [_once(lined_up, draw, names) for draw in sorted(runs_of) if runs_of[draw] > 1]
        if len(notes) > _MOST_NOTES:
            more = f"And {len(notes) - _MOST_NOTES:,} more duplicated draws, numbered in the table."
            notes = [*notes[:_MOST_NOTES], more]
        if notes:
            st.warning("  \n".join(notes), icon=":material/content_copy:")
        _table(lined_up, lines, states)


def _once(lined_up: LineUp, draw: int, names: Mapping[str, str]) -> str:
    """Which runs are one draw, and how that is known: of each with the first it is a twin of."""
    runs = [each.id for each, its in zip(lined_up.recordings, lined_up.draws, strict=True) if its == draw]
    named = [f"**{plain(names[run])}**" for run in runs]
    if len(named) > _MOST_NAMED:
        named = [*named[: _MOST_NAMED - 1], f"{len(named) - _MOST_NAMED + 1:,} more"]
    known: dict[str, list[str]] = {}
    for run in runs[1:]:  # a twin of a twin may be the second of no pair
        twins = [pair for pair in lined_up.pairs if run in (pair.first, pair.second)]
        known.setdefault(told_twin(min(twins, key=lambda pair: pair.second != run)), []).append(names[run])
    alike = [f"{how[0].upper()}{how[1:]}" + (f" ({_few(whose)})" if len(known) > 1 else "") for how, whose in known.items()]
    return f"{', '.join(named[:-1])} and {named[-1]} are duplicates. {'. '.join(alike)}."


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")


def _table(lined_up: LineUp, lines: Mapping[str, LineStyle], states: Mapping[str, Status]) -> None:
    called, names = setting_names(lined_up), letters(lined_up)
    folder = runs_folder()
    rows = [
        {
            "line": swatch(lines[row["run"]]),
            "run": names[row["run"]],
            "name": title(folder / row["run"]),
            "draw": row["draw"],
            "seed": row["seed"],
            "last step": row["last_step"],
            "snapshots": row["snapshots"],
            "state": state_word(states[row["run"]]),
            "setting": called[row["setting"]],
            "id": row["run"],
            "draw hash": row["draw_hash"] or "unknown",
        }
        for row in roll(lined_up)
    ]
    columns: dict[str, Any] = {name: st.column_config.NumberColumn(format="localized") for name in ("last step", "snapshots")}
    columns["line"] = st.column_config.ImageColumn(width=60, help="Colour and dashes in the charts below.")
    height: int | Literal["content"] = "content" if len(rows) < 12 else 420
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="roll", height=height, column_config=columns)
    if alone := [
        draw for draw in set(lined_up.settings) if lined_up.settings.count(draw) == 1 and len(set(lined_up.settings)) > 1
    ]:
        count = len(alone)
        st.caption(f"No band for {count} {'setting' if count == 1 else 'settings'} with only one run.")


def differing(lined_up: LineUp, names: Mapping[str, str]) -> None:
    """The fields in which the configurations differ."""
    table = configuration_differences(lined_up)
    if table.empty:
        st.caption(plain(no_differences(lined_up)))
        return
    named = table.assign(field=table["field"].map(in_words)).rename(columns=dict(names))
    st.dataframe(named, hide_index=True, key="differences", height="content")
    st.caption(
        "Fields that differ. Names, recording schedules, devices and thread counts are omitted; the text is given by its hash."
    )
    query = {"runs": ",".join(each.id for each in lined_up.recordings)}
    link("Download differences (CSV)", "differences-csv", "compare/tables/differences.csv", query)
