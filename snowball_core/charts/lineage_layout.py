"""Where the black holes of a lineage are drawn: every token keeps one row, a hole is a block over its tokens' rows.

A block is as tall as its population and as long as its tokens were one vector; hidden classes divide it. So nothing is laid out
explicitly: a merger is a block that takes over the rows of another, a fission one that gives rows away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Leaders
from ..measures.census import Hidden, classes_inside
from ..measures.flicker import Excursion
from ..measures.lineage import Lineage, hole_ranks, holes_of

Snapshots = npt.NDArray[np.intp]
Floats = npt.NDArray[Any]
MOST_PARTS = 240
_MOST_LIKENED = 200
_MOST_PROFILES = 1_500
COLUMNS = ("first", "last", "top", "bottom", "node", "hole", "rank", "population", "token", "shade", "classes")
Key = tuple[int, int, int, int, tuple[int, ...]]


@dataclass(frozen=True)
class Lanes:
    """The blocks of a lineage, and in which order tokens that were ever in a hole have their rows, from the top.

    The columns of ``blocks`` are :data:`COLUMNS`: indices of its first and last snapshot; rows from ``top`` to above
    ``bottom``; its node, hole and the hole's rank (0 for the most populous at the run's end); tokens in the hole; the hole's
    smallest token; which hidden class it is (0 for the largest, −1 where moments were not recorded) and the sizes of all.
    The picture can change at ``drawn`` of the ``changes`` of holes or hidden classes.
    """

    order: Snapshots
    blocks: pd.DataFrame
    drawn: int
    changes: int


def hues(tree: Lineage, snapshot: int, tokens: Snapshots) -> npt.NDArray[np.int64]:
    """The number of the colour of the hole each of some ascending tokens is in at a snapshot, its rank from 1; 0 if alone."""
    rank = hole_ranks(tree)
    holes = holes_of(tree, snapshot, tokens).tolist()
    return np.array([rank[hole] + 1 if hole else 0 for hole in holes], np.int64)


def lanes(
    tree: Lineage,
    hidden: Hidden | None,
    steps: Floats,
    share: Floats,
    flickers: Sequence[Excursion] = (),
    most: int = MOST_PARTS,
) -> Lanes:
    """The blocks of a lineage; tokens that are long together, by the logarithm of steps, are neighbours on every axis.

    ``share`` says how far from left to right each snapshot is drawn, 0 to 1; of more than ``most`` changes only the last one of
    each of so many columns is drawn. During ``flickers``, which are folded in ``tree``, the hidden classes too are those of the
    snapshot before.
    """
    starts = np.array(sorted({0, *(event.snapshot for event in tree.events)}), np.intp)
    changes = starts if hidden is None else np.union1d(starts, hidden.at)
    parts = changes if len(changes) <= most else _thinned(changes, share, most)
    history = np.array(sorted({token for node in tree.nodes for token in node.tokens}), np.intp)
    node = _node_of(tree, parts, history)
    kept = None if hidden is None else _calm(hidden, parts, history, flickers)
    length = np.diff(np.log1p(np.append(steps[parts], steps[-1]))) + 1e-6
    order = _ordered(node, kept, length)
    blocks = _blocks(tree, parts, node, kept, order)
    return Lanes(history[order], blocks, len(parts), len(changes))


def _thinned(changes: Snapshots, share: Floats, most: int) -> Snapshots:
    column = np.minimum((share[changes] * most).astype(np.intp), most - 1)
    chosen: Snapshots = np.union1d(changes[:1], changes[np.append(column[1:] != column[:-1], True)])
    return chosen


def _node_of(tree: Lineage, parts: Snapshots, history: Snapshots) -> Leaders:
    """For every part and token the node it is in, −1 if it is alone."""
    nodes = np.full((len(parts), len(history)), -1, np.int32)
    for index, node in enumerate(tree.nodes):
        low, high = np.searchsorted(parts, node.first), np.searchsorted(parts, node.last, "right")
        nodes[low:high, np.searchsorted(history, node.tokens)] = index
    return nodes


def _calm(hidden: Hidden, parts: Snapshots, history: Snapshots, flickers: Sequence[Excursion]) -> Leaders:
    """The leaders of the hidden classes at the parts, with excursions folded."""
    rows = hidden.rows(parts)
    for each in flickers:
        low, high = np.searchsorted(parts, (each.first, each.back))
        if 0 < low < high:
            rows[low:high, list(each.tokens)] = rows[low - 1, list(each.tokens)]
    return rows[:, history]


def _ordered(node: Leaders, hidden: Leaders | None, length: Floats) -> Snapshots:
    """The tokens' places, from top to bottom: the longer two are drawn in one hole, the closer their rows."""
    if not node.shape[1]:
        return np.empty(0, np.intp)
    longest = np.sort(np.argsort(-length, kind="stable")[:_MOST_LIKENED])
    story, weight = node[longest], length[longest]
    if hidden is not None:
        story = np.concatenate([story, np.where(node < 0, -1, hidden)[longest]])
        weight = np.append(weight, 0.3 * weight)
    profiles, back, counts = np.unique(story.T, axis=0, return_inverse=True, return_counts=True)
    if len(profiles) > _MOST_PROFILES:
        return np.lexsort(story)
    place = np.argsort(_leaves(profiles, counts, weight))
    order: Snapshots = np.argsort(place[back], kind="stable")
    return order


