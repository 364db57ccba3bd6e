"""The named experiments: what each is made of, and which faults it carries."""

from __future__ import annotations

import dataclasses

from snowball_core.config import DEFAULTS
from snowball_core.config_checks import config_faults, faults_carried, preset
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
    said = " ".join(faults_carried(preset("primordial-snowball")))
    assert len(faults_carried(preset("primordial-snowball"))) == 4
    for words in ("labels shifted twice", "never predicted", "optimizer state in bfloat16", "rate falls to 0"):
        assert words in said
