"""Names, formats and shapes of what a configuration trains and records: parameters, checkpoint, recordings."""

from __future__ import annotations

import math
from typing import NamedTuple

from .config import RunConfig

HISTORY = "history.safetensors"
TENSOR = "embedding_history"
EMBEDDING, POSITIONS, UNEMBEDDING = "transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"
BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "U8": 1}


class Recording(NamedTuple):
    """One recording of a run: its file, and safetensors format and shape of a snapshot in it."""

    file: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def snapshot_bytes(self) -> int:
        """Bytes of one snapshot."""
        return math.prod(self.shape) * BYTES[self.dtype]


def recordings(config: RunConfig) -> dict[str, Recording]:
    """The recordings of a configuration by the name of their tensor; the history comes first."""
    matrix = (config.vocab, config.hidden)
    moments = _moments(config)
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


def _moments(config: RunConfig) -> str:
    return "BF16" if config.precision == "pure-bf16" else "F32"


def recorded_name(config: RunConfig) -> str:
    """The parameter that is recorded as W."""
    return UNEMBEDDING if not config.tied and config.matrix == "unembedding" else EMBEDDING


def parameter_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the model's parameters by name, as GPT-2 names them."""
    hidden = config.hidden
    norm = ("weight", "bias") if config.norm_layer == "layernorm" else ("weight",)
    matrices = {
        "attn.c_attn": (hidden, 3 * hidden),
        "attn.c_proj": (hidden, hidden),
        "mlp.c_fc": (hidden, 4 * hidden),
        "mlp.c_proj": (4 * hidden, hidden),
    }
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (config.vocab, hidden), POSITIONS: (config.context, hidden)}
    for block in (f"transformer.h.{number}" for number in range(config.layers)):
        shapes |= {f"{block}.{place}.{part}": (hidden,) for place in ("ln_1", "ln_2") for part in norm}
        for place, shape in matrices.items():
            shapes |= {f"{block}.{place}.weight": shape, f"{block}.{place}.bias": shape[1:]}
    shapes |= {f"transformer.ln_f.{part}": (hidden,) for part in norm}
    return shapes if config.tied else {**shapes, UNEMBEDDING: (config.vocab, hidden)}


def state_shapes(config: RunConfig, step: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a checkpoint at a step, by name: format and shape."""
    kept, weights = _moments(config), parameter_shapes(config)
    kinds = ("weight", "exp_avg", "exp_avg_sq") if step and config.optimizer != "sgd" else ("weight",)
    state: dict[str, tuple[str, tuple[int, ...]]]
    state = {f"{kind}/{name}": (kept, shape) for kind in kinds for name, shape in weights.items()}
    return state | ({f"step/{name}": ("F32", ()) for name in weights} if len(kinds) > 1 else {})
