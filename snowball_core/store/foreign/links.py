"""Foreign histories that were opened: a link to each file in the runs folder, with an id that is used like a run's."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ...errors import HistoryError, SnowballError, requiring
from ..cache import FOREIGN
from ..files.regular_files import is_text, read_json, replacing, write_json
from ..files.tensor_file import TensorFile
from ..run_folder import Run, corpora_folder, read_run, run_path
from ..status import Status, is_read_only, require_writable
from .tensor import dead_tokens, foreign_tensor, tokens_of

FILE = "file.json"
ID_PATTERN = re.compile(r"file\.[a-z0-9-]{1,60}\.[0-9a-f]{8}")
_STATE, _COPIES = "file", "copies"
# In read-only mode nothing is written: links last as long as the process.
_held: dict[Path, Link] = {}


@dataclass(frozen=True)
class Link:
    """What was typed to open a file: its absolute path, tensor, dead tokens, training text; and when."""

    file: str
    tensor: str = ""
    dead: str = ""
    text: str = ""
    opened: str = ""

    @property
    def id(self) -> str:
        """The id: part of the file's name, and a hash of all that decides the history."""
        digest = hashlib.blake2b("\0".join((self.file, self.tensor, self.dead, self.text)).encode(errors="surrogateescape"))
        stem = re.sub("[^a-z0-9]+", "-", Path(self.file).stem.lower()).strip("-")[:60] or "history"
        return f"file.{stem}.{digest.hexdigest()[:8]}"


@dataclass(frozen=True)
class OpenedFile:
    """A foreign history with the attributes of a :class:`Run`; its configuration is unknown, its steps are snapshot numbers."""

    path: Path  # the folder of its link, which keeps derived tables
    link: Link
    tensor: TensorFile
    dead: npt.NDArray[np.bool_] | None  # shape (vocab,); None where it is not known

    @property
    def id(self) -> str:
        """The id that addresses and commands use."""
        return self.path.name

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Empty: there is no ``run.json``."""
        return {}

    @property
    def vocab(self) -> int:
        """The number of tokens."""
        return int(self.tensor.words.shape[1])

    @property
    def last_step(self) -> int:
        """The number of the last snapshot."""
        return max(0, len(self.tensor.words) - 1)

    def history(self) -> TensorFile:
        """The matrices, read part by part, ``[snapshots, vocab, hidden]``."""
        return self.tensor

    def steps(self, snapshots: int) -> npt.NDArray[np.int64]:
        """The numbers of the first snapshots."""
        return np.arange(snapshots)

    def status(self) -> Status:
        """At rest: it is not recorded here."""
        return Status(_STATE, self.last_step, self.last_step)


Source = Run | OpenedFile


def is_linked(path: Path) -> bool:
    """Whether a folder is that of an opened file."""
    return path.parent.name == FOREIGN and ID_PATTERN.fullmatch(path.name) is not None


def read_source(path: Path) -> Source:
    """The run, or the opened file, of a folder."""
    return _open(path, link_of(path)) if is_linked(path) else read_run(path)


def source_path(folder: Path, source_id: str) -> Path:
    """The folder of the run, or of the opened file, with this id."""
    if not ID_PATTERN.fullmatch(source_id):
        return run_path(folder, source_id)
    link_of(path := folder / FOREIGN / source_id)
    return path


def open_source(folder: Path, source_id: str) -> Source:
    """The run, or the opened file, with this id."""
    return read_source(source_path(folder, source_id))


def link_file(folder: Path, link: Link) -> OpenedFile:
    """Open a foreign history and keep a link to it; the file itself is only read."""
    path = folder / FOREIGN / link.id
    opened = _open(path, link)
    if path in _held or os.path.exists(path / FILE):
        return opened
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = asdict(link) | {"opened": now}
    if is_read_only():
        _held[path] = Link(**content)
        return opened
    with requiring("the runs folder must be writable", folder, "Choose another with --runs or SNOWBALL_RUNS."):
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / FILE, content)
    return opened


def link_copy(folder: Path, name: str, content: BinaryIO) -> OpenedFile:
    """Copy a foreign history into the runs folder, under a hash of its bytes, and keep a link to the copy."""
    require_writable()
    stem = re.sub("[^A-Za-z0-9._-]+", "-", Path(name).stem).strip(".-")[:60] or "history"
    place = folder / FOREIGN / _COPIES / hashlib.file_digest(content, "blake2b").hexdigest()[:16]  # type: ignore[arg-type]
    is_new = not place.exists()
    content.seek(0)
    with requiring("the runs folder must be writable", folder, "Make room or make it writable; nothing was copied."):
        place.mkdir(parents=True, exist_ok=True)
        with replacing(place / f"{stem}.safetensors", durable=False) as file:
            shutil.copyfileobj(content, file, 1 << 20)
    try:
        return link_file(folder, Link(str(place / f"{stem}.safetensors")))
    except SnowballError as error:
        if is_new:
            shutil.rmtree(place)
        raise type(error)(str(error).replace(f"{place}/", "")) from None


def links(folder: Path) -> dict[str, Link]:
    """The links by id, the one opened last first; a damaged one is passed over."""
    found = {path.name: link for path, link in _held.items() if path.parent == folder / FOREIGN}
    with contextlib.suppress(OSError):
        for name in os.listdir(folder / FOREIGN):
            if ID_PATTERN.fullmatch(name):
                with contextlib.suppress(HistoryError):
                    found[name] = link_of(folder / FOREIGN / name)
    return dict(sorted(found.items(), key=lambda each: (each[1].opened, each[0]), reverse=True))


def unlink_file(folder: Path, source_id: str) -> None:
    """Remove a link and the tables derived from its file; the file itself stays, but for a copy that was made here."""
    require_writable()
    path = folder / FOREIGN / source_id
    copy = Path(link_of(path).file).parent
    with requiring("the runs folder must be writable", folder, "The link was not removed."):
        _held.pop(path, None)
        shutil.rmtree(path)
        if copy.parent == folder / FOREIGN / _COPIES and not any(
            Path(each.file).parent == copy for each in links(folder).values()
        ):
            shutil.rmtree(copy)


def link_of(path: Path) -> Link:
    """The link in a folder; its id must be that of its content."""
    if path in _held:
        return _held[path]
    try:
        content = read_json(path / FILE)
        link = Link(**content)
        if not all(map(is_text, content.values())) or link.id != path.name:
            raise ValueError
        return link
    except (OSError, ValueError, TypeError, RecursionError):
        raise HistoryError(
            f'an opened file must be in the list of the Library; "{path.name[:80]}" is not. Open the file again in the '
            "Library, From a file."
        ) from None


def _open(path: Path, link: Link) -> OpenedFile:
    file = Path(link.file)
    tensor = foreign_tensor(file, link.tensor or None)
    corpora = corpora_folder(path.parents[1])
    dead = dead_tokens(tensor.words.shape[1], tokens_of(link.dead) if link.dead else None, link.text or None, corpora)
    return OpenedFile(path, link, tensor, dead)
