"""What ``compute = auto`` stands for: the faster arithmetic here, by a short measurement in a process of its own."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..config import RunConfig
from ..errors import ConfigError, RunError
from .pace import SHAPE

_SECONDS = 300.0


class Choice(NamedTuple):
    """A configuration without ``auto``, and the reason for what replaced it; empty where nothing was to be chosen."""

    config: RunConfig
    reason: str


def chosen(config: RunConfig) -> Choice:
    """The configuration with the faster arithmetic for ``auto``; measured once for each shape in a process.

    Raises
    ------
    ConfigError
        If the device does not exist here.
    RunError
        If the steps cannot be run.
    """
    if config.compute != "auto":
        return Choice(config, "")
    seconds = _measured(json.dumps({name: getattr(config, name) for name in SHAPE if name != "compute"}))
    if not seconds:
        return Choice(replace(config, compute="f32"), "compute auto: f32, since the processor lists no bfloat16 units")
    fastest = min(seconds, key=lambda name: seconds[name])
    each = ", ".join(f"{1e3 * taken:.1f} ms with {name}" for name, taken in seconds.items())
    return Choice(replace(config, compute=fastest), f"compute auto: {fastest}; measured here, a step takes {each}")


@functools.cache
def _measured(shape: str) -> dict[str, float]:
    """Seconds of a step by the value of ``compute``, from a process that loads the training framework."""
    command = [sys.executable, "-m", "snowball_core.training.step_times", shape]
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=_SECONDS, check=True)
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise RunError(
            "compute auto needs a few measured steps with f32 and with bf16; they failed "
            f"({lines[-1][:300] if lines else 'no reason given'}). Choose f32 or bf16."
        ) from None
    if "error" in answer:
        raise ConfigError([answer["error"]])
    return dict(answer)
