"""The tables that fill the picture of a lineage: blocks, what is written on them, events, and where a click lands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..measures.lineage import Event, Lineage, hole_name
from .lineage_layout import Lanes
from .step_axis import StepAxis
from .theme import EVENTS, hole_colour, ink, shaded

LETTERS = {kind: letter for kind, (letter, _, _) in EVENTS.items()} | {"emission": EVENTS["fission"][0]}
HEIGHT = 420
# What a picture of usual width has between its axes, and a letter of a label in it; only labels are fitted by them.
_WIDTH, _LETTER = 760.0, 7.2
# Of the gap between holes, the line between hidden classes.
_INNER = 0.3
# No screen is wider: labels that fit only into a wider picture are left out.
_WIDEST = 4_000.0
_MOST_TARGETS = 2_500
_TARGET_COLUMNS = 60
_NAMED, _LISTED = 12, 40
Steps = npt.NDArray[np.int64]


def nature(sizes: Sequence[int]) -> str:
    """What a hole is, from the sizes of its hidden classes.

    Examples
    --------
    >>> nature([46, 5]), nature([7]), nature([])
    ('apparent: 46 + 5 hidden classes', 'true: one hidden class', 'hidden classes not recorded')
    """
    if len(sizes) < 2:
        return "true: one hidden class" if len(sizes) else "hidden classes not recorded"
    return f"apparent: {' + '.join(map(str, sizes[:_NAMED]))}{' + …' * (len(sizes) > _NAMED)} hidden classes"


def told_kinds() -> str:
    """The letters of the events with their meaning, in words."""
    return ", ".join(f"{letter} {words}" for letter, _, words in EVENTS.values())


def placed(drawn: Lanes, steps: Steps, axis: StepAxis) -> pd.DataFrame:
    """The blocks with their place: the columns of the lanes, and x0, x1, y0, y1, share0, share1, step, last_step, colour."""
    blocks = drawn.blocks.copy()
    last = blocks["last"].to_numpy(np.intp)
    begun, beyond = steps[blocks["first"].to_numpy(np.intp)], steps[np.minimum(last + 1, len(steps) - 1)]
    gap = min(1.6 * len(drawn.order) / HEIGHT, 0.25)
    x0 = axis.place(begun)
    blocks["step"], blocks["last_step"] = begun, steps[last]
    # What began with the last snapshot has no length yet; it is drawn as a sliver.
    blocks["x0"], blocks["x1"] = x0, np.maximum(axis.place(beyond), np.minimum(x0 * 1.01 + 0.004, axis.end))
    blocks["share0"], blocks["share1"] = axis.share(begun), axis.share(beyond)
    # Between hidden classes of one hole there is a thin line, between holes a gap.
    ends = blocks.groupby("node")[["top", "bottom"]].agg(set)
    inner = [ends.at[node, "top"] & ends.at[node, "bottom"] for node in blocks["node"]]
    for name, side, sign in (("y0", "top", 0.5), ("y1", "bottom", -0.5)):
        wide = [_INNER if edge in own else 1.0 for edge, own in zip(blocks[side], inner, strict=True)]
        blocks[name] = blocks[side] + sign * gap * np.array(wide)
    hues = [hole_colour(rank + 1) for rank in blocks["rank"]]
    blocks["colour"] = [shaded(hue, shade) for hue, shade in zip(hues, blocks["shade"], strict=True)]
    return blocks


def frames(blocks: pd.DataFrame) -> pd.DataFrame:
    """The outlines of the holes, a rectangle for each stretch of neighbouring rows; columns x0, x1, y0, y1."""
    found = []
    for _, own in blocks.sort_values("top").groupby("node"):
        x0, x1 = float(own["x0"].min()), float(own["x1"].max())
        stretch = (own["top"] > own["bottom"].cummax().shift(fill_value=-1.0)).cumsum()
        found += [(x0, x1, float(part["y0"].min()), float(part["y1"].max())) for _, part in own.groupby(stretch)]
    return pd.DataFrame(found, columns=["x0", "x1", "y0", "y1"])


def labels(blocks: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Labels of the blocks that are tall enough: columns x, x1 (end of the block), y, text, ink, and two widths of the picture.

    Of the labels of a block the longest that fits is drawn: from a width of ``least`` pixels, up to less than ``most``.
    """
    area = (blocks["bottom"] - blocks["top"]) * (blocks["share1"] - blocks["share0"])
    largest = [int(part.idxmax()) for _, part in area.groupby(blocks["node"])]
    written = []
    for block in blocks.loc[largest].to_dict("records"):
        share, most = block["share1"] - block["share0"], math.inf
        if (block["bottom"] - block["top"]) * HEIGHT / rows < 13 or share <= 0:
            continue
        for text in _texts(hole_name(block["hole"]), block["population"], block["classes"]):
            least = (len(text) * _LETTER + 8) / share
            if least < min(most, _WIDEST):
                middle = (block["top"] + block["bottom"]) / 2
                written.append((block["x0"], block["x1"], middle, text, ink(block["colour"]), least, min(most, 2 * _WIDEST)))
                most = least
    return pd.DataFrame(written, columns=["x", "x1", "y", "text", "ink", "least", "most"])


