"""What a run will do, cost and lack, every fault of it, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from snowball_core.config import RunConfig
from snowball_core.config_checks import faults_carried
from snowball_core.costs import cost
from snowball_core.errors import ConfigError, SnowballError
from snowball_core.jobs import workers
from snowball_core.jobs.fork_points import Branch
from snowball_core.jobs.prepare import dead_tokens
from snowball_core.measures.mobility import divergence_warning, expected_words, mobility, sentences
from snowball_core.store.corpus import Corpus
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.status import is_read_only

from ..shared import cached
from ..shared.text import many, plain, size, time_range
from .build_text import offer_book
from .fork import leave
from .recorded import show_next

_STARTED = "started-run"
_COST_HELP = (
    "The time is a range: from the recorded speed of runs of the same shape on this machine, otherwise from the measured speed "
    "of its processor; the longer time allows for other programs that use the processor now."
)


def details(config: RunConfig | None, corpus: Corpus | None, faults: list[str], at: Branch | None) -> None:
    """Draw what a configuration will train on and what can move, or all its faults in one message."""
    st.subheader("What will happen")
    if faults:
        st.error(plain(ConfigError(faults)))
        offer_book()
    elif config and corpus:
        if warning := divergence_warning(config):
            st.warning(warning, icon=":material/trending_up:")
        _about_text(config, corpus)
        _what_can_move(config, at)


def start_bar(config: RunConfig | None, corpus: Corpus | None, faults: list[str], at: Branch | None) -> None:
    """Draw the cost in a line beside the start button; the page's CSS keeps both in view."""
    with st.container(horizontal=True, vertical_alignment="center", key="start-bar"):
        label = "Start run" if at is None else "Start fork"
        pressed = st.button(label, type="primary", key="start", disabled=bool(faults) or is_read_only())
        if faults:
            st.markdown(f":red[{many(len(faults), 'thing')} must change before it can start: {plain(faults[0])}]")
        elif config and corpus:
            st.markdown(_cost_line(config, corpus, at), help=_COST_HELP)
    if pressed and config:
        _start(config, corpus, at)


def _cost_line(config: RunConfig, corpus: Corpus, at: Branch | None) -> str:
    behind, pace = 0 if at is None else at.behind, cached.pace(config)
    expected = cost(config, cached.speed(), behind, len(corpus))
    copied = f" (the first {behind:,} copied from the parent)" if behind else ""
    needs = time_range(pace.seconds(max(0, config.last_step - behind)))
    return (
        f"**{needs[:1].upper()}{needs[1:]}, {size(expected.disk_bytes)} on disk**  \n"
        f":small[{config.last_step:,} steps{copied} · {expected.snapshots:,} snapshots of {config.vocab} × {config.hidden} · "
        f"{expected.parameters:,} parameters · {size(expected.memory_bytes)} of memory]"
    )


def _about_text(config: RunConfig, corpus: Corpus) -> None:
    dead = len(dead_tokens(corpus, config.vocab))
    with st.container(border=True, key="estimate"):
        text = f"The text has {len(corpus):,} bytes; of {config.vocab} tokens {config.vocab - dead} are live and {dead} dead."
        if dead:
            st.markdown(text)
        else:
            st.info(f"{text} Without dead tokens, dead black holes cannot form; the run is allowed.")
        if carried := faults_carried(config):
            st.markdown("Known bugs of the published code that this run reproduces:\n" + "\n".join(f"- {f}" for f in carried))
        for note in corpus.notes:
            st.caption(f"Text: {plain(note)}.")


def _what_can_move(config: RunConfig, at: Branch | None) -> None:
    """What the formats leave free to move, predicted before training."""
    words = None if at is None else cached.branch_words(str(at.parent.path), at.step)
    with st.container(border=True, key="mobility"):
        st.markdown("**What can move**")
        past = () if at is None else at.past
        predictions = sentences(mobility(config, expected_words(config) if words is None else words, past), config)
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in predictions))
        if at is not None and words is not None:
            st.caption(f"Computed for all components of W of {plain(at.parent.id)} at step {at.step:,}.")
        else:
            st.caption("Computed for the expected initial state; the run's own components differ by chance.")


def _start(config: RunConfig, corpus: Corpus | None, at: Branch | None) -> None:
    try:
        with st.spinner("Starting …"):
            run = workers.start(runs_folder(), config, at, corpus)
    except SnowballError as error:
        st.error(plain(error))
        return
    st.session_state[_STARTED] = run.id
    show_next(run.id)
    leave()
    st.rerun()


def say_started() -> None:
    """Say once that a run was started."""
    if run_id := st.session_state.pop(_STARTED, None):
        st.toast(f"Run {plain(run_id)} started.")
