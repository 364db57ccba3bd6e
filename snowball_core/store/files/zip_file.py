"""The zip file of a run: its entries, checked and read."""

from __future__ import annotations

import contextlib
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import RunError
from ..run_listing import is_run_id
from .file_kinds import kind_of
from .regular_files import from_json_bytes, open_regular

CONTENTS = "parcel.json"
FORMAT = 1
# What no run takes along: derived tables, and what a worker leaves for others to see.
REFUSED = ("cache", "lock", "stop")
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
ADDED = (".DS_Store", "Thumbs.db", "desktop.ini")
_MOST_FILES = 1_000
_MOST_CONTENTS = 4_000_000
_DEEPEST = 4
_BLOCK = 1 << 20
_FAULTS = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)


class Listed(NamedTuple):
    """One file of a parcel: its entry in the zip, and what ``parcel.json`` says of it."""

    entry: zipfile.ZipInfo
    size: int
    sha256: str


def undated_entry(name: str, size: int) -> zipfile.ZipInfo:
    """A deflated entry without date, so that the same files give the same zip; a large size known beforehand makes it large."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, (stat.S_IFREG | 0o644) << 16
    entry.file_size = size
    return entry


@contextlib.contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """A zip file, open for reading."""
    with contextlib.ExitStack() as stack:
        with _reading(file):
            if not zipfile.is_zipfile(stack.enter_context(open_regular(file))) and (kind := kind_of(file)):
                is_cut = "zip file" in kind.what
                raise ValueError("it is cut off: copy the whole file once more" if is_cut else f"it is {kind.what}")
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(open_regular(file))))
        yield archive


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn every error of reading a zip into one that names the zip."""
    try:
        yield
    except _FAULTS as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())[:200]
        raise RunError(
            f'a run is imported from a zip file that "export" wrote; "{file}" cannot be read: '
            f"{reason or 'it is damaged'}. Nothing was imported."
        ) from None


def contents(archive: zipfile.ZipFile, file: Path) -> tuple[str, dict[str, Listed]]:
    """The run's id and the files the parcel says it holds, compared with the entries it has."""
    entries = [entry for entry in archive.infolist() if not _is_passed_over(entry)]
    if len(entries) > _MOST_FILES:
        raise RunError(f'a run has at most {_MOST_FILES:,} files; "{file}" has {len(entries):,}.')
    around = _around(entries, file)
    inside = {entry.filename[len(around) :]: entry for entry in entries}
    for entry in entries:
        _require_plain(entry, around)
    run_id, facts = _facts(read_entry(archive, inside[CONTENTS], _MOST_CONTENTS, file), file)
    facts = {name: each for name, each in facts.items() if name.split("/")[-1] not in ADDED}
    tops = {name.partition("/")[0] for name in inside if name != CONTENTS}
    top = tops.pop() if len(tops) == 1 else run_id
    wanted = {CONTENTS, *(f"{top}/{name}" for name in facts)}
    if len({name.casefold() for name in inside}) != len(entries) or set(inside) != wanted or "run.json" not in facts:
        raise RunError(f'a parcel must hold exactly the files that its {CONTENTS} lists, each once; "{file}" does not.')
    return run_id, {name: Listed(inside[f"{top}/{name}"], *each) for name, each in facts.items()}


def _around(entries: list[zipfile.ZipInfo], file: Path) -> str:
    """The one folder that a desktop tool put around a whole parcel; empty for a parcel as it was packed."""
    names = [entry.filename for entry in entries if entry.filename.split("/")[-1] == CONTENTS]
    around = {name[: -len(CONTENTS)] for name in names if name.count("/") <= 1}
    if "" in around:
        return ""
    if len(around) != 1:
        raise RunError(
            f'a run is imported from a zip file that "export" wrote; "{file}" has no {CONTENTS}. Export the run again.'
        )
    return around.pop()


def _facts(content: bytes, file: Path) -> tuple[str, dict[str, tuple[int, str]]]:
    try:
        listing = from_json_bytes(content)
        run_id, files = listing["run"], listing["files"]
        facts = {name: (each["bytes"], each["sha256"]) for name, each in files.items()}
        is_sound = listing["format"] == FORMAT and isinstance(run_id, str) and is_run_id(run_id)
        is_sound = is_sound and all(type(size) is int and size >= 0 and isinstance(sha, str) for size, sha in facts.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_sound = False
    if not is_sound:
        raise RunError(
            f'the {CONTENTS} of "{file}" must be of format {FORMAT}, with a run id and the size and hash of every file; it is '
            "not. Export the run again."
        )
    return run_id, facts


def _is_passed_over(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is one that desktop tools add: a folder, or a file that only they read. Nothing of it is unpacked."""
    parts = entry.filename.rstrip("/").split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if "\\" in entry.filename or any(part in ("", "..") for part in parts) or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return False
    return entry.is_dir() or parts[0] == "__MACOSX" or parts[-1] in ADDED or parts[-1].startswith("._")


def _require_plain(entry: zipfile.ZipInfo, around: str) -> None:
    """Refuse whatever is not a plain file inside the run's folder."""
    name = entry.filename
    parts = name[len(around) :].split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    # The name of the run's own folder is not kept, and a desktop tool may have given it another: "name (1)".
    own = parts[1:] if len(parts) > 1 else parts
    is_safe = len(parts) <= _DEEPEST and all(PART.fullmatch(part) and ".." not in part for part in own)
    is_safe = is_safe and parts[0] not in ("", ".", "..") and "\\" not in name and ":" not in name
    is_safe = is_safe and name.startswith(around) and not around.startswith((".", "/")) and "\\" not in around
    if not is_safe or kind not in (0, stat.S_IFREG) or entry.flag_bits & 1 or (len(parts) > 1 and parts[1] in REFUSED):
        raise RunError(
            f'a parcel holds plain files of one run; it has an entry "{name[:80]}", which leads elsewhere, is a '
            "link, is encrypted or is no file of a run. Nothing was imported."
        )


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, file: Path) -> bytes:
    """The content of a small entry."""
    with _reading(file), archive.open(entry) as source:
        content = source.read(most + 1)
    if len(content) > most:
        raise RunError(f'"{entry.filename}" in a parcel must take at most {most:,} bytes; it takes more. Nothing was imported.')
    return content


def blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path) -> Iterator[bytes]:
    """The content of an entry, block by block; only errors of reading the zip name the zip."""
    with _reading(file):
        source = archive.open(entry)
    with source:
        while True:
            with _reading(file):
                block = source.read(_BLOCK)
            if not block:
                return
            yield block
