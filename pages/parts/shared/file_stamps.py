"""What tells the files behind a cached answer from others, and caches that forget when these files are replaced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

import streamlit as st

from snowball_core.config import EXTRAS
from snowball_core.costs import HISTORY
from snowball_core.store.files.regular_files import identity
from snowball_core.store.foreign.links import is_linked, link_of
from snowball_core.store.run_folder import METRICS, corpora_folder
from snowball_core.store.status import read_status

from .progress_bar import forget, kept, once

Given = ParamSpec("Given")
Made = TypeVar("Made")
Stamp = tuple[tuple[int, ...], ...]
_DRAWN = "drawn-files"
_RECORDED = (HISTORY, *(f"{name}.safetensors" for name in EXTRAS))
# The files last seen under each path: a replaced one must not keep its room.
_NUMBERS: dict[str, tuple[int, ...]] = {}


def stamp(path: str) -> Stamp:
    """What tells the files of a run from others that take their place: number, size, and times in nanoseconds.

    While a worker is at the run its recordings only grow: their numbers and reserved sizes tell them from others, so that what
    was made of the first snapshots stays.
    """
    folder = Path(path)
    if is_linked(folder):
        link = link_of(folder)
        return (file_stamp(Path(link.file)), text_stamp(folder.parents[1], link.text))
    is_alive = read_status(folder).is_alive
    recorded = [_identity(folder / name) for name in _RECORDED]
    metrics = _identity(folder / METRICS)
    _let_go(path, tuple(each[0] if each else 0 for each in recorded))
    if is_alive:
        recorded, metrics = [each[:2] for each in recorded], metrics[:1]
    return (_identity(folder / "run.json"), metrics, *recorded)


def file_stamp(path: Path) -> tuple[int, ...]:
    """The same for one file that was not recorded here, ``~`` being the home folder; nothing where there is none."""
    try:
        found = _identity(path.expanduser())
    except RuntimeError:
        return ()  # the home of a user who is not known here
    _let_go(str(path), found[:1])
    return found


def text_stamp(folder: Path, text: str) -> tuple[int, ...]:
    """The same for the text that a foreign history names, in a runs folder or by its path."""
    return (file_stamp(corpora_folder(folder) / f"{text}.txt") or file_stamp(Path(text))) if text else ()


def drawn(path: str) -> None:
    """Note which files of a run the page is drawn from."""
    st.session_state[_DRAWN] = (path, stamp(path))


def are_as_drawn(path: str) -> bool:
    """Whether the files of a run are still those that the page was drawn from, as far as that was noted."""
    noted = st.session_state.get(_DRAWN)
    return noted is None or noted[0] != path or noted[1] == stamp(path)


def _identity(path: Path) -> tuple[int, ...]:
    try:
        return identity(path)
    except (OSError, ValueError):
        return ()


def _let_go(path: str, numbers: tuple[int, ...]) -> None:
    """Close what is open of files that were replaced: other runs are opened again in a moment."""
    before = _NUMBERS.get(path, ())
    _NUMBERS[path] = numbers
    if any(old and old != new for old, new in zip(before, numbers, strict=False)):
        forget()


def of_run(most: int, said: str = "") -> Callable[[Callable[Given, Made]], Callable[Given, Made]]:
    """Keep what a function makes of a run, whose folder is its first argument, as long as the run's files stay.

    ``most`` results are kept. Of long work a bar says what is ``said`` if the function takes ``tell``, else a spinner.
    """

    def decorated(function: Callable[Given, Made]) -> Callable[Given, Made]:
        tells = "tell" in signature(function).parameters

        @wraps(function)
        def opener(*args: Given.args, **kwargs: Given.kwargs) -> Made:
            path = str(args[0])
            key = (path, stamp(path), *args[1:], *sorted(kwargs.items()))

            def make() -> Made:
                with st.spinner(f"{said}…") if said else nullcontext():
                    return function(*args, **kwargs)

            if tells:
                telling: Callable[..., Made] = function
                return once(function.__name__, key, lambda tell: telling(*args, tell=tell, **kwargs), said, most)
            return kept(function.__name__, key, make, most)

        return opener

    return decorated
