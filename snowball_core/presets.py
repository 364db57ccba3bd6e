"""The named experiments: what each is, and which fields it sets away from the defaults."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {}
PRESETS["corrected"] = (
    "the experiment without the original notebook's bugs: next-token labels, float32 optimizer state, constant rate (default)",
    {"name": "corrected"},
)
PRESETS["primordial-snowball"] = (
    "the published experiment, bugs included: labels shifted twice, bfloat16 moments, rate decaying to 0",
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
    "all tokens at one point of unit length, no noise, 5,000 steps; otherwise as published",
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
    "singularity with RMSNorm, which keeps the tokens' common direction",
    {**PRESETS["singularity"][1], "name": "singularity-rmsnorm", "norm_layer": "rmsnorm"},
)
PRESETS["jiggle"] = (
    "the published experiment with Gaussian noise of 1e-3 added to every dead row after every step",
    {**PRESETS["primordial-snowball"][1], "name": "jiggle", "jiggle_sigma": 1e-3},
)
DEFAULT_PRESET = "corrected"

# The question each of them answers.
PURPOSES = {
    "corrected": "For new experiments: dynamics of dead tokens without artifacts.",
    "primordial-snowball": "Reproduces the published result, including the effect of its bugs.",
    "singularity": "Tests whether rows with equal bits and equal moments can separate.",
    "singularity-rmsnorm": "Tests the effect of LayerNorm removing the tokens' common direction.",
    "jiggle": "Tests whether black holes survive added noise.",
}

ORIGINAL_FAULTS = {
    ("label_shift", 2): "labels shifted twice: the model learns to predict the token after the next",
    ("loss_over", "all"): "loss averaged over positions that are not predicted",
    ("precision", "pure-bf16"): "optimizer state in bfloat16: the second moment never decreases",
    ("schedule", "linear"): "weights stop changing because the learning rate reaches 0",
    ("corpus_errors", "ignore"): "bytes that are not ASCII were dropped from the text",
}

# What follows from the fields that are a switch, or off at 0: without it, with it.
SWITCHES = {
    "tied": (
        "embedding and unembedding are separate; one of them is recorded",
        "embedding and unembedding are one matrix; a dead token's row is trained through the softmax only",
    ),
    "base_on_lattice": (
        "the base vector lies between lattice points: rounding alone separates some tokens",
        "the base vector lies on the lattice: noise below half a cell is lost",
    ),
    "warmup": ("the first step uses the full rate", "the rate rises from 0: the first step has no effect"),
    "weight_decay": ("no weight decay", "weights decay to 0 if the decay exceeds half a cell"),
    "clip": ("no gradient clipping", "longer gradients are scaled to this norm"),
    "jiggle_sigma": (
        "equal rows with equal moments stay equal",
        "noise after every step separates equal rows",
    ),
}
