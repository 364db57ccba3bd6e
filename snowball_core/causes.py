"""Why a black hole came apart: the hidden classes its tokens were in, and since when those differed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .lineage import Event, Hole, Lineage

PARTINGS = ("emission", "fission", "evaporation")


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
        Tokens of one hidden class, nobody's input, that parted all the same; empty if the laws held.
    """

    text: str
    classes: tuple[Hole, ...] = ()
    differed_since: int | None = None
    shared_since: int | None = None
    violation: Hole = ()


def cause(
    tree: Lineage,
    event: Event,
    leader: npt.NDArray[np.int32],
    hidden: npt.NDArray[np.int32] | None,
    moment_hash: npt.NDArray[np.uint64] | None,
    dead: npt.NDArray[np.bool_] | None,
    jiggled: npt.NDArray[np.bool_] | None = None,
) -> Cause | None:
    """The cause of a parting (fission, emission, evaporation); None for the other kinds of event.

    Parameters
    ----------
    tree : Lineage
    event : Event
    leader : ndarray of int32, shape (snapshots, vocab)
    hidden : ndarray of int32, shape (snapshots, vocab), or None
        Leaders of the hidden classes; None where moments were not recorded.
    moment_hash : ndarray of uint64, shape (snapshots, vocab), or None
    dead : ndarray of bool, shape (vocab,), or None
    jiggled : ndarray of bool, shape (vocab,), optional
        Tokens whose rows are given noise at every step.
    """
    if event.kind not in PARTINGS:
        return None
    now, before = event.snapshot, event.snapshot - 1
    members = np.array(tree.nodes[event.parents[0]].tokens)
    together = (leader[:now, members] == leader[:now, members[:1]]).all(axis=1)
    shared = _since(together)
    if jiggled is not None and jiggled[members].any():
        return Cause("noise: these rows are jiggled at every step", shared_since=shared)
    if hidden is None or moment_hash is None:
        return Cause("unknown: the optimizer's moments were not recorded (moment_hash)", shared_since=shared)
    classes = _classes(hidden[before], members)
    parted = [tokens for tokens in classes if len(set(leader[now, list(tokens)].tolist())) > 1]
    quiet = [tokens for tokens in parted if dead is not None and dead[list(tokens)].all()]
    differed = _differed(classes, leader[now], moment_hash[:now])
    if quiet:
        text = f"violation: {_said(quiet[0])} had equal rows and equal moments and parted; nothing in the laws parts them"
        return Cause(text, classes, differed, shared, quiet[0])
    if parted:
        live = [token for token in parted[0] if dead is None or not dead[token]]
        return Cause(f"input: {_said(live)} in the text: gradients differ inside one hidden class", classes, differed, shared)
    sizes = " + ".join(str(len(tokens)) for tokens in classes)
    return Cause(f"apparent: its tokens were {len(classes)} hidden classes ({sizes})", classes, differed, shared)


def _said(tokens: Sequence[int]) -> str:
    return f"token{'s' * (len(tokens) > 1)} {', '.join(map(str, tokens[:4]))}{'…' if len(tokens) > 4 else ''}"


def _classes(hidden: npt.NDArray[np.int32], members: npt.NDArray[np.intp]) -> tuple[Hole, ...]:
    found: dict[int, list[int]] = {}
    for token, first in zip(members.tolist(), hidden[members].tolist(), strict=True):
        found.setdefault(first, []).append(token)
    return tuple(sorted((tuple(tokens) for tokens in found.values()), key=lambda tokens: (-len(tokens), tokens[0])))


def _since(holds: npt.NDArray[np.bool_]) -> int | None:
    """The first index of the unbroken stretch of truths at the end; None if the last is false."""
    if not len(holds) or not holds[-1]:
        return None
    false = np.flatnonzero(~holds)
    return int(false[-1]) + 1 if len(false) else 0


def _differed(classes: Sequence[Hole], leader: npt.NDArray[np.int32], moment_hash: npt.NDArray[np.uint64]) -> int | None:
    largest = classes[0][0]
    others = np.array([tokens[0] for tokens in classes[1:] if leader[tokens[0]] != leader[largest]], np.intp)
    return _since((moment_hash[:, others] != moment_hash[:, [largest]]).all(axis=1)) if len(others) else None