def _leaves(profiles: Leaders, counts: Snapshots, weight: Floats) -> Snapshots:
    """Profiles from top to bottom: the tree of their likeness, at every fork the heavier side first."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    count = len(profiles)
    alike = np.zeros((count, count))
    for column, worth in zip(profiles.T, weight, strict=True):
        alike += worth * ((column[:, None] == column[None]) & (column >= 0))
    apart = weight.sum() - alike
    np.fill_diagonal(apart, 0.0)
    forks = (
        linkage(squareform(apart, checks=False), "average")[:, :2].astype(np.intp) if count > 1 else np.empty((0, 2), np.intp)
    )
    heft = [*(counts * ((profiles >= 0) * weight).sum(axis=1)).tolist()]
    inside = [[leaf] for leaf in range(count)]
    for pair in forks.tolist():
        first, second = sorted(pair, key=lambda side: -heft[side])
        heft.append(heft[first] + heft[second])
        inside.append(inside[first] + inside[second])
    return np.array(inside[-1], np.intp)


def _blocks(tree: Lineage, parts: Snapshots, node: Leaders, hidden: Leaders | None, order: Snapshots) -> pd.DataFrame:
    """The blocks of all parts; what is unchanged from part to part is one block."""
    rank = hole_ranks(tree)
    going: dict[Key, int] = {}
    done: list[tuple[int, int, Key]] = []
    for number in range(len(parts)):
        shade, classes = _shades(node[number], None if hidden is None else hidden[number])
        here = set(_runs(node[number, order], shade[order], classes))
        for key in [key for key in going if key not in here]:
            done.append((going.pop(key), int(parts[number]) - 1, key))
        for key in here:
            going.setdefault(key, int(parts[number]))
    done += [(first, tree.snapshots - 1, key) for key, first in going.items()]
    rows = []
    for first, last, (top, bottom, index, shade_of, sizes) in sorted(done):
        its = tree.nodes[index]
        facts = (its.hole, rank[its.hole], its.population, its.tokens[0], shade_of, sizes)
        rows.append((first, last, top, bottom, index, *facts))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _shades(node: Leaders, hidden: Leaders | None) -> tuple[Leaders, dict[int, tuple[int, ...]]]:
    """For every token the number of its hidden class inside its hole, by size; and the classes' sizes of every hole."""
    shade = np.full(len(node), -1, np.int32)
    classes: dict[int, tuple[int, ...]] = {}
    if hidden is None:
        return shade, classes
    for index in np.unique(node[node >= 0]).tolist():
        members = np.flatnonzero(node == index)
        shade[members], sizes = classes_inside(hidden[members])
        classes[index] = tuple(sizes)
    return shade, classes


def _runs(node: Leaders, shade: Leaders, classes: dict[int, tuple[int, ...]]) -> list[Key]:
    """Neighbouring rows of one hole and hidden class: top, bottom, node, shade, classes."""
    if not len(node):
        return []
    tops = np.flatnonzero(np.append(True, (node[1:] != node[:-1]) | (shade[1:] != shade[:-1])))
    bottoms = np.append(tops[1:], len(node))
    return [
        (top, bottom, int(node[top]), int(shade[top]), classes.get(int(node[top]), ()))
        for top, bottom in zip(tops.tolist(), bottoms.tolist(), strict=True)
        if node[top] >= 0
    ]
