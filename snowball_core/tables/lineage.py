"""Tables of the lineage: events with their causes, nodes, edges, a tree for ytree, the biography of a token."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.bf16 import Integers, Leaders, Truths
from ..measures.biography import PARTINGS, Cause, Parting, Stay, biographies, biography, cause
from ..measures.census import Hidden, hidden_leaders, history_leaders
from ..measures.identity import leaders
from ..measures.lineage import Event, Lineage, lineage_of, partition_changes
from ..measures.motion import first_moves, last_moves
from ..memory import Progress, silent
from ..store.history import History
from .blocks import history_blocks
from .divergence import judged
from .motion import moves_of_token, token_motion

EVENT_COLUMNS = (
    *("step", "kind", "parents", "children", "tokens", "cause", "previous_step", "parent_holes", "child_holes"),
    *("hidden_classes", "differed_since", "shared_since", "violation"),
)


@dataclass(frozen=True)
class Account:
    """The lineage of a group with the cause of every parting, each beside its event."""

    tree: Lineage
    causes: tuple[Cause | None, ...]


def account(history: History, group: str, progress: Progress = silent) -> Account:
    """The lineage of a group's black holes, and why they came apart where they did; up to the last finite step.

    Rows of a run that diverged are no black hole: what became of them is not followed.
    """
    history = judged(history)
    tree = lineage_of(_leaders(history, progress), history.mask(group))
    causes: list[Cause | None] = []
    for now, events in itertools.groupby(tree.events, key=lambda event: event.snapshot):
        causes += _causes(history, tree, now, list(events))
    return Account(tree, tuple(causes))


def _leaders(history: History, progress: Progress) -> Iterator[Leaders]:
    """The leaders of a history, block by block."""
    for part in history_blocks(history, progress):
        yield history_leaders(history.words[part])


def _causes(history: History, tree: Lineage, now: int, events: list[Event]) -> list[Cause | None]:
    """The causes of what came apart at one snapshot; None for events of another kind."""
    if not any(event.kind in PARTINGS for event in events):
        return [None] * len(events)
    before, after = leaders(history.words[now - 1 : now + 1])
    moments = None if history.moment_hash is None else history.moment_hash[now - 1 : now]
    parting = Parting(after, None if moments is None else hidden_leaders(before[None], moments)[0])
    return [cause(tree, event, parting, history.moment_hash, history.dead, jiggled(history)) for event in events]


def hidden_of(history: History, group: str, progress: Progress = silent) -> Hidden | None:
    """The hidden classes of a group's tokens where they change; None where moments were not recorded.

    Tokens outside the group are in no class: −1.
    """
    if history.moment_hash is None:
        return None
    mask, before = history.mask(group), None
    at: list[npt.NDArray[np.intp]] = []
    kept: list[Leaders] = []
    for part in history_blocks(history, progress):
        hidden = hidden_leaders(history_leaders(history.words[part]), history.moment_hash[part])
        changed = partition_changes(hidden, mask, before)
        at.append(part.start + changed)
        kept.append(np.where(mask, hidden[changed], -1).astype(np.int32))
        before = hidden[-1]
    return Hidden(np.concatenate(at), np.concatenate(kept))


def jiggled(history: History) -> Truths | None:
    """The tokens whose rows are given noise at every step of some part of the run; None if none are."""
    parts = [part for part in (history.config, *history.past) if part is not None and part.jiggle_sigma > 0]
    if not parts:
        return None
    everyone = any(part.jiggle_rows == "all" for part in parts)
    return np.ones(history.words.shape[1], np.bool_) if everyone else history.dead


def event_rows(lineage: Account, steps: Integers) -> list[dict[str, Any]]:
    """One row per event, ordered by step; columns :data:`EVENT_COLUMNS`.

    ``parents`` and ``children`` are lists of token lists, ``parent_holes`` and ``child_holes`` the same holes' identities.
    ``previous_step`` is the recorded step before: what happened, happened after it and not later than ``step``.
    """
    nodes, at = lineage.tree.nodes, [*steps.tolist()]
    rows = []
    for event, why in zip(lineage.tree.events, lineage.causes, strict=True):
        first = event.snapshot == 0
        text = why.text if why else "present in the first snapshot" if first else ""
        values: tuple[Any, ...] = (
            *(at[event.snapshot], event.kind),
            *([list(nodes[i].tokens) for i in side] for side in (event.parents, event.children)),
            *(list(event.tokens), text, None if first else at[event.snapshot - 1]),
            *([nodes[i].hole for i in side] for side in (event.parents, event.children)),
            [list(tokens) for tokens in why.classes] if why else [],
            *(None if why is None or i is None else at[i] for i in ((why.differed_since, why.shared_since) if why else (0, 0))),
            list(why.violation) if why else [],
        )
        rows.append(dict(zip(EVENT_COLUMNS, values, strict=True)))
    return rows


def _joined(cell: Any) -> Any:
    if not isinstance(cell, list):
        return cell
    return (
        "|".join(" ".join(map(str, part)) for part in cell) if cell and isinstance(cell[0], list) else " ".join(map(str, cell))
    )


def event_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The rows of :func:`event_rows` as a table: tokens separated by spaces, holes by ``|``."""
    table = pd.DataFrame([{name: _joined(cell) for name, cell in row.items()} for row in rows], columns=list(EVENT_COLUMNS))
    whole = ["previous_step", "differed_since", "shared_since"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def node_table(tree: Lineage, steps: Integers) -> pd.DataFrame:
    """One row per node: its number, the hole it is, the recorded steps it lived through, its population and tokens."""
    return pd.DataFrame(
        {
            "node": np.arange(len(tree.nodes)),
            "hole": np.array([node.hole for node in tree.nodes], np.int64),
            "first_step": steps[[node.first for node in tree.nodes]],
            "last_step": steps[[node.last for node in tree.nodes]],
            "population": np.array([node.population for node in tree.nodes], np.int64),
            "tokens": [" ".join(map(str, node.tokens)) for node in tree.nodes],
        }
    )


def edge_table(tree: Lineage, steps: Integers) -> pd.DataFrame:
    """One row per edge: parent and child node, the step at which the child began, and how many tokens they share."""
    columns = ("parent", "child", "step", "shared")
    rows = [(edge.parent, edge.child, steps[tree.nodes[edge.child].first], edge.shared) for edge in tree.edges]
    return pd.DataFrame(rows, columns=list(columns)).astype("int64")


def ytree_csv(tree: Lineage, steps: Integers) -> str:
    """The lineage as a CSV file that ytree's generic reader loads: every node with its one descendant.

    ytree has mergers only: of a fission the descendant is the child that shares most tokens (ties: the smallest token), the
    others appear without progenitors. Time runs towards redshift 0: ``redshift`` is the number of recorded snapshots still to
    come.

    References
    ----------
    https://ytree.readthedocs.io (the CSV format: three header lines of names, types and units)
    """
    heirs: dict[int, int] = {}
    for edge in sorted(tree.edges, key=lambda edge: (-edge.shared, tree.nodes[edge.child].tokens)):
        heirs.setdefault(edge.parent, edge.child)
    lines = ["#uid,desc_uid,mass,redshift,hole,step", "#INT,INT,FLOAT,FLOAT,INT,INT", "#None,None,None,None,None,None"]
    for index, node in enumerate(tree.nodes):
        to_come = float(tree.snapshots - 1 - node.last)
        heir = heirs.get(index, -1)
        lines.append(f"{index},{heir},{float(node.population)},{to_come},{node.hole},{steps[node.first]}")
    return "\n".join(lines) + "\n"


def biography_table(lineage: Account, history: History, token: int) -> pd.DataFrame:
    """The rows of :func:`biographies_table` of one token, and the largest population of each hole during the stay."""
    stays, history = biography(lineage.tree, token), judged(history)
    moved = moves_of_token(history, token)[:, None]
    largest = np.array([_largest(lineage.tree, stay.hole, stay.first, stay.last) for stay in stays], np.int64)
    table = _stay_table([(token, stay) for stay in stays], history.steps).assign(largest_population=largest)
    return table.assign(first_move=first_moves(moved, history.steps)[0], last_move=last_moves(moved, history.steps)[0])


def _largest(tree: Lineage, hole: int, first: int, last: int) -> int:
    return max(node.population for node in tree.nodes if node.hole == hole and node.first <= last and node.last >= first)


def biographies_table(lineage: Account, history: History) -> pd.DataFrame:
    """One row per token and stay in a black hole: the hole, and the recorded steps it joined and left.

    ``left`` is the first recorded step at which it was no longer there; empty if it still is. ``first_move`` and ``last_move``
    are the token's, −1 if it never moved. Of a run that diverged all are as of the last finite step.
    """
    history = judged(history)
    rows = [(token, stay) for token, stays in biographies(lineage.tree).items() for stay in stays]
    table = _stay_table(rows, history.steps)
    return table.merge(token_motion(history)[["token", "first_move", "last_move"]], on="token", how="left")


def _stay_table(stays: Sequence[tuple[int, Stay]], steps: Integers) -> pd.DataFrame:
    beyond = [stay.last + 1 for _, stay in stays]
    return pd.DataFrame(
        {
            "token": np.array([token for token, _ in stays], np.int64),
            "hole": np.array([stay.hole for _, stay in stays], np.int64),
            "joined": steps[[stay.first for _, stay in stays]],
            "left": pd.array([int(steps[i]) if i < len(steps) else None for i in beyond], "Int64"),
        }
    )
