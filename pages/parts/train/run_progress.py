"""How one run is doing: progress with an estimate, counts, loss and rate; of a run under way only what is new is read."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from snowball_core.charts import counts_and_sizes
from snowball_core.charts.step_axis import step_axis
from snowball_core.charts.theme import wrapped
from snowball_core.store.origin import origin_sentence
from snowball_core.store.run_folder import Run
from snowball_core.store.run_titles import title_of
from snowball_core.store.status import LOST, Status
from snowball_core.tables.formats import number
from snowball_core.tables.live import Seen, follow

from ..shared.run_picker import state_badge
from ..shared.text import duration, plain

_HEIGHT, _LOW = 250, 160


def progress(run: Run, status: Status) -> None:
    """Draw the panel of one run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(title_of(run))}** :small[:gray[{plain(run.id)}]]")
        state_badge(status)
    if origin := run.origin:
        st.caption(plain(origin_sentence(origin, run.config)))
    history = follow(run, st.session_state.get(f"seen-{run.id}"))
    if status.message == LOST and len(history.counts):
        status = replace(status, step=int(history.counts["step"].iloc[-1]))
    last = run.config.last_step
    pace = f" · {status.steps_per_second:.1f} steps/s" if status.steps_per_second else ""
    left = f" · about {duration(status.seconds_left)} left" if status.seconds_left is not None and status.is_alive else ""
    st.progress(min(1.0, status.step / max(1, last)), text=f"step {status.step:,} of {last:,}{pace}{left}")
    if status.is_alive and status.message:
        st.caption(plain(status.message[:1].upper() + status.message[1:]) + ".")
    st.session_state[f"seen-{run.id}"] = history
    _numbers(history)
    _curves(run, history, status)


def _numbers(history: Seen) -> None:
    """The last recorded counts, loss and learning rate."""
    if not len(history.counts):
        return
    row = history.counts.iloc[-1]
    at = f"at step {row['step']:,}, {history.group} tokens"
    cells = st.grid(5, min_column_width=104)
    for name, (label, _, _) in counts_and_sizes.COUNT_LINES.items():
        if name != "singletons":
            cells.metric(label.partition(" ")[0], f"{row[name]:,}", help=f"{label[2:].capitalize()} {at}.")
    if len(history.metrics["step"]):
        cells.metric(
            "Loss", number(float(history.metrics["loss"][-1])), help="Training loss of the last step, nats per position."
        )
        cells.metric("Learning rate", number(float(history.metrics["learning_rate"][-1])), help="Of the last step.")


def _curves(run: Run, history: Seen, status: Status) -> None:
    if not len(history.counts):
        return
    axis = step_axis("symlog", run.config.last_step)
    cursor = axis.cursor(status.step)
    curves, width = counts_and_sizes.loss_data(history.metrics, axis)
    tokens = int(run.dead.sum()) if history.group == "dead" else run.config.vocab
    counts = {"counts": counts_and_sizes.counts_data(history.counts, history.group), "cursor": cursor}
    said = f"Counts U, C, P and S of {history.group} tokens over the steps, run {run.id}"
    spec = wrapped(counts_and_sizes.counts_spec(axis, tokens)) | {"height": _HEIGHT, "datasets": counts}
    st.vega_lite_chart(spec, key=f"counts-{run.id}", alt=said, width="stretch")
    data = {"loss": curves, "cursor": cursor}
    for place, name, spec in zip(
        st.columns(2),
        ("Training loss, nats per position,", "Learning rate"),
        (counts_and_sizes.loss_spec(axis, _LOW), counts_and_sizes.rate_spec(axis, _LOW)),
        strict=True,
    ):
        said = f"{name} over the steps, run {run.id}"
        place.vega_lite_chart(spec | {"datasets": data}, key=f"{name.split()[-1]}-{run.id}", alt=said, width="stretch")
    thinned = f" loss and rate are means of up to {width} steps." if width > 1 else " all steps drawn."
    st.caption(f"Counts: {history.group} tokens, exact at every recorded step;{thinned}")
