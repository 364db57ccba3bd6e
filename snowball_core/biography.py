"""What a lineage tells of tokens: the holes one was in, and since when several have been one."""

from __future__ import annotations

from dataclasses import dataclass

from .lineage import Lineage


@dataclass(frozen=True)
class Stay:
    """A token's stay in one black hole: the hole's identity and the snapshots, both included."""

    hole: int
    first: int
    last: int


def biography(tree: Lineage, token: int) -> list[Stay]:
    """The black holes a token was in, in order; between two stays it was alone."""
    stays: list[Stay] = []
    for node in tree.nodes:
        if token not in node.tokens:
            continue
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
