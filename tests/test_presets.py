"""The named experiments: what each is made of, which faults it carries, and which of them a configuration is."""

from __future__ import annotations

import dataclasses

import pytest

from snowball_core.config import DEFAULTS, FIELDS, RunConfig
from snowball_core.config_checks import (
    NOT_THE_EXPERIMENT,
    config_differences,
    config_faults,
    configured,
    faults_carried,
    nearest_preset,
    preset,
)
from snowball_core.presets import DEFAULT_PRESET, PRESETS


def test_every_preset_is_a_configuration_without_faults_that_carries_its_name():
    for name in PRESETS:
        assert config_faults(preset(name)) == []
        assert preset(name).name == name


def test_the_seed_preset_is_the_published_experiment():
    seed = preset("primordial-snowball").to_json()
    published = {
        "vocab": 128, "hidden": 64, "layers": 2, "heads": 2, "context": 128, "batch": 32, "steps": 10_000, "seed": 42,
        "sigma": 1e-5, "learning_rate": 1e-3, "weight_decay": 0.01, "clip": 1.0, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8,
        "schedule": "linear", "warmup": 0, "label_shift": 2, "loss_over": "all", "precision": "pure-bf16", "tied": True,
        "corpus": "gatsby", "noise_dtype": "f32", "base": "normal", "base_on_lattice": False, "norm_layer": "layernorm",
    }  # fmt: skip
    assert {name: seed[name] for name in published} == published


def test_the_default_preset_is_the_defaults_and_carries_none_of_the_seeds_faults():
    assert DEFAULT_PRESET == "corrected"
    assert dataclasses.replace(preset(DEFAULT_PRESET), name="") == DEFAULTS
    assert faults_carried(DEFAULTS) == []


def test_the_seed_carries_four_faults_and_says_which():
    message = " ".join(faults_carried(preset("primordial-snowball")))
    assert len(faults_carried(preset("primordial-snowball"))) == 4
    for words in ("labels shifted twice", "never predicted", "optimizer state in bfloat16", "rate falls to 0"):
        assert words in message


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_itself_whatever_its_seed_and_machine(name: str) -> None:
    assert nearest_preset(preset(name)).preset == name
    again = configured(
        preset(name), {"seed": 7, "name": "x", "until": 3, "record": "log", "extra": "", "device": "cpu", "threads": 1}
    )
    assert nearest_preset(again) == (name, ())


def test_a_configuration_that_is_no_preset_names_the_nearest_and_what_differs() -> None:
    result = nearest_preset(configured(preset("singularity"), {"beta2": 0.5, "steps": 20}))
    assert (result.preset, result.name) == ("own", "singularity")
    assert set(result.changes) == {"beta2", "steps"}
    assert set(NOT_THE_EXPERIMENT) < set(FIELDS)


def test_only_the_fields_that_differ_are_reported() -> None:
    one, two, three = RunConfig(), RunConfig(seed=7), RunConfig(seed=7, steps=5)
    assert config_differences([one, two, three]) == {"seed": (42, 7, 7), "steps": (10_000, 10_000, 5)}
    assert config_differences([one, one]) == config_differences([one]) == config_differences([]) == {}
