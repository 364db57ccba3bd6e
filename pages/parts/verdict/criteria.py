"""The verdict's word, and its three criteria in two forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from snowball_core.measures.verdict import Criterion, Form, Verdict
from snowball_core.store.status import read_status
from snowball_core.tables.formats import number

from ..shared import cached
from ..shared.help_links import what_is
from ..shared.text import many, plain

_MEANINGS = {
    "consolidation": "more joins than splits",
    "fragmentation": "more splits than joins",
    "stable": "as many joins as splits",
    "dispersed": "no black holes left",
}
_HOLDS = {True: ("yes", ":material/check:", "green"), False: ("no", ":material/close:", "red")}
_UNTOLD = ("undefined", ":material/question_mark:", "gray")
_WORDS = {
    "black_holes": "black holes C",
    "population": "tokens in black holes P",
    "tokens": "tokens",
    "sizes_last": "sizes",
    "true_holes_last": "true holes",
    "black_holes_first": "black holes at the start",
    "black_holes_last": "black holes at the end",
    "joining_tokens": "joins",
    "parting_tokens": "splits",
    "events": "events",
    "largest_linf_weight": "largest L∞, weight units",
    "largest_linf_cells": "largest L∞, cells",
    "in_epsilon": "largest L∞, ε",
    "below": "threshold",
    "touching_everywhere": "all pairs within two cells",
    "components_within_a_cell": "connected components (within a cell)",
}
_NONE = {
    "true_holes_last": "not recorded",
    "components_within_a_cell": "too many pairs",
}
_SHOWN_SIZES = 12


def outcome(path: str, snapshots: int, group: str) -> None:
    """What became of the holes, in a word and a sentence, and that one run is one draw; of a run under way so far."""
    found, alive = cached.verdict(path, snapshots, group), read_status(Path(path)).is_alive
    with st.container(border=True, key="outcome"):
        st.markdown(f"### Not yet: {found.outcome} so far" if alive else f"### {found.outcome.capitalize()}")
        st.markdown(
            f"{group.capitalize()} tokens, steps {found.first_step:,} to {found.last_step:,}: {_MEANINGS[found.outcome]} "
            f"({many(found.flows.joining, 'join')}, {many(found.flows.parting, 'split')}). "
            f"{_original_words(found)} " + what_is("verdict")
        )
        st.markdown(plain(cached.story(path, snapshots, group)))
        st.caption(found.caution)


def _original_words(found: Verdict) -> str:
    said = f'The original notebook, which counts the black holes of all tokens, prints "{found.seeds_outcome}" and '
    said += f'concludes "{found.seeds_conclusion}".'
    if found.seeds_outcome == "collapsed":
        said += ' It prints "collapsed" whenever C = 1.'
    if found.seeds_outcome == found.outcome:
        return said
    return said + " The number of holes alone does not distinguish merging from evaporation."


def criteria(path: str, snapshots: int, group: str) -> None:
    """The three criteria, each in the original form and in the corrected one, with all their numbers."""
    st.subheader("Three criteria", anchor="criteria")
    for column, criterion in zip(st.columns(3, gap="medium"), cached.verdict(path, snapshots, group).criteria, strict=True):
        with column, st.container(border=True, height="stretch"):
            _criterion(criterion)


def _criterion(criterion: Criterion) -> None:
    st.markdown(f"**{criterion.name.capitalize()}** {what_is(criterion.name)}")
    _form("Original notebook", criterion.seed)
    _form("Corrected", criterion.corrected)
    if criterion.corrected.holds is not None and criterion.seed.holds != criterion.corrected.holds:
        st.badge("The forms disagree", icon=":material/alt_route:", color="orange")


def _form(name: str, form: Form) -> None:
    word, icon, colour = _UNTOLD if form.holds is None else _HOLDS[form.holds]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":gray[{name}]")
        st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]
    st.markdown(plain(form.asks[0].upper() + form.asks[1:]))
    lines = [f"{_WORDS.get(key, plain(key))}: **{_number(key, value)}**" for key, value in form.numbers.items()]
    st.markdown(":small[" + "  \n".join(lines) + "]")


def _number(key: str, value: Any) -> str:
    if value is None:
        return _NONE.get(key, "undefined")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return plain(", ".join(f"{count:,} {kind}" for kind, count in value.items() if count) or "none")
    if isinstance(value, list):
        more = f" and {len(value) - _SHOWN_SIZES} more" if len(value) > _SHOWN_SIZES else ""
        return (", ".join(f"{each:,}" for each in value[:_SHOWN_SIZES]) or "none") + more
    return number(value)
