"""The Verdict page below its pickers."""

from __future__ import annotations

from streamlit.delta_generator import DeltaGenerator

from snowball_core.charts.overlay import UNITS
from snowball_core.store.foreign.links import Source

from ..shared import cached
from ..shared.divergence_notice import say_nothing_finite
from ..shared.downloads import take_these
from ..shared.page_frame import counted_snapshots
from ..shared.run_picker import only_one_snapshot
from .criteria import criteria, outcome
from .epsilon import original_epsilon
from .laws import monitors


def verdict_view(run: Source, group: str, unit: str, _: DeltaGenerator) -> None:
    """The outcome, the criteria, the laws and what ε hides."""
    recorded, judged = counted_snapshots(run, group)
    if not judged:
        if recorded:
            say_nothing_finite(run)
        return
    view = cached.view(str(run.path), recorded, None, group, unit)
    if judged < 2:
        only_one_snapshot(view, "A verdict needs at least two snapshots")
        return
    outcome(*cached.key(view))
    criteria(*cached.key(view))
    monitors(view)
    original_epsilon(view)
    take_these(view, {f"largest-linf-{unit}": {} for unit in UNITS}, ("verdict", "laws"))
