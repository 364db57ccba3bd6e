"""What happened to the black holes of a group, in at most four sentences: beginning, extremes, end, hidden classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from ..measures.bf16 import Integers
from ..measures.census import class_sizes
from ..measures.lineage import Lineage
from ..store.history import History
from .divergence import divergence, judged
from .lineage import lineage_tree
from .per_step import step_table

_NAMED = 3


def story_of(history: History, group: str, tree: Lineage | None = None, counts: pd.DataFrame | None = None) -> str:
    """What happened to a group's black holes, in words; of a run that diverged that first, then the story until then.

    Parameters
    ----------
    tree : Lineage, optional
        :func:`~snowball_core.tables.lineage.lineage_tree` of the group, if it is known.
    counts : DataFrame, optional
        The rows of the group at the finite steps in :func:`~snowball_core.tables.per_step.step_table`, if they are known.
    """
    lost, history = divergence(history, group), judged(history)
    if not len(history.words):
        return f"{lost.text}." if lost else ""
    if counts is None:
        counts = step_table(history, families=("counts", "hidden"), groups=(group,))
    tree = tree or lineage_tree(history, group)
    events = [event.snapshot for event in tree.events if event.snapshot]
    classes, mask = None, history.mask(group)
    if history.moment_hash is not None and counts["black_holes"].iloc[-1] == 1:
        classes = class_sizes(history.words[-1][mask], history.moment_hash[-1][mask])[0]
    told = story(counts, events, group, classes)
    return f"{lost.text}. {told}" if lost else told


def story(counts: pd.DataFrame, events: Sequence[int], group: str, classes: Sequence[int] | None = None) -> str:
    """The beginning, the extremes of U in between, the end, and the hidden classes of a group.

    Parameters
    ----------
    counts : DataFrame
        One row per snapshot; columns of the families "counts" and "hidden" of
        :func:`~snowball_core.tables.per_step.step_table`.
    events : sequence of int
        The snapshot of each event of the lineage after the first snapshot, ascending.
    classes : sequence of int, optional
        Sizes of the hidden classes of the last snapshot's hole, descending, where it is the only one.

    Examples
    --------
    >>> counts = {"tokens": 3, "unique": [2, 1], "black_holes": 1, "population": [2, 3], "singletons": [1, 0]}
    >>> told = {"step": [0, 7], **counts, "sizes": ["2", "3"], "hidden_classes": 2, "true_holes": [1, 0]}
    >>> story(pd.DataFrame(told), [1], "dead", [2, 1])
    '3 dead tokens began as 2 vectors: one black hole of 2 and one single token. At step 7 they became one black hole of 3. \
This hole is apparent (2 hidden classes, of 2 and 1) and can split again; always 2 hidden classes: never a true merger.'
    """
    first, steps = counts.iloc[0], counts["step"].to_numpy()
    named = "" if group == "all" else f"{group} "
    apart = f": {_state(first)}" if first.black_holes else ""
    tokens, vectors = _many(first.tokens, f"{named}token"), _many(first["unique"], "vector")
    sentences = [f"{tokens} began as {vectors}{apart}."]
    if len(counts) == 1:
        sentences.append(f"Only step {steps[0]:,} is recorded.")
    elif not len(events):
        sentences.append(f"No change through step {steps[-1]:,}.")
    else:
        turns = _turns(counts["unique"].to_numpy(), events[-1])
        sentences += [_extremes(counts, turns)] if turns else []
        sentences.append(_end(counts, events, turns))
    if inside := _inside(counts, group, classes):
        sentences.append(inside)
    return " ".join(sentences)


def _turns(unique: Integers, last: int) -> list[int]:
    """The first snapshots with the fewest and with the most vectors, but for the first snapshot and the last event's."""
    return sorted({int(unique.argmin()), int(unique.argmax())} - {0, last})


def _extremes(counts: pd.DataFrame, turns: Sequence[int]) -> str:
    """Where U was least and most, in the order in which that happened."""
    parts = []
    for turn in turns:
        row = counts.iloc[turn]
        verb = "fell" if row["unique"] < counts["unique"].iloc[0] else "rose"
        is_short = row.black_holes <= _NAMED and row.singletons <= 1
        what = _state(row) if is_short else _many(row["unique"], "vector")
        parts.append(f"{verb} to {what} at step {row.step:,}")
    return f"They {', then '.join(parts)}."


