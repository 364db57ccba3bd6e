"""Text to ids: what is taken, what is changed and said, what is refused and why."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.errors import CorpusError
from snowball_core.store import corpus
from snowball_core.store.corpus import download_gatsby, from_bytes, gatsby_from_book, load_corpus, python_manual, read_file

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_text = pytest.mark.skipif(not (DATA / "gatsby.txt").is_file(), reason="the seed's text is not beside the repository")
needs_book = pytest.mark.skipif(not (DATA / "pg64317.txt").is_file(), reason="the raw book is not beside the repository")
DEAD = {*range(10), *range(11, 32), 34, 35, 37, 38, 39, 43, 47, 60, 61, 62, 64, 92, 94, 95, 96, *range(123, 128)}


@needs_text
def test_the_seeds_text_has_the_published_facts():
    text = load_corpus(str(DATA / "gatsby.txt"))
    assert len(text) == 265_905
    assert set(np.flatnonzero(text.byte_counts == 0).tolist()) == DEAD
    assert len(DEAD) == 51
    assert (text.byte_counts > 0).sum() == 77
    assert text.notes == ()
    assert text.faults(128, 128) == []


@needs_text
@needs_book
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_raw_book_gives_the_seeds_text_whatever_its_line_ends_and_mark(line_end, mark):
    raw = (DATA / "pg64317.txt").read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\n", line_end)
    assert gatsby_from_book(mark + raw) == (DATA / "gatsby.txt").read_bytes()


@needs_book
def test_a_book_with_one_letter_changed_is_refused_by_its_hash():
    raw = (DATA / "pg64317.txt").read_bytes().replace(b"younger", b"Younger", 1)
    with pytest.raises(CorpusError, match=r"must have SHA-256 .*; got .* \(265,905 bytes\).*unchanged copy"):
        gatsby_from_book(raw)


@pytest.mark.parametrize("raw", [b"", b"a story", b"*** END OF x\n*** START OF x\n", b"*** START OF x", b"\xff\x00"])
def test_what_is_not_the_book_is_refused_by_its_missing_lines(raw):
    with pytest.raises(CorpusError, match=r"with its START and END lines; they were not found. Download pg64317.txt unchanged"):
        gatsby_from_book(raw)


@needs_text
def test_the_name_gatsby_means_the_text_built_in_the_folder(tmp_path):
    (tmp_path / "gatsby.txt").write_bytes((DATA / "gatsby.txt").read_bytes())
    built = load_corpus("gatsby", folder=tmp_path)
    assert (built.name, len(built)) == ("gatsby", 265_905)


def test_the_name_gatsby_without_the_text_says_how_to_build_it(tmp_path):
    with pytest.raises(CorpusError, match=r'Run "python -m snowball_core corpus gatsby" .* or add "--from FILE"'):
        load_corpus("gatsby", folder=tmp_path)


def test_the_hash_is_of_the_bytes_trained_on_and_the_ids_are_the_bytes():
    text = from_bytes(b"ab\r\nc\r\n", "x")
    assert text.sha256 == hashlib.sha256(b"ab\nc\n").hexdigest()
    assert text.ids.tolist() == [97, 98, 10, 99, 10]
    assert text.notes == ("2 CRLF line ends became LF",)
    assert text.byte_counts.tolist() == [{97: 1, 98: 1, 99: 1, 10: 2}.get(token, 0) for token in range(128)]


@pytest.mark.parametrize(
    ("raw", "notes"),
    [
        (b"a\rb\rc", ("2 lone CR line ends became LF",)),
        (b"a\r\nb\rc", ("1 CRLF line end became LF", "1 lone CR line end became LF")),
        (b"\r\r\n\n\r", ("1 CRLF line end became LF", "2 lone CR line ends became LF")),
        (b"a\nb", ()),
    ],
)
def test_every_line_end_becomes_one_lf_as_pythons_own_text_mode_has_it_and_that_is_reported(raw, notes, tmp_path):
    text = from_bytes(raw, "x")
    (tmp_path / "text.txt").write_bytes(raw)
    assert text.ids.tobytes().decode() == (tmp_path / "text.txt").read_text()
    assert text.notes == notes


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_line_is_counted_by_whatever_ends_it(end):
    with pytest.raises(CorpusError, match=r"at position \d+, line 3, near"):
        from_bytes(end.join([b"one", b"two", "é".encode()]), "x")


def test_a_pointer_of_git_lfs_is_not_taken_for_the_text():
    with pytest.raises(CorpusError, match=r'must be the text itself; "x" is a git-LFS pointer. Fetch it with "git lfs pull"'):
        from_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "x")


def test_a_byte_order_mark_is_dropped_and_reported():
    text = from_bytes(b"\xef\xbb\xbfab", "x")
    assert (text.ids.tolist(), text.notes) == ([97, 98], ("the byte order mark was dropped",))


@given(st.binary(max_size=60), st.integers(128, 255), st.binary(max_size=20), st.booleans())
@settings(deadline=None, max_examples=200)
def test_the_position_reported_is_that_of_the_first_foreign_byte_in_the_file(before, byte, after, has_mark):
    before, after = (bytes(32 + b % 90 if b % 7 else 10 for b in part).replace(b"\n", b"\r\n") for part in (before, after))
    raw = (b"\xef\xbb\xbf" if has_mark else b"") + before + bytes([byte]) + after
    position = len(raw) - len(after) - 1
    with pytest.raises(CorpusError) as caught:
        from_bytes(raw, "letter.txt")
    line = before.count(b"\n") + 1
    assert f"has 1 other byte, the first ({byte:#04x}) at position {position}, line {line}, near" in str(caught.value)


def test_foreign_bytes_are_counted_shown_in_place_and_the_way_out_is_named():
    with pytest.raises(CorpusError) as caught:
        from_bytes("one\ntwo — three é".encode(), "letter.txt")
    message = str(caught.value)
    assert 'the corpus must be ASCII; "letter.txt" has 5 other bytes, the first (0xe2) at position 8, line 2' in message
    assert "near “one two — three é”" in message
    assert "--corpus-errors ignore" in message


def test_foreign_bytes_can_be_dropped_and_that_is_reported():
    text = from_bytes("aé–b".encode(), "x", errors="ignore")
    assert (text.ids.tolist(), text.notes) == ([97, 98], ("5 bytes that are not ASCII were dropped",))
    assert from_bytes(b"a\xe9", "x", errors="ignore").notes == ("1 byte that is not ASCII was dropped",)


@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf"])
def test_an_empty_text_is_refused(raw):
    with pytest.raises(CorpusError, match=r'the corpus must not be empty; "x" has no ASCII bytes. Give a text.'):
        from_bytes(raw, "x")


def test_a_text_of_foreign_bytes_alone_is_empty_once_they_are_dropped():
    with pytest.raises(CorpusError, match=r"must not be empty"):
        from_bytes("éé".encode(), "x", errors="ignore")


@pytest.mark.parametrize("errors", ["strict", "ignore"])
@pytest.mark.parametrize(
    ("raw", "byte", "position"), [(b"ab\0\xe9", 0, 2), (b"\x01\x02ab", 1, 0), ("text".encode("utf-16-le"), 0, 1)]
)
def test_binary_is_refused_with_the_byte_that_betrays_it(raw, byte, position, errors):
    with pytest.raises(CorpusError, match=rf'"x" looks binary \(byte {byte} at position {position}\). Give a plain text file.'):
        from_bytes(raw, "x", errors)


def test_a_text_with_every_ascii_value_is_text_and_lacks_the_carriage_return_alone():
    text = from_bytes(bytes(range(128)) * 3, "x")
    assert text.byte_counts.tolist() == [{10: 6, 13: 0}.get(token, 3) for token in range(128)]
    assert text.notes == ("3 lone CR line ends became LF",)


def test_tabs_form_feeds_and_a_rare_control_character_are_text():
    raw = b"a\tb\fc\x1b[0m and a bell \x07 in a long line"
    assert from_bytes(raw, "x").ids.tobytes() == raw


def test_a_missing_file_a_folder_and_an_unknown_home_are_refused_in_words(tmp_path):
    with pytest.raises(
        CorpusError, match=r"a built-in name \(python-manual, gatsby\) or an existing file; .*is neither. Check"
    ):
        load_corpus(str(tmp_path / "nothing.txt"))
    with pytest.raises(CorpusError, match=r"is a folder. Name a file in it."):
        load_corpus(str(tmp_path))
    with pytest.raises(CorpusError, match=r"could not be read"):
        load_corpus("~nobody-of-this-name/text.txt")
    with pytest.raises(CorpusError, match=r"could not be read"):
        load_corpus("x" * 5_000)
    with pytest.raises(CorpusError, match=r"must be"):
        load_corpus("a\0b")
    for nothing in ("", "  "):
        with pytest.raises(CorpusError, match=r"must be a built-in name \(python-manual, gatsby\) or a file; got no name"):
            load_corpus(nothing)


def test_pipes_and_devices_are_refused_instead_of_read_for_ever(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(CorpusError, match=r"is a device or a pipe"):
            read_file(path)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "vast.txt", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(CorpusError, match=r"must be at most 512 MB"):
        read_file(tmp_path / "vast.txt")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "text.txt").write_bytes(b"abc")
    assert load_corpus("~/text.txt").ids.tolist() == [97, 98, 99]


def test_the_text_must_be_longer_than_one_window():
    text = from_bytes(b"abcd", "x")
    assert text.faults(128, 3) == []
    assert text.faults(128, 4) == [
        "the corpus must be longer than one window; got 4 bytes and context 4. Shorten context or give a longer text."
    ]


def test_the_vocabulary_must_exceed_the_largest_byte():
    text = from_bytes(b"abcd", "x")
    assert text.faults(101, 2) == []
    assert text.faults(100, 2) == [
        "vocab must exceed the largest byte of the corpus; got vocab 100 and byte 100 ('d') in x. Set vocab to at least 101."
    ]
    assert len(text.faults(100, 9)) == 2


def test_the_python_manual_is_english_ascii_and_the_same_every_time():
    once, again = python_manual(), load_corpus("python-manual")
    assert once.sha256 == again.sha256
    assert once.ids.max() < 128
    assert b"lambda" in once.ids.tobytes()
    assert len(once) > 100_000


def test_without_a_network_the_download_names_the_address_and_the_offline_way(monkeypatch):
    monkeypatch.setattr(corpus, "GATSBY_ADDRESS", "http://127.0.0.1:9/pg64317.txt")
    with pytest.raises(CorpusError, match=r"needs a network; http://127.0.0.1:9/.* could not be reached .*gatsby --from FILE"):
        download_gatsby()


@pytest.fixture
def server(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_the_download_gives_the_bytes_of_the_address_and_refuses_a_missing_page(server, tmp_path, monkeypatch):
    (tmp_path / "book.txt").write_bytes(b"a book\r\n")
    monkeypatch.setattr(corpus, "GATSBY_ADDRESS", f"{server}/book.txt")
    assert download_gatsby() == b"a book\r\n"
    monkeypatch.setattr(corpus, "GATSBY_ADDRESS", f"{server}/gone.txt")
    with pytest.raises(CorpusError, match=r"404"):
        download_gatsby()
