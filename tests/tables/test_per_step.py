"""Tables of steps and tokens: every column beside a loop; in blocks, kept, damaged, grown, cancelled, continued."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import oracles_of_time
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snowball_core.tables.blocks as module
import snowball_core.tables.per_step as per_step
from snowball_core.measures.bf16 import values
from snowball_core.store.cache import content_key, keep, load
from snowball_core.store.history import History
from snowball_core.tables.motion import token_motion
from snowball_core.tables.per_step import FAMILIES, measured, step_table

NUMBERS = st.sampled_from([0, 0x8000, 1, 0x8001, 0x3F7F, 0x3F80, 0x3F81, 0xBF80])


@st.composite
def worlds(draw):
    snapshots, vocab, hidden = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    count = snapshots * vocab * hidden
    words = np.array(draw(st.lists(NUMBERS, min_size=count, max_size=count)), np.uint16).reshape(snapshots, vocab, hidden)
    for t in range(1, snapshots):
        words[t] = np.where(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab)), words[t].T, words[t - 1].T).T
    gaps = draw(st.lists(st.sampled_from([1, 3, 1_000]), min_size=snapshots - 1, max_size=snapshots - 1))
    drawn = draw(st.lists(st.integers(0, 1), min_size=snapshots * vocab, max_size=snapshots * vocab))
    return History(
        "world",
        values(words) if draw(st.booleans()) else words,
        np.cumsum([0, *gaps]),
        np.array(draw(st.lists(st.booleans(), min_size=vocab, max_size=vocab))) if draw(st.booleans()) else None,
        np.array(drawn, np.uint64).reshape(snapshots, vocab) if draw(st.booleans()) else None,
    )


def check_row(row, naive):
    """Compare a row with its oracle: equal where the claim is a count or a bound, close where it is a sum of float64."""
    for name, expected in naive.items():
        value = None if row[name] is pd.NA else row[name]
        if isinstance(expected, float):
            assert value == pytest.approx(expected, rel=1e-7, abs=1e-13, nan_ok=True), name
        else:
            assert value == expected, name


def naive_row(history, t, group):
    before = history.words[t - 1] if t else None
    gap = int(history.steps[t] - history.steps[t - 1]) if t else 1
    moments = None if history.moment_hash is None else history.moment_hash[t]
    return oracles_of_time.step_row(before, np.array(history.words[t]), gap, history.mask(group), history.dead, moments)


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_every_column_of_the_table_of_steps_is_that_of_a_loop_over_steps(history):
    table = step_table(history)
    groups, known = history.groups, {"step", "group"}
    assert len(table) == len(history.words) * len(groups)
    for number, row in enumerate(table.to_dict("records")):
        t, group = number // len(groups), groups[number % len(groups)]
        naive = naive_row(history, t, group)
        assert (row["step"], row["group"], set(row)) == (history.steps[t], group, known | set(naive))
        check_row(row, naive)
        assert row["largest_linf_weight"] == naive["largest_linf_weight"]


@given(worlds(), st.data())
@settings(deadline=None, max_examples=60)
def test_a_part_of_the_groups_and_columns_is_that_part_of_the_whole_table(history, data):
    groups = data.draw(st.lists(st.sampled_from(history.groups), min_size=1, unique=True))
    families = data.draw(st.lists(st.sampled_from(list(FAMILIES)), min_size=1, unique=True))
    kept = ["step", "group", *(name for family in FAMILIES if family in families for name in FAMILIES[family])]
    whole = step_table(history)
    whole = pd.concat([whole[whole["group"] == group] for group in groups]).sort_values("step", kind="stable")[kept]
    part = step_table(history, families=families, groups=groups)
    pd.testing.assert_frame_equal(part[kept], whole.reset_index(drop=True), check_exact=True)
    alone = [measured(history, slice(t, t + 1), families, groups) for t in range(len(history.words))]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), part, check_exact=True)


def test_only_what_is_requested_is_measured_and_nothing_of_it_is_kept(grown, monkeypatch):
    counted = []
    real = per_step.history_leaders
    monkeypatch.setattr(per_step, "history_leaders", lambda words: counted.append(words.shape) or real(words))
    for name in ("extents", "motion", "hidden_leaders", "special_rows"):
        monkeypatch.setattr(per_step, name, None)
    assert step_table(grown, families=("counts",), groups=("dead",))["tokens"].tolist() == [4] * 12
    assert counted == [(12, 4, 2)]
    assert list(grown.kept_in.iterdir()) == []


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_every_column_of_the_table_of_tokens_is_that_of_following_one_token(history):
    rows = token_motion(history).to_dict("records")
    for token, row in enumerate(rows):
        check_row(row, oracles_of_time.token_row(history.words, history.steps, token))
        assert history.dead is None or row["group"] == ("dead" if history.dead[token] else "live")


def test_a_token_that_moves_once_goes_straight_and_no_token_straighter():
    rng = np.random.default_rng(2)
    history = History("x", rng.standard_normal((2, 200, 64)).astype(np.float32), np.arange(2))
    assert token_motion(history)["straightness"].max() == 1.0


@pytest.mark.parametrize("hidden", [2, 3, 64])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_in_blocks_or_at_once_with_any_number_of_threads_the_bits_are_the_same(monkeypatch, hidden, size):
    words = np.random.default_rng(3).standard_normal((9, 128, hidden)).astype(np.float32)
    history = History("x", words, np.arange(9) * 3, np.arange(128) < 51)
    whole = step_table(history)
    monkeypatch.setattr(module, "BLOCK_BYTES", size * history.words[:1].nbytes)
    monkeypatch.setattr(module, "_WORKERS", size)
    pd.testing.assert_frame_equal(step_table(history), whole, check_exact=True)


@pytest.fixture
def grown(tmp_path):
    rng = np.random.default_rng(11)
    words = np.repeat(rng.integers(0x3F80, 0x3F84, (6, 8, 2)), 2, axis=0).astype(np.uint16)
    history = History("grown", words, np.arange(12) * 5, np.arange(8) < 4, rng.integers(0, 2, (12, 8)).astype(np.uint64))
    return dataclasses.replace(history, kept_in=tmp_path)


def first(history, count):
    moments = None if history.moment_hash is None else history.moment_hash[:count]
    return dataclasses.replace(history, words=history.words[:count], steps=history.steps[:count], moment_hash=moments)


def test_a_run_measured_while_it_grows_has_the_table_of_one_measured_at_its_end(grown, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 3 * grown.words[:1].nbytes)
    whole = step_table(dataclasses.replace(grown, kept_in=None))
    for count in (1, 2, 4, 7, 12):
        pd.testing.assert_frame_equal(step_table(first(grown, count)), whole[: 3 * count])
    pd.testing.assert_frame_equal(token_motion(grown), token_motion(dataclasses.replace(grown, kept_in=None)))
    assert len(list((grown.kept_in / "cache").glob("steps-*"))) == 4


@pytest.mark.parametrize("part", ["words", "steps", "dead", "moment_hash"])
def test_whatever_a_table_was_made_from_it_is_refused_when_that_changed(grown, part):
    step_table(grown)
    changed = getattr(grown, part).copy()
    changed[-1] = {"words": 0, "steps": 56, "dead": True, "moment_hash": np.arange(8)}[part]
    other = dataclasses.replace(grown, **{part: changed})
    pd.testing.assert_frame_equal(step_table(other), step_table(dataclasses.replace(other, kept_in=None)))
    assert not step_table(other).equals(step_table(dataclasses.replace(grown, kept_in=None)))


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"PAR1" + bytes(400) + b"PAR1"])
def test_a_damaged_table_is_made_again(grown, damage):
    whole = step_table(grown)
    (kept,) = (grown.kept_in / "cache").glob("steps-*")
    sound = kept.read_bytes()
    for content in (damage, sound[:-9], sound[: len(sound) // 2]):
        kept.write_bytes(content)
        pd.testing.assert_frame_equal(step_table(grown), whole)
        assert kept.read_bytes()[:4] == kept.read_bytes()[-4:] == b"PAR1"
        assert len(kept.read_bytes()) > 1_000


def test_a_folder_for_reading_only_is_measured_and_not_written(grown, monkeypatch):
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    whole = step_table(grown)
    assert list(grown.kept_in.iterdir()) == []
    monkeypatch.delenv("SNOWBALL_READONLY")
    (grown.kept_in / "cache").write_text("a file where the folder should be")
    pd.testing.assert_frame_equal(step_table(grown), whole)
    keep(grown.kept_in, "t", "key", whole)
    assert load(grown.kept_in, "t", "key", whole) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_write_permission_costs_only_time(grown):
    grown.kept_in.chmod(0o500)
    assert len(step_table(grown)) == 36
    assert list(grown.kept_in.iterdir()) == []


def test_a_measurement_cancelled_at_any_block_continues_and_ends_the_same(grown, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 2 * grown.words[:1].nbytes)
    whole = step_table(dataclasses.replace(grown, kept_in=None))
    progress = []

    def cancel(done, total):
        progress.append((done, total))
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            step_table(grown, cancel)
    pd.testing.assert_frame_equal(step_table(grown, lambda done, total: progress.append((done, total))), whole)
    assert progress == [(2, 12)] * 3 + [(n, 12) for n in (2, 4, 6, 8, 10, 12)]


def test_the_key_of_contents_distinguishes_what_their_bytes_alone_would_not():
    a = np.arange(6, dtype=np.uint16)
    keys = [
        content_key(version, parts)
        for version, parts in [
            *(("1", [a]), ("2", [a]), ("1", [a.reshape(2, 3)]), ("1", [a.view(np.int16)]), ("1", [a[:3], a[3:]])),
            *(("1", [a, a[:0]]), ("1", []), ("1", [np.arange(1, 7, dtype=np.uint16)])),
        ]
    ]
    assert len(set(keys)) == len(keys)
    assert content_key("1", [a.reshape(2, 3).T]) == content_key("1", [a.reshape(2, 3).T.copy()])
