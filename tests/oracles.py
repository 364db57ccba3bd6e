"""Every measure the plainest way: loops over tokens and components in Python's integers and floats.

Nothing here calls the core or takes a short cut; a matrix comes as ``uint16`` (bfloat16 bits) or ``float32`` words.
"""

from __future__ import annotations

import itertools
import math
import statistics
import struct
from collections import Counter
from fractions import Fraction

NAN = math.nan


def patterns(matrix):
    """The bits of every component as Python integers."""
    return matrix.view(f"<u{matrix.itemsize}").tolist()


def number(pattern, size):
    """The number a pattern of 2 or 4 bytes stands for."""
    return struct.unpack("<f", struct.pack("<I", pattern if size == 4 else pattern << 16))[0]


def place(pattern, size):
    """The place of a pattern on the number line: how many steps from zero."""
    sign = 1 << (8 * size - 1)
    return pattern if pattern < sign else sign - pattern


def numbers(matrix):
    return [[number(word, matrix.itemsize) for word in row] for row in patterns(matrix)]


def places(matrix):
    return [[place(word, matrix.itemsize) for word in row] for row in patterns(matrix)]


def cast(pattern):
    """A float32 pattern rounded to bfloat16 by comparing exact fractions, ties to even."""
    value, below = number(pattern, 4), pattern >> 16
    if math.isnan(value):
        return below | 0x40
    if math.isinf(value):
        return below
    # The pattern after the largest number counts as 2 ** 128 while rounding.
    low, high = (abs(number(p, 2)) if p & 0x7FFF < 0x7F80 else 2**128 for p in (below, below + 1))
    to_low, to_high = abs(Fraction(value)) - Fraction(low), Fraction(high) - abs(Fraction(value))
    return below if to_low < to_high or (to_low == to_high and below % 2 == 0) else below + 1


# Who is one vector.


def partition(keys):
    """Lists of tokens with equal keys, in the order of their first tokens."""
    found = {}
    for token, key in enumerate(keys):
        found.setdefault(key, []).append(token)
    return list(found.values())


def counted(matrix):
    """The census of a matrix."""
    sizes = sorted((len(tokens) for tokens in partition(map(tuple, patterns(matrix)))), reverse=True)
    holes = [size for size in sizes if size > 1]
    shares = [size / len(matrix) for size in sizes]
    return {
        "tokens": len(matrix),
        "unique": len(sizes),
        "black_holes": len(holes),
        "population": sum(holes),
        "singletons": sizes.count(1),
        "largest": max(holes, default=0),
        "sizes": " ".join(map(str, holes)),
        "effective": math.exp(-math.fsum(p * math.log(p) for p in shares)) if shares else 0.0,
    }


def hidden(matrix, moments):
    """Hidden classes, true holes and apparent holes."""
    pairs = list(zip(map(tuple, patterns(matrix)), moments.tolist(), strict=True))
    holes = [tokens for tokens in partition([row for row, _ in pairs]) if len(tokens) > 1]
    apparent = sum(len({pairs[token] for token in tokens}) > 1 for tokens in holes)
    return {"hidden_classes": len(set(pairs)), "true_holes": len(holes) - apparent, "apparent_holes": apparent}


def by_value(matrix):
    """Distinct rows by number: each counts unless it equals an earlier one."""
    rows = numbers(matrix)
    return sum(
        not any(all(a == b for a, b in zip(row, other, strict=True)) for other in rows[:i]) for i, row in enumerate(rows)
    )


def by_cast(matrix):
    rows = patterns(matrix)
    return len({tuple(map(cast, row)) if matrix.itemsize == 4 else tuple(row) for row in rows})


def has_nan(row):
    return any(math.isnan(x) for x in row)


def special(matrix):
    zero = 1 << (8 * matrix.itemsize - 1)
    return {
        "minus_zero_rows": sum(zero in row for row in patterns(matrix)),
        "nan_rows": sum(map(has_nan, numbers(matrix))),
    }


