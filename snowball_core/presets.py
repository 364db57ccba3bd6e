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

# The question each of them answers.
PURPOSES = {
    "corrected": "For new work: what do dead tokens do when nothing but the physics moves or stops them?",
    "primordial-snowball": "To repeat the published result and find out what its faults did to it.",
    "singularity": "Can one point come apart, when every row has the same bits and the same moments?",
    "singularity-rmsnorm": "Does it matter that LayerNorm removes the tokens' common direction?",
    "jiggle": "Do black holes survive noise that no gradient made?",
}

SEED_FAULTS = {
    ("label_shift", 2): "labels shifted twice: the model learns to predict the token after the next",
    ("loss_over", "all"): "loss divided by positions that were never predicted",
    ("precision", "pure-bf16"): "optimizer state in bfloat16: its second moment can rise but never fall",
    ("schedule", "linear"): "the rate falls to 0, so everything freezes at the end whatever the physics",
    ("corpus_errors", "ignore"): "bytes that are not ASCII were dropped from the text",
}

# What follows from the fields that are a switch, or off at 0: without it, with it.
SWITCHES = {
    "tied": (
        "embedding and unembedding are two matrices: one of them is recorded",
        "embedding and unembedding are one matrix: a dead token's row is trained through the softmax alone",
    ),
    "base_on_lattice": (
        "the base vector lies between lattice points: rounding alone parts some tokens",
        "the base vector lies on the lattice: noise below half a cell vanishes",
    ),
    "warmup": ("the first step is taken at the full rate", "the rate rises from 0: the first step does not move anything"),
    "weight_decay": ("nothing pulls weights to 0", "weights are pulled to 0, where the pull exceeds half a cell"),
    "clip": ("gradients are used as they are", "a gradient longer than this is shortened to it"),
    "jiggle_sigma": (
        "equal rows with equal moments stay equal for ever",
        "noise after every step parts what was equal: no hidden class is safe",
    ),
}