def _end(counts: pd.DataFrame, events: Sequence[int], turns: Sequence[int]) -> str:
    """The holes from the last extreme on, the number of events, the last of them and what it left."""
    last, start = counts.iloc[events[-1]], turns[-1] if turns else 0
    state, holes = _state(last), counts["black_holes"].to_numpy()
    stayed = f", unchanged through step {counts['step'].iloc[-1]:,}" if events[-1] < len(counts) - 1 else ""
    known = {_state(counts.iloc[at]) for at in (0, *turns)}
    between = _between(counts, start, events[-1]) if turns or _leaves(holes) else ""
    if not between and state not in known:
        after = f" after {len(events):,} events" if len(events) > 1 else ""
        return f"At step {last.step:,} they became {state}{after}{stayed}."
    again = "again " if state in known else ""
    which = f"the last of {len(events):,} events" if len(events) > 1 else "one event"
    text = f"{which}, at step {last.step:,}, left {again}{state}{stayed}."
    return f"{between}; {text}" if between else text[0].upper() + text[1:]


def _leaves(holes: Integers) -> bool:
    """Whether there were ever more or fewer holes than at both ends."""
    return bool(holes.min() < min(holes[0], holes[-1]) or holes.max() > max(holes[0], holes[-1]))


def _between(counts: pd.DataFrame, start: int, stop: int) -> str:
    """The numbers of holes from a snapshot until the last event: each where they are few, else their range."""
    holes, steps = counts["black_holes"].to_numpy()[start:stop], counts["step"].to_numpy()[start:stop]
    changed = np.flatnonzero(holes[1:] != holes[:-1]) + 1
    if not len(changed):
        return ""
    then = "Then" if start else "In between"
    if len(changed) < _NAMED:
        each = [f"{_number(holes[at])} from step {steps[at]:,}" for at in changed]
        return f"{then} {_listed(each)}"
    return f"{then} {holes.min():,} to {holes.max():,} black holes"


def _number(holes: int) -> str:
    return "no black hole" if not holes else _many(holes, "black hole")


def _inside(counts: pd.DataFrame, group: str, classes: Sequence[int] | None) -> str:
    """Whether the last holes are true or apparent, and how hidden classes changed; empty where it is not known."""
    last = counts.iloc[-1]
    if pd.isna(last.true_holes) or not last.black_holes:
        return ""
    said, over = _nature(last, classes), _classes_over_time(counts, group)
    return f"{said}{f'; {over}' if over else ''}."


def _nature(last: pd.Series, classes: Sequence[int] | None) -> str:
    holes, true = int(last.black_holes), int(last.true_holes)
    if holes == 1:
        if true:
            return "This hole is true: one hidden class"
        sizes = f", of {_listed([f'{size:,}' for size in classes])}" if classes and len(classes) <= _NAMED else ""
        count = int(last.hidden_classes - last.singletons)
        return f"This hole is apparent ({count:,} hidden classes{sizes}) and can split again"
    if not true:
        return f"All {holes:,} holes are apparent and can split again"
    if true == holes:
        return f"All {holes:,} holes are true"
    return f"{true:,} of {holes:,} holes {'is' if true == 1 else 'are'} true, {holes - true:,} apparent"


def _classes_over_time(counts: pd.DataFrame, group: str) -> str:
    hidden = counts["hidden_classes"].to_numpy(np.int64)
    if len(hidden) == 1:
        return ""
    low, high = hidden.min(), hidden.max()
    if low == high:
        # Hidden classes of dead tokens never part, so a constant number means that none ever merged.
        return f"always {_many(low, 'hidden class')}" + (": never a true merger" if group == "dead" and low > 1 else "")
    if all(now <= before for before, now in pairwise(hidden)):
        return f"hidden classes fell from {high:,} to {low:,}"
    return f"between {low:,} and {high:,} hidden classes"


def _state(row: pd.Series) -> str:
    """The holes and single tokens of a snapshot."""
    alone = "one single token" if row.singletons == 1 else f"{row.singletons:,} single tokens"
    if not row.black_holes:
        return alone
    if row.black_holes == 1:
        told = f"one black hole of {row.population:,}"
    elif row.black_holes <= _NAMED:
        told = f"black holes of {_listed([f'{int(size):,}' for size in row.sizes.split()])}"
    else:
        told = f"{row.population:,} tokens in {row.black_holes:,} black holes"
    return f"{told} and {alone}" if row.singletons else told


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"
