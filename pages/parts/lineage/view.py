"""The Lineage page below its pickers: the lanes, the events and their causes, and the biography of a token."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from snowball_core.charts.lineage import BARCODE_COLUMNS, DrawnLineage, barcode, drawn_lineage, ground, lanes_chart
from snowball_core.charts.lineage_data import nature, told_events
from snowball_core.charts.step_axis import StepAxis
from snowball_core.export.pictures import PICTURES, Plate
from snowball_core.measures.biography import biography
from snowball_core.measures.census import census
from snowball_core.measures.flicker import BRIEF_STEPS, Excursion, excursions, folded, is_folded
from snowball_core.measures.hidden_classes import Hidden, class_sizes
from snowball_core.measures.lineage import Lineage
from snowball_core.tables.lineage import event_rows, hidden_of
from snowball_core.tables.motion import moves_of_token

from ..shared import cached
from ..shared.downloads import take_these
from ..shared.file_stamps import of_run
from ..shared.help_links import what_is
from ..shared.page_frame import Whole, event_steps, names_of, to_scrub
from ..shared.run_picker import only_one_snapshot
from ..shared.selection import go, selected
from ..shared.text import many, plain
from ..shared.token_list import pick_token
from ..shared.url_state import pick_switch

_MOST_NAMED = 4
_MOST_ROWS = 16
_COLUMNS = {
    "step": st.column_config.NumberColumn("step", format="localized", width=52),
    "event": st.column_config.TextColumn("event", width=104),
    "populations": st.column_config.TextColumn("populations", width=92, help="Tokens in the holes before and after."),
    "cause": st.column_config.TextColumn("cause", width=230, help="Why tokens that were one vector parted."),
    "differed since": st.column_config.NumberColumn("differed since", format="localized", help="Their moments differ since."),
    "after": st.column_config.NumberColumn("after", format="localized", width=64, help="The recorded step before."),
}


@dataclass(frozen=True)
class Calm:
    """A lineage without its flicker.

    Attributes
    ----------
    found : tuple of Excursion
        The short-lived changes.
    tree : Lineage
    is_shown : tuple of bool
        For every event of the whole lineage whether it is no part of the flicker.
    """

    found: tuple[Excursion, ...]
    tree: Lineage
    is_shown: tuple[bool, ...]

    @property
    def hidden_events(self) -> int:
        """How many events are folded."""
        return len(self.is_shown) - sum(self.is_shown)


@of_run(st.cache_resource, max_entries=8, show_spinner="Looking for changes that were undone…")
def _calm(path: str, snapshots: int, group: str) -> Calm:
    tree, history = cached.lineage_account(path, snapshots, group).tree, cached.history(path, snapshots)
    found = excursions(tree, history.steps)
    shown = tuple(not is_folded(tree, event, found) for event in tree.events)
    return Calm(found, folded(tree, found) if found else tree, shown)


@of_run(st.cache_resource, max_entries=8, show_spinner="Telling true holes from apparent ones…")
def _hidden(path: str, snapshots: int, group: str) -> Hidden | None:
    return hidden_of(cached.history(path, snapshots), group)


@of_run(st.cache_resource, max_entries=12, show_spinner="Laying out the lanes…")
def _laid_out(
    path: str, snapshots: int, group: str, axis: StepAxis, unfold: bool
) -> tuple[DrawnLineage, dict[str, pd.DataFrame]]:
    account, history = cached.lineage_account(path, snapshots, group), cached.history(path, snapshots)
    calm = _calm(path, snapshots, group)
    tree, found = (account.tree, ()) if unfold else (calm.tree, calm.found)
    drawn = drawn_lineage(tree, _hidden(path, snapshots, group), history.steps, axis, names_of(history), found)
    return drawn, ground(drawn, axis)


@of_run(st.cache_data, max_entries=12, show_spinner=False)
def _events(path: str, snapshots: int, group: str, unfold: bool) -> pd.DataFrame:
    """The events as they are listed, without those of the first snapshot, which nobody saw happen.

    A parting that violates a law is listed even where it is part of a flicker.
    """
    history, account = cached.history(path, snapshots), cached.lineage_account(path, snapshots, group)
    shown = _calm(path, snapshots, group).is_shown
    rows = event_rows(account, history.steps)
    kept = [
        row
        for row, keep in zip(rows, shown, strict=True)
        if (keep or unfold or row["violation"]) and row["previous_step"] is not None
    ]
    return told_events(kept, names_of(history))


def lineage_view(whole: Whole, _: object) -> None:
    """The lanes with the events beside them, the biography below."""
    st.markdown(plain(cached.story(whole.path, whole.snapshots, whole.group)))
    if whole.snapshots < 2:
        only_one_snapshot(whole.run, "A lineage is what became of black holes from one recorded step to the next")
        return
    unfold = _fold(_calm(whole.path, whole.snapshots, whole.group))
    _now(whole)
    beside = st.grid(3, min_column_width=380, gap="medium")
    with beside.cell(column_span=2):
        plates = _lanes(whole, unfold)
    with beside.cell():
        parted = _listed(whole, unfold)
    if parted is not None:
        # Over the whole width: as tall as it gets in the narrow column, it would push all below away.
        st.caption(plain(_why(parted, whole.step)))
    plates |= _biography(whole, unfold)
    take_these(whole.stand, plates, ("events", "nodes", "edges"))
    st.caption("Tables hold every event, flicker included: with its cause, every hole and interval, every parent and child.")


def _fold(calm: Calm) -> bool:
    """The switch that unfolds flicker, where there is some."""
    if not calm.found:
        st.caption(f"No change of the holes was undone within {BRIEF_STEPS} steps: there is no flicker to fold.")
        return False
    help = f"Changes that were exactly undone within {BRIEF_STEPS} steps. Downloads always hold every event."
    label = f"Unfold flicker: {len(calm.found):,} short-lived changes, {calm.hidden_events:,} events"
    return pick_switch(label, "unfold", help=help)


def _now(whole: Whole) -> None:
    """The holes at the step, true or apparent, and the way to Scrub."""
    history, mask = whole.history, whole.history.mask(whole.group)
    rows = cached.rows_at(whole.path, whole.snapshots, whole.index, mask)
    sizes = census(rows).sizes
    moments = None if history.moment_hash is None else history.moment_hash[whole.index][mask]
    classes = class_sizes(rows, moments) if moments is not None else [[] for _ in sizes]
    natures = [f"{size:,} tokens, {nature(own)}" for size, own in zip(sizes, classes, strict=True)]
    holes = "; ".join(natures[:_MOST_NAMED]) + ("; …" if len(natures) > _MOST_NAMED else "")
    count = f"{len(sizes):,} black hole{'s' * (len(sizes) != 1)}: {holes}" if sizes else "no black hole"
    with st.container(horizontal=True, vertical_alignment="center", key="now"):
        st.markdown(f"**At step {whole.step:,}** · {whole.group}: {count}")
        to_scrub(whole)


def _lanes(whole: Whole, unfold: bool) -> dict[str, Plate]:
    drawn, data = _laid_out(whole.path, whole.snapshots, whole.group, whole.axis, unfold)
    lanes = drawn.lanes
    if not len(lanes.order):
        st.info("No two tokens of this group ever shared a vector: there is no lineage. Choose another group, or another run.")
        return {}
    alone = int(whole.history.mask(whole.group).sum()) - len(lanes.order)
    exact = "every change drawn" if lanes.drawn == lanes.changes else f"{lanes.drawn:,} of {lanes.changes:,} changes drawn"
    history = f"{many(whole.snapshots, 'recorded snapshot')}, {exact}" + (
        f" · {alone:,} tokens in no block never shared" if alone else ""
    )
    whole.caption(PICTURES["lineage"].title, "a block is as tall as its hole has tokens.", "tokens", history, "lineage")
    spec, datasets = lanes_chart(drawn, whole.axis, whole.step, selected(), data)
    count = len(event_steps(whole.path, whole.snapshots, whole.group))
    name = f"Black holes of {whole.group} tokens as lanes over the steps; they changed at {count:,} recorded steps"
    st.vega_lite_chart(spec | {"datasets": datasets}, key="lanes", alt=name, width="stretch", on_select=_picked)
    st.caption(
        "One shade: a *true* hole, its tokens share the optimizer's memory. Several shades: an *apparent* one, of as many "
        "hidden classes; it can part again. No block: alone. Letters: f formed or gained, m merged, s split or lost, "
        "e evaporated."
    )
    note = f"{history}. The upright line is step {whole.step:,}. Lighter and darker: hidden classes."
    return {"lanes": Plate(PICTURES["lineage"].title, spec, datasets, "tokens", False, note)}


def _picked() -> None:
    picked = st.session_state["lanes"]["selection"].get("picked") or []
    if picked:
        go(step=int(picked[-1]["step"]), select=f"h{int(picked[-1]['token'])}")


def _listed(whole: Whole, unfold: bool) -> pd.DataFrame | None:
    """The table of events; returns those of the step where the table says why anything parted."""
    table = _events(whole.path, whole.snapshots, whole.group, unfold)
    tree = cached.lineage_account(whole.path, whole.snapshots, whole.group).tree
    begun = sum(event.snapshot == 0 for event in tree.events)
    folded_away = len(tree.events) - begun - len(table)
    flicker = f", {folded_away:,} of flicker folded" if folded_away else ""
    had = f"{begun or 'no'} hole{'s' * (begun != 1)}"
    st.markdown(
        f"**Events and causes**: {len(table):,} after the first snapshot, which had {had}{flicker}. {what_is('fission')}  \n"
        ":small[:gray[Click the box before a row: the step moves there. Each happened after one recorded step, by the next.]]"
    )
    if not len(table):
        undone = f"All {many(folded_away, 'event')} after the first snapshot were undone soon: unfold the flicker to see them."
        nothing = "Nothing happened to the black holes of this group after the first snapshot."
        st.info(undone if folded_away else nothing)
        return None
    unsaid = [] if table["cause"].any() else ["cause", "differed since"]
    st.dataframe(
        table.drop(columns=["token", *unsaid]),
        column_config=_COLUMNS,
        hide_index=True,
        height="content" if len(table) < _MOST_ROWS else 548,
        placeholder="",
        key="events",
        on_select=functools.partial(_row, table["step"].tolist(), table["token"].tolist()),
        selection_mode="single-row",
        alt=f"Events of the black holes of {whole.group} tokens with the cause of each parting",
    )
    return None if unsaid else table[table["step"] == whole.step]


def _why(here: pd.DataFrame, step: int) -> str:
    """What parted at the step and why, in full: the column of the table is too narrow for it."""
    parted = here[here["cause"] != ""]
    told = [
        f"{row['event'][2:].capitalize()} of {row['populations'].split(' ')[0]} tokens, {row['cause']}"
        + ("." if pd.isna(row["differed since"]) else f"; their moments differ since step {row['differed since']:,}.")
        for row in parted.head(_MOST_NAMED).to_dict("records")
    ]
    more = f" And {len(parted) - _MOST_NAMED:,} more." if len(parted) > _MOST_NAMED else ""
    return f"At step {step:,}: " + (" ".join(told) + more if told else "nothing parted.")


def _row(steps: list[int], tokens: list[int]) -> None:
    rows = st.session_state["events"]["selection"]["rows"]
    if rows and rows[0] < len(steps):
        go(step=steps[rows[0]], select=f"h{tokens[rows[0]]}")


def _biography(whole: Whole, unfold: bool) -> dict[str, Plate]:
    """The barcode of the selected token, or of the first one, and its stays."""
    history, names = whole.history, names_of(whole.history)
    members = np.flatnonzero(history.mask(whole.group)).tolist()
    what, token = selected() or ("token", members[0])
    token = token if token in members else members[0]
    st.subheader("Biography of a token")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pick_token("Token", "token", members, token, lambda one: f"{one} · {names[one]}", width=180)
        smallest = ", the smallest of the selected hole" if what == "hole" else ""
        table = cached.biography(whole.path, whole.snapshots, whole.group, token)
        st.markdown(f"**Token {token:,} ({plain(names[token])})**{smallest}: {_life(table)}")
    drawn, _ = _laid_out(whole.path, whole.snapshots, whole.group, whole.axis, unfold)
    spec, datasets = barcode(drawn, biography(drawn.tree, token), moves_of_token(history, token), whole.axis, whole.step)
    name = f"Biography of token {token}: the black holes it was in, and when it moved"
    st.vega_lite_chart(spec | {"datasets": datasets}, key="barcode", alt=name, width="stretch")
    fits = whole.snapshots <= BARCODE_COLUMNS
    thin = "every recorded snapshot drawn" if fits else "paler: it moved in a part of the snapshots drawn as one"
    st.markdown(
        "Above: the hole it was in, in the hole's colour. Below: it moved since the recorded step before. "
        f"{what_is('biography')}  \n"
        f":small[:gray[{whole.group} tokens · unit: recorded steps · {many(whole.snapshots, 'recorded snapshot')}, {thin}]]"
        f"  \n:small[:gray[{whole.run.id}]]"
    )
    if len(table):
        headings = {"hole": "hole (its name through the run)", "joined": "joined at step", "left": "left at step"}
        shown = table.drop(columns=["token", "first_move", "last_move"])
        shown = shown.rename(columns=headings | {"largest_population": "largest population, tokens"})
        alt = f"Stays of token {token} in black holes"
        st.dataframe(shown, hide_index=True, key="stays", height="content", placeholder="still in it", alt=alt)
    return {"biography": Plate(f"Biography of token {token}: {names[token]}", spec, datasets, "recorded steps", False, thin)}


def _life(table: pd.DataFrame) -> str:
    if not len(table):
        return "it never shared its vector with another token of the group."
    first, last = (int(value) for value in table.iloc[0][["first_move", "last_move"]])
    moves = "it never moved" if first < 0 else f"it first moved by step {first:,} and last by step {last:,}"
    return f"in {len(table):,} black hole{'s' * (len(table) > 1)}; {moves}."
