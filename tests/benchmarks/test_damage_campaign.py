"""The short form of ``python -m benchmarks.damage``: random damage leaves no silent wrong number and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.damage import FAULTS, campaign

pytestmark = pytest.mark.processes


def test_no_random_damage_goes_unsaid(tmp_path: Path) -> None:
    trials = list(campaign(tmp_path, 8, seed=3, states=("completed", "stopped")))
    assert [each for each in trials if each[3] in FAULTS] == []
    # Damage was done at all: some of it is named.
    assert sum(outcome == "named" for _, _, _, outcome, _ in trials) >= 3
