"""A completed run whose status was lost: compared with its hashes, and its status written anew without training."""

from __future__ import annotations

from ..run_folder import Run
from ..status import Status, hold, stop_marker, write_status
from .damage import HASHES, STATUS, faults
from .evidence import SOUND, checkpoint_state, manifest_problems, metrics_state, origin_problems, read_saved, recording_states


def restored_status(run: Run) -> Status | None:
    """The status of a run that lacks nothing else, now written; None, and nothing written, where anything else is wrong.

    Training again would need the text, and the versions and the processor of the run; comparing needs nothing but its files.
    """
    if HASHES not in run.manifest:
        return None
    status = Status("completed", run.config.last_step, run.config.last_step)
    with hold(run.path):
        if not _lacks_status_only(run, status):
            return None
        write_status(run.path, status)
        stop_marker(run.path).unlink(missing_ok=True)
    return status


def _lacks_status_only(run: Run, as_completed: Status) -> bool:
    """Whether every file but the status has its hash, or is what the configuration says where no hash is kept."""
    wrong = faults(run, as_completed)
    if wrong.keys() - {STATUS} or manifest_problems(run) or origin_problems(run):
        return False
    saved, fault = read_saved(run)
    states = [*recording_states(run, wrong, saved).values(), metrics_state(run, wrong, saved)]
    return all(state in SOUND for state, _ in (*states, checkpoint_state(run, saved, fault)))
