"""Train, the page that answers: which run shall be recorded, and how is it doing."""

from __future__ import annotations

import streamlit as st

from pages.parts.shared.page_frame import head
from pages.parts.shared.run_picker import say_read_only
from pages.parts.train.fork import chosen_branch
from pages.parts.train.form import form
from pages.parts.train.launch import details, say_started, start_bar
from pages.parts.train.recorded import continuing
from pages.parts.train.running import under_way

head(
    "train",
    "Train",
    "Start a run and monitor it. Choose an experiment, check its estimated cost, and start it. Training runs in a separate "
    "process: closing this page or the app does not stop it.",
)
say_read_only()
say_started()
under_way()
at = chosen_branch()
left, right = st.columns([1.15, 1], gap="large")
with left:
    config, corpus, faults = form(at)
with right.container(key="costs"):
    details(config, corpus, faults, at)
start_bar(config, corpus, faults, at)
continuing()
