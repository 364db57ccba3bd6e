"""Every initial state of a configuration is built, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from snowball_core.config import INITIAL_STATES, RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.errors import RunError
from snowball_core.store.corpus import from_bytes
from snowball_core.training.model import build
from snowball_core.training.trainer import Training

SMALL = {"context": 16, "batch": 4, "hidden": 8, "layers": 1, "heads": 2, "steps": 40, "threads": 1}


@pytest.mark.parametrize("state", sorted(set(INITIAL_STATES) - {"snapshot"}))
def test_the_rows_of_a_singularity_are_one_vector_and_those_of_other_states_differ(state: str) -> None:
    sigma = 0.0 if state == "singularity" else 1e-2
    config = configured(preset("primordial-snowball"), {**SMALL, "initial_state": state, "sigma": sigma})
    matrix = Training(config, from_bytes(b"the quick brown fox jumps over the lazy dog. " * 12, "test")).matrix()
    assert len(np.unique(matrix, axis=0)) == (1 if state == "singularity" else len(matrix))


def test_an_unknown_initial_state_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RunError, match=r'must be one of snowball, singularity, normal, snapshot; got "ring"\. Choose'):
        build(RunConfig(**{**SMALL, "vocab": 128, "initial_state": "ring"}))
