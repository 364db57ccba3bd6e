"""Choices that stand in the address by name while the screen says them in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st


def _arrive(name: str, read: Callable[[list[str]], Any], usual: Any) -> None:
    """Take over what the address says of a choice where it changed under us; else keep the last, or begin with the usual.

    A widget's own binding writes what it shows.

    Parameters
    ----------
    name : str
        Of the choice: the key of its widget and the word of the address.
    read : callable
        Turns the words of the address into a value; None where they name nothing.
    usual : object
    """
    asked = st.query_params.get_all(name)
    is_own = was_touched(name)
    if name not in st.session_state or (asked and not is_own and asked != st.session_state.get(_asked(name))):
        found = read(asked) if asked else None
        st.session_state[name] = usual if found is None else found


def _write_down(name: str, words: Sequence[str]) -> None:
    """Put a choice into the address; without words it is left out."""
    if st.query_params.get_all(name) != list(words):
        if words:
            st.query_params[name] = list(words)
        else:
            del st.query_params[name]
    st.session_state[_asked(name)] = list(words)


def _asked(name: str) -> str:
    return f"{name}-asked"


def touch(name: str) -> None:
    """Remember that a choice was made here, for callbacks."""
    st.session_state[f"{name}-touched"] = True


def was_touched(name: str) -> bool:
    """Whether a choice was made here, said once: who chooses twice in a moment still has the address of the time before."""
    return bool(st.session_state.pop(f"{name}-touched", False))


def _shown(name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """What the widgets of all choices have in common."""
    told: dict[str, Any] = {"key": name, "format_func": words.__getitem__, "persist_state": "session"}
    return told | {"on_change": touch, "args": (name,)}


def kept(name: str, form: str) -> str:
    """A choice made by clicks, which has no widget of its own; empty where nothing is chosen.

    ``form`` is the regular expression that the address must match.
    """
    _arrive(name, lambda asked: asked[-1] if re.fullmatch(form, asked[-1]) else None, "")
    word: str = st.session_state[name]
    _write_down(name, [word] if word else [])
    return word


def keep(name: str, word: str) -> None:
    """Make such a choice, for callbacks."""
    st.session_state[name] = word
    touch(name)


def pick_some(label: str, name: str, words: Mapping[str, str], usual: Sequence[str], **widget: Any) -> list[str]:
    """Some of the names, chosen by their words, in the order chosen; none chosen stands in the address as an empty word."""
    _arrive(name, lambda asked: [each for each in asked if each in words], list(usual))
    chosen = st.multiselect(label, list(words), **_shown(name, words), **widget)
    _write_down(name, [] if chosen == list(usual) else chosen or [""])
    return chosen


def pick_one(label: str, name: str, words: Mapping[str, str], usual: str, **widget: Any) -> str:
    """One of the names, chosen by its words."""
    return _pick(label, name, words, usual, **widget) or usual


def pick_one_or_none(label: str, name: str, words: Mapping[str, str], **widget: Any) -> str | None:
    """One of the names, chosen by its words, or none of them."""
    return _pick(label, name, words, None, index=None, **widget)


def _pick(label: str, name: str, words: Mapping[str, str], usual: str | None, **widget: Any) -> str | None:
    _arrive(name, lambda asked: asked[-1] if asked[-1] in words else None, usual)
    if st.session_state[name] not in words:
        st.session_state[name] = usual
    chosen: str | None = st.selectbox(label, list(words), **_shown(name, words), **widget)
    _write_down(name, [] if chosen is None or chosen == usual else [chosen])
    return chosen
