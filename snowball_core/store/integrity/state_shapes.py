"""Names, formats and shapes of the tensors in a checkpoint, from the configuration alone, without a model."""

from __future__ import annotations

from ...config import RunConfig


def recorded_name(config: RunConfig) -> str:
    """The parameter that is recorded as W, without importing the model."""
    return "lm_head.weight" if not config.tied and config.matrix == "unembedding" else "transformer.wte.weight"


def state_shapes(config: RunConfig, step: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a checkpoint at a step, by name: format and shape."""
    kept = "BF16" if config.precision == "pure-bf16" else "F32"
    weights = parameter_shapes(config)
    state: dict[str, tuple[str, tuple[int, ...]]] = {f"weight/{name}": (kept, shape) for name, shape in weights.items()}
    if step and config.optimizer != "sgd":
        state |= {f"{key}/{name}": (kept, shape) for key in ("exp_avg", "exp_avg_sq") for name, shape in weights.items()}
        state |= {f"step/{name}": ("F32", ()) for name in weights}
    return state


def parameter_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the model's parameters by name, as GPT-2 names them."""
    hidden, has_bias = config.hidden, config.norm_layer == "layernorm"
    norm = ("weight", "bias") if has_bias else ("weight",)
    shapes: dict[str, tuple[int, ...]] = {
        "transformer.wte.weight": (config.vocab, hidden),
        "transformer.wpe.weight": (config.context, hidden),
    }
    matrices = {
        "attn.c_attn": (hidden, 3 * hidden),
        "attn.c_proj": (hidden, hidden),
        "mlp.c_fc": (hidden, 4 * hidden),
        "mlp.c_proj": (4 * hidden, hidden),
    }
    for block in (f"transformer.h.{number}" for number in range(config.layers)):
        shapes |= {f"{block}.{place}.{part}": (hidden,) for place in ("ln_1", "ln_2") for part in norm}
        for place, shape in matrices.items():
            shapes |= {f"{block}.{place}.weight": shape, f"{block}.{place}.bias": shape[1:]}
    shapes |= {f"transformer.ln_f.{part}": (hidden,) for part in norm}
    return shapes if config.tied else {**shapes, "lm_head.weight": (config.vocab, hidden)}
