"""Loss and gradients of one batch without building a graph, in the format of the parameters: float32 or bfloat16.

Every product and sum of :class:`LeanModel` is one that reverse-mode differentiation of the stock model would do; only the order
of passes over memory and the form of the GELU differ. The stock model, in bfloat16 under autocast, is the oracle of the tests.

In bfloat16, activations and the operands of matrix products are bfloat16. Sums are accumulated in float32 and rounded once:
those of products, of biases and positions, of both softmaxes. Norms keep float32 statistics and parameters; the loss and its
gradient with respect to the logits are float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

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
    activated: Tensor
    slope: Tensor


class LeanModel:
    """The model's arithmetic on parameters of one format under the stock model's names, read at every pass."""

    def __init__(self, config: RunConfig, parameters: Mapping[str, Tensor]) -> None:
        self.config, self._parameters = config, parameters
        first = next(iter(parameters.values()))
        self.gradients = {name: torch.empty_like(parameter) for name, parameter in parameters.items()}
        self._dtype = first.dtype
        self._mask = first.new_full((config.context, config.context), float("-inf")).triu(1)
        # The factors of GELU's gate sigmoid(c x (a + b x²)). A tensor is rounded to the format, a number is not.
        constants = (_SLOPE, _CUBIC, 1.0) if self._dtype == torch.float32 else (1.0, _CUBIC / _SLOPE, _SLOPE)
        self._zero, self._offset = first.new_zeros(()), first.new_tensor(constants[0])
        self._square, self._outer = constants[1:]
        # A processor's kernel keeps float32 statistics only beside float32 parameters; other devices take one format.
        kind = torch.float32 if first.device.type == "cpu" else self._dtype
        self._norms = {name: each.detach().to(kind) for name, each in parameters.items() if ".ln_" in name}
        self._is_converted = kind != self._dtype
        self._unembedding = EMBEDDING if config.tied else UNEMBEDDING

    @torch.no_grad()
    def run(self, inputs: Tensor, targets: Tensor, count: int) -> Outcome:
        """Loss and gradients of one batch of int64 ``inputs`` ``[batch, context]``.

        ``targets`` ``[batch, predicted]`` are the target tokens of each window's first positions; ``count`` divides the summed
        cross entropy.
        """
        batch, context = inputs.shape
        if self._is_converted:
            torch._foreach_copy_(list(self._norms.values()), [self._get(name) for name in self._norms])
        stream = F.embedding(inputs, self._get(EMBEDDING)) + self._get(POSITIONS)[:context]
        stream = stream.view(batch * context, self.config.hidden)
        blocks = []
        for layer in range(self.config.layers):
            stream, block = self._block(f"transformer.h.{layer}", stream, batch)
            blocks.append(block)
        last = self._norm("transformer.ln_f", stream)
        hidden = _first_positions(last.output, batch, context, targets.shape[1])
        logs = (hidden @ self._get(self._unembedding).t()).float().log_softmax(-1)
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
        weight = self._norms[f"{name}.weight"]
        if self.config.norm_layer == "rmsnorm":
            x = x.float()
            scale = (x * x).mean(-1, keepdim=True).add_(NORM_EPS).rsqrt_()
            return _Normed((x * scale).mul_(weight).to(self._dtype), x, None, scale)
        output, mean, scale = torch.native_layer_norm(x, [x.shape[1]], weight, self._norms[f"{name}.bias"], NORM_EPS)
        return _Normed(output, x, mean, scale)

    def _block(self, name: str, stream: Tensor, batch: int) -> tuple[Tensor, _Block]:
        before = self._norm(f"{name}.ln_1", stream)
        parts, attention, mixed = self._attend(self._affine(f"{name}.attn.c_attn", before.output), batch)
        stream = self._affine(f"{name}.attn.c_proj", mixed).add_(stream)
        between = self._norm(f"{name}.ln_2", stream)
        activated, slope = self._gelu(self._affine(f"{name}.mlp.c_fc", between.output))
        stream = self._affine(f"{name}.mlp.c_proj", activated).add_(stream)
        return stream, _Block(before, parts, attention, mixed, between, activated, slope)

    def _gelu(self, inner: Tensor) -> tuple[Tensor, Tensor]:
        """The values of GELU and its slopes, so that the backward pass needs no more than the slopes.

        GPT-2's tanh-form GELU is x · sigmoid(2u), u = √(2/π)(x + 0.044715 x³); a sigmoid costs a third of a tanh.
        """
        gate = self._gate(inner, torch.empty_like(inner)).sigmoid_()
        slope = self._gate(inner, torch.empty_like(inner), order=3.0)
        _ops.sigmoid_backward.grad_input(slope, gate, grad_input=slope)
        slope.add_(gate)
        return inner.mul_(gate), slope

    def _gate(self, inner: Tensor, out: Tensor, order: float = 1.0) -> Tensor:
        """``c x (a + order · b x²)``, into ``out``."""
        torch.addcmul(self._offset, inner, inner, value=order * self._square, out=out)
        return torch.addcmul(self._zero, out, inner, value=self._outer, out=out)

    def _attend(self, projection: Tensor, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values ``[heads, 3, batch, context, width]``, attention per head, and the mixed values."""
        heads, context = self.config.heads, projection.shape[0] // batch
        width = self.config.hidden // heads
        parts = projection.view(batch, context, 3, heads, width).permute(3, 2, 0, 1, 4).contiguous()
        attention = projection.new_empty(heads, batch, context, context)
        mixed = projection.new_empty(batch, context, heads, width)
        # By heads, one after the other: one head's scores stay in the cache, those of all do not.
        for head, (query, key, value) in enumerate(parts):
            # The mask is added afterwards, in the cache; as the product's first operand it is copied to all scores before.
            scores = attention[head].baddbmm_(query, key.transpose(1, 2), beta=0, alpha=width**-0.5).add_(self._mask)
            _ops._softmax.out(scores, -1, False, out=scores)
            mixed[:, :, head] = torch.bmm(attention[head], value)
        return parts, attention, mixed.view(batch * context, -1)

    def _backward(
        self, inputs: Tensor, target: Tensor, count: int, blocks: list[_Block], last: _Normed, hidden: Tensor, error: Tensor
    ) -> None:
        batch, context = inputs.shape
        error.scatter_add_(1, target, error.new_full((len(target), 1), -1.0)).mul_(1.0 / count)
        error = error.to(self._dtype)
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
        rows = _ops.embedding_dense_backward(stream.float(), inputs.reshape(-1), vocab, -1, False)
        if self.config.tied:
            self.gradients[EMBEDDING].add_(rows)
        else:
            self.gradients[EMBEDDING].copy_(rows)

    def _affine_backward(self, name: str, inputs: Tensor, outer: Tensor) -> Tensor:
        torch.mm(inputs.t(), outer, out=self.gradients[f"{name}.weight"])
        torch.sum(outer, 0, out=self.gradients[f"{name}.bias"])
        return torch.mm(outer, self._get(f"{name}.weight").t())

    def _norm_backward(self, name: str, normed: _Normed, outer: Tensor) -> Tensor:
        weight, inputs, scale = self._norms[f"{name}.weight"], normed.inputs, normed.scale
        if normed.mean is None:
            self.gradients[f"{name}.weight"].copy_((inputs * scale * outer).sum(0))
            weighted = outer * weight
            along = (weighted * inputs).mean(-1, keepdim=True).mul_(scale**3)
            return weighted.mul_(scale).sub_(inputs * along).to(self._dtype)
        # In float32 throughout: the kernel for bfloat16 sums the gradients of weight and bias in bfloat16, and is slower.
        outer, inputs, mean, scale, weight, bias = (
            each.float() for each in (outer, inputs, normed.mean, scale, weight, self._norms[f"{name}.bias"])
        )
        inner: Tensor
        inner, by_weight, by_bias = _ops.native_layer_norm_backward(
            outer, inputs, [inputs.shape[1]], mean, scale, weight, bias, [True, True, True]
        )
        self.gradients[f"{name}.weight"].copy_(by_weight)
        self.gradients[f"{name}.bias"].copy_(by_bias)
        return inner.to(self._dtype)

    def _block_backward(self, name: str, block: _Block, stream: Tensor, batch: int) -> Tensor:
        outer = self._affine_backward(f"{name}.mlp.c_proj", block.activated, stream).mul_(block.slope)
        outer = self._affine_backward(f"{name}.mlp.c_fc", block.between.output, outer)
        stream = self._norm_backward(f"{name}.ln_2", block.between, outer).add_(stream)
        outer = self._affine_backward(f"{name}.attn.c_proj", block.mixed, stream)
        outer = self._attend_backward(block, outer, batch)
        outer = self._affine_backward(f"{name}.attn.c_attn", block.before.output, outer)
        return self._norm_backward(f"{name}.ln_1", block.before, outer).add_(stream)

    def _attend_backward(self, block: _Block, outer: Tensor, batch: int) -> Tensor:
        heads, _, _, context, width = block.parts.shape
        outer = outer.view(batch, context, heads, width)
        joined = outer.new_empty(batch, context, 3, heads, width)
        for head, ((query, key, value), attention) in enumerate(zip(block.parts, block.attention, strict=True)):
            scores = torch.bmm(outer[:, :, head], value.transpose(1, 2))
            _ops._softmax_backward_data.out(scores, attention, -1, self._dtype, grad_input=scores)
            joined[:, :, 2, head] = torch.bmm(attention.transpose(1, 2), outer[:, :, head])
            torch.mul(torch.bmm(scores, key), width**-0.5, out=joined[:, :, 0, head])
            torch.mul(torch.bmm(scores.transpose(1, 2), query), width**-0.5, out=joined[:, :, 1, head])
        return joined.view(batch * context, -1)


def _first_positions(stream: Tensor, batch: int, context: int, predicted: int) -> Tensor:
    """The rows of the first ``predicted`` positions of every window."""
    if predicted == context:
        return stream
    return stream.view(batch, context, -1)[:, :predicted].reshape(batch * predicted, -1)
