"""Which number lives in which format: weights, forward weights, gradients, moments."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..config import RunConfig


@dataclass(frozen=True)
class Regime:
    """The formats of one precision regime.

    Attributes
    ----------
    weights : dtype
        What is kept, updated and recorded.
    forward : dtype
        What forward and backward see the weights rounded to.
    gradients : dtype
        What a gradient is rounded to before the optimizer uses it.
    moments : dtype
        The optimizer's state and its arithmetic.
    """

    weights: torch.dtype
    forward: torch.dtype
    gradients: torch.dtype
    moments: torch.dtype

    @property
    def recorded(self) -> str:
        """The safetensors name of the recorded matrix's format."""
        return "BF16" if self.weights == torch.bfloat16 else "F32"


_BF16, _F32 = torch.bfloat16, torch.float32
PRECISIONS = {
    "pure-bf16": Regime(_BF16, _BF16, _BF16, _BF16),
    "bf16-weights": Regime(_BF16, _BF16, _BF16, _F32),
    "mixed": Regime(_F32, _BF16, _F32, _F32),
    "f32": Regime(_F32, _F32, _F32, _F32),
}


def dtype_names(config: RunConfig) -> dict[str, str]:
    """The formats of weights, gradients, optimizer state and compute, as ``run.json`` names them."""
    regime = PRECISIONS[config.precision]
    named = {"weights": regime.weights, "gradients": regime.gradients, "optimizer_state": regime.moments}
    return {
        **{k: str(v).removeprefix("torch.") for k, v in named.items()},
        "compute": {"f32": "float32", "bf16": "bfloat16"}[config.compute],
    }
