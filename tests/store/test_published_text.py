"""The published experiment's text built where its name finds it: by a call, and by the button the form shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from paging import opened, sound, texts

from snowball_core.errors import CorpusError, RunError
from snowball_core.store import corpus
from snowball_core.store.corpus import GATSBY_SHA256, build_gatsby, built_gatsby, load_corpus
from snowball_core.store.run_folder import corpora_folder

pytestmark = pytest.mark.usefixtures("library")
BOOK = Path(__file__).resolve().parents[3] / "shared" / "data" / "pg64317.txt"
needs_book = pytest.mark.skipif(not BOOK.is_file(), reason="the raw book is not beside the repository")


@needs_book
def test_the_text_is_built_once_and_found_by_its_name(library: Path) -> None:
    assert built_gatsby(library) is None
    path = build_gatsby(library, BOOK)
    assert built_gatsby(library) == path
    assert hashlib.sha256(path.read_bytes()).hexdigest() == GATSBY_SHA256
    assert load_corpus("gatsby", folder=corpora_folder(library)).sha256 == GATSBY_SHA256
    assert [file.name for file in path.parent.iterdir()] == ["gatsby.txt"]


def test_another_book_is_refused_and_nothing_is_kept(library: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other.txt").write_text("*** START OF it\nanother book\n*** END OF it\n")
    with pytest.raises(CorpusError, match="must have SHA-256"):
        build_gatsby(library, other)
    assert built_gatsby(library) is None


def test_a_read_only_library_builds_nothing(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWBALL_READONLY", "1")
    with pytest.raises(RunError, match="read-only"):
        build_gatsby(library, BOOK)
    assert not corpora_folder(library).exists()


@needs_book
def test_the_form_offers_the_text_where_it_is_missing_and_continues_with_it(library: Path) -> None:
    app = opened("train")
    assert not [button for button in app.button if button.key == "build-text"]
    app = sound(app.radio(key="preset").set_value("primordial-snowball").run())
    assert "must be built once" in texts(app.error)
    app.text_input(key="book-source").set_value(str(library / "missing.txt"))
    app = sound(app.button(key="build-text").click().run())
    assert '/missing.txt" is neither' in texts(app.error)
    app.text_input(key="book-source").set_value(str(BOOK))
    app = sound(app.button(key="build-text").click().run())
    assert not app.error
    assert "of 128 tokens 77 are live and 51 dead" in texts(app.markdown)
    assert not app.button(key="start").disabled
    assert not [button for button in app.button if button.key == "build-text"]


def test_without_a_network_the_form_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "GATSBY_ADDRESS", "http://127.0.0.1:9/pg64317.txt")
    app = sound(opened("train").radio(key="preset").set_value("primordial-snowball").run())
    app = sound(app.button(key="build-text").click().run())
    assert "Downloading the book needs a network" in texts(app.error)
