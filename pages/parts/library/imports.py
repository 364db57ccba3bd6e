"""Files dropped on the Library: the zip of a run is imported, a safetensors history is copied and opened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.archive import unpack
from snowball_core.store.foreign.links import link_copy
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.status import is_read_only

from ..shared.text import capitalised, plain

MOST_MEGABYTES = 256
_RESULT, _COUNT = "import-result", "import-count"


def drop_run() -> None:
    """A field for the zip of a run."""
    help = "A file written by Export, Run (zip). Every name, size and hash in it is checked."
    _drop("Import a run (zip)", "run-zip", "zip", help, "Larger files: `python -m snowball_core import FILE`.", _import)


def drop_history() -> None:
    """A field for a foreign history, which is copied beside the runs."""
    help = "The file is copied beside the runs. To open it in place, enter its path."
    _drop("Copy a history here (safetensors)", "history-file", "safetensors", help, "Larger files: enter the path.", _copy)


def _drop(label: str, key: str, kind: str, help: str, larger: str, take: Callable[[str, BinaryIO], str]) -> None:
    """A field for one file; it is empty again when its file was taken, and what came of that stands below."""
    # Streamlit empties a field that has another name.
    name = f"{key}-{st.session_state.get(_COUNT, 0)}"
    barred = is_read_only()
    st.file_uploader(
        label,
        type=kind,
        key=name,
        help=help,
        max_upload_size=MOST_MEGABYTES,
        disabled=barred,
        on_change=_taken,
        args=(name, take),
    )
    st.caption("Read-only mode: nothing can be imported." if barred else f"At most {MOST_MEGABYTES} MB. {larger}")
    if result := st.session_state.get(_RESULT):
        of, text = result
        if of == take.__name__:
            del st.session_state[_RESULT]
            (st.error if isinstance(text, SnowballError) else st.success)(plain(text))


def _taken(name: str, take: Callable[[str, BinaryIO], str]) -> None:
    file = st.session_state.get(name)
    if file is None:
        return
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    try:
        result: str | SnowballError = take(Path(file.name).name, file)
    except SnowballError as error:
        result = error
    st.session_state[_RESULT] = (take.__name__, result)


def _import(name: str, content: BinaryIO) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dropped.zip"
        try:
            with open(file, "xb") as written:
                shutil.copyfileobj(content, written)
            run = unpack(file, runs_folder(), "Move that run to trash to import it again.")
        except SnowballError as error:
            raise type(error)(capitalised(str(error).replace(str(file), name))) from None
    return f"Imported {run.id}."


def _copy(name: str, content: BinaryIO) -> str:
    opened = link_copy(runs_folder(), name, content)
    return f"Opened {name} as {opened.id}."
