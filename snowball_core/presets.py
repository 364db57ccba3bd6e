"""The named experiments: what each is, and which fields it sets away from the defaults."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {}
PRESETS["corrected"] = (
    "the experiment without the seed's faults: next-token labels, float32 optimizer state, constant rate (default)",
    {"name": "corrected"},
)
PRESETS["primordial-snowball"] = (
    "the published experiment, faults included: labels shifted twice, bfloat16 moments, rate falling to 0",
    {
        "name": "primordial-snowball",
        "corpus": "gatsby",
        "precision": "pure-bf16",
        "label_shift": 2,
        "loss_over": "all",
        "schedule": "linear",
    },
)
PRESETS["singularity"] = (
    "all tokens in one point of unit length, no noise, 5,000 steps, else as the published experiment",
    {
        **PRESETS["primordial-snowball"][1],
        "name": "singularity",
        "initial_state": "singularity",
        "base": "unit",
        "sigma": 0.0,
        "steps": 5_000,
    },
)
PRESETS["singularity-rmsnorm"] = (
    "the singularity with RMSNorm, which keeps the tokens' common direction",
    {**PRESETS["singularity"][1], "name": "singularity-rmsnorm", "norm_layer": "rmsnorm"},
)
PRESETS["jiggle"] = (
    "the published experiment with Gaussian noise of 1e-3 added to every dead row after every step",
    {**PRESETS["primordial-snowball"][1], "name": "jiggle", "jiggle_sigma": 1e-3},
)
DEFAULT_PRESET = "corrected"

SEED_FAULTS = {
    ("label_shift", 2): "labels shifted twice: the model learns to predict the token after the next",
    ("loss_over", "all"): "loss divided by positions that were never predicted",
    ("precision", "pure-bf16"): "optimizer state in bfloat16: its second moment can rise but never fall",
    ("schedule", "linear"): "the rate falls to 0, so everything freezes at the end whatever the physics",
    ("corpus_errors", "ignore"): "bytes that are not ASCII were dropped from the text",
}
