"""Histories opened from a file, on the Library page run without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import falling_together
from paging import opened, sound, texts
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from snowball_core.measures.bf16 import values

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    words = values(falling_together(20)).astype(np.float32)
    save_file({"embedding": words, "other": words[0]}, folder / "some.safetensors")
    return folder / "some.safetensors"


def from_file(**query: str) -> AppTest:
    return opened("library", shelf="From a file", **query)


def test_a_foreign_history_is_counted_and_says_why_its_dead_are_unknown(history: Path) -> None:
    app = from_file(file=str(history))
    assert "F32 · 20 snapshots of 16 tokens with 4 components" in texts(app.markdown)
    assert "Which tokens are dead is not known for a foreign history" in texts(app.info)
    *_, events, steps = (frame.value for frame in app.dataframe)
    words = values(falling_together(20))
    assert list(steps["unique"]) == [len(np.unique(frame, axis=0)) for frame in words]
    apart = [np.abs(frame[:, None] - frame).max() for frame in words]
    assert list(steps["largest_linf_weight"]) == pytest.approx(apart, rel=1e-6)
    assert set(events["what happened"]) >= {"formation"}
    assert len(app.get("vega_lite_chart")) == 1


def test_the_exact_numbers_of_a_foreign_history_are_those_of_the_snapshot(history: Path) -> None:
    app = from_file(file=str(history), step="7")
    frame = values(falling_together(20))[7]
    _, sizes = np.unique(frame, axis=0, return_counts=True)
    numbers = {metric.label: metric.value for metric in app.metric}
    assert (numbers["U unique"], numbers["Largest hole"]) == (str(len(sizes)), str(sizes[sizes > 1].max(initial=0)))
    assert "Exact at step 7** · all: 16 tokens" in texts(app.markdown)


def test_where_a_snapshot_is_too_large_to_be_drawn_a_field_chooses_it(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snowball_core.charts.scrubber_data._MOST_NUMBERS", 10)
    app = from_file(file=str(history), step="7")
    assert "Choose a smaller group" in texts(app.warning)
    assert not app.get("bidi_component")
    app = sound(app.number_input(key="typed-step").set_value(9).run())
    assert "Exact at step 9** · all: 16 tokens" in texts(app.markdown)


def test_the_dead_tokens_of_a_foreign_history_may_be_named(history: Path) -> None:
    app = from_file(file=str(history), dead="0-5", group="dead")
    assert "dead is not known" not in texts(app.info)
    steps = app.dataframe[-1].value
    assert set(steps["tokens"]) == {6}
    assert steps["unique"].iloc[-1] == 1
    assert "no dead tokens" not in texts(app.info)
    assert "no live tokens" in texts(from_file(file=str(history), dead="0-15", group="live").info)


def test_the_text_of_a_foreign_history_determines_its_dead_tokens(history: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(bytes([9, 10, 11, 12]) * 50)
    assert set(from_file(file=str(history), text=str(text), group="live").dataframe[-1].value["tokens"]) == {4}


def test_another_file_under_the_same_path_is_opened_again(history: Path) -> None:
    assert "20 snapshots" in texts(from_file(file=str(history)).markdown)
    save_file({"embedding": np.zeros((3, 5, 2), np.float32)}, history)
    assert "3 snapshots of 5 tokens" in texts(from_file(file=str(history)).markdown)


@pytest.mark.parametrize(
    ("file", "more", "words"),
    [
        ("/etc/passwd", {}, "must be a file that ends in .safetensors"),
        ("//server/share/x.safetensors", {}, "must be a file of this machine"),
        ("\\\\server\\share\\x.safetensors", {}, "must be a file of this machine"),
        ("http://host/x.safetensors", {}, "must be a file of this machine"),
        ("/no/such/file.safetensors", {}, "must be a readable file"),
        ("~nobody-of-that-name/x.safetensors", {}, "must be a readable file"),
        ("FOLDER/folder.safetensors", {}, "Is a directory"),
        ("FOLDER/broken.safetensors", {}, "must be a safetensors file"),
        ("FOLDER/some.safetensors", {"tensor": "none"}, "the tensor to read must be named"),
        ("FOLDER/some.safetensors", {"dead": "a-b"}, "dead tokens must be ids and ranges"),
        ("FOLDER/some.safetensors", {"dead": "99"}, "dead tokens must be ids of the vocabulary, 0–15"),
        ("FOLDER/some.safetensors", {"text": "/no/such/text"}, "is neither"),
    ],
)
def test_a_path_that_is_no_history_is_refused_with_what_to_do(
    history: Path, file: str, more: dict[str, str], words: str
) -> None:
    (history.parent / "folder.safetensors").mkdir()
    (history.parent / "broken.safetensors").write_bytes(b"nothing" * 30)
    app = from_file(file=file.replace("FOLDER", str(history.parent)), **more)
    assert words in texts(app.error)
    assert not app.dataframe


def test_nothing_open_says_what_to_do() -> None:
    assert "Nothing is open yet" in texts(from_file().info)


def test_an_empty_history_says_so(tmp_path: Path) -> None:
    save_file({"embedding": np.zeros((0, 5, 2), np.float32)}, tmp_path / "empty.safetensors")
    assert "holds no snapshot" in texts(from_file(file=str(tmp_path / "empty.safetensors")).warning)
