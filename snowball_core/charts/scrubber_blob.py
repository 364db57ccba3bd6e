"""Everything a browser needs to draw one group of a run at any step by itself: one blob, a JSON header and typed arrays.

Only snapshots that differ from the one before become frames, and a frame holds each distinct vector once: which token has which
vector is sent once per partition. Vectors are numbered by population, largest first, ties by smallest token, so the holes come
first. Over the budget, frames are thinned evenly, by the factor in the header; counts and events stay complete.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..measures.bf16 import Truths, Words, finite_rows
from ..measures.census import censuses, change_steps, finite_snapshots, hidden_leaders, history_leaders
from ..measures.identity import numbered
from ..measures.lineage import Lineage, hole_name, hole_ranks, lineage
from ..measures.quantities import COUNTS
from .scrubber_data import MOST_VECTORS, Share, check_drawable, shades, shots, silent

BUDGET_BYTES = 30_000_000
# What making the frames of a long run takes, in parts of the whole: the census before, the lineage, the axes.
_COUNTED, _FOLLOWED = 0.08, 0.25
_DRAWN = 1 - _FOLLOWED
_MOST_NUMBERED = 1 << 16
EVENT_BITS = {"formation": 1, "coalescence": 2, "fission": 4, "emission": 4, "evaporation": 8, "absorption": 16}
_MOST_SLOTS = np.iinfo(np.int16).max
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Reel:
    """A run's frames: facts for the header, and the arrays.

    Attributes
    ----------
    header : dict
        JSON values: group, unit, tokens, domains, shares of variance, thinning.
    arrays : dict of str to ndarray
        Per snapshot ``step``, ``frame`` and the four counts; per event ``event``, ``kind``;
        per frame ``partition`` and the offsets ``vector_at``, ``distance_at``; per partition ``label``, ``hidden``, ``slot``;
        per vector of a frame ``place`` (weight units), ``relative`` (to the mean, in the unit); per pair of them ``distance``;
        per token ``lost``, whether its row is not finite, of the frames from the header's ``lost_from`` on.
    tree : Lineage
        The group's black holes up to the last finite step, from which the colours and events are.
    """

    header: dict[str, Any]
    arrays: Arrays
    tree: Lineage


def reel(
    history: Words,
    steps: npt.NDArray[np.int64],
    group: Truths,
    unit: str,
    moment_hash: npt.NDArray[np.uint64] | None = None,
    budget: int = BUDGET_BYTES,
    settled: int | None = None,
    progress: Share = silent,
) -> Reel:
    """The frames of a group with at least one token.

    Parameters
    ----------
    history : Words, shape (snapshots, vocab, hidden)
    steps : ndarray of int64, shape (snapshots,)
    group : ndarray of bool, shape (vocab,)
    unit : {"cells", "weight"}
    moment_hash : ndarray of uint64, shape (snapshots, vocab), optional
        Without it the hidden classes are unknown, and ``hidden`` is empty.
    budget : int
        Bytes the arrays may take.
    settled : int, optional
        Snapshots that bases and domains are made from; all, if the run has ended.
    progress : callable, optional
        Called with the share done, from 0 to 1.

    Raises
    ------
    HistoryError
        If one snapshot is too large to be drawn.
    """
    check_drawable(history, group)
    leader = history_leaders(history)
    progress(_COUNTED)
    hidden = None if moment_hash is None else hidden_leaders(leader, moment_hash)[:, group]
    counts, led = censuses(leader, group), leader[:, group]
    both = led if hidden is None else np.concatenate([led, hidden], axis=1)
    starts = partition_starts(both)
    changed = np.union1d(change_steps(history, group), starts)
    counted: Arrays = {column: np.array([getattr(count, column) for count in counts], np.int32) for column in COUNTS}
    kept, stride = _thinned(changed, starts, counted["unique"].astype(np.int64), led.shape[1], budget)
    # Of the partitions only those that a frame shows: where every snapshot has another one they would exceed any budget.
    owners, owner = np.unique(np.searchsorted(starts, kept, "right") - 1, return_inverse=True)
    starts = starts[owners]
    label = np.stack([numbered(led[start]) for start in starts])
    whole = np.uint16 if led.shape[1] <= _MOST_NUMBERED else np.uint32
    # Rows that are not finite are no black hole: they have no colour, and what happens to their bits is no event.
    finite = finite_snapshots(history)
    tree, scale = lineage(leader[:finite], group), shades(history, group, unit)
    progress(_FOLLOWED)
    until = len(led) if settled is None else settled
    drawn, basis = shots(history, group, kept, label, owner, unit, until, lambda share: progress(_FOLLOWED + _DRAWN * share))
    event, kind = events(tree)
    arrays: Arrays = {
        "step": steps.astype(np.int32),
        "frame": (np.searchsorted(kept, np.arange(len(led)), "right") - 1).astype(np.int32),
        **counted,
        "event": event.astype(np.int32),
        "kind": kind,
        "partition": owner.astype(np.int32),
        "label": label.astype(whole),
        "hidden": np.empty(0, whole) if hidden is None else np.stack([numbered(hidden[s]) for s in starts]).astype(whole),
        "slot": slots(tree, label, starts, np.flatnonzero(group)),
        "lost": _lost(history, group, kept[kept >= finite]),
        **drawn,
    }
    header = {
        "unit": unit,
        "ids": np.flatnonzero(group).tolist(),
        "hole_names": hole_names(tree),
        "stride": stride,
        "most": MOST_VECTORS,
        **basis,
    }
    header |= {"sent": len(kept), "changed": len(changed), "shades": scale}
    header |= {"finite": finite, "lost_from": int((kept < finite).sum())}
    return Reel(header, arrays, tree)


def _lost(history: Words, group: Truths, snapshots: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Whether the row of each token of a group is not finite in some snapshots; shape ``(snapshots, tokens)``."""
    lost = np.zeros((len(snapshots), int(group.sum())), np.uint8)
    for place, snapshot in enumerate(snapshots):
        lost[place] = ~finite_rows(history[snapshot][group])
    return lost


