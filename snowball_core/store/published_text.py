"""The text of the published experiment, built once out of the raw book and kept where its name finds it."""

from __future__ import annotations

from pathlib import Path

from ..errors import RunError
from .corpus import GATSBY, download_gatsby, gatsby_from_book, read_file
from .run_folder import corpora_folder
from .status import require_writable


def built_gatsby(folder: Path) -> Path | None:
    """The file that the name ``gatsby`` stands for in a runs folder; ``None`` until it is built."""
    path = corpora_folder(folder) / f"{GATSBY}.txt"
    return path if path.is_file() else None


def build_gatsby(folder: Path, source: Path | None = None) -> Path:
    """Cut the text out of the book, check its SHA-256 and keep it; return the file.

    Parameters
    ----------
    folder : Path
        The runs folder.
    source : Path, optional
        A copy of Project Gutenberg's plain-text file 64317; without one it is downloaded.

    Raises
    ------
    CorpusError
        If there is no network or no such file, or the text is another.
    RunError
        If the runs folder is read-only.
    """
    require_writable()
    text = gatsby_from_book(download_gatsby() if source is None else read_file(source))
    place = corpora_folder(folder) / f"{GATSBY}.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = place.with_suffix(".new")
        fresh.write_bytes(text)
        fresh.replace(place)
    except OSError as error:
        raise RunError(f'the runs folder must be writable; "{place.parent}": {error.strerror}.') from None
    return place
