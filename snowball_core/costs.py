"""Shapes and formats of what a run trains and records, and its cost before it starts: disk, memory, work, time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .config import RunConfig
from .schedules import recorded_steps

HISTORY = "history.safetensors"
TENSOR = "embedding_history"
EMBEDDING, POSITIONS, UNEMBEDDING = "transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"
BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "BF16": 2, "F16": 2, "U8": 1}

_BYTES_A_METRIC = 50
_FRAMEWORKS_BYTES = 420e6
# A step against the fastest such product alone: 61 of 148 GFLOP/s, measured on one CPU.
_SHARE_OF_FLOOR = 0.42
# A bfloat16 step against a float32 step on a processor without bfloat16 units. With them it takes 0.5 to 1.4 times as long,
# by the processor: no better estimate than the same time.
_WITHOUT_UNITS = 10.0
_FEATURES = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "neon", "bf16", "sve")
_BF16_FEATURES = {"avx512_bf16", "amx_bf16", "bf16"}
_FEWEST_PRODUCTS = 10


@dataclass(frozen=True)
class Cost:
    """What recording a run takes."""

    snapshots: int
    disk_bytes: int  # everything written at the end: history, further recordings, metrics and checkpoint
    memory_bytes: float  # largest memory of the worker
    seconds: float  # training time at the given speed of matrix products
    parameters: int


def parameter_count(config: RunConfig) -> int:
    """Number of trained parameters."""
    return sum(map(math.prod, parameter_shapes(config).values()))


def step_flops(config: RunConfig) -> float:
    """Floating-point operations of one step's matrix products, forward and backward (which costs twice the forward)."""
    tokens = config.batch * config.context
    matrices = config.layers * 12 * config.hidden**2 + config.vocab * config.hidden
    attention = config.layers * 2 * config.context * config.hidden
    return 6.0 * tokens * (matrices + attention)


def snapshot_bytes(config: RunConfig) -> int:
    """Bytes one recorded snapshot takes in all the recordings together."""
    return sum(each.snapshot_bytes for each in recordings(config).values())


def matrix_speed(seconds: float = 0.2) -> float:
    """Floating-point operations per second of a float32 product of the experiment's shape on this processor, by numpy.

    The fastest of as many products as fit in ``seconds``, and of at least ten: a machine that is busy for a moment is not a
    slow machine.
    """
    left, right = np.ones((4_096, 64), np.float32), np.ones((64, 256), np.float32)
    fastest, until, done = float("inf"), time.perf_counter() + seconds, 0
    while (began := time.perf_counter()) < until or done < _FEWEST_PRODUCTS:
        left @ right
        fastest, done = min(fastest, time.perf_counter() - began), done + 1
    return 2.0 * 4_096 * 64 * 256 / fastest


def cpu_features() -> list[str]:
    """The processor's features that decide which kernels run, where the system lists them."""
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    return [name for name in _FEATURES if name in words]


def has_bf16_units() -> bool:
    """Whether the processor multiplies bfloat16 matrices by itself, as far as the system lists that."""
    return not _BF16_FEATURES.isdisjoint(cpu_features())


def disk_bytes(config: RunConfig) -> int:
    """Bytes on disk when the run is complete: recordings, metrics and checkpoint."""
    checkpoint = parameter_count(config) * (6 if config.precision == "pure-bf16" else 12)
    return len(recorded_steps(config)) * snapshot_bytes(config) + config.last_step * _BYTES_A_METRIC + checkpoint


def memory_bytes(config: RunConfig, text: int = 0) -> float:
    """Largest memory of the worker that trains the run on a processor on a text of so many bytes, the frameworks included.

    Floats kept per position: in each block about 18 vectors and 1.7 rows of each head's attention, and 3 rows of the
    vocabulary; bytes per parameter: weights, their copy in the format of computing, gradients and two moments. Fitted to six
    configurations measured on Linux; within a tenth there. Of the text a byte each, and four for the order of its windows.
    """
    kept = config.layers * (18 * config.hidden + 1.7 * config.heads * config.context) + 3 * config.vocab
    return _FRAMEWORKS_BYTES + 4 * config.batch * config.context * kept + 28 * parameter_count(config) + 5 * text