def flooded(matrix, cells=1):
    """Components of the graph joining distinct rows at most so many cells apart, as sets of tokens; a NaN touches nobody."""
    rows, where, values = patterns(matrix), places(matrix), numbers(matrix)

    def near(i, j):
        if rows[i] == rows[j]:
            return True
        apart = max(abs(a - b) for a, b in zip(where[i], where[j], strict=True))
        return apart <= cells and not has_nan(values[i]) and not has_nan(values[j])

    left, components = set(range(len(rows))), []
    while left:
        open_, found = [left.pop()], set()
        while open_:
            here = open_.pop()
            found.add(here)
            joined = {other for other in left if near(here, other)}
            left -= joined
            open_ += joined
        components.append(found)
    return components


# How far apart.

METRICS = {
    "linf": lambda d: NAN if has_nan(d) else max(d),
    "l1": lambda d: sum(d),
    "l2": lambda d: math.sqrt(sum(x * x for x in d)),
    "hamming": lambda d: NAN if has_nan(d) else sum(x != 0 for x in d),
}


def apart(a, b):
    """How far two numbers are apart; equal ones not at all, infinite ones too."""
    return 0.0 if a == b else abs(a - b)


def pairs(matrix, metric, unit):
    """The distance of every pair of tokens; NaN where one of two different rows holds a NaN."""
    bits, values = patterns(matrix), numbers(matrix)
    points = values if unit == "weight" else places(matrix)
    found = []
    for i, j in itertools.combinations(range(len(bits)), 2):
        if bits[i] == bits[j]:
            found.append(0)
        elif has_nan(values[i]) or has_nan(values[j]):
            found.append(NAN)
        else:
            found.append(METRICS[metric]([apart(a, b) for a, b in zip(points[i], points[j], strict=True)]))
    return found


def spread(distances):
    """Minimum, maximum, mean and median of distances; NaN if there is none or one of them is none."""
    if not distances or has_nan(distances):
        return [NAN] * 4
    return [min(distances), max(distances), sum(distances) / len(distances), statistics.median(distances)]


def extent(matrix):
    """How large the rows' cloud is: the columns of the table of steps, and the parts they are made of."""
    count, columns = len(matrix), [list(column) for column in zip(*numbers(matrix), strict=True)]
    lines = [list(line) for line in zip(*places(matrix), strict=True)] or [[0]] * matrix.shape[1]
    spanned = [max(abs(a - b) for a in line for b in line) for line in lines]
    centroid = [math.fsum(column) / count for column in columns] or [NAN] * matrix.shape[1]
    squares = [math.fsum((x - mean) ** 2 for x in column) / count for column, mean in zip(columns, centroid, strict=False)]
    spread = [math.sqrt(square) for square in squares] or [0.0] * matrix.shape[1]
    return {
        "largest_linf_weight": max((apart(a, b) for column in columns for a in column for b in column), default=0.0),
        "largest_linf_cells": max(spanned),
        "active_dimensions": sum(span > 0 for span in spanned),
        "spanned_cells": spanned,
        "centroid": centroid,
        "centroid_length_weight": math.sqrt(math.fsum(x * x for x in centroid)),
        "radius_rms_weight": math.sqrt(math.fsum(squares)),
        "spread": spread,
        "widest_spread_weight": max(spread),
    }


def separation(first, second):
    one, other = extent(first)["centroid"], extent(second)["centroid"]
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(one, other, strict=True)))


# Who moves.


def displaced(then, now):
    """For every token: has a bit changed, Euclidean length, farthest and summed cells, and the difference itself."""
    found = []
    for was, is_, old, new, a, b in zip(
        patterns(then), patterns(now), numbers(then), numbers(now), places(then), places(now), strict=True
    ):
        cells = [abs(y - x) for x, y in zip(a, b, strict=True)]
        delta = [y - x if was != is_ else 0.0 for x, y in zip(old, new, strict=True)]
        found.append((was != is_, math.sqrt(math.fsum(x * x for x in delta)), max(cells), sum(cells), delta))
    return found


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
        not any(moved[-1]),
        largest,
        largest == 0 if after else None,
    )


# Black holes through time.


def holes(matrix, group):
    """The black holes among a group's tokens."""
    rows, tokens = patterns(matrix), [token for token, is_in in enumerate(group) if is_in]
    found = partition(tuple(rows[token]) for token in tokens)
    return frozenset(tuple(tokens[i] for i in part) for part in found if len(part) > 1)


def names(partitions):
    """The identity of every hole at every snapshot: the parent's for the child that shares most, smallest tokens first."""
    told, given, before = [], 0, {}
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
        told.append(kept)
        before = kept
    return told


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
