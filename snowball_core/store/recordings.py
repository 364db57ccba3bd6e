"""The recordings that a configuration makes: their names, files, formats and shapes."""

from __future__ import annotations

from typing import NamedTuple

from ..config import RunConfig

HISTORY = "history.safetensors"
TENSOR = "embedding_history"


class Recording(NamedTuple):
    """One recording of a run.

    Attributes
    ----------
    file : str
        Name of its file in the run's folder.
    dtype : str
        Safetensors name of its format.
    shape : tuple of int
        Shape of one snapshot.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]


def recordings(config: RunConfig) -> dict[str, Recording]:
    """The recordings of a configuration by the name of their tensor; the history comes first."""
    matrix = (config.vocab, config.hidden)
    moments = "BF16" if config.precision == "pure-bf16" else "F32"
    gradients = "BF16" if config.precision in ("pure-bf16", "bf16-weights") else "F32"
    extras: dict[str, tuple[str, tuple[int, ...]]] = {
        "moment_hash": ("U64", (config.vocab,)),
        "hidden_mean": ("F32", (config.hidden,)),
        "dead_probability": ("F32", ()),
        "gradient_laws": ("F32", (2, 2)),
        "gradient": (gradients, matrix),
        "exp_avg": (moments, matrix),
        "exp_avg_sq": (moments, matrix),
    }
    made = {name: Recording(f"{name}.safetensors", *extras[name]) for name in config.extras}
    return {TENSOR: Recording(HISTORY, config.recorded_format, matrix), **made}
