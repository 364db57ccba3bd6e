"""Histories from files: opened in the Library, listed as links, and shown by every page, run without a browser."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from conftest import MakeRun, falling_together
from paging import metrics, opened, sound, texts
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from snowball_core.errors import SnowballError
from snowball_core.measures.bf16 import values
from snowball_core.store.foreign.links import Link, link_copy, link_file, links, unlink_file

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    words = values(falling_together(20)).astype(np.float32)
    save_file({"embedding": words, "other": words[0]}, folder / "some.safetensors")
    return folder / "some.safetensors"


def from_file(**query: str) -> AppTest:
    return opened("library", tab="From a file", **query)


def linked(library: Path, history: Path, **typed: str) -> str:
    return link_file(library, Link(str(history), **typed)).id


def press(app: AppTest, start: str) -> AppTest:
    return sound(next(button for button in app.button if str(button.key).startswith(start)).click().run())


def test_a_file_that_was_opened_stays_in_the_list_as_a_link(library: Path, history: Path) -> None:
    app = from_file(file=str(history))
    assert "some.safetensors** · F32 · 20 snapshots of 16 tokens with 4 components · opened" in texts(app.markdown)
    assert "Dead tokens are unknown" in texts(app.caption)
    assert len(links(library)) == 1
    app = from_file()
    assert str(history) in texts(app.caption)
    app = press(app, "unlink-")
    assert links(library) == {}
    assert history.exists()
    assert "No file open" in texts(app.info)


@pytest.mark.parametrize("page", ["scrub", "lineage", "motion", "verdict", "export"])
def test_every_page_of_a_run_shows_an_opened_file(library: Path, history: Path, page: str) -> None:
    source = linked(library, history)
    app = opened(page, run=source, group="dead")
    assert not app.error, texts(app.error)
    assert f"file {history}" in texts(app.caption)
    assert app.query_params["run"] == source
    # The failing side: with its dead tokens known the group is chosen as of a run.
    known = linked(library, history, dead="0-5")
    app = opened(page, run=known, group="dead")
    assert not app.error, texts(app.error)
    assert "dead: 6 of 16 tokens" in texts(app.caption)


def test_the_exact_numbers_of_a_file_are_those_of_the_snapshot(library: Path, history: Path) -> None:
    app = opened("scrub", run=linked(library, history), step="7")
    _, sizes = np.unique(values(falling_together(20))[7], axis=0, return_counts=True)
    assert (metrics(app)["U unique"], metrics(app)["Largest hole"]) == (str(len(sizes)), str(sizes[sizes > 1].max(initial=0)))
    assert "Exact at step 7** · all: 16 tokens" in texts(app.markdown)


def test_motion_says_that_the_rate_of_a_file_is_unknown(library: Path, history: Path) -> None:
    assert "learning rate of this run is unknown" in texts(opened("motion", run=linked(library, history)).caption)


def test_a_file_is_compared_with_a_run(library: Path, history: Path, make_run: MakeRun) -> None:
    run = make_run()
    app = opened("compare", runs=f"{run.id},{linked(library, history)}")
    assert not app.error, texts(app.error)
    assert "2 runs" in texts(app.markdown)


def test_where_a_snapshot_is_too_large_to_be_drawn_a_field_chooses_it(
    library: Path, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snowball_core.charts.scrubber_data._MOST_NUMBERS", 10)
    app = opened("scrub", run=linked(library, history), step="7")
    assert "Choose a smaller group" in texts(app.warning)
    app = sound(app.number_input(key="typed-step").set_value(9).run())
    assert "Exact at step 9** · all: 16 tokens" in texts(app.markdown)


def test_the_dead_tokens_of_a_file_may_be_named_or_found_in_its_text(library: Path, history: Path, tmp_path: Path) -> None:
    assert "Exact at step 19** · dead: 6 tokens" in texts(
        opened("scrub", run=linked(library, history, dead="0-5"), group="dead", step="19").markdown
    )
    text = tmp_path / "text.txt"
    text.write_bytes(bytes([9, 10, 11, 12]) * 50)
    live = opened("scrub", run=linked(library, history, text=str(text)), group="live", step="19")
    assert "live: 4 tokens" in texts(live.markdown)


def test_another_file_under_the_same_path_is_opened_again(library: Path, history: Path) -> None:
    source = linked(library, history)
    assert "[20, 16, 4]" in texts(opened("scrub", run=source).caption)
    save_file({"embedding": np.zeros((3, 5, 2), np.float32)}, history)
    assert "[3, 5, 2]" in texts(opened("scrub", run=source).caption)


def test_a_link_whose_file_is_gone_says_so_and_can_be_removed(library: Path, history: Path) -> None:
    source = linked(library, history)
    history.unlink()
    assert "some.safetensors" in texts(opened("scrub", run=source).error)
    press(from_file(), "unlink-")
    assert links(library) == {}


def test_a_copy_goes_with_its_link_and_a_file_that_is_none_is_refused(library: Path, history: Path) -> None:
    with pytest.raises(SnowballError, match=r'"broken\.safetensors"'):
        link_copy(library, "broken.safetensors", io.BytesIO(b"nothing" * 30))
    assert links(library) == {}
    save_file({"embedding": np.ones((3, 5, 2), np.float32)}, history)
    with open(history, "rb") as content:
        source = link_copy(library, "../one two.safetensors", content)
    copy = Path(source.link.file)
    assert (copy.name, copy.read_bytes()) == ("one-two.safetensors", history.read_bytes())
    unlink_file(library, source.id)
    assert (copy.exists(), history.exists()) == (False, True)


def test_a_read_only_library_opens_files_and_writes_nothing(
    library: Path, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    app = from_file(file=str(history))
    assert "until the server ends" in texts(app.caption)
    assert not (library / ".foreign").exists()
    assert not opened("lineage", run=next(iter(links(library)))).error


@pytest.mark.parametrize(
    ("file", "more", "words"),
    [
        ("/etc/passwd", {}, "must be a file that ends in .safetensors"),
        ("//server/share/x.safetensors", {}, "must be a file on this machine"),
        ("\\\\server\\share\\x.safetensors", {}, "must be a file on this machine"),
        ("http://host/x.safetensors", {}, "must be a file on this machine"),
        ("/no/such/file.safetensors", {}, "must be a readable file"),
        ("~nobody-of-that-name/x.safetensors", {}, "must be a readable file"),
        ("FOLDER/folder.safetensors", {}, "Is a directory"),
        ("FOLDER/broken.safetensors", {}, "must be a safetensors file"),
        ("FOLDER/some.safetensors", {"tensor": "none"}, "The tensor to read must be named"),
        ("FOLDER/some.safetensors", {"dead": "a-b"}, "Dead tokens must be ids and ranges"),
        ("FOLDER/some.safetensors", {"dead": "99"}, "Dead tokens must be ids of the vocabulary, 0–15"),
        ("FOLDER/some.safetensors", {"text": "/no/such/text"}, "is neither"),
    ],
)
def test_a_path_that_is_no_history_is_refused_with_what_to_do(
    library: Path, history: Path, file: str, more: dict[str, str], words: str
) -> None:
    (history.parent / "folder.safetensors").mkdir()
    (history.parent / "broken.safetensors").write_bytes(b"nothing" * 30)
    app = from_file(file=file.replace("FOLDER", str(history.parent)), **more)
    assert words in texts(app.error)
    assert links(library) == {}


def test_nothing_open_says_what_to_do() -> None:
    assert "No file open" in texts(from_file().info)


def test_an_empty_history_says_so(tmp_path: Path) -> None:
    save_file({"embedding": np.zeros((0, 5, 2), np.float32)}, tmp_path / "empty.safetensors")
    assert "has no snapshots" in texts(from_file(file=str(tmp_path / "empty.safetensors")).warning)
