"""The GPT-2 of the experiment: transformers' own, from its first draw."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from ..config import RunConfig
from .initial_states import initial_state

NORM_EPS = 1e-5
EMBEDDING, POSITIONS, UNEMBEDDING = "transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"


class Outcome(NamedTuple):
    """What one forward and backward pass gave.

    ``loss`` is a scalar; ``hidden`` ``[batch · predicted, hidden]`` are the final states at the predicted positions;
    ``probabilities`` ``[vocab]`` are their predictions' mean; ``error`` ``[batch · predicted, vocab]`` is the loss's gradient
    with respect to the logits, in float32; ``gradients`` are in the parameters' order. These two may be overwritten by the
    next pass.
    """

    loss: Tensor
    hidden: Tensor
    probabilities: Tensor
    error: Tensor
    gradients: list[Tensor]


def build(config: RunConfig, given: Tensor | None = None) -> tuple[GPT2LMHeadModel, float | None]:
    """The model at step 0 in float32, drawn in the seed's order: seed, build, base, noise; and the base vector's length.

    No dropout; begin and end ids unset, since GPT-2's own lie outside a small vocabulary. ``given`` is the matrix of the
    initial state ``snapshot``.
    """
    torch.manual_seed(config.seed)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab,
            n_positions=config.context,
            n_embd=config.hidden,
            n_layer=config.layers,
            n_head=config.heads,
            layer_norm_epsilon=NORM_EPS,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=None,
            tie_word_embeddings=config.tied,
            use_cache=False,
        )
    )
    matrix = model.get_parameter(recorded_name(config))
    state = initial_state(config, matrix, given)
    with torch.no_grad():
        matrix.copy_(state.matrix)
    if config.norm_layer == "rmsnorm":
        _replace_norms(model, config.hidden)
    return model, state.base_length


def recorded_name(config: RunConfig) -> str:
    """The parameter that is recorded as W."""
    return UNEMBEDDING if not config.tied and config.matrix == "unembedding" else EMBEDDING


def _replace_norms(model: nn.Module, hidden: int) -> None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.LayerNorm):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.RMSNorm(hidden, eps=NORM_EPS))
