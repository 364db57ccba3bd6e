"""The address: what it names is read here and what is shown is written here, on every page and for every choice.

No widget is bound to it by Streamlit's ``bind="query-params"``: a change of page removes the bound names from the address of
the page that is left, so that Back returns to another run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

# The names that every page keeps in its address once they are known, whether it shows them or not.
SHARED = ("run", "step", "group", "unit", "select", "axis", "from", "to", "colour", "basis")
# Per session: the page; the words that each name had in the address of this visit to the page; whether Back led here, to an
# address that names a run; the shared words of the run; the values of all choices, which outlive their widgets.
_PAGE, _KNOWN, _BACK, _RUN, _KEPT = "address-page", "address-known", "address-back", "address-run", "address-kept"
_OF_THE_RUN = ("step", "select", "from", "to")
# In the link to a saved view its name: the link is complete, and news even where it says what this visit has met.
VIEW = "view"


def enter_page(page: str) -> None:
    """Begin a visit to a page: read its address, and put into it what the page before had; for ``app.py``, once a run.

    An address that Back, Forward or a saved view leads to is complete: what it leaves out has its usual value.
    """
    session, query = st.session_state, st.query_params
    is_back = _is_back() or bool(query.pop(VIEW, None))
    if session.get(_PAGE) == page and not is_back:
        return
    session[_PAGE], session[_KNOWN] = page, {}
    session[_BACK] = is_back and "run" in query
    words = session.setdefault(_RUN, {})
    if "run" in query and query["run"] != words.get("run"):
        for name in _OF_THE_RUN:
            words.pop(name, None)
    carried = {} if is_back else {name: word for name, word in words.items() if name not in query}
    words |= {name: query[name] for name in SHARED if name in query}
    if carried:
        query.update(carried)


def _is_back() -> bool:
    context = get_script_run_ctx()
    return bool(context and context.is_history_navigation)


def news(name: str) -> list[str] | None:
    """Words of a name that this visit to the page has not met; none where Back leads to an address without it; else None.

    The words of a moment ago are no news: a browser that acts fast still names what it was sent before.
    """
    words, known = st.query_params.get_all(name), _known(name)
    is_first = not known
    if tuple(words) in known:
        return None
    known.add(tuple(words))
    is_left_out = is_first and st.session_state.get(_BACK, False)
    return words if words or is_left_out else None


def write(name: str, words: Sequence[str]) -> None:
    """Put the words of a name into the address, which without words leaves it out; other pages have the shared names too."""
    _known(name).add(tuple(words))
    if st.query_params.get_all(name) != list(words):
        if words:
            st.query_params[name] = words[0] if len(words) == 1 else list(words)
        else:
            del st.query_params[name]
    if name in SHARED:
        carried = st.session_state.setdefault(_RUN, {})
        carried.pop(name, None)
        carried |= {name: words[0]} if words else {}


def _known(name: str) -> set[tuple[str, ...]]:
    known: dict[str, set[tuple[str, ...]]] = st.session_state.setdefault(_KNOWN, {})
    return known.setdefault(name, set())


def read(name: str, means: Callable[[list[str]], Any], usual: Any, key: str | None = None) -> None:
    """Give a choice the value that the address names, where that is news; else its last one, or the usual.

    ``means`` turns words of the address into a value, or None; ``key`` is the choice's in the session, if not the name.
    """
    key = key or name
    kept = st.session_state.setdefault(_KEPT, {})
    words = news(name)
    if words is None and (key in st.session_state or key in kept):
        st.session_state.setdefault(key, kept.get(key))
        return
    words = st.query_params.get_all(name) if words is None else words
    found = means(words) if words else None
    st.session_state[key] = usual if found is None else found


def keep_value(key: str, value: Any) -> None:
    """Keep the value of a choice for the time when its widget is not on the page."""
    st.session_state.setdefault(_KEPT, {})[key] = value


def in_address(
    name: str, usual: Any, draw: Callable[[str], Any], means: Callable[[list[str]], Any], says: Callable[[Any], Sequence[str]]
) -> Any:
    """The value of a widget that is kept in the address.

    The name is the widget's key too; ``means`` turns words into a value, or None, and ``says`` a value into words.
    """
    read(name, means, usual)
    value = draw(name)
    keep_value(name, value)
    write(name, says(value))
    return value


def kept(name: str, form: str, key: str | None = None) -> str:
    """A choice made by clicks, which has no widget of its own; empty where nothing is chosen.

    ``form`` is the regular expression that the address must match.
    """
    read(name, lambda asked: asked[-1] if re.fullmatch(form, asked[-1]) else None, "", key)
    word: str = st.session_state[key or name]
    keep_value(key or name, word)
    write(name, [word] if word else [])
    return word


def keep(key: str, word: str) -> None:
    """Make such a choice, for callbacks."""
    st.session_state[key] = word
    keep_value(key, word)


def type_text(label: str, name: str, **widget: Any) -> str:
    """A line of text; an empty one is left out of the address."""
    return str(
        in_address(
            name,
            "",
            lambda key: st.text_input(label, key=key, **widget) or "",
            lambda words: words[-1],
            lambda text: [text] if text else [],
        )
    )


def pick_switch(label: str, name: str, **widget: Any) -> bool:
    """A switch, off unless the address says "true"."""
    return bool(
        in_address(
            name,
            False,
            lambda key: st.toggle(label, key=key, **widget),
            lambda words: words[-1].lower() == "true",
            lambda is_on: ["true"] if is_on else [],
        )
    )


def pick_segment(
    label: str, name: str, options: Sequence[str], usual: str, is_always_named: bool = False, **widget: Any
) -> str:
    """One of a few words that stand side by side."""
    chosen = in_address(
        name,
        usual,
        lambda key: st.segmented_control(label, options, required=True, key=key, **widget),
        lambda words: words[-1] if words[-1] in options else None,
        lambda word: [word] if word and (is_always_named or word != usual) else [],
    )
    return chosen if chosen in options else usual


def pick_tab(labels: Sequence[str], name: str) -> Sequence[Any]:
    """Containers behind tabs, of which the first is usually open."""
    drawn: list[Sequence[Any]] = []

    def draw(key: str) -> str:
        drawn.append(st.tabs(labels, key=key, on_change="rerun"))
        return str(st.session_state[key])

    in_address(
        name,
        labels[0],
        draw,
        lambda words: words[-1] if words[-1] in labels else None,
        lambda label: [label] if label != labels[0] else [],
    )
    return drawn[0]


def pick_some(label: str, name: str, words: Mapping[str, str], usual: Sequence[str], **widget: Any) -> list[str]:
    """Some of the names, chosen by their words, in the order chosen; none chosen is in the address as an empty word."""

    def draw(key: str) -> list[str]:
        st.session_state[key] = [each for each in st.session_state[key] if each in words]
        return st.multiselect(label, list(words), key=key, format_func=words.__getitem__, **widget)

    chosen: list[str] = in_address(
        name,
        list(usual),
        draw,
        lambda asked: [each for each in asked if each in words],
        lambda chosen: [] if chosen == list(usual) else chosen or [""],
    )
    return chosen


def pick_one(label: str, name: str, words: Mapping[str, str], usual: str, **widget: Any) -> str:
    """One of the names, chosen by its words."""
    return _pick(label, name, words, usual, **widget) or usual


def pick_one_or_none(label: str, name: str, words: Mapping[str, str], **widget: Any) -> str | None:
    """One of the names, chosen by its words, or none of them."""
    return _pick(label, name, words, None, index=None, **widget)


def _pick(label: str, name: str, words: Mapping[str, str], usual: str | None, **widget: Any) -> str | None:
    def draw(key: str) -> str | None:
        if st.session_state[key] not in words:
            st.session_state[key] = usual
        picked: str | None = st.selectbox(label, list(words), key=key, format_func=words.__getitem__, **widget)
        return picked

    chosen: str | None = in_address(
        name,
        usual,
        draw,
        # Older links say the words of the screen.
        lambda asked: asked[-1] if asked[-1] in words else {word: name for name, word in words.items()}.get(asked[-1]),
        lambda chosen: [] if chosen is None or chosen == usual else [chosen],
    )
    return chosen
