"""Black holes through time: which hole became which, and what happened in between.

A node is a set of tokens that is one black hole over an interval of snapshots. An edge joins two nodes that follow each other
and share tokens. Every change of a hole is one of six events:

========== ========================================================
formation   single tokens become a hole
absorption  a hole gains single tokens
coalescence two or more holes give tokens to one
emission    a hole loses tokens, which become single
fission     a hole gives tokens to two or more holes
evaporation every token of a hole is alone
========== ========================================================

What happens between two snapshots is the *set* of its events: taking away all their parents and adding all their children turns
the holes before into the holes after. The holes of the first snapshot form there, so events alone rebuild every snapshot.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bf16 import Leaders, Truths

KINDS = ("formation", "absorption", "coalescence", "emission", "fission", "evaporation")
Hole = tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One set of tokens that is one black hole over an interval of snapshots.

    Attributes
    ----------
    hole : int
        Its identity through time, 1 for the first; kept by the child that shares most tokens with its parent.
    first, last : int
        Indices of its first and last snapshot, both included.
    tokens : tuple of int
        Ascending.
    """

    hole: int
    first: int
    last: int
    tokens: Hole

    @property
    def population(self) -> int:
        """Tokens in it."""
        return len(self.tokens)


@dataclass(frozen=True)
class Event:
    """One thing that happened between snapshot ``snapshot − 1`` and ``snapshot``.

    Attributes
    ----------
    snapshot : int
        Index of the first snapshot in which it has happened.
    kind : str
        One of :data:`KINDS`.
    parents, children : tuple of int
        Indices of the nodes before and after.
    tokens : tuple of int
        The tokens it happened to: formation and evaporation all; absorption and emission those gained or lost; coalescence and
        fission those that came from, or went to, the several holes.
    """

    snapshot: int
    kind: str
    parents: tuple[int, ...]
    children: tuple[int, ...]
    tokens: Hole


@dataclass(frozen=True)
class Edge:
    """Parent and child (indices of nodes) and how many tokens they share."""

    parent: int
    child: int
    shared: int


@dataclass(frozen=True)
class Lineage:
    """The black holes of a group through all snapshots, as a directed graph.

    Attributes
    ----------
    nodes : tuple of Node
        Ordered by first snapshot, then by size descending and smallest token.
    events : tuple of Event
        Ordered by snapshot, then kind in the order of :data:`KINDS`.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    events: tuple[Event, ...]
    snapshots: int

    @functools.cached_property
    def parents(self) -> dict[int, list[int]]:
        """The parents of each node that has some; indices of nodes."""
        shared: dict[int, list[int]] = {}
        for edge in self.edges:
            shared.setdefault(edge.child, []).append(edge.parent)
        return shared


def hole_ranks(tree: Lineage) -> dict[int, int]:
    """The rank of every hole's identity: by population at the run's end, then by tokens times snapshots; 0 is the first."""
    last: dict[int, int] = {}
    total: dict[int, int] = {}
    for node in tree.nodes:
        total[node.hole] = total.get(node.hole, 0) + node.population * (node.last - node.first + 1)
        last[node.hole] = last.get(node.hole, 0) + node.population * (node.last == tree.snapshots - 1)
    ordered = sorted(total, key=lambda hole: (-last[hole], -total[hole], hole))
    return {hole: rank for rank, hole in enumerate(ordered)}


def hole_name(hole: int) -> str:
    """The name of a black hole through the run, from its number in the lineage.

    Examples
    --------
    >>> [hole_name(hole) for hole in (1, 2, 26, 27, 53)]
    ['A', 'B', 'Z', 'AA', 'BA']
    """
    before, letter = divmod(hole - 1, 26)
    return (hole_name(before) if before else "") + chr(65 + letter)


def holes_of(tree: Lineage, snapshot: int, tokens: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The number of the hole that each of some ascending tokens is in at a snapshot; 0 if alone."""
    holes = np.zeros(len(tokens), np.int64)
    for node in tree.nodes:
        if node.first <= snapshot <= node.last:
            holes[np.searchsorted(tokens, node.tokens)] = node.hole
    return holes


def holes_among(leader: Leaders, group: npt.NDArray[np.intp]) -> list[Hole]:
    """The black holes among some tokens, ascending, at one snapshot: largest first, ties by smallest token."""
    chosen = leader[group]
    order = np.argsort(chosen, kind="stable")
    parts = np.split(_numbers(len(leader))[group[order]], np.flatnonzero(np.diff(chosen[order])) + 1)
    return sorted((tuple(part.tolist()) for part in parts if len(part) > 1), key=lambda tokens: (-len(tokens), tokens[0]))


@functools.lru_cache(maxsize=4)
def _numbers(vocab: int) -> npt.NDArray[np.object_]:
    """One integer object a token: a lineage names each token many times, and new ones would take four times the memory."""
    return np.array(range(vocab), np.object_)


def partition_changes(leader: Leaders, group: Truths, before: Leaders | None = None) -> npt.NDArray[np.intp]:
    """Indices of the snapshots at which the group may share vectors otherwise than before.

    The first always counts, unless the leaders ``before`` it are given, where ``leader`` is a part of a longer history.
    """
    chosen = leader[:, group]
    # Leaders outside the group may change while no token of the group leaves: such a step has the same holes and no event.
    changed = np.ones(len(chosen), np.bool_)
    changed[1:] = (chosen[1:] != chosen[:-1]).any(axis=1)
    if before is not None and len(chosen):
        changed[0] = (chosen[0] != before[group]).any()
    return np.flatnonzero(changed)


