"""The form of a run, made from the configuration's fields, with its cost and all its faults before anything starts."""

from __future__ import annotations

from typing import Any

import streamlit as st

from snowball_core import jobs
from snowball_core.config import DEFAULT_PRESET, FIELDS, PRESETS, RunConfig, configured, faults_carried, preset
from snowball_core.corpus import Corpus
from snowball_core.costs import cost
from snowball_core.errors import ConfigError, SnowballError
from snowball_core.runs import dead_tokens, runs_folder

from . import openers
from .words import duration, size

FIRST = ("name", "corpus", "steps", "until", "precision", "sigma")


def form() -> None:
    """Draw the form, the cost of what it says, and the button that starts it."""
    st.subheader("New run")
    chosen = st.radio(
        "Experiment",
        list(PRESETS),
        captions=[description for description, _ in PRESETS.values()],
        key="preset",
        persist_state="session",
        on_change=_fill,
    )
    start = preset(chosen or DEFAULT_PRESET)
    texts = _fields(start)
    config, corpus, faults = _checked(start, texts)
    if faults:
        st.error(str(ConfigError(faults)))
    elif config and corpus:
        _estimate(config, corpus)
    if st.button("Start the run", type="primary", key="start", disabled=bool(faults)) and config:
        _start(config)


def _fill() -> None:
    """Write the chosen preset into the form's fields."""
    config = preset(st.session_state["preset"])
    for name in FIELDS:
        st.session_state[f"field-{name}"] = _entry(config, name)


def _entry(config: RunConfig, name: str) -> Any:
    value, choices = getattr(config, name), FIELDS[name].metadata.get("choices")
    if isinstance(value, bool) or choices:
        return value
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _fields(config: RunConfig) -> dict[str, Any]:
    """Draw every field, the most used first, and return what they say."""
    texts = {}
    columns = st.columns(2)
    for place, name in enumerate(FIRST):
        with columns[place % 2]:
            texts[name] = _field(config, name)
    groups = dict.fromkeys(field.metadata["group"] for field in FIELDS.values())
    for group in groups:
        names = [name for name, field in FIELDS.items() if field.metadata["group"] == group and name not in FIRST]
        if names:
            with st.expander(f"{group.capitalize()}: {', '.join(names)}", key=f"group-{group}"):
                columns = st.columns(2)
                for place, name in enumerate(names):
                    with columns[place % 2]:
                        texts[name] = _field(config, name)
    return texts


def _field(config: RunConfig, name: str) -> Any:
    limits, key = FIELDS[name].metadata, f"field-{name}"
    label = name.replace("_", " ") + (f" ({limits['unit']})" if limits["unit"] else "")
    st.session_state.setdefault(key, _entry(config, name))
    if choices := limits.get("choices"):
        listed = "\n".join(f"- **{value}**: {consequence}" for value, consequence in choices.items())
        return st.selectbox(label, list(choices), key=key, persist_state="session", help=f"{limits['help']}\n\n{listed}")
    if isinstance(getattr(config, name), bool):
        return st.toggle(label, key=key, persist_state="session", help=limits["help"])
    return st.text_input(label, key=key, persist_state="session", help=limits["help"])


def _checked(start: RunConfig, texts: dict[str, Any]) -> tuple[RunConfig | None, Corpus | None, list[str]]:
    """The configuration and its corpus, and every fault of both."""
    config, corpus, faults = None, None, []
    try:
        config = configured(start, texts)
    except ConfigError as error:
        faults += error.faults
    try:
        corpus = openers.corpus(texts["corpus"].strip(), texts["corpus_errors"])
        shape = configured(start, {name: texts[name] for name in ("vocab", "context")})
        faults += corpus.faults(shape.vocab, shape.context)
    except ConfigError:
        pass
    except SnowballError as error:
        faults.append(str(error))
    return config, corpus, faults


def _estimate(config: RunConfig, corpus: Corpus) -> None:
    expected, dead = cost(config, openers.speed()), len(dead_tokens(corpus, config.vocab))
    with st.container(border=True, key="estimate"):
        st.markdown(
            f"**About {duration(expected.seconds)} and {size(expected.disk_bytes)} on disk** for {config.last_step:,} steps, "
            f"{expected.snapshots:,} snapshots of {config.vocab} × {config.hidden} and {expected.parameters:,} parameters, "
            "on this machine's processor."
        )
        text = f"The text has {len(corpus):,} bytes; {config.vocab - dead} of {config.vocab} tokens are live, {dead} are dead."
        if dead:
            st.markdown(text)
        else:
            st.info(f"{text} Without a dead token there is nothing that can become a black hole unseen; the run is allowed.")
        if carried := faults_carried(config):
            st.markdown(
                "Known faults of the published experiment that this run repeats:\n" + "\n".join(f"- {f}" for f in carried)
            )
        for note in corpus.notes:
            st.caption(f"Text: {note}.")


def _start(config: RunConfig) -> None:
    try:
        with st.spinner("Starting the worker…"):
            run = jobs.start(runs_folder(), config)
    except SnowballError as error:
        st.error(str(error))
        return
    st.session_state["watched"] = run.id
    st.toast(f"Run {run.id} is recorded from now on.")
