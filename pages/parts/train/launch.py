"""What a run will cost and lack, every fault of it, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from snowball_core.config import RunConfig
from snowball_core.config_checks import faults_carried
from snowball_core.costs import cost
from snowball_core.errors import ConfigError, SnowballError
from snowball_core.jobs import workers
from snowball_core.jobs.fork_points import Branch
from snowball_core.jobs.prepare import dead_tokens
from snowball_core.measures.mobility import expected_words, mobility, sentences
from snowball_core.store.corpus import Corpus
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.status import is_read_only

from ..shared import cached
from ..shared.text import duration, plain, size
from .build_text import offer_book
from .fork import leave
from .recorded import show_next

_STARTED = "started-run"


def launch(config: RunConfig | None, corpus: Corpus | None, faults: list[str], at: Branch | None) -> None:
    """Draw the cost of a configuration, or all its faults in one message, and the start button."""
    st.subheader("Estimated cost")
    if faults:
        st.error(plain(ConfigError(faults)))
        offer_book()
    elif config and corpus:
        _estimate(config, corpus, at)
        _what_can_move(config, at)
    label = "Start run" if at is None else "Start fork"
    if st.button(label, type="primary", key="start", disabled=bool(faults) or is_read_only()) and config:
        _start(config, corpus, at)


def _estimate(config: RunConfig, corpus: Corpus, at: Branch | None) -> None:
    behind = 0 if at is None else at.behind
    expected, dead = cost(config, cached.speed(), behind, len(corpus)), len(dead_tokens(corpus, config.vocab))
    beyond = f" (the first {behind:,} copied from the parent)" if behind else ""
    with st.container(border=True, key="estimate"):
        st.markdown(
            f"**About {duration(expected.seconds)}, {size(expected.disk_bytes)} on disk, {size(expected.memory_bytes)} of "
            f"memory** for {config.last_step:,} steps{beyond}, {expected.snapshots:,} snapshots of {config.vocab} × "
            f"{config.hidden} and {expected.parameters:,} parameters, at this machine's best measured speed."
        )
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
    """What the formats leave free to move, told before training."""
    words = None if at is None else cached.branch_words(str(at.parent.path), at.step)
    with st.container(border=True, key="mobility"):
        st.markdown("**What can move**")
        past = () if at is None else at.past
        told = sentences(mobility(config, expected_words(config) if words is None else words, past), config)
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in told))
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
