"""Histories from files: one is opened by its path, and stays in a list as a link that every page takes like a run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.store.files.tensor_header import history_file
from snowball_core.store.foreign.links import Link, OpenedFile, link_file, links, open_source, unlink_file
from snowball_core.store.run_folder import runs_folder
from snowball_core.store.status import is_read_only

from ..shared.text import many, plain
from ..shared.url_state import type_text
from .imports import drop_history
from .page_links import page_links

_PROBLEM = "library-file-problem"


def foreign_view() -> None:
    """Ask for a file, say what it holds, and list the files that were opened."""
    st.markdown(
        "Open a safetensors file on this machine with a BF16 or F32 tensor `[snapshots, tokens, components]`. Every page takes "
        "it like a run; the file itself is only read."
    )
    path = type_text(
        "File path",
        "file",
        placeholder="/data/my-model/history.safetensors",
        help="Opened in place, read-only. The path is kept in the page's address.",
    )
    with st.container(horizontal=True, gap="small", key="foreign-fields"):
        tensor = _field("Tensor", "tensor", "the only matching one", "Required if the file has several tensors.")
        dead = _field("Dead tokens", "dead", "0-9,11", "Ids and ranges of tokens that do not occur in the training text.")
        text = _field(
            "Text", "text", "gatsby, or a path", "The training text, read as bytes: tokens that do not occur in it are dead."
        )
    chosen = _opened(path, tensor.strip(), dead.strip(), text.strip()) if path else ""
    with st.expander("Copy a file from another machine", on_change="rerun", key="drop-history") as box:
        if box.open:
            drop_history()
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))
    others = [each for each in links(runs_folder()) if each != chosen]
    if others:
        st.markdown("**Opened before**")
        for each in others:
            _row(each)
    elif not path:
        st.info("No file open. Enter a path above to see counts, distances and events of every snapshot.")


def _field(label: str, key: str, placeholder: str, help: str) -> str:
    return type_text(label, key, placeholder=placeholder, help=help, width=220)


def _opened(path: str, tensor: str, dead: str, text: str) -> str:
    """Open what was typed and draw its row; return its id, empty, after saying why, where it cannot be opened."""
    try:
        opened = link_file(runs_folder(), Link(str(history_file(path)), tensor, dead, text))
    except SnowballError as error:
        st.error(plain(error))
        return ""
    if is_read_only():
        st.caption("Read-only mode: the file stays in the list until the server ends.")
    _row(opened.id)
    return opened.id


def _row(source_id: str) -> None:
    """One opened file: its name, what it holds, when it was opened, links to the pages, and the button that removes it."""
    link = links(runs_folder()).get(source_id)
    if link is None:
        return
    with st.container(border=True, key=f"file-{source_id.replace('.', '-')}"):
        try:
            opened = open_source(runs_folder(), source_id)
            assert isinstance(opened, OpenedFile)
            st.markdown(
                f"**{plain(Path(link.file).name)}** · {_shape(opened)} · opened {link.opened[:16].replace('T', ' ')} UTC"
            )
            st.caption(plain(f"{link.file} · id {source_id}"))
            if not opened.last_step and not len(opened.tensor.words):
                st.warning("The tensor has no snapshots.")
            else:
                page_links([source_id])
            if opened.dead is None:
                st.caption(
                    "Dead tokens are unknown: only the group all can be measured. To know them, open the file again with its "
                    "text or its dead tokens."
                )
        except SnowballError as error:
            st.markdown(f"**{plain(Path(link.file).name)}**")
            st.warning(plain(error))
        st.button(
            "Remove from list",
            key=f"unlink-{source_id}",
            on_click=_remove,
            args=(source_id,),
            disabled=is_read_only(),
            help="The file itself stays; bookmarks and saved views are removed with the link.",
        )


def _shape(opened: OpenedFile) -> str:
    count, vocab, hidden = opened.tensor.words.shape
    kind = "BF16" if opened.tensor.words.dtype.itemsize == 2 else "F32"
    return f"{kind} · {many(count, 'snapshot')} of {many(vocab, 'token')} with {many(hidden, 'component')}"


def _remove(source_id: str) -> None:
    try:
        link = links(runs_folder()).get(source_id)
        unlink_file(runs_folder(), source_id)
        if link is not None and st.session_state.get("file"):
            st.session_state["file"] = ""
    except SnowballError as error:
        st.session_state[_PROBLEM] = error
