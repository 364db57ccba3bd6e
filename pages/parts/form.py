"""The form of a run, made from the configuration's fields."""

from __future__ import annotations

from typing import Any

import streamlit as st

from snowball_core.config import DEFAULT_PRESET, FIELDS, PRESETS, RunConfig, preset
from snowball_core.corpus import Corpus
from snowball_core.errors import ConfigError
from snowball_core.preparing import request
from snowball_core.runs import runs_folder

from . import openers

FIRST = ("name", "corpus", "steps", "until", "precision", "sigma")


def form() -> tuple[RunConfig | None, Corpus | None, list[str]]:
    """Draw the form; return the configuration and the corpus it describes, and every fault of both."""
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
    return _checked(start, _fields(start))


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
            with st.expander(f"{group.capitalize()}: {', '.join(names).replace('_', ' ')}", key=f"group-{group}"):
                columns = st.columns(2)
                for place, name in enumerate(names):
                    with columns[place % 2]:
                        texts[name] = _field(config, name)
    return texts


def _field(config: RunConfig, name: str) -> Any:
    limits, key = FIELDS[name].metadata, f"field-{name}"
    label = name.replace("_", " ") + (f" ({limits['unit']})" if limits["unit"] not in ("", name) else "")
    st.session_state.setdefault(key, _entry(config, name))
    if choices := limits.get("choices"):
        listed = "\n".join(f"- **{value}**: {consequence}" for value, consequence in choices.items())
        return st.selectbox(label, list(choices), key=key, persist_state="session", help=f"{limits['help']}\n\n{listed}")
    if isinstance(getattr(config, name), bool):
        return st.toggle(label, key=key, persist_state="session", help=limits["help"])
    return st.text_input(label, key=key, persist_state="session", help=limits["help"])


def _checked(start: RunConfig, texts: dict[str, Any]) -> tuple[RunConfig | None, Corpus | None, list[str]]:
    """The configuration and its corpus, and every fault of both."""
    try:
        config = request(runs_folder(), start, texts)
        return config, openers.corpus(config.corpus, config.corpus_errors), []
    except ConfigError as error:
        return None, None, list(error.faults)