def _texts(name: str, population: int, sizes: Sequence[int]) -> list[str]:
    """What may be written on a block, the longest first."""
    short = f"{name} {population:,}"
    if not sizes:
        return [f"{short} tokens", short, name]
    parts = f"{' + '.join(map(str, sizes[:4]))}{' + …' * (len(sizes) > 4)}"
    kind = "true" if len(sizes) == 1 else f"apparent ({parts} hidden classes)"
    return [f"{short} tokens, {kind}", f"{short} tokens", short, name]


def marks(tree: Lineage, steps: Steps, axis: StepAxis) -> pd.DataFrame:
    """The events by step: columns x, step, letters, token, what; letters only where they do not run into those before."""
    events_at: dict[int, list[Event]] = {}
    for event in tree.events:
        if event.snapshot > 0:
            events_at.setdefault(event.snapshot, []).append(event)
    rows, free = [], -1.0
    for snapshot, events in events_at.items():
        step = int(steps[snapshot])
        kinds = [event.kind for event in events]
        letters = "".join(letter for letter in dict.fromkeys(LETTERS.values()) if letter in {LETTERS[kind] for kind in kinds})
        share, half = float(axis.share([step])[0]), len(letters) * 9 / 2 / _WIDTH
        fits = share - half > free
        free = share + half if fits else free
        node = (events[-1].children or events[-1].parents)[0]
        what = ", ".join(f"{kinds.count(kind):,} {kind}{'s' * (kinds.count(kind) > 1)}" for kind in dict.fromkeys(kinds))
        rows.append((float(axis.place([step])[0]), step, letters if fits else "", tree.nodes[node].tokens[0], what))
    return pd.DataFrame(rows, columns=["x", "step", "letters", "token", "what"])


def targets(
    blocks: pd.DataFrame, events: pd.DataFrame, tree: Lineage, steps: Steps, axis: StepAxis, names: Sequence[str], top: float
) -> pd.DataFrame:
    """Targets of clicks: pieces of blocks with the recorded step they represent, and the events above them.

    Columns x0, x1, y0, y1, step, token, what, nature, time, who. The first piece of a block is that of the step at which it
    began. ``top`` is the height of the events above the first row.
    """
    cuts = np.linspace(0, 1, (_TARGET_COLUMNS if len(blocks) * 8 < _MOST_TARGETS else 1) + 1)[1:-1]
    grid = sorted({int(steps[min(int(np.searchsorted(axis.share(steps), cut)), len(steps) - 1)]) for cut in cuts})
    rows = []
    for block in blocks.to_dict("records"):
        begun, last = block["step"], block["last_step"]
        inner = [step for step in grid if begun < step <= last]
        edges = [block["x0"], *axis.place(inner).tolist(), block["x1"]]
        tokens = tree.nodes[block["node"]].tokens
        what = f"black hole {hole_name(block['hole'])}, {block['population']:,} tokens"
        texts = (what, nature(block["classes"]), f"{begun:,} to {last:,}", named(tokens, names, _NAMED))
        for step, left, right in zip([begun, *inner], edges[:-1], edges[1:], strict=True):
            rows.append((left, right, block["top"], block["bottom"], step, block["token"], *texts))
    for event in events.to_dict("records"):
        share = float(axis.share([event["step"]])[0])
        left, right = (axis.unshare(min(max(share + side * 0.008, 0.0), 1.0)) for side in (-1, 1))
        texts = (event["what"], "", f"{event['step']:,}", names[event["token"]])
        rows.append((left, right, -top, 0, event["step"], event["token"], *texts))
    return pd.DataFrame(rows, columns=["x0", "x1", "y0", "y1", "step", "token", "what", "nature", "time", "who"])


def named(tokens: Sequence[int], names: Sequence[str], most: int) -> str:
    """The names of at most so many tokens."""
    return " ".join(names[token] for token in tokens[:most]) + (" …" if len(tokens) > most else "")


def outlines(blocks: pd.DataFrame, tree: Lineage, snapshot: int, token: int) -> pd.DataFrame:
    """The blocks of the hole that a token is in at a snapshot; columns x0, x1, y0, y1."""
    own = [i for i, node in enumerate(tree.nodes) if node.first <= snapshot <= node.last and token in node.tokens]
    return blocks.loc[blocks["node"].isin(own), ["x0", "x1", "y0", "y1"]]


def chosen_rows(drawn: Lanes, chosen: Sequence[int]) -> pd.DataFrame:
    """The rows of some tokens; column y."""
    return pd.DataFrame({"y": np.flatnonzero(np.isin(drawn.order, list(chosen))) + 0.5})


def told_events(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Table of events: populations before and after, and the cause; ``token`` is a member to be selected."""
    columns = ["step", "event", "populations", "cause", "differed since", "after", "tokens", "token"]
    lines = []
    for row in rows:
        before, later = (" + ".join(f"{len(hole):,}" for hole in row[side]) for side in ("parents", "children"))
        arrow = f"{before or 'singles'} → {later or 'singles'}"
        token = (row["children"] or row["parents"])[0][0]
        who = named(row["tokens"], names, _LISTED)
        event = f"{LETTERS[row['kind']]} {row['kind']}"
        lines.append((row["step"], event, arrow, row["cause"], row["differed_since"], row["previous_step"], who, token))
    return pd.DataFrame(lines, columns=columns).astype({"after": "Int64", "differed since": "Int64"})
