"""What this machine offers a training: its device and its threads."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from ..errors import ConfigError

_FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "neon", "bf16", "sve")
_BF16_FEATURES = {"avx512_bf16", "amx_bf16", "bf16"}


def resolve_device(name: str) -> torch.device:
    """The torch device that ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` stands for here.

    Raises
    ------
    ConfigError
        If this machine does not have it.
    """
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
    """The number of processor threads that ``threads`` (0: one per usable core) stands for here."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads or usable


def cpu_features() -> list[str]:
    """The processor's features that decide which kernels run, where the system tells them."""
    told = Path("/proc/cpuinfo")
    words = set(told.read_text().split()) if told.is_file() else set()
    return [name for name in _FEATURES if name in words]


def has_bf16_units() -> bool:
    """Whether the processor multiplies bf16 matrices by itself, as far as the system tells."""
    return not _BF16_FEATURES.isdisjoint(cpu_features())
