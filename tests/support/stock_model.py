"""The GPT-2 of transformers under bfloat16 autocast, as the published procedure computes it: the oracle of bfloat16."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from snowball_core.training.model import Outcome
from snowball_core.training.trainer import Training


class StockModel:
    """The GPT-2 of transformers, with loss and gradients by autograd in native bfloat16, as the published procedure did."""

    def __init__(self, model: Any) -> None:
        self._model = model.train()

    def run(self, inputs: Tensor, targets: Tensor, count: int) -> Outcome:
        """Loss and gradients of one batch; parameters as those of LeanModel."""
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


class StockTraining(Training):
    """A training that differs from the program's in its forward and backward pass alone."""

    def _place(self, model: Any) -> None:
        super()._place(model)
        for name, parameter in model.named_parameters():
            parameter.data = self.leaves[name]
        self._model = StockModel(model)  # type: ignore[assignment]
