"""What happened to the black holes of a group, in at most four sentences: beginning, extremes, end, hidden classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..measures.bf16 import Integers
from ..measures.census import Census, HiddenCounts, class_sizes, hidden_counts, hidden_leaders, history_leaders
from ..measures.lineage import Lineage
from ..store.history import History
from .divergence import divergence, judged
from .lineage import jiggled, lineage_tree
from .text import many

_NAMED = 3


def story_of(history: History, group: str, tree: Lineage | None = None) -> str:
    """What happened to a group's black holes, in words; of a run that diverged that first, then the story until then.

    ``tree`` is :func:`~snowball_core.tables.lineage.lineage_tree` of the group, if it is known.
    """
    lost, history = divergence(history, group), judged(history)
    if not len(history.words):
        return f"{lost.text}." if lost else ""
    tree, mask = tree or lineage_tree(history, group), history.mask(group)
    path = _path(tree, history.steps, int(mask.sum()), f"{group} " * (group != "all"))
    last = path.census(len(history.words) - 1)
    hidden = classes = None
    if history.moment_hash is not None:
        ends = np.ascontiguousarray(history.words[[0, -1]][:, mask]), history.moment_hash[[0, -1]][:, mask]
        leader = history_leaders(ends[0])
        hidden = hidden_counts(leader, hidden_leaders(leader, ends[1]))
        classes = class_sizes(ends[0][-1], ends[1][-1])[0] if last.black_holes == 1 else None
    # Hidden classes of dead tokens never part, unless noise parts them: as many at both ends means that none ever merged.
    kept = group == "dead" and jiggled(history) is None
    text = " ".join([*_happened(path), *_inside(last, hidden, classes, kept, len(history.steps) > 1)])
    return f"{lost.text}. {text}" if lost else text


@dataclass(frozen=True)
class _Path:
    """The counts of a group at every snapshot, ``holes`` and ``unique``, and the snapshot of each event after the first."""

    tree: Lineage
    steps: Integers
    tokens: int
    named: str
    holes: Integers
    unique: Integers
    events: tuple[int, ...]

    def census(self, at: int) -> Census:
        """The census of a snapshot."""
        sizes = tuple(sorted((node.population for node in self.tree.nodes if node.first <= at <= node.last), reverse=True))
        population = sum(sizes)
        return Census(self.tokens, int(self.unique[at]), len(sizes), population, self.tokens - population, sizes)


def _path(tree: Lineage, steps: Integers, tokens: int, named: str) -> _Path:
    """The counts of a group from the intervals of its holes."""
    nodes = np.array([(node.first, node.last + 1, node.population) for node in tree.nodes], np.int64).reshape(-1, 3)
    change = np.zeros((len(steps) + 1, 2), np.int64)
    births = np.stack([np.ones(len(nodes), np.int64), nodes[:, 2]], axis=1)
    np.add.at(change, nodes[:, 0], births)
    np.subtract.at(change, nodes[:, 1], births)
    holes, population = change[:-1].cumsum(axis=0).T
    events = tuple(event.snapshot for event in tree.events if event.snapshot)
    return _Path(tree, steps, tokens, named, holes, tokens - population + holes, events)


def _happened(path: _Path) -> list[str]:
    """The beginning, the extremes of U in between and the end."""
    first, steps = path.census(0), path.steps
    apart = f": {_state(first)}" if first.black_holes else ""
    vectors = many(first.unique, "vector")
    sentences = [f"{many(first.tokens, f'{path.named}token')} began as {vectors}{apart}."]
    if len(steps) == 1:
        return [*sentences, f"Only step {steps[0]:,} is recorded."]
    if not path.events:
        return [*sentences, f"No change through step {steps[-1]:,}."]
    turns = sorted({int(path.unique.argmin()), int(path.unique.argmax())} - {0, path.events[-1]})
    return [*sentences, *([_extremes(path, turns)] if turns else []), _end(path, turns)]


def _extremes(path: _Path, turns: Sequence[int]) -> str:
    """Where U was least and most, in the order in which that happened."""
    parts = []
    for turn in turns:
        counts = path.census(turn)
        verb = "fell" if counts.unique < path.unique[0] else "rose"
        is_short = counts.black_holes <= _NAMED and counts.singletons <= 1
        what = _state(counts) if is_short else many(counts.unique, "vector")
        parts.append(f"{verb} to {what} at step {path.steps[turn]:,}")
    return f"They {', then '.join(parts)}."


def _end(path: _Path, turns: Sequence[int]) -> str:
    """The holes from the last extreme on, the number of events, the last of them and what it left."""
    count, last, holes = len(path.events), path.events[-1], path.holes
    state, known = _state(path.census(last)), {_state(path.census(at)) for at in (0, *turns)}
    stayed = f", unchanged through step {path.steps[-1]:,}" if last < len(holes) - 1 else ""
    leaves = holes.min() < min(holes[0], holes[-1]) or holes.max() > max(holes[0], holes[-1])
    between = _between(path, turns[-1] if turns else 0, last) if turns or leaves else ""
    if not between and state not in known:
        after = f" after {count:,} events" if count > 1 else ""
        return f"At step {path.steps[last]:,} they became {state}{after}{stayed}."
    which = f"the last of {count:,} events" if count > 1 else "one event"
    text = f"{which}, at step {path.steps[last]:,}, left {'again ' * (state in known)}{state}{stayed}."
    return f"{between}; {text}" if between else text[0].upper() + text[1:]


def _between(path: _Path, start: int, stop: int) -> str:
    """The numbers of holes from a snapshot until the last event: each where they are few, else their range."""
    holes, steps = path.holes[start:stop], path.steps[start:stop]
    changed = np.flatnonzero(holes[1:] != holes[:-1]) + 1
    then = "Then" if start else "In between,"
    if not len(changed):
        return ""
    if len(changed) < _NAMED:
        each = [f"{many(holes[at], 'black hole') if holes[at] else 'no black hole'} from step {steps[at]:,}" for at in changed]
        return f"{then} {_listed(each)}"
    return f"{then} {holes.min():,} to {holes.max():,} black holes"


def _inside(last: Census, hidden: HiddenCounts | None, classes: Sequence[int] | None, kept: bool, later: bool) -> list[str]:
    """Whether the last holes are true or apparent, and the hidden classes at first and at last.

    ``classes`` are the sizes of the hidden classes of the only hole; ``kept`` says that hidden classes never part, ``later``
    that the last snapshot is not the first.
    """
    if hidden is None or not last.black_holes:
        return []
    nature = _nature(last.black_holes, int(hidden.true_holes[-1]), classes)
    if not later:
        return [f"{nature}."]
    first, end = hidden.hidden_classes.tolist()
    over = f"hidden classes {'fell' if end < first else 'rose'} from {first:,} to {end:,}"
    if first == end:
        over = f"{many(first, 'hidden class')} at first and at last" + ": never a true merger" * (kept and first > 1)
    return [f"{nature}; {over}."]


def _nature(holes: int, true: int, classes: Sequence[int] | None) -> str:
    if holes == true:
        return "This hole is true: one hidden class" if holes == 1 else f"All {holes:,} holes are true"
    if classes:
        sizes = f", of {_listed([f'{size:,}' for size in classes])}" if len(classes) <= _NAMED else ""
        return f"This hole is apparent ({len(classes):,} hidden classes{sizes}) and can split again"
    if not true:
        return f"All {holes:,} holes are apparent and can split again"
    return f"{true:,} of {holes:,} holes {'is' if true == 1 else 'are'} true, {holes - true:,} apparent"


def _state(counts: Census) -> str:
    """The holes and single tokens of a snapshot."""
    alone = "one single token" if counts.singletons == 1 else f"{counts.singletons:,} single tokens"
    if not counts.black_holes:
        return alone
    if counts.black_holes == 1:
        text = f"one black hole of {counts.largest:,}"
    elif counts.black_holes <= _NAMED:
        text = f"black holes of {_listed([f'{size:,}' for size in counts.sizes])}"
    else:
        text = f"{counts.population:,} tokens in {counts.black_holes:,} black holes"
    return f"{text} and {alone}" if counts.singletons else text


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
