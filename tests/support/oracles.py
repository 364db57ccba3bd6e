"""Every measure the plainest way: loops over tokens and components in Python's integers and floats.

Nothing here calls the core or takes a short cut; a matrix comes as ``uint16`` (bfloat16 bits) or ``float32`` words.
"""

from __future__ import annotations

import itertools
import math
import statistics
import struct
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
    parts = {}
    for token, key in enumerate(keys):
        parts.setdefault(key, []).append(token)
    return list(parts.values())


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
        open_, reached = [left.pop()], set()
        while open_:
            here = open_.pop()
            reached.add(here)
            joined = {other for other in left if near(here, other)}
            left -= joined
            open_ += joined
        components.append(reached)
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
    """The distance of every pair of tokens; NaN where one of them holds a NaN."""
    bits, values = patterns(matrix), numbers(matrix)
    points = values if unit == "weight" else places(matrix)
    pairs_of_rows = []
    for i, j in itertools.combinations(range(len(bits)), 2):
        if has_nan(values[i]) or has_nan(values[j]):
            pairs_of_rows.append(NAN)
        elif bits[i] == bits[j]:
            pairs_of_rows.append(0)
        else:
            pairs_of_rows.append(METRICS[metric]([apart(a, b) for a, b in zip(points[i], points[j], strict=True)]))
    return pairs_of_rows


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


def participation_ratio(matrix):
    """(Σ λ)² / Σ λ² of the rows' covariance, in exact fractions: the squared trace over the sum of its squared entries."""
    rows = numbers(matrix)
    if not rows or any(not math.isfinite(x) for row in rows for x in row):
        return NAN
    columns = [[Fraction(x) - sum(map(Fraction, column)) / len(rows) for x in column] for column in zip(*rows, strict=True)]
    products = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in columns] for one in columns]
    squares = sum(product**2 for line in products for product in line)
    return float(sum(products[i][i] for i in range(len(products))) ** 2 / squares) if squares else NAN


def separation(first, second):
    one, other = extent(first)["centroid"], extent(second)["centroid"]
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(one, other, strict=True)))


def rebuilt(tree):
    """The black holes at every snapshot of a lineage, rebuilt from its events alone."""
    partitions, holes = [], set()
    for snapshot in range(tree.snapshots):
        now = [event for event in tree.events if event.snapshot == snapshot]
        ended = {tree.nodes[index].tokens for event in now for index in event.parents}
        holes = (holes - ended) | {tree.nodes[index].tokens for event in now for index in event.children}
        partitions.append(frozenset(holes))
    return partitions
