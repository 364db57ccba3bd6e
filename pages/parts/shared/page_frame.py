"""The frame of the pages that look at a whole run: what is looked at, the picture, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from snowball_core.charts.step_axis import StepAxis, step_axis
from snowball_core.errors import SnowballError
from snowball_core.store.history import History
from snowball_core.store.run_folder import Run
from snowball_core.tables.live import recorded_snapshots
from snowball_core.tables.text import glyph

from . import cached
from .divergence_notice import say_diverged, say_nothing_finite
from .downloads import Stand
from .file_stamps import of_run
from .group_and_unit import pick_group, say_unusable
from .help_links import what_is
from .run_footer import provenance
from .run_picker import is_empty, offer_demo, pick_run, say_ended, say_refusal
from .selection import AXES, arrive, go, here, shown_step
from .text import plain

_AXIS_WORDS = {"symlog": "symlog", "linear": "linear", "events": "by event"}


@dataclass(frozen=True)
class Whole:
    """A group of a run, as far as it was recorded when the page was drawn; of a run that diverged, as far as it is finite.

    Attributes
    ----------
    run : Run
    snapshots : int
        Those that can be judged.
    recorded : int
        All of them.
    group : str
    axis : StepAxis
    """

    run: Run
    snapshots: int
    recorded: int
    group: str
    axis: StepAxis

    @property
    def path(self) -> str:
        """The run's folder, by which openers know it."""
        return str(self.run.path)

    @property
    def history(self) -> History:
        """The run, open for measuring."""
        return cached.history(self.path, self.snapshots)

    @property
    def index(self) -> int:
        """The snapshot at the step that is looked at."""
        return shown_step(self.run, self.snapshots)

    @property
    def step(self) -> int:
        """The recorded step that is looked at."""
        return int(self.history.steps[self.index])

    @property
    def stand(self) -> Stand:
        """The same, as what is taken home from here knows it."""
        return Stand(self.run, self.recorded, self.group, "cells", self.step)

    def caption(self, title: str, meaning: str, unit: str, thinned: str, entry: str) -> None:
        """The heading of a figure: what it shows, of which run and group, in which unit, and what was left out.

        ``entry`` is the measure or word of docs/measures.md that explains it.
        """
        told = f"{self.group} tokens · unit: {unit} · {thinned}"
        st.markdown(f"**{title}**: {meaning} {what_is(entry)}  \n:small[:gray[{told}]]  \n:small[:gray[{self.run.id}]]")


@of_run(st.cache_data, max_entries=32, show_spinner=False)
def event_steps(path: str, snapshots: int, group: str) -> tuple[int, ...]:
    """The recorded steps at which something happened to the group's black holes, ascending."""
    steps = cached.history(path, snapshots).steps
    tree = cached.lineage_account(path, snapshots, group).tree
    return tuple(sorted({int(steps[event.snapshot]) for event in tree.events} - {0}))


def names_of(history: History) -> tuple[str, ...]:
    """What each token of the vocabulary is called."""
    return tuple(glyph(token) for token in range(history.words.shape[1]))


def whole_run(view: Callable[[Whole, Any], None], extra: Callable[[], Any] | None = None) -> None:
    """Pick a run and a group, draw the view in a fragment of its own, and say where it all comes from.

    Parameters
    ----------
    view : callable
        Draws the page; given what is looked at, and what ``extra`` returned.
    extra : callable, optional
        A further picker.
    """
    if is_empty():
        offer_demo()
        return
    address = st.query_params.to_dict()
    pickers, told = st.container(horizontal=True, vertical_alignment="bottom", gap="medium"), st.container()
    with pickers:
        run = pick_run(told)
        group = pick_group()
        picked = extra() if extra else None
        axis_place = st.container(width="content")
    if run is None:
        return
    say_unusable(run, address)
    try:
        recorded = recorded_snapshots(run)
        snapshots = say_diverged(run, group, recorded)
        is_drawable = _is_drawable(run, recorded, group)
        if is_drawable and not snapshots:
            say_nothing_finite(run)
        elif is_drawable:
            happened = event_steps(str(run.path), snapshots, group)
            steps = run.steps(snapshots)
            arrive(run.id, happened[-1] if happened else int(steps[-1]), run.config.last_step, steps, run.status().is_alive)
            with axis_place:
                kind = pick_axis()
            st.fragment(_drawn)(
                view,
                Whole(run, snapshots, recorded, group, step_axis(kind, run.config.last_step, happened)),
                picked,
            )
        provenance(run)
    except SnowballError as error:
        say_refusal(error, run)


def _drawn(view: Callable[[Whole, Any], None], whole: Whole, picked: Any) -> None:
    try:
        view(whole, picked)
    except SnowballError as error:
        say_refusal(error, whole.run)


def _is_drawable(run: Run, snapshots: int, group: str) -> bool:
    status = run.status()
    if not snapshots:
        st.warning(f"Nothing was recorded in this run yet. {plain(status.message)}")
        st.page_link("pages/train.py", label="Look after it on the Train page, or choose another run")
        return False
    if status.is_alive:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(f"This run is still being recorded: the first {snapshots:,} snapshots are drawn.")
            st.button("Draw what was recorded since", key="again")
    say_ended(status)
    if group != "all" and not cached.history(str(run.path), snapshots).mask(group).any():
        st.info(f"This run has no {group} tokens, so there is nothing to draw for them: choose another group above.")
        return False
    return True


def pick_axis() -> str:
    """The choice of how steps are laid out, the same on every page; a page must have arrived."""
    st.session_state["axis-choice"] = here()["axis"]
    help = "Symlog keeps the first steps apart, linear is true to time, by event gives every event the same room."
    st.segmented_control(
        "Steps", AXES, required=True, key="axis-choice", format_func=_AXIS_WORDS.__getitem__, on_change=_laid_out, help=help
    )
    return str(here()["axis"])


def _laid_out() -> None:
    go(axis=st.session_state["axis-choice"])


def to_scrub(whole: Whole) -> None:
    """A link to the Scrub page at the step and selection."""
    query = {"run": whole.run.id, "group": whole.group, "step": str(whole.step)}
    if select := here()["select"]:
        query["select"] = select
    st.page_link("pages/scrub.py", label=f"Scrub at step {whole.step:,}", icon=":material/linear_scale:", query_params=query)
