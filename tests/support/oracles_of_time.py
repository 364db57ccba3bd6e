"""Every measure of motion and of history the plainest way; like oracles.py, it calls nothing of the core."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import oracles
from oracles import NAN, by_cast, by_value, counted, extent, hidden, numbers, partition, patterns, places, separation, special


def displaced(then, now):
    """For every token: has a bit changed, Euclidean length, farthest and summed cells, and the difference itself."""
    moves = []
    for was, is_, old, new, a, b in zip(
        patterns(then), patterns(now), numbers(then), numbers(now), places(then), places(now), strict=True
    ):
        cells = [abs(y - x) for x, y in zip(a, b, strict=True)]
        delta = [y - x if was != is_ else 0.0 for x, y in zip(old, new, strict=True)]
        moves.append((was != is_, math.sqrt(math.fsum(x * x for x in delta)), max(cells), sum(cells), delta))
    return moves


def drift(then, now):
    """Bulk and thermal displacement and coherence of the rows as a group."""
    moves, count = displaced(then, now), len(then)
    mean = [math.fsum(column) / count for column in zip(*(move[4] for move in moves), strict=True)] if count else []
    bulk = math.sqrt(math.fsum(x * x for x in mean))
    heat = [math.fsum((x - m) ** 2 for x, m in zip(move[4], mean, strict=True)) for move in moves]
    cosines = [
        math.fsum(x * m for x, m in zip(move[4], mean, strict=True)) / (move[1] * bulk) for move in moves if move[1] > 0 < bulk
    ]
    thermal = math.sqrt(math.fsum(heat) / count) if count else 0.0
    return bulk, thermal, math.fsum(cosines) / len(cosines) if cosines else NAN


def regime(move):
    """The regime of one token's move."""
    if not move[0]:
        return "frozen"
    if move[3] <= 1:
        return "one_cell"
    return "neighbour" if move[2] <= 1 else "further"


def freezing(moved, cells, steps, rates):
    """The steps after which a group is frozen by three definitions, in exact fractions; then the learning rate afterwards."""
    tokens, count = len(moved[0]), len(steps)
    change = max((t for t in range(count) if any(moved[t])), default=0)
    mostly = max((t for t in range(count) if tokens and Fraction(tokens - sum(moved[t]), tokens) < Fraction(9, 10)), default=0)

    def path_until(when):
        """Cells moved by the tokens together until a moment, even between snapshots."""
        total = Fraction(0)
        for t in range(1, count):
            share = Fraction(min(when, steps[t]) - steps[t - 1], steps[t] - steps[t - 1])
            total += sum(cells[t]) * max(share, Fraction(0))
        return total

    slow = max((t for t in range(count) if tokens and path_until(steps[t]) - path_until(steps[t] - 100) >= tokens), default=0)
    after = [rate for step, rate in rates if steps[change] < step <= steps[-1]]
    largest = max(after, default=NAN)
    return (
        *(steps[t] for t in (change, mostly, slow)),
        count > 1 and not any(moved[-1]),
        largest,
        largest == 0 if after else None,
    )


# Black holes through time.


def holes(matrix, group):
    """The black holes among a group's tokens."""
    rows, tokens = patterns(matrix), [token for token, is_in in enumerate(group) if is_in]
    parts = partition(tuple(rows[token]) for token in tokens)
    return frozenset(tuple(tokens[i] for i in part) for part in parts if len(part) > 1)


def names(partitions):
    """The identity of every hole at every snapshot: the parent's for the child that shares most, smallest tokens first."""
    names_of, given, before = [], 0, {}
    for now in partitions:
        kept = {hole: before[hole] for hole in now if hole in before}
        fresh, gone = [hole for hole in now if hole not in before], [hole for hole in before if hole not in now]
        while links := [
            (-len(set(child) & set(parent)), child[0], parent[0], child, parent)
            for child in fresh for parent in gone
            if set(child) & set(parent) and child not in kept
        ]:  # fmt: skip
            *_, child, parent = min(links)
            kept[child] = before[parent]
            gone.remove(parent)
        for hole in sorted((hole for hole in fresh if hole not in kept), key=lambda hole: (-len(hole), hole[0])):
            given += 1
            kept[hole] = given
        names_of.append(kept)
        before = kept
    return names_of


def flows(partitions):
    """Tokens that joined and parted between snapshots, by kind of event."""
    moved = Counter()
    for before, now in itertools.pairwise(partitions):
        for one, other, (alone, some, several) in (
            (before, now, ("formation", "absorption", "coalescence")),
            (now, before, ("evaporation", "emission", "fission")),
        ):
            for hole in other - one:
                shares = [len(set(hole) & set(source)) for source in one if set(hole) & set(source)]
                lonely = len(hole) - sum(shares)
                moved[some if shares else alone] += lonely
                moved[several] += sum(shares) - max(shares) if len(shares) > 1 else 0
    return moved


# Rows of tables.

SHARES = (10, 50, 90, 100)


def exceeded_by_the_rest(amounts, share):
    """The smallest of the amounts that at least so many of a hundred do not exceed; 0 if there are none."""
    return min((x for x in amounts if 100 * sum(y <= x for y in amounts) >= share * len(amounts)), default=0)


def step_row(before, now, gap, mask, dead=None, moments=None):
    """The columns of the table of steps for one snapshot and group; ``before`` is None at the first snapshot."""
    rows = now[mask]
    was = rows if before is None else before[mask]
    kinds, moves = [regime(move) for move in displaced(was, rows)], displaced(was, rows)
    bulk, thermal, coherence = drift(was, rows)
    classes = {"hidden_classes": None, "true_holes": None, "apparent_holes": None}
    wide = {name: value for name, value in extent(rows).items() if name not in ("spanned_cells", "centroid", "spread")}
    return {
        **counted(rows),
        **(classes if moments is None else hidden(rows, moments[mask])),
        **{"unique_values": by_value(rows), "unique_bf16": by_cast(rows), **special(rows)},
        **wide,
        "live_dead_separation_weight": NAN if dead is None else separation(now[dead], now[~dead]),
        "moved": len(kinds) - kinds.count("frozen"),
        **{name: kinds.count(name) for name in ("frozen", "one_cell", "neighbour", "further")},
        **{"bulk_speed_weight": bulk / gap, "thermal_speed_weight": thermal / gap, "coherence": coherence},
        "mean_displacement_cells": sum(move[2] for move in moves) / max(1, len(moves)),
        **{f"displacement_cells_p{share}": exceeded_by_the_rest([move[2] for move in moves], share) for share in SHARES},
        **{f"displacement_weight_p{share}": exceeded_by_the_rest([move[1] for move in moves], share) for share in SHARES},
        "participation_ratio": oracles.participation_ratio(rows),
    }


def token_row(history, steps, token):
    """The columns of the table of tokens for one token."""
    moves = [displaced(a[token : token + 1], b[token : token + 1])[0] for a, b in itertools.pairwise(history)]
    when = [int(steps[t]) for t, move in enumerate(moves, 1) if move[0]]
    net = displaced(history[0][token : token + 1], history[-1][token : token + 1])[0][1]
    path = math.fsum(move[1] for move in moves)
    return {
        "token": token,
        "first_move": when[0] if when else -1,
        "last_move": when[-1] if when else -1,
        "moves": len(when),
        "path_weight": path,
        "net_weight": net,
        "straightness": net / path if path else NAN,
        "path_cells": sum(move[2] for move in moves),
    }
