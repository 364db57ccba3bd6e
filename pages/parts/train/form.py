"""The form of a run, made from the configuration's fields."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from snowball_core.config import FIELDS, RunConfig
from snowball_core.config_checks import faults_carried, preset
from snowball_core.errors import ConfigError, RunError
from snowball_core.jobs.compute_choice import chosen
from snowball_core.jobs.fork_points import Branch, fork_request
from snowball_core.jobs.prepare import request
from snowball_core.presets import DEFAULT_PRESET, PRESETS, PURPOSES
from snowball_core.store.corpus import GATSBY, Corpus
from snowball_core.store.run_folder import runs_folder

from ..shared import cached
from ..shared.text import many, plain
from ..shared.url_state import in_address, news, write
from .fork import explain, pop_changes

FIRST = ("name", "corpus", "steps", "until", "precision", "sigma", "learning_rate", "schedule")
_PAUSE = "400ms"
# In the address: each field that differs from the preset or the parent, as field:value.
_SET = "set"


def form(at: Branch | None) -> tuple[RunConfig | None, Corpus | None, list[str]]:
    """Draw the form; return the configuration and the corpus it describes, and every fault of both."""
    if at is None:
        st.subheader("New run")
        start = _chosen_preset()
        _fill(("preset", st.session_state["preset"]), start, {})
    else:
        st.subheader("New run, forked")
        explain(at)
        start = at.suggested
        _fill(("fork", at.parent.id, at.kind, at.step), start, at.fixed)
    texts = _fields(start, {} if at is None else at.fixed)
    write(_SET, [f"{name}:{_word(text)}" for name, text in texts.items() if text != _entry(start, name)])
    try:
        read, folder = cached.corpus, runs_folder()
        config = request(folder, start, texts, read) if at is None else fork_request(folder, at, texts, read)
        return _with_compute(config), read(config.corpus, config.corpus_errors), []
    except ConfigError as error:
        return None, None, list(error.faults)
    except RunError as error:
        return None, None, [str(error)]


def _with_compute(config: RunConfig) -> RunConfig:
    """The configuration with the faster arithmetic for ``auto``, which is shown below the form."""
    with st.spinner("Measuring the steps of both arithmetics …") if config.compute == "auto" else contextlib.nullcontext():
        config, reason = chosen(config)
    if reason:
        st.caption(plain(f"{reason[:1].upper()}{reason[1:]}."))
    return config


def _chosen_preset() -> RunConfig:
    """The presets, what each of them is and is for; below, the faults that the chosen one repeats."""
    captions = [f"{PURPOSES[name]}  \n{plain(text)} · {_faults_in(name)}" for name, (text, _) in PRESETS.items()]
    chosen = in_address(
        "preset",
        DEFAULT_PRESET,
        lambda key: st.radio("Experiment", list(PRESETS), captions=captions, key=key, persist_state="session"),
        lambda words: words[-1] if words[-1] in PRESETS else None,
        lambda name: [name] if name and name != DEFAULT_PRESET else [],
    )
    start = preset(chosen or DEFAULT_PRESET)
    carried = faults_carried(start)
    words = "; ".join(carried) if carried else "none"
    count = f" ({len(carried)})" if carried else ""
    st.caption(f"Known bugs of the published code in this preset{count}: {plain(words)}.")
    return start


def _faults_in(name: str) -> str:
    count = len(faults_carried(preset(name)))
    return many(count, "known bug") if count else "no known bugs"


def _fill(source: tuple[Any, ...], start: RunConfig, fixed: Mapping[str, str]) -> None:
    """Write a preset's or a parent's values into the fields when it becomes the one chosen, and what the address changes."""
    words, changes = news(_SET), pop_changes()
    if words is not None or changes or st.session_state.setdefault("filled-from", source) != source:
        for name in FIELDS:
            st.session_state[f"field-{name}"] = _entry(start, name)
    st.session_state["filled-from"] = source
    for name, _, word in (each.partition(":") for each in (words or [])):
        value = _meant(start, name, word) if name in FIELDS and name not in fixed else None
        if value is None:
            st.warning(f'The address sets a field of the form to one of its values; "{plain(f"{name}:{word}"[:80])}" does not.')
        else:
            st.session_state[f"field-{name}"] = value
    for name, word in changes.items():
        st.session_state[f"field-{name}"] = word


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meant(config: RunConfig, name: str, word: str) -> Any:
    """What a field holds for a word of the address; None where that is none of its values."""
    if choices := FIELDS[name].metadata.get("choices"):
        return {str(choice): choice for choice in choices}.get(word)
    return {"true": True, "false": False}.get(word) if isinstance(getattr(config, name), bool) else word


def _entry(config: RunConfig, name: str) -> Any:
    value, choices = getattr(config, name), FIELDS[name].metadata.get("choices")
    if isinstance(value, bool) or choices:
        return value
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _fields(config: RunConfig, fixed: Mapping[str, str]) -> dict[str, Any]:
    """Draw every field, the most used first, and return what they say."""
    texts = _grid(FIRST, config, fixed)
    groups = dict.fromkeys(field.metadata["group"] for field in FIELDS.values())
    for group in groups:
        names = [name for name, field in FIELDS.items() if field.metadata["group"] == group and name not in FIRST]
        if names:
            with st.expander(group.capitalize(), key=f"group-{group}"):
                texts |= _grid(names, config, fixed)
    return texts


def _grid(names: tuple[str, ...] | list[str], config: RunConfig, fixed: Mapping[str, str]) -> dict[str, Any]:
    columns, texts = st.columns(2), {}
    for place, name in enumerate(names):
        with columns[place % 2]:
            texts[name] = _field(config, name, fixed.get(name))
    return texts


def _field(config: RunConfig, name: str, fixed: str | None) -> Any:
    """One field; ``fixed`` is the reason why it cannot be changed."""
    limits, key = FIELDS[name].metadata, f"field-{name}"
    label = name.replace("_", " ") + (f" ({limits['unit']})" if limits["unit"] not in ("", name) else "")
    help = limits["help"] if fixed is None else f"{limits['help']}. **Fixed in this fork**: {fixed}."
    shared: dict[str, Any] = {"key": key, "persist_state": "session", "disabled": fixed is not None}
    st.session_state.setdefault(key, _entry(config, name))
    if choices := limits.get("choices"):
        # A snapshot is an initial state of forks alone, where nothing else can be chosen.
        offered = [value for value in choices if value != "snapshot" or config.initial_state == "snapshot"]
        listed = "\n".join(f"- **{value}**: {choices[value]}" for value in offered)
        return st.selectbox(label, offered, help=f"{help}\n\n{listed}", **shared)
    if isinstance(getattr(config, name), bool):
        return st.toggle(label, help=help, **shared)
    text = st.text_input(label, help=help, live=_PAUSE, **shared)
    if name == "corpus" and (text or "").strip() != GATSBY:
        st.caption(f'Not the published text, which is "{GATSBY}".')
    return text
