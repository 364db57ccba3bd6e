"""A file that takes long: a button that prepares it, its progress with a way to cancel, then the link to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from snowball_core.store.run_folder import Run

from ..server.prepared_files import Preparation, cancel, preparation, prepare
from ..server.run_files import run_file
from ..server.sent_files import digest_of
from ..shared.downloads import link
from ..shared.text import plain

_LOOK_SECONDS = 0.5


def slow_file(
    run: Run, label: str, key: str, place: str, query: Mapping[str, Any], caption: str, disabled: bool = False
) -> None:
    """Draw one file of a run: "Prepare", or how far it is, or the link to it."""
    if disabled:
        _offer(label, key, caption, None)
        return
    try:
        file = run_file(run, place, QueryParams({name: str(word) for name, word in query.items() if word not in (None, "")}))
    except HTTPException as error:
        _offer(label, key, caption, None)
        st.caption(plain(error.detail))
        return
    digest = digest_of(file.name, file.key)
    made = preparation(digest)
    if made is None or made.error:
        _offer(label, key, caption, lambda: prepare(digest, file.write))
        if made:
            st.error(plain(made.error))
    elif made.is_ready:
        with st.container(horizontal=True, vertical_alignment="center"):
            link(label, f"export-{key}", f"runs/{run.id}/{place}", query)
            st.caption(f"Ready. {caption}")
    else:
        st.fragment(_progress, run_every=_LOOK_SECONDS)(label, key, digest)


def _offer(label: str, key: str, caption: str, begin: Any) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"Prepare {label[0].lower()}{label[1:]}"
        st.button(words, key=f"prepare-{key}", icon=":material/hourglass_top:", on_click=begin, disabled=begin is None)
        st.caption(caption)


def _progress(label: str, key: str, digest: str) -> None:
    made: Preparation | None = preparation(digest)
    if made is None or made.is_ready or made.error:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key=f"preparing-{key}"):
        st.progress(min(1.0, made.share), text=f"{label}: {made.what}, {made.share:.0%}")
        st.button("Cancel", key=f"cancel-{key}", icon=":material/close:", on_click=cancel, args=(digest,))
