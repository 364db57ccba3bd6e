"""The black holes a token was in, since when several have been one, and why a hole came apart: its hidden classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .bf16 import Truths
from .census import Hashes, classes_inside
from .lineage import Event, Hole, Lineage, Node


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


PARTINGS = ("emission", "fission", "evaporation")
_SCANNED = 1_024


@dataclass(frozen=True)
class Cause:
    """Why tokens that shared a vector do so no longer.

    Attributes
    ----------
    text : str
        One sentence.
    classes : tuple of tuple of int
        The hidden classes of the parent's tokens at the snapshot before, largest first; empty where moments were not recorded.
    differed_since : int or None
        Snapshot since which, without a break, the moments of every class that went elsewhere differ from those of the largest
        class.
    shared_since : int or None
        Snapshot since which, without a break, all the parent's tokens had shared one vector.
    violation : tuple of int
        Tokens of one hidden class, not in the input, that parted; empty if the laws held.
    """

    text: str
    classes: tuple[Hole, ...] = ()
    differed_since: int | None = None
    shared_since: int | None = None
    violation: Hole = ()


@dataclass(frozen=True)
class Parting:
    """For every token the smallest one with the same row after something came apart, and of its hidden class before."""

    leader: npt.NDArray[np.int32]
    hidden: npt.NDArray[np.int32] | None


def cause(
    tree: Lineage,
    event: Event,
    parting: Parting,
    moment_hash: Hashes | None,
    dead: Truths | None,
    jiggled: Truths | None = None,
) -> Cause | None:
    """The cause of a parting (fission, emission, evaporation); None for the other kinds of event.

    ``parting`` is of the event's snapshot and the one before; ``jiggled`` is the mask of the tokens whose rows are given
    noise at every step.
    """
    if event.kind not in PARTINGS:
        return None
    members = np.array(tree.nodes[event.parents[0]].tokens)
    shared = together_since(tree, event.parents[0])
    if jiggled is not None and jiggled[members].any():
        return Cause("noise: noise is added to these rows at every step", shared_since=shared)
    if parting.hidden is None or moment_hash is None:
        return Cause(
            "unknown: optimizer moments not recorded (record with --extra moment_hash; form: extra)", shared_since=shared
        )
    number, sizes = classes_inside(parting.hidden[members])
    classes = tuple(tuple(members[number == each].tolist()) for each in range(len(sizes)))
    parted = [tokens for tokens in classes if len(set(parting.leader[list(tokens)].tolist())) > 1]
    quiet = [tokens for tokens in _nobodys_input(parted, dead) if len(set(parting.leader[list(tokens)].tolist())) > 1]
    differed = _differed(classes, parting.leader, moment_hash[: event.snapshot])
    if quiet:
        text = f"violation: {_said(quiet[0])} with equal rows and equal moments split, which violates the laws"
        return Cause(text, classes, differed, shared, quiet[0])
    if parted:
        live = [token for token in parted[0] if dead is None or not dead[token]]
        return Cause(f"input: {_said(live)} in the text: gradients differ within one hidden class", classes, differed, shared)
    parts = " + ".join(map(str, sizes))
    return Cause(f"apparent: {len(classes)} hidden classes ({parts})", classes, differed, shared)


def _nobodys_input(classes: Sequence[Hole], dead: Truths | None) -> list[Hole]:
    """The dead tokens of each class: a live token that was not yet read shares their class and is left out."""
    return [] if dead is None else [tuple(token for token in tokens if dead[token]) for tokens in classes]


def _said(tokens: Sequence[int]) -> str:
    return f"token{'s' * (len(tokens) > 1)} {', '.join(map(str, tokens[:4]))}{'…' if len(tokens) > 4 else ''}"


def _differed(classes: Sequence[Hole], leader: npt.NDArray[np.int32], moment_hash: Hashes) -> int | None:
    """Snapshot since which every class that went elsewhere has had other moments than the largest; None if it has not."""
    largest = classes[0][0]
    others = np.array([tokens[0] for tokens in classes[1:] if leader[tokens[0]] != leader[largest]], np.intp)
    if not len(others):
        return None
    # Backwards in parts: the answer is mostly near, and the recording may be long.
    for stop in range(len(moment_hash), 0, -_SCANNED):
        part = moment_hash[max(0, stop - _SCANNED) : stop]
        equal = np.flatnonzero((part[:, others] == part[:, [largest]]).any(axis=1))
        if len(equal):
            since = max(0, stop - _SCANNED) + int(equal[-1]) + 1
            return since if since < len(moment_hash) else None
    return 0
