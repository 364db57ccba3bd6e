"""Flicker: a change of the black holes that is undone soon after, found exactly and folded only on request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bf16 import Integers, Leaders
from .lineage import Event, Hole, Lineage, Node, lineage

BRIEF_STEPS = 10


@dataclass(frozen=True)
class Excursion:
    """A change that was undone: the first snapshot in other holes than before, and the first in exactly the same holes again.

    ``tokens`` are all members of the holes that changed, and those who joined them; ascending.
    """

    first: int
    back: int
    tokens: Hole


def partitions(tree: Lineage) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Leaders]:
    """Snapshots at which something happened, 0 always; tokens that were ever in a hole; and which holes they were in there.

    A label, of shape (snapshots, tokens), is the position of the first token that each shares with.
    """
    at = np.array(sorted({0, *(event.snapshot for event in tree.events)}), np.intp)
    tokens = np.array(sorted({token for node in tree.nodes for token in node.tokens}), np.intp)
    label = np.tile(np.arange(len(tokens), dtype=np.int32), (len(at), 1))
    for node in tree.nodes:
        members = np.searchsorted(tokens, node.tokens)
        label[np.searchsorted(at, node.first) : np.searchsorted(at, node.last, "right"), members] = members[0]
    return at, tokens, label


def excursions(tree: Lineage, steps: Integers, within: int = BRIEF_STEPS) -> tuple[Excursion, ...]:
    """The changes of a lineage that are undone within so many steps, from the first on, each looked for after the last.

    A change is one connected piece of what happens between two snapshots: holes before and after that share tokens. It is
    undone at the first later snapshot at which its tokens are in exactly the holes they were in before, if until then they
    not shared with other tokens.

    Examples
    --------
    Token 2 joins the hole of 0 and 1 for one step.

    >>> tree = lineage(np.array([[0, 0, 2], [0, 0, 0], [0, 0, 2], [0, 0, 2]], np.int32))
    >>> excursions(tree, np.arange(4))
    (Excursion(first=1, back=2, tokens=(0, 1, 2)),)
    """
    at, tokens, label = partitions(tree)
    flickers: list[Excursion] = []
    for now in range(1, len(at)):
        for piece in _pieces(label[now - 1], label[now]):
            back = _undone(label, steps[at], now, piece, within)
            if back is not None:
                label[now:back, piece] = label[now - 1, piece]
                flickers.append(Excursion(int(at[now]), int(at[back]), tuple(tokens[piece].tolist())))
    return tuple(flickers)


def _pieces(before: Leaders, after: Leaders) -> list[npt.NDArray[np.intp]]:
    """The connected pieces of a change, as positions of tokens; what did not change is in none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(before)
    links = coo_array((np.ones(count, np.int8), (before, after + count)), shape=(2 * count, 2 * count))
    piece = connected_components(links, directed=False)[1][before]
    return [np.flatnonzero(piece == number) for number in np.unique(piece[before != after])]


def _undone(label: Leaders, steps: Integers, now: int, piece: npt.NDArray[np.intp], within: int) -> int | None:
    """The first later change at which the piece is as before; None if it is not in time or others came in between."""
    outside = np.ones(label.shape[1], np.bool_)
    outside[piece] = False
    for later in range(now + 1, len(label)):
        if steps[later] - steps[now] > within or np.isin(label[later, outside], label[later, piece]).any():
            return None
        if (label[later, piece] == label[now - 1, piece]).all():
            return later
    return None


def folded(tree: Lineage, flickers: Iterable[Excursion]) -> Lineage:
    """The lineage as if the excursions had not been."""
    at, tokens, label = partitions(tree)
    for each in flickers:
        now, back = np.searchsorted(at, (each.first, each.back))
        piece = np.searchsorted(tokens, each.tokens)
        label[now:back, piece] = label[now - 1, piece]
    calm = lineage(label)
    beyond = np.append(at[1:], tree.snapshots)
    nodes = tuple(
        Node(node.hole, int(at[node.first]), int(beyond[node.last]) - 1, tuple(tokens[list(node.tokens)].tolist()))
        for node in calm.nodes
    )
    events = tuple(
        Event(int(at[each.snapshot]), each.kind, each.parents, each.children, tuple(tokens[list(each.tokens)].tolist()))
        for each in calm.events
    )
    return Lineage(nodes, calm.edges, events, tree.snapshots)


def is_folded(tree: Lineage, event: Event, flickers: Iterable[Excursion]) -> bool:
    """Whether an event is a part of one of the excursions, of its beginning, its middle or its undoing."""
    members = {token for index in (*event.parents, *event.children) for token in tree.nodes[index].tokens}
    return any(each.first <= event.snapshot <= each.back and members <= set(each.tokens) for each in flickers)
