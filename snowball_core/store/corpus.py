"""Text in, token ids out: a byte is a token, and what was done to the text is written down; the published text, built once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import CorpusError, requiring
from .files.regular_files import open_regular, replacing
from .run_folder import corpora_folder
from .status import require_writable

BUILT_IN = "python-manual"
GATSBY = "gatsby"
GATSBY_SHA256 = "33bdec3abc8bd4e765d09110a4c78fdcbbf7e619e1c09e23f42722634cbc6952"
GATSBY_ADDRESS = "https://www.gutenberg.org/cache/epub/64317/pg64317.txt"
LARGEST_FILE = 512 * 1024 * 1024
_COUNTED_AT_ONCE = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_CONTROL = 1 / 3
_CONTROL_EXPECTED = frozenset(b"\t\n\r\f\v\x1b")


@dataclass(frozen=True)
class Corpus:
    """A text as token ids."""

    name: str  # the built-in name or the file's path, as given
    ids: npt.NDArray[np.uint8]  # shape (length,); byte values, all below 128; a byte each, also while a run trains on them
    sha256: str  # hash of the bytes trained on (after normalization)
    notes: tuple[str, ...] = ()  # what was changed on the way from the file to the ids, in plain words

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def byte_counts(self) -> npt.NDArray[np.int64]:
        """How often each of the 128 ASCII values occurs, shape ``(128,)``."""
        # By parts: counting makes 64-bit numbers of the ids first.
        parts = (self.ids[start : start + _COUNTED_AT_ONCE] for start in range(0, len(self), _COUNTED_AT_ONCE))
        return sum((np.bincount(part, minlength=128) for part in parts), np.zeros(128, np.int64))

    def is_missing(self, vocab: int) -> npt.NDArray[np.bool_]:
        """Which tokens of a vocabulary never occur in the text, shape ``(vocab,)``."""
        missing = np.ones(vocab, np.bool_)
        missing[:128] = self.byte_counts[:vocab] == 0
        return missing

    def faults(self, vocab: int, context: int) -> list[str]:
        """Why a model of this vocabulary and context cannot be trained on this text; empty if it can."""
        faults = []
        if len(self) and (largest := int(self.ids.max())) >= vocab:
            faults.append(
                f"vocab must exceed the largest byte of the corpus; got vocab {vocab} and byte {largest} "
                f"({chr(largest)!r}) in {self.name}. Set vocab to at least {largest + 1}."
            )
        if len(self) <= context:
            faults.append(
                f"the corpus must be longer than one window; got {len(self):,} bytes and context {context}. "
                "Shorten context or give a longer text."
            )
        return faults


def load_corpus(name: str, errors: str = "strict", folder: Path | None = None) -> Corpus:
    """The corpus of a built-in name (``python-manual``, ``gatsby``) or a file's path.

    Bytes that are not ASCII are refused, or dropped with ``errors="ignore"``; built texts are in ``folder``.
    """
    if name == BUILT_IN:
        return python_manual()
    if not name.strip():
        raise CorpusError(f"the corpus must be a built-in name ({BUILT_IN}, {GATSBY}) or a file; got no name.")
    path = text_path(name, folder)
    if name == GATSBY and not path.is_file():
        raise CorpusError(
            'the corpus gatsby must be built once before use; it is missing. Run "python -m snowball_core corpus gatsby" '
            '(downloads the book) or add "--from FILE" with a copy of it.'
        )
    return from_bytes(read_file(path, folder if path.name == name else None), name, errors)


def text_path(name: str, folder: Path | None = None) -> Path:
    """The file that a text's name means: the path, else the file of that bare name among the built corpora.

    An imported run knows the name of its text and no folder: there is where the text is put.
    """
    if name == GATSBY:
        return (folder or Path()) / f"{GATSBY}.txt"
    path = Path(name)
    is_bare = folder is not None and path.name == name and not os.path.lexists(path)
    return folder / name if is_bare and folder and os.path.lexists(folder / name) else path


def read_file(path: Path, searched: Path | None = None) -> bytes:
    """The bytes of a text file; ``~`` is the home folder. ``searched`` is where else it was looked for."""
    try:
        path = path.expanduser()
        if str(path) != os.fsencode(path).decode("utf-8", "replace"):
            raise CorpusError(f'the path of a corpus must be UTF-8, for a run to keep it; got "{path}". Rename it.')
        if path.exists() and not path.is_file():
            what = "is a folder. Name a file in it." if path.is_dir() else "is a device or a pipe. Save the text to a file."
            raise CorpusError(f'the corpus must be a text file; "{path}" {what}')
        with open_regular(path) as file:
            # Before any of it is read; and a file that grows while it is read still ends there.
            size = os.fstat(file.fileno()).st_size
            raw = file.read(LARGEST_FILE + 1) if size <= LARGEST_FILE else b""
        if max(size, len(raw)) > LARGEST_FILE:
            raise CorpusError(f'the corpus must be at most 512 MB; "{path}" is larger. Shorten it.')
        return raw
    except FileNotFoundError:
        too = f" Texts of imported runs are also searched in {searched}." if searched else ""
        raise CorpusError(
            f'the corpus must be a built-in name ({BUILT_IN}, {GATSBY}) or an existing file; "{path}" is neither. '
            f"Check the path.{too}"
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CorpusError(f'the corpus must be a readable file; "{path}" could not be read: {reason}. Check it.') from None


def from_bytes(raw: bytes, name: str, errors: str = "strict") -> Corpus:
    r"""The corpus in ``raw``: line ends normalized to LF, other bytes than ASCII refused or dropped.

    Examples
    --------
    >>> corpus = from_bytes(b"ab\r\nc", "example")
    >>> corpus.ids.tolist(), corpus.notes
    ([97, 98, 10, 99], ('1 CRLF line end became LF',))
    """
    notes = []
    if raw.startswith(b"version https://git-lfs.github.com/spec/"):
        raise CorpusError(f'the corpus must be the text itself; "{name}" is a git-LFS pointer. Fetch it with "git lfs pull".')
    _refuse_binary(raw, name)
    if errors == "strict":
        _refuse_foreign(raw, name)
    if raw.startswith(_BYTE_ORDER_MARK):
        raw = raw.removeprefix(_BYTE_ORDER_MARK)
        notes.append("the byte order mark was dropped")
    for end, name_of_end in ((b"\r\n", "CRLF"), (b"\r", "lone CR")):
        if line_ends := raw.count(end):
            raw = raw.replace(end, b"\n")
            notes.append(f"{line_ends:,} {name_of_end} line {'end' if line_ends == 1 else 'ends'} became LF")
    ids = np.frombuffer(raw, np.uint8)
    foreign = np.zeros(0, np.bool_) if raw.isascii() else ids > 127
    if count := int(foreign.sum()):
        ids = ids[~foreign]
        notes.append(f"{count:,} {'byte that is not ASCII was' if count == 1 else 'bytes that are not ASCII were'} dropped")
    if not len(ids):
        raise CorpusError(f'the corpus must not be empty; "{name}" has no ASCII bytes. Give a text.')
    return Corpus(name, ids, hashlib.sha256(ids.data).hexdigest(), tuple(notes))


def _refuse_binary(raw: bytes, name: str) -> None:
    """Refuse what no text looks like: a NUL beside bytes that are not ASCII, or a third of control characters.

    A NUL alone is not enough: a text may hold every ASCII value.
    """
    head = np.frombuffer(raw[:65_536], np.uint8)
    control = (head < 32) & ~np.isin(head, list(_CONTROL_EXPECTED))
    many = bool(len(head)) and control.mean() > _MOST_CONTROL
    if many or (b"\0" in raw and not raw.isascii()):
        where = raw.find(b"\0") if b"\0" in raw else int(np.argmax(control))
        raise CorpusError(
            f'the corpus must be text; "{name}" looks binary (byte {raw[where]} at position {where:,}). Give a plain text file.'
        )


def _refuse_foreign(raw: bytes, name: str) -> None:
    """Refuse bytes that are not ASCII, by their position in the file as it is on the disk."""
    if raw.isascii():
        return
    ids = np.frombuffer(raw, np.uint8)
    foreign = ids > 127
    if raw.startswith(_BYTE_ORDER_MARK):
        foreign[: len(_BYTE_ORDER_MARK)] = False
    if not (count := int(foreign.sum())):
        return
    position = int(np.argmax(foreign))
    line = sum(raw.count(end, 0, position) for end in (b"\n", b"\r")) - raw.count(b"\r\n", 0, position) + 1
    near = raw[max(0, position - 20) : position + 20].decode("utf-8", "replace")
    raise CorpusError(
        f'the corpus must be ASCII; "{name}" has {count:,} other {"byte" if count == 1 else "bytes"}, the first '
        f"({raw[position]:#04x}) at position {position:,}, line {line:,}, near “{' '.join(near.split())}”. Replace them, or "
        "drop them with --corpus-errors ignore."
    )


def python_manual() -> Corpus:
    """The Python manual that ships inside every interpreter (``pydoc_data.topics``), ASCII letters only.

    The text differs between Python versions, so its hash is part of a run's provenance.
    """
    from pydoc_data.topics import topics

    text = "\n".join(topics[title] for title in sorted(topics))
    corpus = from_bytes(text.encode("utf-8"), BUILT_IN, errors="ignore")
    return Corpus(BUILT_IN, corpus.ids, corpus.sha256, corpus.notes)


def is_published(manifest: Mapping[str, Any]) -> bool:
    """Whether a run's text is that of the published experiment, under whatever name or path."""
    text = manifest.get("corpus")
    return isinstance(text, dict) and text.get("sha256") == GATSBY_SHA256


