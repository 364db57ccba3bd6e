"""Choosing a run, and the demo for a library that has none."""

from __future__ import annotations

from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from snowball_core.config_checks import configured, preset
from snowball_core.costs import disk_bytes
from snowball_core.errors import SnowballError
from snowball_core.export.view import View
from snowball_core.jobs import workers
from snowball_core.store.cache import FOREIGN
from snowball_core.store.foreign.links import OpenedFile, Source, links, open_source
from snowball_core.store.integrity import quick_check
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.run_listing import run_paths
from snowball_core.store.run_titles import state, state_word, title_of, titles
from snowball_core.store.status import LOST, Status, is_read_only

from . import cached
from .text import capitalised, plain, size, time_range
from .url_state import keep_value, read, write

_SHOWN = "run-shown"
DEMO = {"name": "demo", "steps": "450"}
BADGES: dict[str, Literal["gray", "blue", "orange", "green", "red"]] = {
    "queued": "gray",
    "running": "blue",
    "stopping": "orange",
    "stopped": "orange",
    "completed": "green",
    "failed": "red",
    "diverged": "red",
    "interrupted": "red",
    "damaged": "red",
    "file": "gray",
}


def is_empty() -> bool:
    """Whether there is no run and no opened file at all."""
    return not run_paths(runs_folder()) and not links(runs_folder())


def pick_run(message: DeltaGenerator) -> Source | None:
    """The run chosen in the picker or named in the address; ``None``, after saying why, if it cannot be read.

    ``message`` is where that is said, under the row in which the picker stands; also that the run looked at until now is gone.
    """
    named = run_names()
    names = list(named)
    read("run", lambda words: words[-1], None)
    wanted, shown, newest = st.session_state["run"], st.session_state.get(_SHOWN), "Showing the newest run."
    # Of a run that is gone Streamlit gives the name that was shown, not the id.
    if shown is not None and shown not in names:
        say_unknown(shown, newest, message)
    elif wanted is not None and wanted not in names:
        say_unknown(wanted, newest, message)
    if wanted not in names:
        st.session_state["run"] = names[0]
    label = f"Run :small[:gray[{plain(st.session_state['run'])}]]"
    help = "Recorded runs, newest first: the label, else the experiment, seed and length; then opened files. Beside it the id."
    chosen: str = st.selectbox(label, names, key="run", format_func=named.__getitem__, width=380, help=help)
    # Also when it was not chosen: a link must not come to mean a newer run.
    keep_value("run", chosen)
    write("run", [chosen])
    st.session_state[_SHOWN] = chosen
    try:
        run = open_source(runs_folder(), chosen)
    except SnowballError as error:
        message.error(plain(error))
        return None
    with message:
        say_damage(run)
    return run


def run_names() -> dict[str, str]:
    """The names of all runs by id, newest first, with the state of those that are not completed; then of the opened files."""
    folder = runs_folder()
    paths = run_paths(folder)
    states = {path.name: state(path) for path in paths}
    named = {run: name if states[run] == "completed" else f"{name} – {states[run]}" for run, name in titles(paths).items()}
    return named | titles([folder / FOREIGN / source_id for source_id in links(folder)])


def run_in_hand() -> str | None:
    """The run of the address, else the one that was last shown; None on a first visit."""
    return st.query_params.get("run") or st.session_state.get(_SHOWN)


def say_unknown(asked: str, instead: str, message: DeltaGenerator | None = None) -> None:
    """Say why there is no run of a name, and what is done instead."""
    try:
        open_source(runs_folder(), asked)
    except SnowballError as error:
        (message or st).warning(f"{plain(error)}\n\n{instead}")


def state_badge(status: Status) -> None:
    """The run's state as a coloured word."""
    word = state_word(status)
    st.badge(word, color=BADGES.get(word, "gray"))


def say_ended(status: Status) -> None:
    """Say of a run that ended before its time why it did; of one that diverged that first."""
    if status.state == "failed" and status.message.startswith("Diverged"):
        st.warning(f"{plain(status.message.rstrip('.'))}.")
        return
    if status.message == LOST:
        return  # that is its damage
    verb = {"failed": "failed", "interrupted": "was interrupted"}.get(status.state)
    if verb and status.message:
        st.warning(f"This run {verb}: {plain(status.message.rstrip('.'))}. Everything recorded before is shown.")


def damage(run: Source) -> tuple[str, ...]:
    """What is wrong with the files of a run, one sentence each; a file from elsewhere is as it is."""
    return () if isinstance(run, OpenedFile) else quick_check.damage(run)


def say_damage(run: Source) -> None:
    """Say what is wrong with the files of a run; nothing where they are what its configuration says."""
    if found := damage(run):
        sentences = "".join(f"\n- {plain(sentence)}" for sentence in found)
        st.error(
            f"The run {plain(title_of(run))} is damaged. Showing the readable part.\n{sentences}", icon=":material/report:"
        )


def say_refusal(error: SnowballError, run: Source, message: DeltaGenerator | None = None) -> None:
    """Say why something of a run cannot be shown; nothing where :func:`say_damage` said just that."""
    text = str(error).replace(f"{run.path}/", "")
    if not any(text in sentence for sentence in damage(run)):
        (message or st).error(plain(capitalised(text)))


def say_read_only() -> None:
    """Say on a page with buttons that change something why none of them can be pressed."""
    if is_read_only():
        st.info(
            "Read-only mode (SNOWBALL_READONLY is set): runs cannot be started, changed or deleted. Start the app without "
            "SNOWBALL_READONLY to record runs."
        )


def only_one_snapshot(view: View, lacks: str) -> None:
    """Say of a run with one snapshot what cannot be shown of it, and where to turn; ``lacks`` says what that is."""
    history = view.history
    kind = "snapshot" if len(history.steps) == 1 else "finite snapshot"
    st.info(
        f"{lacks}; this run has only one {kind}, at step {history.steps[0]:,}. Choose another run above, or fork this one on "
        "the Train page."
    )
    with st.container(horizontal=True):
        st.page_link("pages/train.py", label="Fork it on the Train page")
        st.page_link("pages/scrub.py", label="Open in Scrub", query_params={"run": history.id})


def offer_demo() -> None:
    """What to do in an empty library: one button that records a small run."""
    st.info(
        "No runs yet. A run trains a small GPT-2 and records its embedding matrix after every step. Scrub then plays the "
        "history of its tokens, and the other pages analyse it."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start a demo run", type="primary", key="demo", disabled=is_read_only()):
            start_demo()
        st.page_link("pages/train.py", label="Configure a run on the Train page")
    config = configured(preset("corrected"), DEMO)
    needs = time_range(cached.pace(config).seconds(config.last_step))
    st.caption(
        f"The demo trains {config.last_step:,} steps on a built-in text (no download): {needs} on this machine, "
        f"{size(disk_bytes(config))} on disk."
    )


def start_demo() -> None:
    """Start the demo and show it while it is recorded."""
    try:
        run = workers.start(runs_folder(), configured(preset("corrected"), DEMO))
    except SnowballError as error:
        st.error(plain(error))
        return
    st.session_state["run"] = run.id
    st.rerun()
