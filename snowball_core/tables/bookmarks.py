"""Bookmarks of a run as a table, and a bookmark made of a step, a token and a remark."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..errors import HistoryError
from ..measures.bf16 import finite_rows
from ..measures.identity import leaders
from ..store.bookmarks import Bookmark, checked_bookmark
from ..store.history import History
from ..store.notes import Notes, read_notes
from .text import glyph


def bookmark_at(
    history: History, step: int, remark: str, group: str, token: int | None = None, hole: int | None = None
) -> Bookmark:
    """A bookmark on a recorded step of a run, on one token of a group, or on the black hole that a token is in at that step.

    Raises
    ------
    HistoryError
        If the step is not recorded, the token is not of the group, or it is in no black hole.
    """
    history.index(step)
    if token is not None and hole is not None:
        raise HistoryError(f"a bookmark must be on a token or on a hole; got token {token:,} and hole {hole:,}. Name one.")
    if hole is not None:
        lowest = lowest_of_hole(history, step, group, hole)
        if lowest is None:
            raise HistoryError(
                f"a hole must be named by one of its tokens; token {hole:,} shares its vector with no other of the "
                f"{group} tokens at step {step:,}. Name another, or the token itself."
            )
        return checked_bookmark(step, remark, group, f"h{lowest}")
    if token is not None:
        _require_token(history, group, token)
    return checked_bookmark(step, remark, group, "" if token is None else f"t{token}")


def lowest_of_hole(history: History, step: int, group: str, token: int) -> int | None:
    """The lowest token of the black hole of a group that a token is in at a recorded step; None where it is in none."""
    _require_token(history, group, token)
    ids = np.flatnonzero(history.mask(group))
    rows, place = history.rows(step, group), int(np.searchsorted(ids, token))
    leader = leaders(rows[None])[0]
    is_hole = (leader == leader[place]).sum() > 1 and finite_rows(rows[place : place + 1])[0]
    return int(ids[leader[place]]) if is_hole else None


def _require_token(history: History, group: str, token: int) -> None:
    mask = history.mask(group)
    if not 0 <= token < len(mask) or not mask[token]:
        raise HistoryError(
            f'a token must be one of the {group} tokens of "{history.id}"; got {token:,}. The table "tokens" lists them; '
            "another group may have it."
        )


def notes_of(history: History) -> Notes:
    """The notes of the run, or beside the link of the file, that was opened; empty where there is no folder to keep them in."""
    return Notes() if history.kept_in is None else read_notes(history.kept_in)


def bookmark_table(history: History) -> pd.DataFrame:
    """One row per bookmark of the run, by step.

    Columns ``bookmark`` (its id), ``step``, ``group``, ``on`` ("step", "token" or "hole"), ``token`` (of a hole its lowest;
    missing where it is on the step alone), ``glyph``, ``remark``.

    Raises
    ------
    HistoryError
        If the file of notes cannot be read.
    """
    notes = notes_of(history)
    if notes.damage:
        raise HistoryError(f"bookmarks must be readable; {notes.damage}. Put the file back from a copy, or remove it.")
    marks = sorted(notes.bookmarks, key=lambda each: each.step)
    tokens = [int(each.select[1:]) if each.select else None for each in marks]
    texts = {
        "group": [each.group for each in marks],
        "on": [thing_of(each.select) for each in marks],
        "glyph": ["" if token is None else glyph(token) for token in tokens],
        "remark": [each.remark for each in marks],
    }
    table = pd.DataFrame({name: np.array(column, object) for name, column in texts.items()})
    table.insert(0, "bookmark", np.array([each.id for each in marks], object))
    table.insert(1, "step", np.array([each.step for each in marks], np.int64))
    table.insert(4, "token", pd.array(tokens, "Int64"))
    return table


def thing_of(select: str) -> str:
    """What a selection is on: "step", "token" or "hole".

    Examples
    --------
    >>> thing_of(""), thing_of("t65"), thing_of("h65")
    ('step', 'token', 'hole')
    """
    return {"": "step", "t": "token", "h": "hole"}[select[:1]]
