"""What besides the configuration decides the bits of a run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

from .. import __version__
from ..errors import RunError
from ..store.manifest import seed_entries
from .machine import cpu_features
from .precision import dtype_names
from .trainer import Training

_MUST_MATCH = ("torch", "transformers", "device", "threads", "cpu_capability")


def provenance(training: Training) -> dict[str, Any]:
    """What else decides the bits: versions, device, threads, processor, formats, seeds."""
    config = training.config
    return {
        "snowball": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "numpy", "safetensors")},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": str(training.device),
        "device_name": _device_name(training.device),
        "threads": training.threads,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu_features": cpu_features(),
        "dtypes": dtype_names(config),
        "seeds": seed_entries(config),
        "base_length": training.base_length,
        "first_windows": training.order.starts(1)[:10].tolist(),
        "parameters": sum(weight.numel() for weight in training.weights.values()),
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def environment_differences(begun: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What of the things that decide the bits differs between two provenances, in words."""
    return [f"{key} {begun.get(key)} → {here.get(key)}" for key in _MUST_MATCH if begun.get(key) != here.get(key)]


def compared_provenance(begun: Mapping[str, Any] | None, training: Training) -> dict[str, Any]:
    """What decides the bits here, compared with what decided them when the run was begun.

    Raises
    ------
    RunError
        If they differ.
    """
    here = provenance(training)
    if begun is not None and (differing := environment_differences(begun, here)):
        raise RunError(
            "a resumed run must be able to repeat its bits; since it began these changed: "
            f"{'; '.join(differing)}. Resume it where they are as they were, or start a new run."
        )
    return here
