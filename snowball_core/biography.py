"""What a lineage tells: the holes a token was in, since when several have been one, and who was one at every snapshot."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from .lineage import Hole, Lineage, Node


@dataclass(frozen=True)
class Stay:
    """A token's stay in one black hole: the hole's identity and the snapshots, both included."""

    hole: int
    first: int
    last: int


def biography(tree: Lineage, token: int) -> list[Stay]:
    """The black holes a token was in, in order; between two stays it was alone."""
    return _stays(node for node in tree.nodes if token in node.tokens)


def biographies(tree: Lineage) -> dict[int, list[Stay]]:
    """The :func:`biography` of every token that ever was in a black hole, by token, ascending."""
    lived: dict[int, list[Node]] = {}
    for node in tree.nodes:
        for token in node.tokens:
            lived.setdefault(token, []).append(node)
    return {token: _stays(lived[token]) for token in sorted(lived)}


def _stays(nodes: Iterable[Node]) -> list[Stay]:
    """A token's nodes, those of one hole without a break joined to one stay."""
    stays: list[Stay] = []
    for node in nodes:
        if stays and stays[-1].hole == node.hole and stays[-1].last == node.first - 1:
            stays[-1] = Stay(node.hole, stays[-1].first, node.last)
        else:
            stays.append(Stay(node.hole, node.first, node.last))
    return stays


def together_since(tree: Lineage, node: int) -> int:
    """Snapshot since which, without a break, all tokens of a node have shared one vector: its own first, or an ancestor's."""
    members = set(tree.nodes[node].tokens)
    while True:
        ancestor = [parent for parent in tree.parents.get(node, ()) if members <= set(tree.nodes[parent].tokens)]
        if not ancestor:
            return tree.nodes[node].first
        node = ancestor[0]


def rebuilt(tree: Lineage) -> list[frozenset[Hole]]:
    """The black holes at every snapshot, rebuilt from the events alone."""
    partitions: list[frozenset[Hole]] = []
    holes: set[Hole] = set()
    queue = deque(tree.events)
    for snapshot in range(tree.snapshots):
        ended: set[Hole] = set()
        begun: set[Hole] = set()
        while queue and queue[0].snapshot == snapshot:
            event = queue.popleft()
            ended |= {tree.nodes[index].tokens for index in event.parents}
            begun |= {tree.nodes[index].tokens for index in event.children}
        holes = (holes - ended) | begun
        partitions.append(frozenset(holes))
    return partitions
