"""Runs that nobody is at: how each ended, why, what to do about it, and the buttons that resume and fork it with their cost."""

from __future__ import annotations

import streamlit as st

from snowball_core.errors import SnowballError
from snowball_core.jobs import workers
from snowball_core.jobs.fork_points import sound_branch
from snowball_core.jobs.pace import own_pace
from snowball_core.store.integrity.quick_check import is_complete
from snowball_core.store.origin import CHECKPOINT
from snowball_core.store.run_folder import Run, open_run, runs_folder
from snowball_core.store.run_listing import run_paths
from snowball_core.store.status import LOST, Status, is_read_only
from snowball_core.tables.live import recorded_at, recorded_snapshots

from ..shared import cached
from ..shared.divergence_notice import lost_of, say_lost
from ..shared.run_picker import offer_demo, run_names, say_damage, say_refusal
from ..shared.text import many, plain, time_range
from .fork import fork
from .run_progress import progress

_PROBLEM, _NEXT = "problem-continuing", "continue-next"
_ADVICE = {
    "stopped": "Recorded data is kept. Resume continues bit for bit as if the run had not stopped.",
    "interrupted": "The process was killed or ran out of memory or power. Recorded data is kept.",
    "failed": "Earlier snapshots are kept. Resume retries from the last checkpoint once the cause is fixed.",
    "completed": "Fork to extend it or to try other settings.",
}


def show_next(run_id: str) -> None:
    """Have a run that was started or stopped here shown as soon as nobody is at it."""
    st.session_state[_NEXT] = run_id


def continuing() -> None:
    """Draw one recorded run, the newest unless another is chosen, and what can be done with it."""
    st.subheader("Resume or fork a run")
    alive = set(workers.alive(runs_folder()))
    names = [path.name for path in run_paths(runs_folder()) if path.name not in alive]
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem))
    if not names:
        if not alive:
            offer_demo()
        else:
            st.caption("No other runs yet. A stopped run can be resumed or forked here.")
        return
    if st.session_state.get(_NEXT) in names:
        st.session_state["continue-run"] = st.session_state.pop(_NEXT)
    if st.session_state.get("continue-run") not in names:
        st.session_state["continue-run"] = names[0]
    chosen = st.selectbox(
        "Recorded run", names, key="continue-run", format_func=run_names().__getitem__, persist_state="session", width=460
    )
    with st.container(border=True, key="continuing"):
        try:
            run = open_run(runs_folder(), chosen or names[0])
        except SnowballError as error:
            st.error(plain(error))
            return
        try:
            _ended(run, run.status())
        except SnowballError as error:
            say_refusal(error, run)


def _ended(run: Run, status: Status) -> None:
    say_damage(run)
    lost = lost_of(run, "dead" if run.dead.any() else "all", recorded_snapshots(run))
    diverged = lost is not None or (status.state == "failed" and status.message.startswith("Diverged"))
    say_lost(lost)
    progress(run, status)
    if diverged and lost is None:
        st.error(plain(status.message), icon=":material/trending_up:")
    elif not diverged and status.state in _ADVICE and status.message != LOST:
        why = f"{status.message.rstrip('.')}. " if status.message else ""
        spoken = workers.last_words(run.path) if status.state == "interrupted" else ""
        last = f' Last line of its log: "{plain(spoken)}".' if spoken else ""
        said = f"**{status.state.capitalize()}.** {plain(why[:1].upper() + why[1:])}{_ADVICE[status.state]}{last}"
        (st.warning if status.state in ("failed", "interrupted") else st.markdown)(said)
    st.page_link("pages/scrub.py", label="Open in Scrub", query_params={"run": run.id})
    if diverged:
        _offer_lower_rate(run)
    if status.state != "completed":
        _offer_resume(run, status, diverged)
    count = recorded_snapshots(run)
    if count or run.checkpoint_step is not None:
        _offer_exact_fork(run)
    if count:
        _offer_snapshot_fork(run, count)
    else:
        st.caption("No snapshots to fork from.")


def _offer_lower_rate(run: Run) -> None:
    """What to do about a divergence: a fork from before it with a tenth of the rate."""
    if (at := sound_branch(run)) is None:
        st.caption("No step before the divergence was recorded: start a new run with a lower learning rate.")
        return
    rate = f"{run.config.learning_rate / 10:g}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Fork with a lower rate",
            key=f"fork-lower-{run.id}",
            icon=":material/fork_right:",
            type="primary",
            disabled=is_read_only(),
            on_click=fork,
            args=(run.id, CHECKPOINT if at.kind == CHECKPOINT else str(at.step), {"learning_rate": rate}),
        )
        kind = "checkpoint" if at.kind == CHECKPOINT else "snapshot"
        st.caption(f"From the {kind} at step {at.step:,}, before the loss exploded, with learning rate {rate}, a tenth.")


def _offer_resume(run: Run, status: Status, diverged: bool) -> None:
    if diverged:
        start = "step 0" if run.checkpoint_step is None else "the checkpoint"
        said = f"From {start} with the same rate: it diverges again at the same step."
    elif is_complete(run, status):
        said = "Verifies all files by hash and rewrites the status, without training."
    else:
        said = _what_is_left(run, status)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Resume",
            key=f"resume-{run.id}",
            icon=":material/resume:",
            type="secondary" if diverged else "primary",
            disabled=is_read_only(),
            on_click=_resume,
            args=(run.id,),
        )
        st.caption(said)


def _what_is_left(run: Run, status: Status) -> str:
    """What resuming takes, in a sentence."""
    behind = run.checkpoint_step or 0
    left = run.config.last_step - behind
    needs = time_range((own_pace(run) or cached.pace(run.config)).seconds(left))
    repeated = f", of which {many(status.step - behind, 'step')} recomputed and checked" if status.step > behind else ""
    return f"From step {behind:,}: {many(left, 'step')}{repeated}, {needs}. Bit-identical to an uninterrupted run."


def _offer_exact_fork(run: Run) -> None:
    at = run.checkpoint_step
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Fork exactly" if at is None else f"Fork exactly at step {at:,}",
            key=f"fork-exact-{run.id}",
            icon=":material/fork_right:",
            disabled=at is None or is_read_only(),
            on_click=fork,
            args=(run.id, "checkpoint"),
        )
        st.caption(
            "This run has no checkpoint. Fork it from a snapshot."
            if at is None
            else "New run that continues from the full state; learning rate, schedule and end can be changed. The history "
            "is copied."
        )


def _offer_snapshot_fork(run: Run, count: int) -> None:
    steps = run.steps(count)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = f"fork-step-{run.id}"
        wanted = st.number_input("Step", 0, int(steps[-1]), int(steps[-1]), key=key, width=150, persist_state="session")
        step = int(steps[recorded_at(steps, int(wanted or 0))])
        st.button(
            f"Fork from the snapshot at step {step:,}",
            key=f"fork-snapshot-{run.id}",
            disabled=is_read_only(),
            icon=":material/fork_right:",
            on_click=fork,
            args=(run.id, str(step)),
        )
        near = "" if step == wanted else f" Step {wanted:,} is not recorded; using step {step:,}."
        st.caption(f"New run initialized with this W, bit for bit; everything else is reset.{near}")


def _resume(run_id: str) -> None:
    try:
        workers.resume(runs_folder(), run_id)
        show_next(run_id)
    except SnowballError as error:
        st.session_state[_PROBLEM] = error
