"""The scrubber's frames against the numbers of the exact view."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import falling_together

from snowball_core.charts.places import stage
from snowball_core.charts.scrubber_blob import Reel, events, hole_names, packed_blob, reel, slots, with_curves
from snowball_core.errors import HistoryError
from snowball_core.measures.bf16 import from_values
from snowball_core.measures.distances import distance_matrix
from snowball_core.measures.identity import numbered
from snowball_core.measures.lineage import Lineage, lineage
from snowball_core.measures.quantities import COUNTS
from snowball_core.tables.at_step import exact_numbers, token_table

DEAD = np.arange(16) < 6
STEPS = np.arange(21)


def made(unit: str = "cells", **more: object) -> tuple[np.ndarray, Reel]:
    history = falling_together(21)
    return history, reel(history, STEPS, DEAD, unit, **more)  # type: ignore[arg-type]


def pairs_of(made: Reel, frame: int) -> np.ndarray:
    count = int(made.arrays["label"][made.arrays["partition"][frame]].max()) + 1
    at = made.arrays["distance_at"][frame]
    square = np.zeros((count, count))
    square[np.triu_indices(count, 1)] = made.arrays["distance"][at : at + count * (count - 1) // 2]
    return square + square.T


@pytest.mark.parametrize("unit", ["cells", "weight"])
def test_every_snapshot_can_be_drawn_from_its_frame_exactly(unit: str) -> None:
    history, scrubber = made(unit)
    arrays = scrubber.arrays
    for snapshot in range(21):
        rows, frame = history[snapshot][DEAD], arrays["frame"][snapshot]
        label = arrays["label"][arrays["partition"][frame]]
        apart = distance_matrix(rows, unit)
        np.testing.assert_array_equal(pairs_of(scrubber, frame)[label][:, label], apart.astype(arrays["distance"].dtype))
        exact = exact_numbers(rows)
        frames = [int(arrays[name][snapshot]) for name in COUNTS]
        assert frames == [exact[name] for name in COUNTS]
        holes = token_table(rows, DEAD[DEAD])["hole"].to_numpy()
        np.testing.assert_array_equal(np.where(np.bincount(label)[label] > 1, label + 1, 0), holes)


@pytest.mark.parametrize("unit", ["cells", "weight"])
def test_the_places_are_those_of_the_exported_picture(unit: str) -> None:
    history, scrubber = made(unit)
    frame = scrubber.arrays["frame"][20]
    label = scrubber.arrays["label"][scrubber.arrays["partition"][frame]]
    for array, scene in (("relative", stage(history, DEAD, unit)), ("place", stage(history, DEAD))):
        drawn = scrubber.arrays[array][scrubber.arrays["vector_at"][frame] + label]
        np.testing.assert_allclose(drawn, scene.places(history[20][DEAD]), rtol=1e-6, atol=1e-6)
        low, high = np.transpose([scene.x, scene.y])
        assert (low <= drawn + 1e-6).all()
        assert (drawn - 1e-6 <= high).all()


def test_the_relative_places_have_their_mean_at_one_point() -> None:
    _, scrubber = made("weight")
    means = []
    for frame, part in enumerate(scrubber.arrays["partition"]):
        means.append(
            scrubber.arrays["relative"][scrubber.arrays["vector_at"][frame] + scrubber.arrays["label"][part]].mean(axis=0)
        )
    np.testing.assert_allclose(means, np.broadcast_to(means[0], np.shape(means)), atol=1e-6)


def test_snapshots_that_repeat_are_sent_once() -> None:
    history = np.repeat(falling_together(5), 4, axis=0)
    scrubber = reel(history, np.arange(20), DEAD, "cells")
    assert scrubber.header["sent"] == scrubber.header["changed"] == 5
    assert scrubber.arrays["frame"].tolist() == np.repeat(np.arange(5), 4).tolist()


def test_too_many_frames_are_thinned_and_counts_stay_complete() -> None:
    _, whole = made()
    _, thin = made(budget=1_500)
    assert thin.header["stride"] > 1
    assert thin.header["sent"] < whole.header["sent"]
    np.testing.assert_array_equal(thin.arrays["unique"], whole.arrays["unique"])
    assert sum(thin.arrays[name].nbytes for name in ("place", "relative", "distance")) < 1_500
    _, least = made(budget=0)
    assert least.header["sent"] == 1


def test_snapshots_with_a_new_partition_stay_when_frames_are_thinned() -> None:
    history = np.arange(200 * 6, dtype=np.uint16).reshape(200, 6, 1)
    history[101:, 3] = history[101:, 2]  # one snapshot of two hundred at which two tokens come together
    scrubber = reel(history, np.arange(200), np.ones(6, np.bool_), "cells", budget=4_000)
    frames = np.flatnonzero(np.diff(scrubber.arrays["frame"], prepend=-1))
    assert scrubber.header["stride"] > 1
    assert 101 in frames
    assert scrubber.arrays["label"].shape == (2, 6)


def test_partitions_that_no_frame_shows_are_not_sent() -> None:
    history = np.random.default_rng(3).integers(0, 5, (300, 8, 1)).astype(np.uint16)
    scrubber = reel(history, np.arange(300), np.ones(8, np.bool_), "cells", budget=3_000)
    assert len(scrubber.arrays["label"]) <= scrubber.header["sent"] < 40
    for frame, start in enumerate(np.flatnonzero(np.diff(scrubber.arrays["frame"], prepend=-1))):
        label = scrubber.arrays["label"][scrubber.arrays["partition"][frame]]
        assert ((label[:, None] == label) == (history[start] == history[start].T)).all()


def test_a_vocabulary_beyond_two_bytes_keeps_its_vectors_apart() -> None:
    history = np.arange(70_000, dtype=np.float32).reshape(1, -1, 1)
    label = reel(history, np.arange(1), np.ones(70_000, np.bool_), "cells").arrays["label"]
    assert len(np.unique(label)) == 70_000


def test_a_snapshot_too_large_to_be_drawn_is_refused_with_its_size() -> None:
    history = np.broadcast_to(np.uint16(0), (1, 5_000, 1_000))
    with pytest.raises(HistoryError, match=r"up to 4,000,000 numbers .* 5,000 tokens of 1,000 components.*smaller group"):
        reel(history, np.arange(1), np.ones(5_000, np.bool_), "cells")


def test_cells_of_float32_are_counted_exactly() -> None:
    history = np.array([[[1.0], [-1.0], [3.0]]], np.float32)
    scrubber = reel(history, np.arange(1), np.ones(3, np.bool_), "cells")
    ordinals = np.array([0x3F800000, -0x3F800000, 0x40400000])
    assert scrubber.arrays["distance"].tolist() == np.abs(ordinals[[0, 0, 1]] - ordinals[[1, 2, 2]]).tolist()


def test_hidden_classes_part_the_tokens_of_a_hole() -> None:
    moments = np.zeros((21, 16), np.uint64)
    moments[:, 2] = 9
    _, scrubber = made(moment_hash=moments)
    last = scrubber.arrays["partition"][scrubber.arrays["frame"][20]]
    label, hidden = scrubber.arrays["label"][last], scrubber.arrays["hidden"].reshape(scrubber.arrays["label"].shape)[last]
    assert set(label) == {0}
    assert len(set(hidden)) == 2
    assert hidden[2] != hidden[1]


def tree(*leaders: list[int]) -> tuple[Lineage, np.ndarray, np.ndarray]:
    led = np.array(leaders, np.int32)
    return lineage(led), np.stack([numbered(row) for row in led]), np.arange(len(led))


def test_a_hole_keeps_its_colour_when_it_is_no_longer_the_largest() -> None:
    # 0 1 2 | 3 4, then 0 1 | 2 3 4: both shrink or grow, neither changes its name.
    colours = slots(*tree([0, 0, 0, 3, 3], [0, 0, 2, 2, 2]), np.arange(5))  # type: ignore[arg-type]
    assert colours.tolist() == [[1, 0], [0, 1]]


def test_events_say_what_happened_and_when() -> None:
    result, _, _ = tree([0, 1, 2, 2], [0, 0, 2, 2], [0, 0, 0, 0], [0, 0, 2, 3], [0, 1, 2, 3])
    at, kind = events(result)
    assert at.tolist() == [1, 2, 3, 4]
    assert kind.tolist() == [1, 2, 4, 8]
    assert events(tree([0, 0, 2], [0, 0, 0])[0])[1].tolist() == [16]


def test_a_colour_number_has_the_name_that_its_hole_keeps() -> None:
    # The second hole of the first snapshot is larger at the end: it has the first colour, and stays B.
    result, label, starts = tree([0, 0, 0, 3, 3], [0, 0, 2, 2, 2])
    assert hole_names(result) == ["B", "A"]
    assert slots(result, label, starts, np.arange(5)).tolist() == [[1, 0], [0, 1]]  # type: ignore[arg-type]


@pytest.mark.parametrize("vocab", [1, 2])
def test_a_group_of_one_token_or_a_run_of_one_snapshot_can_be_packed(vocab: int) -> None:
    words = from_values(np.zeros((1, vocab, 4), np.float32))
    blob = packed_blob(with_curves(reel(words, np.array([0]), np.ones(vocab, np.bool_), "weight"), None), {"step": 0})
    assert len(blob) % 8 == 0


def test_numbers_that_are_not_finite_still_make_a_blob() -> None:
    history = np.array([[[1.0, 2.0], [3.0, 4.0]], [[np.nan, np.inf], [3.0, 5.0]]], np.float32)
    assert packed_blob(reel(history, np.arange(2), np.ones(2, np.bool_), "weight"), {})


def test_a_row_that_is_not_finite_is_nowhere_and_does_not_move_the_others() -> None:
    numbers = np.zeros((2, 3, 2), np.float32)
    numbers[:, 1] = 1.0
    numbers[1, 2] = np.nan
    for unit in ("cells", "weight"):
        scrubber = reel(from_values(numbers), np.arange(2), np.ones(3, np.bool_), unit)
        apart = pairs_of(scrubber, 1)
        assert np.isfinite(apart[0, 1])
        assert np.isnan(apart[:2, 2]).all()
        assert scrubber.header["shades"][1] == (16_256.0 if unit == "cells" else 1.0)
        places = scrubber.arrays["relative"][scrubber.arrays["vector_at"][1] :]
        assert np.isfinite(places[:2]).all()
        assert np.isnan(places[2]).all()


def test_the_bases_of_a_growing_run_are_those_of_its_settled_part() -> None:
    history = falling_together(21)
    early = reel(history[:16], STEPS[:16], DEAD, "weight", settled=16)
    later = reel(history, STEPS, DEAD, "weight", settled=16)
    np.testing.assert_array_equal(early.arrays["place"], later.arrays["place"][: len(early.arrays["place"])])
    assert later.header["basis_frames"] == 16


def test_progress_rises_to_the_end() -> None:
    progress: list[float] = []
    reel(falling_together(21), STEPS, DEAD, "cells", progress=progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


def test_the_blob_says_where_every_array_begins() -> None:
    _, scrubber = made()
    metrics = {"step": np.arange(1.0, 21), "loss": np.arange(20.0), "learning_rate": np.ones(20)}
    scrubber = with_curves(scrubber, metrics)
    blob = packed_blob(scrubber, {"step": 4})
    length = int.from_bytes(blob[:4], "little")
    header = json.loads(blob[4 : 4 + length])
    assert header["step"] == 4
    assert header["size"] == len(blob) - 4 - length
    assert header["ids"] == list(range(6))
    for name, (kind, at, size) in header["arrays"].items():
        assert (4 + length + at) % 8 == 0
        np.testing.assert_array_equal(np.frombuffer(blob, kind, size, 4 + length + at), scrubber.arrays[name].ravel())
    assert scrubber.arrays["loss"].tolist() == list(range(20))
