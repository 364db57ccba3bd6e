"""Which experiment a configuration is, and what several of them do not share."""

from __future__ import annotations

import pytest

from snowball_core.config import FIELDS, RunConfig
from snowball_core.config_checks import NOT_THE_EXPERIMENT, config_differences, configured, nearest_preset, preset
from snowball_core.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_itself_whatever_its_seed_and_machine(name: str) -> None:
    assert nearest_preset(preset(name)).preset == name
    again = configured(
        preset(name), {"seed": 7, "name": "x", "until": 3, "record": "log", "extra": "", "device": "cpu", "threads": 1}
    )
    assert nearest_preset(again) == (name, ())


def test_a_configuration_that_is_no_preset_names_the_nearest_and_what_differs() -> None:
    found = nearest_preset(configured(preset("singularity"), {"beta2": 0.5, "steps": 20}))
    assert (found.preset, found.name) == ("own", "singularity")
    assert set(found.changes) == {"beta2", "steps"}
    assert set(NOT_THE_EXPERIMENT) < set(FIELDS)


def test_only_the_fields_that_differ_are_told() -> None:
    one, two, three = RunConfig(), RunConfig(seed=7), RunConfig(seed=7, steps=5)
    assert config_differences([one, two, three]) == {"seed": (42, 7, 7), "steps": (10_000, 10_000, 5)}
    assert config_differences([one, one]) == config_differences([one]) == config_differences([]) == {}