def built_gatsby(folder: Path) -> Path | None:
    """The file that the name ``gatsby`` stands for in a runs folder; ``None`` until it is built."""
    path = text_path(GATSBY, corpora_folder(folder))
    return path if path.is_file() else None


def build_gatsby(folder: Path, source: Path | None = None) -> Path:
    """The file of the text, compared with its SHA-256: cut out of a copy of Project Gutenberg's file 64317, or a download."""
    require_writable()
    text = gatsby_from_book(download_gatsby() if source is None else read_file(source))
    path = text_path(GATSBY, corpora_folder(folder))
    with requiring("the runs folder must be writable", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(text)
    return path


def gatsby_from_book(raw: bytes) -> bytes:
    """The 265,905 bytes of the original experiment, cut from Project Gutenberg's raw book 64317.

    What lies between the START and END lines, stripped, line ends LF, everything but ASCII dropped.
    """
    text = raw.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    start, end = text.find("*** START OF"), text.find("*** END OF")
    if start < 0 or end < start:
        raise CorpusError(
            "the book must be Project Gutenberg's plain-text file 64317, with its START and END lines; they were not found. "
            "Download pg64317.txt unchanged."
        )
    body = text[text.find("\n", start) + 1 : end].encode("ascii", "ignore").strip()
    digest = hashlib.sha256(body).hexdigest()
    if digest != GATSBY_SHA256:
        raise CorpusError(
            f"the rebuilt corpus must have SHA-256 {GATSBY_SHA256[:12]}…; got {digest[:12]}… ({len(body):,} bytes). "
            "The book was revised or edited since: use an unchanged copy of the January 2021 release."
        )
    return body


def download_gatsby() -> bytes:
    """The raw book, fetched from Project Gutenberg."""
    import http.client
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(GATSBY_ADDRESS, timeout=20.0) as response:
            raw: bytes = response.read(LARGEST_FILE)
            return raw
    except (OSError, http.client.HTTPException) as error:
        # An answer's reason lacks its number, no answer's message its plain words.
        reason = error.reason if type(error) is urllib.error.URLError else error
        raise CorpusError(
            f"downloading the book needs a network; {GATSBY_ADDRESS} could not be reached ({reason}). "
            'Fetch that file elsewhere and run "python -m snowball_core corpus gatsby --from FILE".'
        ) from None