def lineage(leader: Leaders, group: Truths | None = None) -> Lineage:
    """The lineage of a group's black holes, from the leaders of every snapshot.

    Examples
    --------
    Three tokens: 0 and 1 share, then all three, then 1 and 2.

    >>> tree = lineage(np.array([[0, 0, 2], [0, 0, 0], [0, 1, 1]], np.int32))
    >>> [(event.snapshot, event.kind, event.tokens) for event in tree.events]
    [(0, 'formation', (0, 1)), (1, 'absorption', (2,)), (2, 'emission', (0,))]
    """
    return lineage_of([leader], np.ones(leader.shape[1], np.bool_) if group is None else group)


def lineage_of(parts: Iterable[Leaders], group: Truths) -> Lineage:
    """The same from consecutive parts of a history's leaders, of which one at a time is held."""
    tokens, building, start = np.flatnonzero(group), _Building(), 0
    before: Leaders | None = None
    for leader in parts:
        for index in partition_changes(leader, group, before).tolist():
            building.step(start + index, holes_among(leader[index], tokens))
        start += len(leader)
        before = leader[-1] if len(leader) else before
    return building.finish(start)


class _Building:
    """A lineage under construction, fed with the holes of each snapshot at which they may have changed."""

    def __init__(self) -> None:
        self._begun: list[tuple[int, int, Hole]] = []
        self._ended: dict[int, int] = {}
        self._alive: dict[Hole, int] = {}
        self._edges: list[Edge] = []
        self._events: list[Event] = []
        self._holes = 0

    def step(self, snapshot: int, holes: Sequence[Hole]) -> None:
        """Take the holes of a snapshot and note what became of those before."""
        now = set(holes)
        gone = [index for tokens, index in self._alive.items() if tokens not in now]
        fresh = [tokens for tokens in holes if tokens not in self._alive]
        old = {index: self._begun[index][2] for index in gone}
        first = len(self._begun)
        new = {first + i: tokens for i, tokens in enumerate(fresh)}
        edges = _edges(old, new)
        names = self._named(edges, new)
        for index in gone:
            self._ended[index] = snapshot - 1
            del self._alive[old[index]]
        for index, tokens in new.items():
            self._begun.append((names[index], snapshot, tokens))
            self._alive[tokens] = index
        self._edges += edges
        self._events += _events(snapshot, old, new, edges)

    def _named(self, edges: Iterable[Edge], new: dict[int, Hole]) -> dict[int, int]:
        """The identity of every new node: its parent's where it is the child that shares most, else a new one."""
        names: dict[int, int] = {}
        given: set[int] = set()
        for edge in sorted(edges, key=lambda edge: (-edge.shared, new[edge.child][0], self._begun[edge.parent][2][0])):
            hole = self._begun[edge.parent][0]
            if edge.child not in names and hole not in given:
                names[edge.child] = hole
                given.add(hole)
        for index in new:
            if index not in names:
                self._holes += 1
                names[index] = self._holes
        return names

    def finish(self, snapshots: int) -> Lineage:
        """The lineage of everything fed."""
        nodes = tuple(
            Node(hole, first, self._ended.get(index, snapshots - 1), tokens)
            for index, (hole, first, tokens) in enumerate(self._begun)
        )
        return Lineage(nodes, tuple(self._edges), tuple(self._events), snapshots)


def _edges(old: dict[int, Hole], new: dict[int, Hole]) -> list[Edge]:
    home = {token: index for index, tokens in old.items() for token in tokens}
    edges = []
    for child, tokens in new.items():
        shared: dict[int, int] = {}
        for token in tokens:
            if token in home:
                shared[home[token]] = shared.get(home[token], 0) + 1
        edges += [Edge(parent, child, count) for parent, count in sorted(shared.items())]
    return edges


def _events(snapshot: int, old: dict[int, Hole], new: dict[int, Hole], edges: Sequence[Edge]) -> list[Event]:
    """What happened to the nodes that ended and began at a snapshot."""
    heirs: dict[int, list[int]] = {index: [] for index in old}
    origins: dict[int, list[int]] = {index: [] for index in new}
    for edge in edges:
        heirs[edge.parent].append(edge.child)
        origins[edge.child].append(edge.parent)
    before = {token for tokens in old.values() for token in tokens}
    after = {token for tokens in new.values() for token in tokens}
    events: list[Event] = []

    def add(kind: str, parents: Sequence[int], children: Sequence[int], tokens: Iterable[int]) -> None:
        events.append(Event(snapshot, kind, tuple(parents), tuple(children), tuple(sorted(tokens))))

    for child, parents in origins.items():
        gained = [token for token in new[child] if token not in before]
        if not parents:
            add("formation", (), [child], new[child])
        elif gained:
            add("absorption", parents, [child], gained)
        if len(parents) > 1:
            add("coalescence", parents, [child], set(new[child]) - set(gained))
    for parent, children in heirs.items():
        lost = [token for token in old[parent] if token not in after]
        if not children:
            add("evaporation", [parent], (), old[parent])
        elif lost:
            add("emission", [parent], children, lost)
        if len(children) > 1:
            add("fission", [parent], children, set(old[parent]) - set(lost))
    return sorted(events, key=lambda event: KINDS.index(event.kind))
