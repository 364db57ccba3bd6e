"""Where the numbers on a page come from."""

from __future__ import annotations

import streamlit as st

from snowball_core.config import DEFAULTS
from snowball_core.config_checks import faults_of_run
from snowball_core.store.foreign.links import OpenedFile, Source
from snowball_core.store.origin import origin_sentence
from snowball_core.store.run_titles import title_of

from .text import plain


def provenance(run: Source) -> None:
    """One line about the run, its text and its format; the whole manifest on request."""
    if isinstance(run, OpenedFile):
        count, vocab, hidden = run.tensor.words.shape
        dead = "unknown" if run.dead is None else f"{int(run.dead.sum()):,} of {vocab:,} tokens"
        shape = f"[{count:,}, {vocab:,}, {hidden:,}]"
        st.caption(plain(f"file {run.link.file} · tensor {run.tensor.name} {shape} · dead: {dead} · configuration unknown"))
        return
    text, config = run.manifest.get("corpus", {}), run.config
    parts = [
        f"{title_of(run)} (run {run.id})",
        f"text {text.get('name', config.corpus)}, {text.get('bytes', 0):,} bytes, SHA-256 {str(text.get('sha256', ''))[:12]}…",
        f"{int(run.dead.sum())} dead of {config.vocab} tokens",
        f"precision {config.precision}",
        f"label shift {config.label_shift}",
        f"{config.schedule} rate",
    ]
    st.caption(plain(" · ".join(parts)))
    if origin := run.origin:
        st.caption(plain(origin_sentence(origin, config)))
    if faults := faults_of_run(config, run.manifest.get("faults_carried") or []):
        st.caption(f"Known bugs of the published code that this run reproduces: {plain('; '.join(faults))}.")
    with st.expander("Configuration and provenance", on_change="rerun", key="manifest") as box:
        if box.open:
            changed = {name: value for name, value in config.to_json().items() if value != getattr(DEFAULTS, name)}
            st.markdown("Fields that differ from the defaults:")
            st.json(changed)
            st.markdown("Recorded metadata (run.json):")
            st.json(dict(run.manifest), expanded=1)
