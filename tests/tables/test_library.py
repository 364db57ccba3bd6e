"""The rows of the library: a row for every run, right where the run is whole and honest where it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun, falling_together
from hypothesis import given
from hypothesis import strategies as some

from snowball_core.config_checks import nearest_preset
from snowball_core.schedules import recorded_steps
from snowball_core.store.cache import keep_answer
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.notes import annotate
from snowball_core.store.run_folder import HISTORY, Run, open_run
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import lock_of
from snowball_core.store.trash import trash
from snowball_core.tables import run_summary as room
from snowball_core.tables.library import RunRow, library_table, row, run_rows
from snowball_core.tables.live import group_mask
from snowball_core.tables.run_summary import GROUPS, POINTS, Glance, glance, spread

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = next((ROOT / "runs").glob("*-primordial-snowball"))


def aged(path: Path) -> None:
    """Let every file of a run have been at rest for an hour."""
    for file in path.iterdir():
        at = file.stat().st_mtime - 3_600
        os.utime(file, (at, at))


def counted(run: Run, index: int, group: str) -> tuple[int, int, int]:
    """U, C and P from the file, with numpy alone."""
    _, sizes = np.unique(run.history().words[index][group_mask(run.dead, group)], axis=0, return_counts=True)
    return len(sizes), int((sizes > 1).sum()), int(sizes[sizes > 1].sum())


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("record", ["every", "every-7", "log"])
def test_a_row_shows_what_the_file_holds(make_run: MakeRun, record: str, group: str) -> None:
    run = make_run(steps=60, record=record)
    row_of_run = row(run.path)
    at, steps = row_of_run.glance.counts[group], recorded_steps(run.config)
    assert (at.first, at.last) == (counted(run, 0, group), counted(run, len(steps) - 1, group))
    assert at.tokens == int(group_mask(run.dead, group).sum())
    assert (row_of_run.glance.snapshots, row_of_run.glance.recorded_step) == (len(steps), 60)
    assert (row_of_run.status.state, row_of_run.title, row_of_run.damage) == ("completed", "made-up · seed 42 · 60 steps", "")
    assert row_of_run.bytes == sum(file.stat().st_size for file in run.path.rglob("*") if file.is_file())
    places = [np.expm1(x) for x in np.linspace(0, np.log1p(60), POINTS)]
    wanted = [counted(run, max(i for i, step in enumerate(steps) if step <= x + 1e-6), group)[0] for x in places]
    assert list(at.curve) == wanted


@given(some.sets(some.integers(0, 10**6), min_size=1), some.integers(2, 40))
def test_the_curves_snapshots_are_the_last_ones_at_or_before_each_place(steps: set[int], points: int) -> None:
    at = np.array(sorted(steps))
    index_of = spread(at, points)
    span = np.log1p(float(at[-1] - at[0]))
    for i, index in enumerate(index_of):
        place = np.floor(np.expm1(span * i / (points - 1)) + at[0] + 1e-5)
        assert at[index] <= place
        assert index == len(at) - 1 or at[index + 1] >= place
    assert (index_of[0], index_of[-1]) == (0, len(at) - 1)


def test_the_shipped_run_is_the_published_experiment() -> None:
    row_of_run = row(SHIPPED)
    assert (row_of_run.preset, row_of_run.status.state, row_of_run.glance.counts["dead"].first) == (
        "primordial-snowball",
        "completed",
        (14, 12, 49),
    )
    assert row_of_run.glance.counts["dead"].last == (1, 1, 51)


# What was counted once is kept, and refused when it is stale


def test_counts_are_taken_from_the_cache_of_these_very_files(make_run: MakeRun) -> None:
    path = make_run().path
    aged(path)
    fresh = glance(path)
    kept = path / "cache" / "glance.json"
    content = json.loads(kept.read_text())
    assert glance(path) == fresh
    keep_answer(path, "glance", content["key"], content["answer"] | {"snapshots": 12_345})
    assert glance(path).snapshots == 12_345


@pytest.mark.parametrize("name", ["run.json", HISTORY])
def test_a_file_written_again_is_counted_again_even_with_its_old_size_and_time(make_run: MakeRun, name: str) -> None:
    run = make_run()
    aged(run.path)
    before, at = glance(run.path), (run.path / name).stat()
    content = bytearray((run.path / name).read_bytes())
    if name == HISTORY:
        content[-16 * 4 * 2 :] = bytes(16 * 4 * 2)
    else:
        content = bytearray(content.replace(b'"made-up"', b'"made-ap"'))
    (run.path / name).write_bytes(content)
    os.utime(run.path / name, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert (run.path / name).stat().st_size == at.st_size
    after = glance(run.path)
    assert after != before
    assert after == room.measured(run.path)


def test_a_file_written_a_moment_ago_is_not_trusted_to_stay(make_run: MakeRun) -> None:
    path = make_run().path
    assert glance(path).snapshots == 21
    assert not (path / "cache").exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"key": null, "answer": 5}', "\x00"])
def test_a_damaged_cache_is_measured_again(make_run: MakeRun, damage: str) -> None:
    path = make_run().path
    aged(path)
    fresh = glance(path)
    (path / "cache" / "glance.json").write_text(damage)
    assert glance(path) == fresh
    assert json.loads((path / "cache" / "glance.json").read_text())["answer"]


@pytest.mark.parametrize("answer", [None, 5, {}, {"counts": {}}, {"origin": ["a", []], "counts": {"dead": 5}}])
def test_a_kept_answer_of_another_form_is_measured_again(make_run: MakeRun, answer: object) -> None:
    path = make_run().path
    aged(path)
    fresh, kept = glance(path), path / "cache" / "glance.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"answer": answer}))
    assert glance(path) == fresh


def test_a_folder_that_takes_no_cache_is_listed_all_the_same(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, other = make_run(), make_run(name="other")
    (blocked.path / "cache").write_text("a file where the folder would be")
    aged(blocked.path)
    aged(other.path)
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    assert [each.glance.snapshots for each in run_rows(other.path.parent)] == [21, 21]
    assert not (other.path / "cache").exists()


def test_a_row_at_rest_is_reported_again_without_opening_a_file(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_run().path
    aged(path)
    row(path)  # keeps its cache, and so changes the folder once
    os.utime(path / "cache", (0, 0))
    first = row(path)
    monkeypatch.setattr("snowball_core.tables.library.glance", lambda *_: pytest.fail("the files were opened"))
    assert row(path) is first
    annotate(path, label="new")
    monkeypatch.undo()
    assert row(path).title == "new"


# Whatever happened to it, a run has a row


def test_a_manifest_cut_in_half_leaves_the_counts_of_all_tokens(make_run: MakeRun) -> None:
    run = make_run()
    text = (run.path / "run.json").read_text()
    (run.path / "run.json").write_text(text[: len(text) // 2])
    row_of_run = row(run.path)
    assert row_of_run.status.state == "damaged"
    assert "damaged run.json" in row_of_run.damage
    assert row_of_run.preset == ""
    assert list(row_of_run.glance.counts) == ["all"]
    assert row_of_run.glance.counts["all"].last == counted(run, 20, "all")


def test_a_history_that_is_gone_foreign_or_no_history_is_named(make_run: MakeRun, tmp_path: Path) -> None:
    gone, foreign, broken = make_run(name="gone"), make_run(name="foreign"), make_run(name="broken")
    (gone.path / HISTORY).unlink()
    (foreign.path / HISTORY).unlink()
    with TensorWriter(foreign.path / HISTORY, "embedding_history", "BF16", (5, 3), 2, {}) as writer:
        writer.append(np.zeros((5, 3), np.uint16))
    (broken.path / HISTORY).write_bytes(b"no tensor" * 100)
    by_name = {each.glance.name: each for each in run_rows(tmp_path)}
    assert "history.safetensors is missing" in by_name["gone"].damage
    assert "It belongs to another run" in by_name["foreign"].damage
    assert "must be a safetensors file" in by_name["broken"].damage
    assert all(each.status.state == "damaged" and not each.glance.counts for each in by_name.values())


def test_a_run_that_recorded_nothing_yet_is_not_damaged(make_run: MakeRun) -> None:
    run = make_run(snapshots=0, state="queued")
    status = json.loads((run.path / "status.json").read_text()) | {"step": 0}
    (run.path / "status.json").write_text(json.dumps(status))
    assert row(run.path).damage == ""
    assert row(run.path).glance == Glance(
        name="made-up", seed=42, created=run.manifest["created"], nearest=nearest_preset(run.config)
    )


def test_a_killed_worker_leaves_an_interrupted_run_with_its_counts(make_run: MakeRun) -> None:
    run = make_run(state="running", snapshots=9)
    code = "import sys, time; from pathlib import Path; from snowball_core.store.status import hold\n"
    code += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    worker = subprocess.Popen([sys.executable, "-c", code, str(run.path)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert worker.stdout
        assert worker.stdout.readline() == b"held\n"
        assert row(run.path).status.state == "running"
    finally:
        worker.kill()
        worker.wait()
    row_of_run = row(run.path)
    assert (row_of_run.status.state, row_of_run.glance.snapshots, row_of_run.glance.recorded_step) == ("interrupted", 9, 8)


def test_a_growing_history_is_followed(make_run: MakeRun) -> None:
    run = make_run(state="running", snapshots=5)
    frames = falling_together(21)
    with lock_of(run.path):
        assert row(run.path).glance.recorded_step == 4
        with TensorWriter(run.path / HISTORY, "embedding_history", "BF16", (16, 4), 21, {}) as writer:
            for frame in frames[5:13]:
                writer.append(frame)
        assert row(run.path).glance.recorded_step == 12
        assert row(run.path).glance.counts["dead"].last == counted(run, 12, "dead")


def test_a_run_put_away_while_the_others_are_listed_is_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    first, last = make_run(name="aa"), make_run(name="zz")
    order = [path.name for path in run_paths(tmp_path)]
    by_name: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        if not by_name:
            trash(tmp_path, order[1])
        by_name.append((done, total))

    assert [each.id for each in run_rows(tmp_path, watch)] == order[:1]
    assert by_name == [(1, 2), (2, 2)]
    assert {first.id, last.id} == set(order)


def test_a_cancelled_listing_continues_where_it_stopped(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        aged(make_run(name=name).path)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rows(tmp_path, stop)
    assert len(list(tmp_path.glob("*/cache/glance.json"))) == 1
    assert len(run_rows(tmp_path)) == 3


def test_an_empty_or_missing_library_has_no_rows(tmp_path: Path) -> None:
    assert run_rows(tmp_path) == run_rows(tmp_path / "no-such") == []
    assert len(library_table([], "dead")) == 0


def test_the_table_has_the_counts_of_the_group_requested(make_run: MakeRun, tmp_path: Path) -> None:
    whole, damaged = make_run(), make_run(name="broken")
    annotate(whole.path, "=label", "a note", ["merger"])
    (damaged.path / "run.json").write_text("{")
    table = library_table(run_rows(tmp_path), "dead").set_index("run")
    by_name = table.loc[whole.id]
    assert (by_name["first_unique"], by_name["first_black_holes"], by_name["first_population"]) == counted(whole, 0, "dead")
    assert (by_name["last_unique"], by_name["last_black_holes"], by_name["last_population"]) == counted(whole, 20, "dead")
    assert (by_name["title"], by_name["note"], by_name["tags"]) == ("=label", "a note", ["merger"])
    assert table.loc[damaged.id].isna()["last_unique"]
    assert table.loc[damaged.id]["curve"] == []
    assert (
        library_table(run_rows(tmp_path), "all").set_index("run").loc[damaged.id]["last_unique"] == counted(whole, 20, "all")[0]
    )


def test_a_large_matrix_is_looked_at_in_two_places_only(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    monkeypatch.setattr(room, "_MOST_BYTES", 300)
    at = room.measured(run.path).counts["dead"]
    assert (at.first, at.last) == (counted(run, 0, "dead"), counted(run, 20, "dead"))
    assert set(at.curve) == {at.first[0], at.last[0]}


# The benchmark's library


def test_the_benchmarks_library_is_listed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.library import library_rows, made_library

    made_library(tmp_path, 12)
    listed: list[RunRow] = run_rows(tmp_path)
    assert sorted(each.glance.name for each in listed) == sorted(f"made-{n}" for n in range(12))
    assert {each.glance.counts["dead"].last for each in listed} == {(1, 1, 6)}
    run = open_run(tmp_path, listed[0].id)
    assert counted(run, -1, "dead") == (1, 1, 6)
    monkeypatch.setattr("time.sleep", lambda _: None)  # its figures are not looked at
    assert [index_of.unit for index_of in library_rows(3)] == ["s", "s", "s"]
