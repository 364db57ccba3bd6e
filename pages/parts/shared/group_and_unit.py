"""What is looked at: group and unit, kept in the address, where anything may be written."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

from snowball_core.store.run_folder import Run

from .selection import unusable_place
from .text import plain
from .url_state import pick_segment

UNITS = ("cells", "weight")
_ORDER = ("dead", "live", "all")


def pick_group() -> str:
    """The group of tokens to look at."""
    help = "Dead tokens never occur in the text the model was trained on; live tokens do."
    return pick_segment("Group", "group", _ORDER, "dead", is_always_named=True, help=help)


def pick_unit() -> str:
    """The unit of distances."""
    help = "Cells count steps of the number format's lattice between two values; weight units are the plain difference."
    return pick_segment("Distances in", "unit", UNITS, "cells", is_always_named=True, help=help)


def say_unusable(run: Run, address: Mapping[str, str]) -> None:
    """Name what the address asked for and does not exist, once, instead of quietly showing something else."""
    wrong = []
    for name, known in (("group", _ORDER), ("unit", UNITS)):
        asked = address.get(name)
        if asked is not None and asked not in known:
            wrong.append(f'{name} must be one of {", ".join(known)}; the address says "{plain(asked[:60])}".')
    step = address.get("step")
    last = run.config.last_step
    if step is not None and not (step.isascii() and step.isdigit() and len(step) < 12 and int(step) <= last):
        wrong.append(f'step must be a whole number from 0 to {last:,}; the address says "{plain(step[:60])}".')
    wrong += unusable_place(address)
    select = address.get("select", "")
    if re.fullmatch("[th][0-9]{1,7}", select) and int(select[1:]) >= run.config.vocab:
        wrong.append(f"select must be a token of the run, 0–{run.config.vocab - 1:,}; the address says {select}.")
    if wrong:
        st.warning("  \n".join([*wrong, "The usual view is shown instead."]))
