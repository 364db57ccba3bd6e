"""Seconds of a step with each arithmetic; ``python -m snowball_core.training.step_times SHAPE`` prints them as JSON."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace

import numpy as np

from ..config import RunConfig
from ..config_checks import from_json
from ..costs import has_bf16_units
from ..errors import SnowballError
from ..memory import keep_memory
from ..store.corpus import Corpus
from .precision import COMPUTES, resolve_device
from .trainer import Training

_WARM, _ROUNDS, _MOST_SECONDS = 2, 7, 10.0


def step_seconds(config: RunConfig) -> dict[str, float]:
    """Median seconds of a step by the value of ``compute``, the steps taking turns.

    Empty on a processor that lists no bfloat16 units: there a step in bfloat16 can take minutes, and float32 is faster.
    """
    if resolve_device(config.device).type == "cpu" and not has_bf16_units():
        return {}
    keep_memory(1 << 30)
    ids = np.random.default_rng(0).integers(0, min(config.vocab, 128), config.context + 2 * config.batch, dtype=np.uint8)
    corpus = Corpus("measurement", ids, sha256="")
    trainings = {name: Training(replace(config, compute=name), corpus) for name in COMPUTES}
    taken: dict[str, list[float]] = {name: [] for name in trainings}
    ends = time.perf_counter() + _MOST_SECONDS
    for number in range(_WARM + _ROUNDS):
        if number > _WARM and time.perf_counter() > ends:
            break
        for name, training in trainings.items():
            began = time.perf_counter()
            training.advance(wanted=False)
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds[_WARM:]) for name, seconds in taken.items()}


def main() -> None:
    """Print the seconds, or an error that a user can mend."""
    try:
        shape = from_json({**json.loads(sys.argv[1]), "initial_state": "normal", "extra": ""})
        print(json.dumps(step_seconds(shape)))
    except SnowballError as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main()