def partition_starts(leader: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.intp]:
    """Indices of the snapshots whose leaders differ from the ones before; the first always counts."""
    changed = np.ones(len(leader), np.bool_)
    changed[1:] = (leader[1:] != leader[:-1]).any(axis=1)
    return np.flatnonzero(changed)


def slots(
    tree: Lineage, label: npt.NDArray[np.intp], starts: npt.NDArray[np.intp], ids: npt.NDArray[np.intp]
) -> npt.NDArray[np.int16]:
    """The colour of every black hole of every partition, a number that its identity keeps; −1 behind the last hole.

    Returns
    -------
    ndarray of int16, shape (partitions, most holes)
    """
    rank = {hole: min(place, _MOST_SLOTS) for hole, place in hole_ranks(tree).items()}
    most = max((int((np.bincount(own) > 1).sum()) for own in label), default=0)
    coloured = np.full((len(label), max(1, most)), -1, np.int16)
    for node in tree.nodes:
        token = np.searchsorted(ids, node.tokens[0])
        for part in range(int(np.searchsorted(starts, node.first)), int(np.searchsorted(starts, node.last, "right"))):
            coloured[part, label[part, token]] = rank[node.hole]
    return coloured


def hole_names(tree: Lineage) -> list[str]:
    """The name of the black hole of every colour number."""
    return [hole_name(hole) for hole in list(hole_ranks(tree))[:_MOST_SLOTS]]


def events(tree: Lineage) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """The snapshots at which black holes changed, and what happened there as a sum of bits.

    1: a hole formed of tokens that were alone; 2: holes merged; 4: a hole split or lost tokens; 8: a hole came apart; 16: a
    hole absorbed tokens that were alone.
    """
    kinds: dict[int, int] = {}
    for event in tree.events:
        if event.snapshot > 0:
            kinds[event.snapshot] = kinds.get(event.snapshot, 0) | EVENT_BITS[event.kind]
    return np.array(list(kinds), np.intp), np.array(list(kinds.values()), np.uint8)


def _thinned(
    changed: npt.NDArray[np.intp], starts: npt.NDArray[np.intp], unique: npt.NDArray[np.int64], tokens: int, budget: int
) -> tuple[npt.NDArray[np.intp], int]:
    """The snapshots that become frames, every so many of the changed ones.

    Those with a new partition are all kept while they take at most half of the budget.
    """
    pairs = np.minimum(unique, MOST_VECTORS) * (np.minimum(unique, MOST_VECTORS) - 1) // 2
    weight = 16 + 16 * unique + 4 * pairs

    def cost(kept: npt.NDArray[np.intp]) -> int:
        partitions = len(np.unique(np.searchsorted(starts, kept, "right")))
        return int(weight[kept].sum()) + 6 * tokens * partitions

    always = starts if cost(starts) <= budget // 2 else changed[:1]
    for stride in range(1, len(changed) + 1):
        kept = np.union1d(changed[::stride], always)
        if cost(kept) <= budget:
            return kept, stride
    return changed[:1], max(1, len(changed))


def with_curves(made: Reel, metrics: Mapping[str, npt.NDArray[np.float64]] | None) -> Reel:
    """The reel with loss and learning rate, each point the mean of its steps: one at the start, a 200th of the way later."""
    steps = np.empty(0) if not metrics else metrics["step"]
    starts = _widening(len(steps))
    sizes = np.diff(np.append(starts, len(steps)))
    arrays = dict(made.arrays)
    for name, column in (("loss_step", "step"), ("loss", "loss"), ("rate", "learning_rate")):
        values_of = np.add.reduceat(metrics[column], starts) / sizes if metrics and len(starts) else np.empty(0)
        arrays[name] = values_of.astype(np.float32)
    return Reel(made.header, arrays, made.tree)


def _widening(count: int) -> npt.NDArray[np.intp]:
    starts = [0] if count else []
    while starts and (following := starts[-1] + max(1, starts[-1] // 200)) < count:
        starts.append(following)
    return np.array(starts, np.intp)


def packed_blob(made: Reel, facts: Mapping[str, Any]) -> bytes:
    """The reel as one blob: length of the header (uint32), the header as JSON, then the arrays, each at a multiple of 8.

    The header's ``size`` is the bytes of the arrays: blobs may follow one another.

    Parameters
    ----------
    made : Reel
    facts : mapping
        Further values for the header.
    """
    parts, listed, at = [], {}, 0
    for name, array in made.arrays.items():
        body = np.ascontiguousarray(array).tobytes()
        listed[name] = [array.dtype.str[1:], at, array.size]
        parts.append(body.ljust(-(-len(body) // 8) * 8, b"\0"))
        at += len(parts[-1])
    text = json.dumps({**made.header, **facts, "arrays": listed, "size": at}, allow_nan=False).encode()
    text = text.ljust(-(-(4 + len(text)) // 8) * 8 - 4)
    return b"".join([struct.pack("<I", len(text)), text, *parts])
