"""Choosing the runs of a comparison; they stand in the address as ``runs=a,b,c``."""

from __future__ import annotations

import contextlib

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.measures.alignment import FEWEST, MOST
from snowball_core.store.foreign.links import ID_PATTERN, Source, open_source
from snowball_core.store.run_folder import runs_folder
from snowball_core.tables.draws import kin, nearest
from snowball_core.tables.live import recorded_snapshots

from ..shared.run_picker import run_in_hand, run_names, say_damage, say_unknown
from ..shared.text import plain
from ..shared.url_state import keep_value, read, write

_KEY = "compared"
_LOOKED_AT = 20


def pick_runs() -> list[Source]:
    """The runs chosen here or named in the address that can be read and hold a snapshot; of each other one the reason."""
    titles = run_names()
    _arrive(list(titles))
    help = f"{FEWEST} to {MOST} runs, in the order chosen."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Runs",
            list(titles),
            key=_KEY,
            format_func=titles.__getitem__,
            max_selections=MOST,
            help=help,
            placeholder="Select two or more runs",
        )
        st.button(
            "Add runs differing only in seed",
            key="add-seeds",
            on_click=_add_seeds,
            disabled=_first_recorded(chosen) is None,
            icon=":material/casino:",
            help="Adds all runs with the first recorded run's setting; that of an opened file is unknown.",
        )
    keep_value(_KEY, chosen)
    write("runs", [",".join(chosen)] if chosen else [])
    return _readable(chosen)


def _arrive(names: list[str]) -> None:
    """Take over what the address names where it changed under us: a link, or the browser's back."""

    def named(words: list[str]) -> list[str]:
        wanted = list(dict.fromkeys(word for word in words[-1].split(",") if word))
        unknown = [word for word in wanted if word not in names]
        for word in unknown[:3]:
            say_unknown(word, "This run is omitted.")
        if len(wanted) > MOST:
            st.warning(
                f"A comparison holds at most {MOST} runs; the address names {len(wanted):,}. The first {MOST} are shown."
            )
        return [word for word in wanted if word in names][:MOST]

    read("runs", named, None, _KEY)
    chosen = st.session_state[_KEY]
    st.session_state[_KEY] = _first_visit(names) if chosen is None else [name for name in chosen if name in names]


def _first_visit(names: list[str]) -> list[str]:
    """What a first visit compares: the run in hand and the nearest to it that can be read; without one the newest run's."""
    found: list[str] = []
    in_hand, newest = run_in_hand(), names[:_LOOKED_AT]
    for name in [in_hand, *newest] if in_hand in names else newest:
        with contextlib.suppress(SnowballError):
            if recorded_snapshots(open_source(runs_folder(), name)):
                found = [name]
                break
    for name in _near(found[0], newest)[:_LOOKED_AT] if found else []:
        with contextlib.suppress(SnowballError):
            if len(found) < FEWEST and recorded_snapshots(open_source(runs_folder(), name)):
                found.append(name)
    return found


def _near(run: str, newest: list[str]) -> list[str]:
    """The other runs, nearest first; the newest ones where the settings of the first are unknown."""
    try:
        return nearest(runs_folder(), run)
    except SnowballError:
        return [name for name in newest if name != run]


def _first_recorded(chosen: list[str]) -> str | None:
    """The first run of some that is no opened file, whose setting is known; None where there is none."""
    return next((run for run in chosen if not ID_PATTERN.fullmatch(run)), None)


def _add_seeds() -> None:
    chosen = st.session_state[_KEY]
    first = _first_recorded(chosen)
    if first is None:
        return
    try:
        others = [run for run in kin(runs_folder(), first) if run not in chosen]
    except SnowballError as error:
        st.toast(plain(error))
        return
    if not others:
        st.toast("No other run differs from the first recorded one only in seed. Record one on the Train page.")
    st.session_state[_KEY] = [*chosen, *others][:MOST]


def _readable(chosen: list[str]) -> list[Source]:
    runs = []
    for name in chosen:
        try:
            run = open_source(runs_folder(), name)
            count = recorded_snapshots(run)
        except SnowballError as error:
            reason = str(error).replace(f"{runs_folder() / name}/", "")
            st.warning(f"{plain(reason)}\n\nThis run is omitted.")
            continue
        say_damage(run)
        if count:
            runs.append(run)
        else:
            st.warning(f"{plain(name)} has no snapshots yet and is omitted.")
    return runs
