"""Formats, device and threads of a training: the format of each kind of number, and where it is computed."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from ..config import RunConfig
from ..errors import ConfigError


@dataclass(frozen=True)
class Regime:
    """The formats of one precision regime."""

    weights: torch.dtype  # what is kept, updated and recorded
    forward: torch.dtype  # what forward and backward see the weights rounded to
    gradients: torch.dtype  # what a gradient is rounded to before the optimizer uses it
    moments: torch.dtype  # the optimizer's state and its arithmetic


_BF16, _F32 = torch.bfloat16, torch.float32
PRECISIONS = {
    "pure-bf16": Regime(_BF16, _BF16, _BF16, _BF16),
    "bf16-weights": Regime(_BF16, _BF16, _BF16, _F32),
    "mixed": Regime(_F32, _BF16, _F32, _F32),
    "f32": Regime(_F32, _F32, _F32, _F32),
}

# The format of the operands of matrix products and of activations.
COMPUTES = {"f32": _F32, "bf16": _BF16}
# How forward and backward were computed. Runs of older versions name another procedure: the stock model under autocast is
# "bfloat16".
_PROCEDURES = {"f32": "float32", "bf16": "bfloat16 products, float32 sums"}


def dtype_names(config: RunConfig) -> dict[str, str]:
    """The formats of weights, gradients, optimizer state and compute, as ``run.json`` names them."""
    regime = PRECISIONS[config.precision]
    named = {"weights": regime.weights, "gradients": regime.gradients, "optimizer_state": regime.moments}
    return {**{k: str(v).removeprefix("torch.") for k, v in named.items()}, "compute": _PROCEDURES[config.compute]}


def resolve_device(name: str) -> torch.device:
    """The torch device that ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` selects here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(name)
    index = device.index or 0
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and index < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present[device.type]:
        raise ConfigError([f"device must exist on this machine; got {name}. Use auto or cpu."])
    return device


def resolve_threads(threads: int) -> int:
    """The number of processor threads that ``threads`` (0: one per usable core) selects here."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads or usable
