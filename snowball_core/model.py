"""The GPT-2 of the experiment: transformers' own, and the same arithmetic in fewer passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from .config import RunConfig
from .initial_states import initial_state

NORM_EPS = 1e-5
EMBEDDING, UNEMBEDDING = "transformer.wte.weight", "lm_head.weight"


def build(config: RunConfig) -> tuple[GPT2LMHeadModel, float | None]:
    """The model at step 0 in float32, drawn in the seed's order: seed, build, base, noise; and the base vector's length.

    No dropout; begin and end ids unset, since GPT-2's own lie outside a small vocabulary.
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
    state = initial_state(config, matrix)
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


class Gelu(torch.autograd.Function):
    """GPT-2's tanh-form GELU as ``x · sigmoid(2u)``, ``u = √(2/π)(x + 0.044715 x³)``: a sigmoid costs a third of a tanh."""

    SLOPE = 2 * math.sqrt(2 / math.pi)
    CUBIC = 0.044715 * SLOPE

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gate = torch.addcmul(x.new_tensor(Gelu.SLOPE), x, x, value=Gelu.CUBIC).mul_(x).sigmoid_()
        ctx.save_for_backward(x, gate)
        return x * gate

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, gate = ctx.saved_tensors
        slope = torch.addcmul(x.new_tensor(Gelu.SLOPE), x, x, value=3 * Gelu.CUBIC).mul_(x)
        torch.ops.aten.sigmoid_backward.grad_input(slope, gate, grad_input=slope)
        return slope.add_(gate).mul_(gradients[0])


class CausalAttention(torch.autograd.Function):
    """Softmax attention of each position to itself and those before, from the projection ``[batch·context, 3·hidden]``."""

    @staticmethod
    def forward(ctx: Any, projection: Tensor, mask: Tensor, batch: int, heads: int) -> Tensor:
        context, width = projection.shape[0] // batch, projection.shape[1] // 3 // heads
        parts = projection.view(batch, context, 3, heads, width).permute(2, 0, 3, 1, 4).contiguous()
        parts = parts.view(3, batch * heads, context, width)
        query, key, value = parts.unbind(0)
        weights = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=width**-0.5).softmax(-1)
        ctx.save_for_backward(parts, weights)
        ctx.layout = (batch, heads, context, width)
        return torch.bmm(weights, value).view(batch, heads, context, width).transpose(1, 2).reshape(batch * context, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        parts, weights = ctx.saved_tensors
        batch, heads, context, width = ctx.layout
        query, key, value = parts.unbind(0)
        outer = gradients[0].view(batch, context, heads, width).transpose(1, 2).reshape(batch * heads, context, width)
        inner = torch.empty_like(parts)
        torch.bmm(weights.transpose(1, 2), outer, out=inner[2])
        scores = torch.bmm(outer, value.transpose(1, 2))
        scores = torch.ops.aten._softmax_backward_data(scores, weights, -1, torch.float32)
        torch.bmm(scores, key, out=inner[0])
        torch.bmm(scores.transpose(1, 2), query, out=inner[1])
        inner[:2].mul_(width**-0.5)
        joined = inner.view(3, batch, heads, context, width).permute(1, 3, 0, 2, 4).reshape(batch * context, -1)
        return joined, None, None, None


class SummedCrossEntropy(torch.autograd.Function):
    """``−Σ log softmax(logits)[target] / count``, with the probabilities as a second, non-differentiable result."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, count: int) -> tuple[Tensor, Tensor]:
        logs = logits.log_softmax(-1)
        loss = -logs.gather(1, target[:, None]).sum() / count
        probabilities = logs.exp_()
        ctx.save_for_backward(probabilities, target)
        ctx.count = count
        ctx.mark_non_differentiable(probabilities)
        return loss, probabilities

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        probabilities, target = ctx.saved_tensors
        gradient = probabilities.clone()
        gradient.scatter_add_(1, target[:, None], gradient.new_full((len(target), 1), -1.0))
        return gradient.mul_(gradients[0] / ctx.count), None, None


def causal_mask(context: int, device: torch.device) -> Tensor:
    """0 where a position may look, −∞ where it may not, shape ``(context, context)``."""
    return torch.full((context, context), float("-inf"), device=device).triu(1)


def lean_forward(
    config: RunConfig, parameters: Mapping[str, Tensor], inputs: Tensor, targets: Tensor, count: int, mask: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The stock model's loss in float32, in fewer passes over memory.

    Parameters
    ----------
    config : RunConfig
    parameters : mapping of str to Tensor
        The stock model's parameter names and float32 leaves.
    inputs : Tensor of int64, shape (batch, context)
    targets : Tensor of int64, shape (batch, predicted)
        What the first ``predicted`` positions of each window should say.
    count : int
        Divisor of the summed cross entropy.
    mask : Tensor, shape (context, context)
        From :func:`causal_mask`.

    Returns
    -------
    loss : Tensor, scalar
    hidden : Tensor, shape (batch · predicted, hidden)
        Final hidden states at the predicted positions.
    probabilities : Tensor, shape (batch · predicted, vocab)
    """
    batch, context = inputs.shape
    get = parameters.__getitem__

    def norm(name: str, x: Tensor) -> Tensor:
        if config.norm_layer == "rmsnorm":
            return F.rms_norm(x, (config.hidden,), get(f"{name}.weight"), NORM_EPS)
        return F.layer_norm(x, (config.hidden,), get(f"{name}.weight"), get(f"{name}.bias"), NORM_EPS)

    def affine(name: str, x: Tensor) -> Tensor:
        return torch.addmm(get(f"{name}.bias"), x, get(f"{name}.weight"))

    stream = F.embedding(inputs, get(EMBEDDING)) + get("transformer.wpe.weight")[:context]
    stream = stream.view(batch * context, config.hidden)
    for layer in range(config.layers):
        block = f"transformer.h.{layer}"
        projection = affine(f"{block}.attn.c_attn", norm(f"{block}.ln_1", stream))
        mixed = CausalAttention.apply(projection, mask, batch, config.heads)
        stream = stream + affine(f"{block}.attn.c_proj", mixed)
        inner = Gelu.apply(affine(f"{block}.mlp.c_fc", norm(f"{block}.ln_2", stream)))
        stream = stream + affine(f"{block}.mlp.c_proj", inner)
    hidden = norm("transformer.ln_f", stream)
    predicted = targets.shape[1]
    if predicted < context:
        hidden = hidden.view(batch, context, -1)[:, :predicted].reshape(batch * predicted, -1)
    logits = hidden @ get(EMBEDDING if config.tied else UNEMBEDDING).t()
    loss, probabilities = SummedCrossEntropy.apply(logits, targets.reshape(-1), count)
    return loss, hidden, probabilities
