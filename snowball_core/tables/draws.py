"""Which of several runs are one draw, which have the same bits, in what their matrices differ, and which runs are near one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config_checks import NOT_THE_EXPERIMENT
from ..errors import RunError, SnowballError
from ..measures.bf16 import Words, format_of
from ..store.origin import origin_of
from ..store.run_folder import Run, open_run, read_run
from ..store.run_listing import run_paths

# The seed does change which draw a run is; the text counts by its bytes.
NO_PART = (*(name for name in NOT_THE_EXPERIMENT if name != "seed"), "corpus", "corpus_errors")
TEXT, FORK = "text_sha256", "forked from"
DUPLICATE, OTHER_BITS, COPY = "duplicate", "same configuration, other bits", "same bits, other configuration"
# Where the configuration of one of them is not known: equal in all that they hold, or at all steps that both have.
SAME_BYTES, SAME_BITS = "same bytes", "same bits"
_BLOCK = 64


def deciding(fields: Mapping[str, Any], text_sha256: str) -> dict[str, Any]:
    """The fields of a configuration that decide which draw a run is, with the text by its hash.

    Examples
    --------
    >>> deciding({"seed": 1, "name": "mine", "threads": 2, "corpus": "a.txt"}, "ab")
    {'seed': 1, 'text_sha256': 'ab'}
    """
    return {name: value for name, value in fields.items() if name not in NO_PART} | {TEXT: text_sha256}


def draw_hash(fields: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of some fields, independent of their order."""
    return hashlib.sha256(json.dumps(dict(fields), sort_keys=True).encode()).hexdigest()[:16]


def setting_hash(fields: Mapping[str, Any]) -> str:
    """The hash of everything but the seed: runs that share it differ only in seed."""
    return draw_hash({name: value for name, value in fields.items() if name != "seed"})


def run_fields(run: Run) -> dict[str, Any]:
    """What decides a run's draw; of a fork also what it began with."""
    text = run.manifest.get("corpus")
    fields = deciding(run.config.to_json(), str(text.get("sha256", "")) if isinstance(text, dict) else "")
    try:
        origin = origin_of(run.manifest)
    except RunError:
        return fields | {FORK: "damaged"}
    return fields if origin is None else fields | {FORK: f"{origin.kind} at step {origin.step:,}, {origin.matrix_sha256[:12]}"}


def _neighbours(folder: Path, run: str, most: int) -> dict[str, list[str]]:
    """The fields in which the newest readable runs of a folder differ from one, by id, newest first."""
    wanted = run_fields(open_run(folder, run))
    differing = {}
    for path in run_paths(folder)[:most]:
        with contextlib.suppress(SnowballError):
            if path.name != run:
                fields = run_fields(read_run(path))
                differing[path.name] = [name for name in {**wanted, **fields} if wanted.get(name) != fields.get(name)]
    return differing


def kin(folder: Path, run: str, most: int = 200) -> list[str]:
    """Ids of the runs that differ from one at most in seed, itself first, among the newest readable ones of a folder."""
    return [run, *(other for other, fields in _neighbours(folder, run, most).items() if set(fields) <= {"seed"})]


def nearest(folder: Path, run: str, most: int = 200) -> list[str]:
    """Ids of the other runs, nearest first: the same setting with another seed, then by the number of fields that differ.

    Runs with the same fields, which are the same draw, come last. Among equals the newest comes first.
    """
    differing = _neighbours(folder, run, most)
    return sorted(differing, key=lambda other: (not differing[other], differing[other] != ["seed"], len(differing[other])))


@dataclass(frozen=True)
class ComparedRun:
    """What tells whether two runs are one draw: the ``fields`` of :func:`deciding`, None for a foreign history, and its words.

    The SHA-256 of the whole configuration names it under a picture and decides nothing.
    """

    id: str
    fields: Mapping[str, Any] | None
    words: Words
    steps: npt.NDArray[np.int64]
    configuration: str | None = None


@dataclass(frozen=True)
class Twins:
    """Ids of two runs that are one draw, how many steps both recorded, and the first of these at which a bit differs.

    ``kind`` is :data:`DUPLICATE`, :data:`OTHER_BITS`, :data:`COPY`, :data:`SAME_BYTES` or :data:`SAME_BITS`.
    """

    first: str
    second: str
    kind: str
    common: int
    first_difference: int | None


def first_difference(one: ComparedRun, other: ComparedRun) -> tuple[int, int | None]:
    """How many steps both recorded, and the first of them at which a bit differs; no step where the shapes or formats do."""
    if one.words.shape[1:] != other.words.shape[1:] or one.words.dtype != other.words.dtype:
        return 0, None
    common, mine, theirs = np.intersect1d(one.steps, other.steps, assume_unique=True, return_indices=True)
    for start in range(0, len(common), _BLOCK):
        part = slice(start, start + _BLOCK)
        pair = [_bits(each.words[at[part]]) for each, at in ((one, mine), (other, theirs))]
        differs = (pair[0] != pair[1]).any(axis=1)
        if differs.any():
            return len(common), int(common[start + int(differs.argmax())])
    return len(common), None


def _bits(words: Words) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(words).reshape(len(words), -1).view(np.uint8)


