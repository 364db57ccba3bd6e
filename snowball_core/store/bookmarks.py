"""Bookmarks of a run and its saved views: remarks on a step, and addresses under a name, as its notes keep them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..errors import RunError
from .note_text import visible_text

LONGEST_REMARK, MOST_BOOKMARKS = 500, 200
LONGEST_NAME, LONGEST_QUERY, MOST_VIEWS = 80, 2_000, 50
SELECT = "[th][0-9]{1,7}"
_GROUPS = ("dead", "live", "all")
_LARGEST_STEP = 10**11
_FRONT = ("", "start")
# The run is the one that keeps the view; an access token stays private.
_LEFT_OUT = ("run", "token", "bookmark")


@dataclass(frozen=True)
class Bookmark:
    """A remark on a step of a run.

    Attributes
    ----------
    group : {"dead", "live", "all"}
        The group of tokens that was looked at.
    select : str
        What it is about besides the step: ``"t65"`` is token 65, ``"h65"`` the black hole whose lowest token is then 65, and
        nothing stands for the step alone.
    """

    step: int
    remark: str
    group: str = "all"
    select: str = ""

    @property
    def id(self) -> str:
        """Eight hexadecimal digits made of its content: the same remark on the same thing is the same bookmark."""
        return hashlib.blake2b(json.dumps(astuple(self)).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class SavedView:
    """A page of a run and what its address says besides the run, under a name; the query is encoded as in an address."""

    name: str
    page: str
    query: str


def checked_bookmark(step: object, remark: object, group: object, select: object) -> Bookmark:
    """The bookmark, if it can be kept.

    Raises
    ------
    RunError
    """
    if type(step) is not int or not 0 <= step < _LARGEST_STEP:
        raise RunError(f'the step of a bookmark must be a whole number from 0 on; got "{str(step)[:40]}". Name a step.')
    if group not in _GROUPS:
        raise RunError(f'the group of a bookmark must be one of {", ".join(_GROUPS)}; got "{str(group)[:40]}". Choose one.')
    if not isinstance(select, str) or not re.fullmatch(f"(?:{SELECT})?", select):
        raise RunError(f'a bookmark must be on a token such as t65 or a hole such as h65; got "{str(select)[:40]}". Name one.')
    text = visible_text(remark, "a remark", LONGEST_REMARK)
    if not text:
        raise RunError("a bookmark must have a remark; this one is empty. Write what there is to see at the step.")
    return Bookmark(step, text, str(group), select)


def checked_view(name: object, page: object, query: object) -> SavedView:
    """The view, if it can be kept.

    Raises
    ------
    RunError
    """
    title = visible_text(name, "the name of a view", LONGEST_NAME)
    if not title:
        raise RunError("a saved view must have a name; this one is empty. Write what it shows.")
    if not isinstance(page, str) or not re.fullmatch("[a-z]{1,20}", page):
        raise RunError(f'a saved view must be of a page such as scrub or lineage; got "{str(page)[:40]}". Name a page.')
    words = [
        (word, visible_text(value, f'"{word}" of a view', LONGEST_QUERY))
        for word, value in parse_qsl(visible_text(query, "the address of a view", LONGEST_QUERY), keep_blank_values=True)
        if word not in _LEFT_OUT
    ]
    return SavedView(title, page, visible_text(urlencode(words), "the address of a view", LONGEST_QUERY))


def view_of_address(name: str, address: str, run_id: str) -> SavedView:
    """The view that an address shows: that of the browser, or its end from the page on.

    Examples
    --------
    >>> view_of_address("the fall", "http://localhost:8501/lineage?run=my-run&step=19&group=dead", "my-run")
    SavedView(name='the fall', page='lineage', query='step=19&group=dead')
    """
    parts = urlsplit(address)
    named = dict(parse_qsl(parts.query)).get("run", run_id)
    if named != run_id:
        raise RunError(f'a view is kept beside the run that it shows; this is "{run_id}", the address is of "{named[:80]}".')
    page = parts.path.rsplit("/", 1)[-1]
    return checked_view(name, "scrub" if page in _FRONT else page, parts.query)


def bookmarks_of(content: object) -> tuple[Bookmark, ...]:
    """The bookmarks in a file of notes."""
    return checked_bookmarks(
        checked_bookmark(each.get("step"), each.get("remark"), each.get("group"), each.get("select", ""))
        for each in _objects(content)
    )


def views_of(content: object) -> tuple[SavedView, ...]:
    """The saved views in a file of notes."""
    return checked_views(checked_view(each.get("name"), each.get("page"), each.get("query", "")) for each in _objects(content))


def _objects(content: object) -> list[dict[str, Any]]:
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise ValueError("it is of another kind")
    return content


def checked_bookmarks(bookmarks: Iterable[Bookmark]) -> tuple[Bookmark, ...]:
    """The bookmarks, each once."""
    kept = tuple(dict.fromkeys(bookmarks))
    if len(kept) > MOST_BOOKMARKS:
        raise RunError(f"a run has at most {MOST_BOOKMARKS} bookmarks; got {len(kept):,}. Remove some.")
    return kept


def checked_views(views: Iterable[SavedView]) -> tuple[SavedView, ...]:
    """The views, each name once."""
    kept = {view.name: view for view in views}
    if len(kept) > MOST_VIEWS:
        raise RunError(f"a run has at most {MOST_VIEWS} saved views; got {len(kept):,}. Remove some.")
    return tuple(kept.values())


def listed(bookmarks: Iterable[Bookmark], views: Iterable[SavedView]) -> dict[str, list[dict[str, Any]]]:
    """Bookmarks and views as they stand in a file of notes; what there is none of is left out."""
    both = {"bookmarks": [asdict(each) for each in bookmarks], "views": [asdict(each) for each in views]}
    return {name: each for name, each in both.items() if each}