def cost(config: RunConfig, speed: float, behind: int = 0, text: int = 0) -> Cost:
    """The cost of a valid configuration at ``speed`` floating-point operations per second.

    ``behind`` steps are trained already and take no time; ``text`` is how many bytes are trained on.
    """
    snapshots = len(recorded_steps(config))
    slower = _WITHOUT_UNITS if config.compute == "bf16" and config.device in ("auto", "cpu") and not has_bf16_units() else 1.0
    seconds = max(0, config.last_step - behind) * step_flops(config) * slower / (speed * _SHARE_OF_FLOOR)
    return Cost(snapshots, disk_bytes(config), memory_bytes(config, text), seconds, parameter_count(config))


class Recording(NamedTuple):
    """One recording of a run: its file, and safetensors format and shape of a snapshot in it."""

    file: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def snapshot_bytes(self) -> int:
        """Bytes of one snapshot."""
        return math.prod(self.shape) * BYTES[self.dtype]


def recordings(config: RunConfig) -> dict[str, Recording]:
    """The recordings of a configuration by the name of their tensor; the history comes first."""
    matrix = (config.vocab, config.hidden)
    moments = _moments(config)
    gradients = "BF16" if config.precision in ("pure-bf16", "bf16-weights") else "F32"
    extras: dict[str, tuple[str, tuple[int, ...]]] = {
        "moment_hash": ("U64", (config.vocab,)),
        "hidden_mean": ("F32", (config.hidden,)),
        "dead_probability": ("F32", ()),
        "gradient_laws": ("F32", (2, 2)),
        "gradient": (gradients, matrix),
        "exp_avg": (moments, matrix),
        "exp_avg_sq": (moments, matrix),
    }
    made = {name: Recording(f"{name}.safetensors", *extras[name]) for name in config.extras}
    return {TENSOR: Recording(HISTORY, config.recorded_format, matrix), **made}


def _moments(config: RunConfig) -> str:
    return "BF16" if config.precision == "pure-bf16" else "F32"


def recorded_name(config: RunConfig) -> str:
    """The parameter that is recorded as W."""
    return UNEMBEDDING if not config.tied and config.matrix == "unembedding" else EMBEDDING


def parameter_shapes(config: RunConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the model's parameters by name, as GPT-2 names them."""
    hidden = config.hidden
    norm = ("weight", "bias") if config.norm_layer == "layernorm" else ("weight",)
    matrices = {
        "attn.c_attn": (hidden, 3 * hidden),
        "attn.c_proj": (hidden, hidden),
        "mlp.c_fc": (hidden, 4 * hidden),
        "mlp.c_proj": (4 * hidden, hidden),
    }
    shapes: dict[str, tuple[int, ...]] = {EMBEDDING: (config.vocab, hidden), POSITIONS: (config.context, hidden)}
    for block in (f"transformer.h.{number}" for number in range(config.layers)):
        shapes |= {f"{block}.{place}.{part}": (hidden,) for place in ("ln_1", "ln_2") for part in norm}
        for place, shape in matrices.items():
            shapes |= {f"{block}.{place}.weight": shape, f"{block}.{place}.bias": shape[1:]}
    shapes |= {f"transformer.ln_f.{part}": (hidden,) for part in norm}
    return shapes if config.tied else {**shapes, UNEMBEDDING: (config.vocab, hidden)}


def state_shapes(config: RunConfig, step: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The tensors of a checkpoint at a step, by name: format and shape."""
    kept, weights = _moments(config), parameter_shapes(config)
    kinds = ("weight", "exp_avg", "exp_avg_sq") if step and config.optimizer != "sgd" else ("weight",)
    state: dict[str, tuple[str, tuple[int, ...]]]
    state = {f"{kind}/{name}": (kept, shape) for kind in kinds for name, shape in weights.items()}
    return state | ({f"step/{name}": ("F32", ()) for name in weights} if len(kinds) > 1 else {})
