"""History files made for tests: snapshots, writers, what a stock reader finds, and headers written by hand."""

from __future__ import annotations

import json
import struct

import numpy as np
import torch
from safetensors import safe_open

from snowball_core.store.files.tensor_file import TensorWriter

TENSOR = "embedding_history"
SHAPE = (4, 2)


def snapshot(step):
    return np.arange(8, dtype=np.uint16).reshape(SHAPE) + np.uint16(step)


def writer(path, capacity=5, **changes):
    given = {"name": TENSOR, "dtype": "BF16", "shape": SHAPE, "metadata": {"format": "test"}} | changes
    return TensorWriter(path, given["name"], given["dtype"], given["shape"], capacity, given["metadata"])


def stock(path):
    """What a stock reader finds: a uint16 array of the bits."""
    with safe_open(path, "pt") as file:
        return file.get_tensor(TENSOR).view(torch.int16).numpy().view(np.uint16)


def finished(path, steps):
    with writer(path, steps) as file:
        for step in range(steps):
            file.append(snapshot(step))
        file.trim()
    return path


def header_of(path, content, data=b"", length=None):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape=(2, 4, 2), offsets=(0, 32), dtype="BF16"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
