"""Ways to damage the files of a run, and to make a damage look whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file

from snowball_core.store.files.regular_files import file_sha256
from snowball_core.store.files.tensor_file import TensorWriter, open_tensor
from snowball_core.store.files.tensor_header import read_header
from snowball_core.store.manifest import sealed
from snowball_core.store.run_folder import CHECKPOINT

MOMENTS, HIDDEN, DEAD = "moment_hash.safetensors", "hidden_mean.safetensors", "dead_probability.safetensors"
STATE = CHECKPOINT.as_posix()


def holds(path: Path, count: int) -> None:
    """Make a recording whole, but of ``count`` snapshots: its first ones, the last repeated."""
    old = open_tensor(path)
    words, name = np.array(old.words), old.name
    kind = {"u2": "BF16", "u8": "U64", "f4": "F32"}[words.dtype.str[1:]]
    path.unlink()
    with TensorWriter(path, name, kind, words.shape[1:], count, old.metadata) as writer:
        for place in range(count):
            writer.append(words[min(place, len(words) - 1)])
        writer.trim()


def edit(path: Path, **entries: object) -> None:
    """Change entries of a JSON file; of a ``run.json`` as whoever writes it would, with their SHA-256."""
    content = {name: value for name, value in {**json.loads(path.read_text()), **entries}.items() if value is not None}
    path.write_text(json.dumps(sealed(content) if path.name == "run.json" else content))


def lines(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(change(path.read_text().split("\n"))))


def flip(path: Path, position: int, bit: int = 0) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= 1 << bit
    path.write_bytes(raw)


def flip_tensor(path: Path, name: str, byte: int = 2, bit: int = 0) -> None:
    header = read_header(path)
    flip(path, header.start + header.tensors[name].begin + byte, bit)


def listed(path: Path, *names: str) -> None:
    """Make run.json list the files as they are now."""
    hashes = json.loads((path / "run.json").read_text())["sha256"]
    edit(path / "run.json", sha256=hashes | {name: file_sha256(path / name) for name in names})


def without_hashes(path: Path) -> None:
    """Make the checkpoint one of an older version, which kept the hash of its matrix alone."""
    with safe_open(path / STATE, "pt") as saved:
        tensors = {name: saved.get_tensor(name) for name in saved.keys()}  # noqa: SIM118
        kept = {name: saved.metadata()[name] for name in ("step", "matrix_sha256")}
    save_file(tensors, path / STATE, kept)
