"""Loss and gradients of one batch: in float32 without building a graph, or by the stock model under bfloat16 autocast.

Every product and sum of :class:`LeanModel` is one that reverse-mode differentiation of the stock model would do; only the order
of passes over memory and the form of the GELU differ. The stock model is the oracle of the tests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import RunConfig
from ..costs import EMBEDDING, POSITIONS, UNEMBEDDING
from .model import NORM_EPS, Outcome

_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _SLOPE
_ops = torch.ops.aten


class _Normed(NamedTuple):
    """A normalized activation and what its backward pass needs."""

    output: Tensor
    inputs: Tensor
    mean: Tensor | None
    scale: Tensor


class _Block(NamedTuple):
    """Activations of one transformer block."""

    before: _Normed
    parts: Tensor
    attention: Tensor
    mixed: Tensor
    between: _Normed
    inner: Tensor
    gate: Tensor
    activated: Tensor


class LeanModel:
    """The model's arithmetic on float32 parameters under the stock model's names, read at every pass."""

    def __init__(self, config: RunConfig, parameters: Mapping[str, Tensor]) -> None:
        self.config, self._parameters = config, parameters
        first = next(iter(parameters.values()))
        self.gradients = {name: torch.empty_like(parameter) for name, parameter in parameters.items()}
        self._mask = torch.full((config.context, config.context), float("-inf"), device=first.device).triu(1)
        self._slope = torch.tensor(_SLOPE, device=first.device)
        self._unembedding = EMBEDDING if config.tied else UNEMBEDDING

    @torch.no_grad()
    def run(self, inputs: Tensor, targets: Tensor, count: int) -> Outcome:
        """Loss and gradients of one batch of int64 ``inputs`` ``[batch, context]``.

        ``targets`` ``[batch, predicted]`` are the target tokens of each window's first positions; ``count`` divides the summed
        cross entropy.
        """
        batch, context = inputs.shape
        stream = F.embedding(inputs, self._get(EMBEDDING)) + self._get(POSITIONS)[:context]
        stream = stream.view(batch * context, self.config.hidden)
        blocks = []
        for layer in range(self.config.layers):
            stream, block = self._block(f"transformer.h.{layer}", stream, batch)
            blocks.append(block)
        last = self._norm("transformer.ln_f", stream)
        hidden = _first_positions(last.output, batch, context, targets.shape[1])
        logs = (hidden @ self._get(self._unembedding).t()).log_softmax(-1)
        target = targets.reshape(-1, 1)
        loss = -logs.gather(1, target).sum() / count
        probabilities = logs.exp_()
        likely = probabilities.mean(0)
        self._backward(inputs, target, count, blocks, last, hidden, probabilities)
        return Outcome(loss, hidden, likely, probabilities, list(self.gradients.values()))

    def _get(self, name: str) -> Tensor:
        return self._parameters[name]

    def _affine(self, name: str, x: Tensor) -> Tensor:
        return torch.addmm(self._get(f"{name}.bias"), x, self._get(f"{name}.weight"))

    def _norm(self, name: str, x: Tensor) -> _Normed:
        weight = self._get(f"{name}.weight")
        if self.config.norm_layer == "rmsnorm":
            scale = (x * x).mean(-1, keepdim=True).add_(NORM_EPS).rsqrt_()
            return _Normed((x * scale).mul_(weight), x, None, scale)
        output, mean, scale = torch.native_layer_norm(x, [x.shape[1]], weight, self._get(f"{name}.bias"), NORM_EPS)
        return _Normed(output, x, mean, scale)

    def _block(self, name: str, stream: Tensor, batch: int) -> tuple[Tensor, _Block]:
        before = self._norm(f"{name}.ln_1", stream)
        parts, attention, mixed = self._attend(self._affine(f"{name}.attn.c_attn", before.output), batch)
        stream = self._affine(f"{name}.attn.c_proj", mixed).add_(stream)
        between = self._norm(f"{name}.ln_2", stream)
        inner = self._affine(f"{name}.mlp.c_fc", between.output)
        # GPT-2's tanh-form GELU is x · sigmoid(2u), u = √(2/π)(x + 0.044715 x³); a sigmoid costs a third of a tanh.
        gate = torch.addcmul(self._slope, inner, inner, value=_CUBIC).mul_(inner).sigmoid_()
        activated = inner * gate
        stream = self._affine(f"{name}.mlp.c_proj", activated).add_(stream)
        return stream, _Block(before, parts, attention, mixed, between, inner, gate, activated)

    def _attend(self, projection: Tensor, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values ``[batch, context, 3, heads, width]``, attention per head, and the mixed values."""
        heads, context = self.config.heads, projection.shape[0] // batch
        width = self.config.hidden // heads
        parts = projection.view(batch, context, 3, heads, width)
        attention = projection.new_empty(heads, batch, context, context)
        mixed = projection.new_empty(batch, context, heads, width)
        for head in range(heads):
            query, key, value = parts[:, :, :, head].unbind(2)
            torch.baddbmm(self._mask, query, key.transpose(1, 2), alpha=width**-0.5, out=attention[head])
            _ops._softmax.out(attention[head], -1, False, out=attention[head])
            mixed[:, :, head] = torch.bmm(attention[head], value)
        return parts, attention, mixed.view(batch * context, -1)

    def _backward(
        self, inputs: Tensor, target: Tensor, count: int, blocks: list[_Block], last: _Normed, hidden: Tensor, error: Tensor
    ) -> None:
        batch, context = inputs.shape
        error.scatter_add_(1, target, error.new_full((len(target), 1), -1.0)).mul_(1.0 / count)
        torch.mm(error.t(), hidden, out=self.gradients[self._unembedding])
        outer = error @ self._get(self._unembedding)
        if len(hidden) < batch * context:
            whole = outer.new_zeros(batch, context, self.config.hidden)
            whole[:, : len(hidden) // batch] = outer.view(batch, -1, self.config.hidden)
            outer = whole.view(batch * context, -1)
        stream = self._norm_backward("transformer.ln_f", last, outer)
        for layer in reversed(range(self.config.layers)):
            stream = self._block_backward(f"transformer.h.{layer}", blocks[layer], stream, batch)
        torch.sum(stream.view(batch, context, -1), 0, out=self.gradients[POSITIONS][:context])
        vocab = self.config.vocab
        rows = _ops.embedding_dense_backward(stream, inputs.reshape(-1), vocab, -1, False)
        if self.config.tied:
            self.gradients[EMBEDDING].add_(rows)
        else:
            self.gradients[EMBEDDING].copy_(rows)

    def _affine_backward(self, name: str, inputs: Tensor, outer: Tensor) -> Tensor:
        torch.mm(inputs.t(), outer, out=self.gradients[f"{name}.weight"])
        torch.sum(outer, 0, out=self.gradients[f"{name}.bias"])
        return torch.mm(outer, self._get(f"{name}.weight").t())

    def _norm_backward(self, name: str, normed: _Normed, outer: Tensor) -> Tensor:
        weight, inputs, scale = self._get(f"{name}.weight"), normed.inputs, normed.scale
        if normed.mean is None:
            torch.sum(inputs * scale * outer, 0, out=self.gradients[f"{name}.weight"])
            weighted = outer * weight
            along = (weighted * inputs).mean(-1, keepdim=True).mul_(scale**3)
            return weighted.mul_(scale).sub_(inputs * along)
        bias, wanted = self._get(f"{name}.bias"), [True, True, True]
        inner: Tensor
        inner, by_weight, by_bias = _ops.native_layer_norm_backward(
            outer, inputs, [inputs.shape[1]], normed.mean, scale, weight, bias, wanted
        )
        self.gradients[f"{name}.weight"].copy_(by_weight)
        self.gradients[f"{name}.bias"].copy_(by_bias)
        return inner

    def _block_backward(self, name: str, block: _Block, stream: Tensor, batch: int) -> Tensor:
        outer = self._affine_backward(f"{name}.mlp.c_proj", block.activated, stream)
        # Reuse the activation's buffer for the GELU derivative; it is still in cache.
        slope = torch.addcmul(self._slope, block.inner, block.inner, value=3 * _CUBIC, out=block.activated).mul_(block.inner)
        _ops.sigmoid_backward.grad_input(slope, block.gate, grad_input=slope)
        outer = self._affine_backward(f"{name}.mlp.c_fc", block.between.output, slope.add_(block.gate).mul_(outer))
        stream = self._norm_backward(f"{name}.ln_2", block.between, outer).add_(stream)
        outer = self._affine_backward(f"{name}.attn.c_proj", block.mixed, stream)
        outer = self._attend_backward(block, outer, batch)
        outer = self._affine_backward(f"{name}.attn.c_attn", block.before.output, outer)
        return self._norm_backward(f"{name}.ln_1", block.before, outer).add_(stream)

    def _attend_backward(self, block: _Block, outer: Tensor, batch: int) -> Tensor:
        parts, context, width = block.parts, self.config.context, self.config.hidden // self.config.heads
        outer = outer.view(batch, context, -1, width)
        joined = torch.empty_like(parts)
        for head, attention in enumerate(block.attention):
            query, key, value = parts[:, :, :, head].unbind(2)
            scores = torch.bmm(outer[:, :, head], value.transpose(1, 2))
            _ops._softmax_backward_data.out(scores, attention, -1, torch.float32, grad_input=scores)
            joined[:, :, 2, head] = torch.bmm(attention.transpose(1, 2), outer[:, :, head])
            torch.mul(torch.bmm(scores, key), width**-0.5, out=joined[:, :, 0, head])
            torch.mul(torch.bmm(scores.transpose(1, 2), query), width**-0.5, out=joined[:, :, 1, head])
        return joined.view(batch * context, -1)


def _first_positions(stream: Tensor, batch: int, context: int, predicted: int) -> Tensor:
    """The rows of the first ``predicted`` positions of every window."""
    if predicted == context:
        return stream
    return stream.view(batch, context, -1)[:, :predicted].reshape(batch * predicted, -1)


class StockModel:
    """The GPT-2 of transformers, with loss and gradients by autograd in native bfloat16, as the published procedure did."""

    def __init__(self, model: Any) -> None:
        self._model = model.train()

    def run(self, inputs: Tensor, targets: Tensor, count: int) -> Outcome:
        """Loss and gradients of one batch; parameters as :meth:`LeanModel.run`."""
        with torch.autocast(inputs.device.type, torch.bfloat16):
            hidden = self._model.transformer(inputs).last_hidden_state
            logits = self._model.lm_head(hidden)
        predicted = targets.shape[1]
        logits, hidden = logits[:, :predicted].float().flatten(0, 1), hidden[:, :predicted].flatten(0, 1)
        loss = F.cross_entropy(logits, targets.flatten(), reduction="sum") / count
        gradients = torch.autograd.grad(loss, list(self._model.parameters()), materialize_grads=True)
        error = logits.detach().softmax(-1)
        likely = error.mean(0)
        target = targets.reshape(-1, 1)
        error.scatter_add_(1, target, error.new_full(target.shape, -1.0)).div_(count)
        return Outcome(loss.detach(), hidden.detach(), likely, error, list(gradients))
