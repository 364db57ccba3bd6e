"""The story of a run: every number in it against a slow count, and no sentence that says the same twice."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import falling_together
from hypothesis import given
from hypothesis import strategies as some
from oracles_of_time import holes

from snowball_core.config import RunConfig
from snowball_core.measures.bf16 import from_values
from snowball_core.store.history import History
from snowball_core.tables.lineage import lineage_tree
from snowball_core.tables.story import story_of

TOKENS = 7


def made(labels, moments=None, step=3):
    """A history in which tokens of one label are one vector; five of seven are dead."""
    labels = np.asarray(labels)
    words, count = from_values(np.stack([labels, labels + 1], axis=2).astype(np.float32)), len(labels)
    hashes = None if moments is None else np.asarray(moments, np.uint64)
    return History("made up", words, np.arange(count) * step, np.arange(TOKENS) < 5, hashes)


@some.composite
def restless(draw):
    """A history whose tokens wander between a few vectors and a few states of the optimizer."""
    count, vectors, states = draw(some.integers(1, 14)), draw(some.integers(1, 5)), draw(some.integers(1, 3))
    rng = np.random.default_rng(draw(some.integers(0, 10**6)))
    stays = rng.random((count, 1)) < draw(some.sampled_from([0.0, 0.5, 0.9]))
    labels, moments = rng.integers(vectors, size=(count, TOKENS)), rng.integers(states, size=(count, TOKENS))
    for t in range(1, count):
        labels[t] = np.where(stays[t], labels[t - 1], labels[t])
    return made(labels, draw(some.sampled_from([None, moments])), draw(some.sampled_from([1, 1_000])))


def happened(before, now):
    """The number of events between two snapshots, from sets of holes."""
    gone, fresh, count = before - now, now - before, 0
    for old, new in ((gone, fresh), (fresh, gone)):
        others = [set(hole) for hole in old]
        for hole in map(set, new):
            shared = [hole & other for other in others if hole & other]
            lonely = len(hole) > sum(map(len, shared))
            count += 1 if not shared else lonely + (len(shared) > 1)
    return count


def state(found, tokens):
    """The words for the holes of a snapshot."""
    sizes = sorted(map(len, found), reverse=True)
    single = tokens - sum(sizes)
    alone = "one single token" if single == 1 else f"{single} single tokens"
    if not sizes:
        return alone
    if len(sizes) == 1:
        told = f"one black hole of {sizes[0]}"
    elif len(sizes) <= 3:
        told = f"black holes of {', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"
    else:
        told = f"{sum(sizes)} tokens in {len(sizes)} black holes"
    return f"{told} and {alone}" if single else told


@given(restless(), some.sampled_from(["dead", "all"]))
def test_every_number_is_that_of_a_slow_count_and_nothing_is_said_twice(history, group):
    text, mask, steps = story_of(history, group), history.mask(group), history.steps.tolist()
    told = [holes(matrix, mask) for matrix in history.words]
    tokens = int(mask.sum())
    unique = [tokens - sum(map(len, each)) + len(each) for each in told]
    events = [happened(before, now) for before, now in itertools.pairwise(told)]
    last = max((t + 1 for t, count in enumerate(events) if count), default=0)
    words = [state(each, tokens) for each in told]

    def number(pattern):
        """What the first match of a pattern says, taken out of the text."""
        nonlocal text
        match = re.search(pattern, text)
        if match:
            text = text[: match.start()] + text[match.end() :]
        return match and [re.sub(r"(?<=\d),(?=\d)", "", each) if each else None for each in match.groups()]

    assert text.count(". ") <= 3
    for sentence in text.split(". "):
        parts = re.split(r"; | became | began as |, then | left (?:again )?", sentence.rstrip("."))
        assert len(set(parts)) == len(parts), sentence
    began = number(r"^(\d+(?:,\d{3})*) (?:dead )?tokens began as (\d+(?:,\d{3})*) vectors?(?:: (.*?))?\.(?: |$)")
    assert began == [str(tokens), str(unique[0]), words[0] if told[0] else None]
    if len(steps) == 1:
        assert number(r"Only step (\d+(?:,\d{3})*) is recorded\.") == [str(steps[0])]
    elif not last:
        assert number(r"No change through step (\d+(?:,\d{3})*)\.") == [str(steps[-1])]
    else:
        start, known, kept = 0, {words[0]}, str(steps[-1]) if last < len(steps) - 1 else None
        while turn := number(r"(fell|rose) to ([^.]*?) at step (\d+(?:,\d{3})*)"):
            start = steps.index(int(turn[2]))
            assert start == unique.index(min(unique) if turn[0] == "fell" else max(unique))
            known.add(words[start])
            assert turn[1] in (words[start], f"{unique[start]} vector{'' if unique[start] == 1 else 's'}")
        number_of = [len(each) for each in told]
        if between := number(r"(\d+) to (\d+) black holes;"):
            assert [int(end) for end in between] == [min(number_of[start:last]), max(number_of[start:last])]
        while each := number(r"(no|\d+) black holes? from step (\d+(?:,\d{3})*)"):
            assert number_of[steps.index(int(each[1]))] == int(each[0].replace("no", "0"))
        unchanged = r"(?:, unchanged through step (\d+(?:,\d{3})*))?\."
        if became := number(r"At step (\d+(?:,\d{3})*) they became (.*?)(?: after (\d+(?:,\d{3})*) events)?" + unchanged):
            assert became == [str(steps[last]), words[last], str(sum(events)) if sum(events) > 1 else None, kept]
            assert words[last] not in known
        else:
            many = number(r"he last of (\d+(?:,\d{3})*) events") or ["1"]
            assert many == [str(sum(events))]
            at, again, *left = number(r", at step (\d+(?:,\d{3})*), left (again )?(.*?)" + unchanged)
            assert (at, *left) == (str(steps[last]), words[last], kept)
            assert bool(again) == (words[last] in known)
    if history.moment_hash is None or not told[-1]:
        assert not re.search(r"\d", text), text
        return
    classes = [{(tuple(row.tolist()), key) for row, key in zip(matrix[mask], moments[mask].tolist(), strict=True)}
               for matrix, moments in zip(history.words, history.moment_hash, strict=True)]  # fmt: skip
    amounts = [len(each) for each in classes]
    inside = [len({history.moment_hash[-1][token] for token in hole}) for hole in told[-1]]
    true, apparent = sum(count == 1 for count in inside), sum(count > 1 for count in inside)
    if len(inside) == 1 and apparent:
        count, sizes = number(r"apparent \((\d+) hidden classes(?:, of ([0-9, and]+))?\)")
        own = sorted((history.moment_hash[-1][list(next(iter(told[-1])))] == key).sum() for key in
                     {int(history.moment_hash[-1][token]) for token in next(iter(told[-1]))})  # fmt: skip
        assert (int(count), sorted(map(int, re.findall(r"\d+", sizes)))) == (inside[0], own)
    elif len(inside) > 1 and true and apparent:
        assert number(r"(\d+) of (\d+) holes (?:is|are) true, (\d+) apparent") == [str(true), str(len(inside)), str(apparent)]
    elif len(inside) > 1:
        assert number(r"All (\d+) holes are (true|apparent)") == [str(len(inside)), "true" if true else "apparent"]
    else:
        assert "This hole is true" in text
    if len(steps) > 1:
        ends = number(r"(\d+) hidden class(?:es)? at first and at last|classes (?:fell|rose) from (\d+) to (\d+)")
        assert [int(end) for end in ends if end] == ([amounts[0]] if amounts[0] == amounts[-1] else [amounts[0], amounts[-1]])
    assert not re.search(r"\d", text), text


def test_the_middle_is_told():
    together, apart, both = [0] * 5, [0, 0, 0, 1, 1], [8, 9]
    labels = [[0, 1, 2, 3, 4], together, apart, together, [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    history = made([[*each, *both] for each in labels], np.tile([1, 1, 2, 3, 3, 4, 5], (6, 1)))
    assert story_of(history, "dead") == (
        "5 dead tokens began as 5 vectors. They fell to one black hole of 5 at step 3. "
        "Then 2 black holes from step 6 and 1 black hole from step 9; "
        "the last of 4 events, at step 12, left black holes of 3 and 2, unchanged through step 15. "
        "1 of 2 holes is true, 1 apparent; hidden classes fell from 5 to 3."
    )


def test_a_run_that_only_falls_together_is_told_in_one_sentence():
    history = History("made up", falling_together(21), np.arange(21), np.arange(16) < 6)
    assert story_of(history, "dead") == (
        "6 dead tokens began as 6 vectors. At step 15 they became one black hole of 6 after 5 events, "
        "unchanged through step 20."
    )


@pytest.mark.parametrize(("count", "said"), [(1, "Only step 0 is recorded."), (4, "No change through step 9.")])
def test_a_constant_run_and_a_run_of_one_snapshot(count, said):
    history = made([[0, 0, 1, 2, 3, 4, 5]] * count)
    assert story_of(history, "dead") == (f"5 dead tokens began as 4 vectors: one black hole of 2 and 3 single tokens. {said}")


def test_tokens_that_change_places_are_not_said_to_become_what_they_were():
    history = made([[0, 0, 1, 2, 3, 4, 5], [0, 1, 0, 2, 3, 4, 5]])
    assert story_of(history, "dead").endswith(
        "The last of 2 events, at step 3, left again one black hole of 2 and 3 single tokens."
    )


def test_hidden_classes_that_stay_as_many_never_merged():
    labels = [[0, 1, 2, 3, 4, 8, 9], [0, 0, 0, 3, 4, 8, 9], [0, 0, 0, 0, 0, 8, 9]]
    apart, merged = np.tile(np.arange(7), (3, 1)), np.tile([0, 0, 0, 1, 1, 4, 5], (3, 1))
    assert story_of(made(labels, apart), "dead").endswith(
        "This hole is apparent (5 hidden classes) and can split again; "
        "5 hidden classes at first and at last: never a true merger."
    )
    assert story_of(made(labels, merged), "dead").endswith(
        "This hole is apparent (2 hidden classes, of 3 and 2) and can split again; hidden classes fell from 5 to 2."
    )


def test_a_tree_that_is_known_gives_the_same_story():
    labels = np.random.default_rng(3).integers(4, size=(40, TOKENS))
    history = made(labels, labels % 2)
    for group in history.groups:
        assert story_of(history, group, lineage_tree(history, group)) == story_of(history, group)


def test_of_rows_with_noise_no_number_of_hidden_classes_says_that_none_merged():
    history = made([[0, 1, 2, 3, 4, 8, 9], [0, 0, 0, 0, 0, 8, 9]], np.tile(np.arange(7), (2, 1)))
    noisy = replace(history, config=replace(RunConfig(), jiggle_sigma=0.1))
    assert story_of(history, "dead").endswith("5 hidden classes at first and at last: never a true merger.")
    assert story_of(noisy, "dead").endswith("5 hidden classes at first and at last.")
