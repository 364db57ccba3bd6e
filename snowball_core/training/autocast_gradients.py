"""The stock model under bfloat16 autocast: forward and backward as the published procedure did them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Outcome


class StockModel:
    """Transformers' own GPT-2, its loss and gradients taken by autograd in native bfloat16.

    Parameters
    ----------
    model : GPT2LMHeadModel
        Its parameters are read anew at every pass.
    """

    def __init__(self, model: Any) -> None:
        self._model = model.train()

    def run(self, inputs: Tensor, targets: Tensor, count: int) -> Outcome:
        """Loss and gradients of one batch; parameters as :meth:`snowball_core.training.manual_gradients.LeanModel.run`."""
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
