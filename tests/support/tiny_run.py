"""A run of four tokens and four snapshots, worked out by hand."""

from __future__ import annotations

import numpy as np

from snowball_core.config import RunConfig
from snowball_core.store.files.tensor_file import TensorWriter
from snowball_core.store.run_folder import HISTORY, METRICS, TENSOR, create

ONE = 0x3F80
A, B, C = [ONE, ONE], [ONE, ONE + 1], [ONE + 2, ONE]
WORDS = np.array([[A, B, C, A], [A, B, B, B], [A, B, B, C], [A, B, B, C]], np.uint16)
MOMENTS = np.array([[0, 0, 0, 0], [1, 2, 2, 3], [1, 2, 2, 3], [1, 2, 2, 3]], np.uint64)
STEPS = np.array([0, 2, 4, 6])


def save(path, **tensors):
    for name, words in tensors.items():
        kind = "BF16" if words.dtype == np.uint16 else "F32"
        with TensorWriter(path, name, kind, words.shape[1:], len(words), {}) as file:
            for frame in words:
                file.append(frame)
            file.trim()
    return path


def made_run(folder):
    """The run in a folder of its own: every second step recorded, tokens 1, 2 and 3 dead, the rate 0 from step 5."""
    config = RunConfig(name="tiny", vocab=4, hidden=2, heads=1, context=2, steps=6, record="every-2", extra="moment_hash")
    made = create(folder, config, {"dead_ids": [1, 2, 3]})
    save(made.path / HISTORY, **{TENSOR: WORDS})
    with TensorWriter(made.path / "moment_hash.safetensors", "moment_hash", "U64", (4,), 4, {}) as file:
        for row in MOMENTS:
            file.append(row)
    rows = "".join(f"{step},3.0,{0.1 if step < 5 else 0.0},1,0.1\n" for step in range(1, 7))
    (made.path / METRICS).write_text("step,loss,learning_rate,grad_norm,seconds\n" + rows)
    return made
