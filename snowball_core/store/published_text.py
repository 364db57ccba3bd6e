"""The text of the published experiment, built once out of the raw book and kept where its name finds it."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

from ..errors import CorpusError, requiring
from .corpus import GATSBY, GATSBY_SHA256, LARGEST_FILE, read_file, text_path
from .files.regular_files import replacing
from .run_folder import corpora_folder
from .status import require_writable

GATSBY_ADDRESS = "https://www.gutenberg.org/cache/epub/64317/pg64317.txt"


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