def twins(recordings: Sequence[ComparedRun]) -> list[Twins]:
    """All pairs of runs that are one draw: of one configuration, or equal in every bit of at least two common steps.

    Equal bits of the first step alone are no evidence: the initial state is drawn before most choices come to bear. Of a file
    from outside neither configuration nor steps are known: one that holds what another holds, or how it begins, snapshot by
    snapshot, is its copy, even with other step numbers.
    """
    copies = []
    for one, other in combinations(recordings, 2):
        is_known = one.fields is not None and other.fields is not None
        if not is_known and (held := _held_by_both(one, other)):
            kind = SAME_BYTES if len(one.words) == len(other.words) else SAME_BITS
            copies.append(Twins(one.id, other.id, kind, held, None))
            continue
        same = is_known and one.fields == other.fields
        if not same and not _ends_alike(one, other):
            continue
        common, differs = first_difference(one, other)
        if same:
            copies.append(
                Twins(one.id, other.id, OTHER_BITS if differs is not None or not common else DUPLICATE, common, differs)
            )
        elif differs is None and common > 1:
            copies.append(Twins(one.id, other.id, COPY if is_known else SAME_BITS, common, None))
    return copies


def _held_by_both(one: ComparedRun, other: ComparedRun) -> int:
    """How many snapshots both hold, if one holds what the other begins with in every bit, else 0; of one alone no beginning."""
    count = min(len(one.words), len(other.words))
    is_beginning = len(one.words) != len(other.words)
    if one.words.shape[1:] != other.words.shape[1:] or one.words.dtype != other.words.dtype or count <= is_beginning:
        return 0
    # From the end: nearly all pairs differ there.
    starts = range((count - 1) // _BLOCK * _BLOCK, -1, -_BLOCK)
    blocks = (slice(start, min(start + _BLOCK, count)) for start in starts)
    return count * all(np.array_equal(_bits(one.words[part]), _bits(other.words[part])) for part in blocks)


def _ends_alike(one: ComparedRun, other: ComparedRun) -> bool:
    """Whether the last common step has the same bits: a quick no for nearly all pairs."""
    common = np.intersect1d(one.steps, other.steps, assume_unique=True)
    if not len(common):
        return False
    ends = [each.words[np.searchsorted(each.steps, common[-1])] for each in (one, other)]
    return bool(ends[0].dtype == ends[1].dtype and ends[0].tobytes() == ends[1].tobytes())


def draw_numbers(ids: Sequence[str], pairs: Sequence[Twins]) -> list[int]:
    """The number of each run's draw, from 1 in the order given; twins, and twins of twins, have one number.

    Their largest is the effective number of independent draws.

    Examples
    --------
    >>> draw_numbers(["a", "b", "c"], [Twins("a", "c", DUPLICATE, 2, None)])
    [1, 2, 1]
    """
    root = {run: run for run in ids}
    for pair in pairs:
        old, new = root[pair.second], root[pair.first]
        root = {run: new if its == old else its for run, its in root.items()}
    order = list(dict.fromkeys(root[run] for run in ids))
    return [order.index(root[run]) + 1 for run in ids]


_MOST_NAMED = 4
_MEANS = {
    "tokens": "The numbers of tokens differ.",
    "components": "The numbers of components differ.",
    "format": "Cells of different formats are not comparable: use weight units.",
}


def names_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of some paths that distinguish them: of a path that no other shares its name with, the name.

    Examples
    --------
    >>> names_apart([Path("/x/a/h.safetensors"), Path("/x/b/h.safetensors"), Path("/x/b/o.safetensors")])
    ['a/h.safetensors', 'b/h.safetensors', 'o.safetensors']
    """
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    taken = [1] * len(parts)
    while True:
        ends = [each[-count:] for each, count in zip(parts, taken, strict=True)]
        alike = [n for n, end in enumerate(ends) if ends.count(end) > 1 and taken[n] < len(parts[n])]
        if not alike:
            return [str(Path(*end)) for end in ends]
        for n in alike:
            taken[n] += 1


def shapes(recordings: Sequence[ComparedRun]) -> dict[str, dict[str, Any]]:
    """In what the matrices of some runs differ: tokens, components, format or snapshots, and the value of each run."""
    facts_of: dict[str, dict[str, Any]] = {name: {} for name in ("tokens", "components", "format", "snapshots")}
    for each in recordings:
        facts = (*each.words.shape[1:], format_of(each.words).name, len(each.words))
        for name, value in zip(facts_of, facts, strict=True):
            facts_of[name][each.id] = value
    return {name: values for name, values in facts_of.items() if len(set(values.values())) > 1}


def unlike(recordings: Sequence[ComparedRun], names: Mapping[str, str] | None = None) -> str:
    """The same in words, with what follows for the comparison; empty where all are alike. Runs have their ids or ``names``."""
    differing = shapes(recordings)
    if not differing:
        return ""
    parts = []
    for name, values in differing.items():
        runs: dict[Any, list[str]] = {}
        for run, value in values.items():
            runs.setdefault(value, []).append(run if names is None else names[run])
        parts.append(f"{name} " + ", ".join(f"{_word(value)} ({_few(named)})" for value, named in runs.items()))
    what = "lengths" if list(differing) == ["snapshots"] else "shapes"
    means = "".join(f" {_MEANS[name]}" for name in differing if name in _MEANS)
    return f"The {len(recordings):,} runs differ in {what}: {'; '.join(parts)}.{means}"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{', '.join(names[: _MOST_NAMED - 1])}, {len(names) - 3:,} more"
