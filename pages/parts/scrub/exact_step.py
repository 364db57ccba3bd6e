"""The exact view under the scrubber: the part of the page that runs again when the scrubber comes to rest."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.measures.lineage import Lineage, hole_name, holes_of
from snowball_core.measures.quantities import OF_COLUMN
from snowball_core.store.foreign.links import Source
from snowball_core.store.history import History
from snowball_core.tables.at_step import exact_numbers, tokens_at
from snowball_core.tables.formats import number
from snowball_core.tables.lineage import Account
from snowball_core.tables.live import recorded_at

from ..shared import cached
from ..shared.divergence_notice import say_rows
from ..shared.downloads import take_home
from ..shared.file_stamps import are_as_drawn
from ..shared.help_links import help_on
from ..shared.opened_bookmark import name_bookmark
from ..shared.page_frame import say_range
from ..shared.selection import chosen_range, go, here, selected
from ..shared.text import plain
from .biography import biography
from .bookmarks import bookmark_field
from .component import FRAGMENT, are_bytes
from .handed_step import clear_loop, hand_over
from .step_tables import tables

_SHOWN = ("unique", "black_holes", "population", "singletons", "largest")
_TYPED = "typed-step"
_LINEAGES: tuple[Callable[..., Any], ...] = (cached.tree, cached.lineage_account, cached.biography)


@st.fragment(key=FRAGMENT)
def exact_step(run: Source, snapshots: int, group: str, unit: str, is_drawn: bool) -> None:
    """The numbers of the step, the biography of what is selected, and the tables, all from the file itself."""
    path = str(run.path)
    try:
        if not are_as_drawn(path):
            st.rerun()  # the scrubber shows a history that was replaced
        history = cached.history(path, snapshots)
        view = view_at(history, int(here()["step"]), group, unit, chosen_range(history.steps))
        tree, lineage, stays = (functools.partial(of, path, snapshots, group) for of in _LINEAGES)
        name_bookmark(run.path)
        bookmark_field(run, view)
        if not view.is_whole:
            say_range(view.first, view.last, clear_loop)
        exact_view(view, tree, lineage, stays, is_drawn)
        take_home(view)
    except SnowballError as error:
        st.error(plain(error))


def view_at(history: History, step: int, group: str, unit: str, ends: tuple[int, int] | None = None) -> View:
    """The view at the last recorded step at or before a step; ``ends`` are those of its range, without them the run's."""
    steps = history.steps
    first, last = ends or (int(steps[0]), int(steps[-1]))
    return View(history, int(steps[recorded_at(steps, step)]), group, unit, first, last)


def token_table(view: View, tree: Lineage) -> pd.DataFrame:
    """The tokens of a view with hidden classes, motion and the names of their holes; empty where a token is alone.

    Where tokens are no bytes their numbers are their only names.
    """
    index = view.history.index(view.step)
    table = tokens_at(view.history, index, view.group)
    holes = holes_of(tree, index, np.flatnonzero(view.mask)).tolist()
    table["hole_name"] = [hole_name(hole) if hole else "" for hole in holes]
    return table if are_bytes(view.history) else table.assign(glyph=table["token"].astype(str))


def exact_view(
    view: View,
    tree: Callable[[], Lineage],
    lineage: Callable[[], Account],
    stays: Callable[[int], pd.DataFrame],
    is_drawn: bool = True,
) -> None:
    """The exact numbers of a view, the biography of what is selected, and the tables of its step.

    ``stays`` returns the stays of a token in the black holes. Where no scrubber is drawn there is a field for the step.
    """
    if not is_drawn:
        _step_field(int(view.history.steps[-1]))
    _numbers(view)
    if (wanted := int(here()["step"])) != view.step:
        st.caption(f"Step {wanted:,} is not recorded; showing step {view.step:,}, the last recorded one before it.")
    tokens = token_table(view, tree())
    hand_over(view.step)
    biography(view, tokens, stays, selected())
    tables(view, tokens, lineage)


def _step_field(last: int) -> None:
    st.session_state[_TYPED] = min(int(here()["step"]), last)
    st.number_input(f"Step of {last:,}", 0, last, key=_TYPED, width=200, on_change=lambda: go(step=st.session_state[_TYPED]))


def _numbers(view: View) -> None:
    """The exact numbers of the step, each with its definition."""
    exact = exact_numbers(view.rows)
    with st.container(key="exact"):
        st.markdown(f"**Exact at step {view.step:,}** · {view.group}: {exact['tokens']:,} tokens")
        cells = st.grid(6, min_column_width=160)
        for name in _SHOWN:
            cells.metric(OF_COLUMN[name].short_label, f"{exact[name]:,}", help=help_on(name))
        is_finite = math.isfinite(exact["linf_weight"])
        amounts = [(number(exact["linf_cells"]), "cells"), (number(exact["linf_weight"]), "weight units")]
        (first, unit), (second, other) = amounts if view.unit == "cells" else amounts[::-1]
        cells.metric(
            f"Max distance ({unit})",
            first if is_finite else "undefined",
            f"{second} {other}",
            delta_color="off",
            delta_arrow="off",
            help=f"In weight units exactly {exact['linf_weight']!r}.\n\n{help_on('largest_linf_cells')}",
        )
        say_rows(view.rows)
