"""Files replaced under a running app: the next move shows the numbers of the new ones, even where sizes or times are equal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun, falling_together
from paging import metrics, opened, texts
from safetensors.numpy import save_file

from pages.parts.shared import cached
from pages.parts.shared.file_stamps import stamp
from pages.parts.shared.progress_bar import forget
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.foreign.links import Link, link_file
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, Run
from snowball_core.store.status import Status, hold, write_status

LONG_AGO = (1_600_000_000, 1_600_000_000)
pytestmark = pytest.mark.usefixtures("library")


def another_history(run: Run, to: Path) -> Path:
    """A history of the same size in which every dead token is one from the start, and nothing moves."""
    words = np.repeat(falling_together(1), 21, axis=0)
    words[:, :6] = words[:, :1]
    to.mkdir(exist_ok=True)
    with TensorWriter(to / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for frame in words:
            writer.append(frame)
    assert (to / HISTORY).stat().st_size == (run.path / HISTORY).stat().st_size
    return to / HISTORY


def by_name(new: Path, old: Path) -> None:
    os.replace(new, old)


def in_place(new: Path, old: Path) -> None:
    shutil.copyfile(new, old)


def with_its_time(new: Path, old: Path) -> None:
    old.unlink()
    shutil.copy2(new, old)


REPLACED = pytest.mark.parametrize("replaced", [by_name, in_place, with_its_time])


@REPLACED
def test_a_replaced_history_shows_its_numbers_at_the_next_move(
    make_run: MakeRun, tmp_path: Path, replaced: Callable[[Path, Path], None]
) -> None:
    run = make_run()
    new = another_history(run, tmp_path / "elsewhere")
    for file in (new, run.path / HISTORY):
        os.utime(file, LONG_AGO)
    app = opened("scrub", run=run.id, step="3", group="dead")
    assert (metrics(app)["U unique"], metrics(app)["C black holes"]) == ("5", "1")
    replaced(new, run.path / HISTORY)
    app.run()
    assert (metrics(app)["U unique"], metrics(app)["C black holes"]) == ("1", "1")


@REPLACED
def test_a_history_that_is_replaced_takes_the_word_of_its_divergence_along(
    make_run: MakeRun, tmp_path: Path, replaced: Callable[[Path, Path], None]
) -> None:
    run = make_run(state="failed")
    new = another_history(run, tmp_path / "elsewhere")
    words = np.array(run.history().words)
    words[12:, :6] = 0x7FC0
    (run.path / HISTORY).unlink()
    with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
        for frame in words:
            writer.append(frame)
    for file in (new, run.path / HISTORY):
        os.utime(file, LONG_AGO)
    app = opened("scrub", run=run.id, step="3", group="dead")
    assert "Diverged at step 12" in texts(app.error)
    replaced(new, run.path / HISTORY)
    app.run()
    assert "Diverged" not in texts(app.error)


@pytest.mark.parametrize("page", ["lineage", "motion", "verdict"])
def test_every_page_of_a_replaced_history_is_that_of_a_fresh_server(make_run: MakeRun, tmp_path: Path, page: str) -> None:
    run = make_run()

    def said() -> tuple[str, ...]:
        app = opened(page, run=run.id, step="3", group="dead")
        frames = tuple(frame.value.to_csv() for frame in app.dataframe)
        return texts(app.markdown), texts(app.caption), *frames

    before = said()
    by_name(another_history(run, tmp_path / "elsewhere"), run.path / HISTORY)
    after = said()
    assert after != before
    forget()
    assert after == said()


@REPLACED
def test_a_replaced_file_from_elsewhere_shows_its_numbers(
    library: Path, tmp_path: Path, replaced: Callable[[Path, Path], None]
) -> None:
    first, second, file = (tmp_path / f"{name}.safetensors" for name in ("first", "second", "file"))
    numbers = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    save_file({"h": numbers}, file)
    save_file({"h": np.ascontiguousarray(numbers[:, [0, 0, 0, 1]])}, first)
    save_file({"h": np.ascontiguousarray(numbers[:, [0, 0, 0, 0]])}, second)
    for each in (first, second, file):
        os.utime(each, LONG_AGO)
    for new, unique in ((None, "4"), (first, "2"), (second, "1")):
        if new:
            replaced(new, file)
        source = link_file(library, Link(str(file))).id
        assert metrics(opened("scrub", run=source))["U unique"] == unique


def test_a_replaced_text_makes_other_tokens_dead(library: Path, tmp_path: Path) -> None:
    file, text = tmp_path / "h.safetensors", tmp_path / "text"
    save_file({"h": np.zeros((2, 128, 3), np.float32)}, file)
    for letters, dead in (("abc", "125"), ("abcd", "124")):
        text.write_text(letters)
        app = opened("scrub", run=link_file(library, Link(str(file), text=str(text))).id, group="dead")
        assert metrics(app)["P in holes"] == dead


def test_what_was_made_of_a_growing_run_stays_and_of_a_replaced_one_goes(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(snapshots=5, state="running")
    with hold(run.path):
        before = stamp(str(run.path))
        with TensorWriter(run.path / HISTORY, TENSOR, "BF16", (16, 4), 21, {}) as writer:
            writer.append(falling_together(6)[5])
        with open(run.path / METRICS, "a") as metrics:
            metrics.write("5,4.0,0.001,1.0,0.1\n")
        assert stamp(str(run.path)) == before
        by_name(another_history(run, tmp_path / "elsewhere"), run.path / HISTORY)
        assert stamp(str(run.path)) != before
    write_status(run.path, Status("stopped", 5, 20))
    ended = stamp(str(run.path))
    os.utime(run.path / HISTORY, LONG_AGO)
    assert stamp(str(run.path)) != ended


def test_a_replaced_file_is_not_kept_open(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    path = str(run.path)

    def held() -> list[str]:
        links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        return [str(link.readlink()) for link in links if link.is_symlink() and run.id in str(link.readlink())]

    cached.history(path, 21)
    assert held()
    by_name(another_history(run, tmp_path / "elsewhere"), run.path / HISTORY)
    cached.history(path, 21)
    assert not [name for name in held() if name.endswith("(deleted)")]


def test_a_history_that_became_shorter_says_so(make_run: MakeRun, tmp_path: Path) -> None:
    run, shorter = make_run(), make_run(snapshots=3)
    assert len(cached.words(str(run.path), 21)) == 21
    by_name(shorter.path / HISTORY, run.path / HISTORY)
    with pytest.raises(cached.HistoryError, match=r"must hold the 21 snapshots it held a moment ago; it holds 3\."):
        cached.words(str(run.path), 21)
