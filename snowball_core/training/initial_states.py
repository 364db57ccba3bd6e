"""Where the rows of the embedding matrix start."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..config import RunConfig
from ..errors import RunError


class InitialState(NamedTuple):
    """The embedding matrix before training, float32 ``[vocab, hidden]``, and the base vector's length (None without a base)."""

    matrix: torch.Tensor
    base_length: float | None


def initial_state(config: RunConfig, built: torch.Tensor, given: torch.Tensor | None = None) -> InitialState:
    """Where W starts, in float32 and weight units; rounding to the weights' format is the caller's.

    Draws from torch's global generator, which must stand where building the model left it: first the base, then the noise.

    Parameters
    ----------
    built : Tensor, shape (vocab, hidden)
        The matrix the model was built with, returned for the state ``normal``.
    given : Tensor, shape (vocab, hidden), optional
        The recorded matrix, returned for the state ``snapshot``; nothing is drawn then.

    Returns
    -------
    InitialState
        Rows ``base + noise``, ``base ~ N(0, 1)`` (or that scaled to length 1), ``noise ~ N(0, sigma²)``.

    Raises
    ------
    RunError
        If the state is ``snapshot`` and no matrix is given.
    """
    if config.initial_state == "snapshot":
        if given is None:
            raise RunError(
                "the initial state snapshot needs a recorded matrix; none was given. Fork a run: python -m snowball_core fork."
            )
        return InitialState(given.float(), None)
    if config.initial_state == "normal":
        return InitialState(built.detach().float().clone(), None)
    base = torch.randn(config.hidden)
    if config.base == "unit":
        base = base / base.norm()
    if config.base_on_lattice:
        base = base.bfloat16().float()
    length = float(base.norm())
    if config.initial_state == "singularity":
        return InitialState(base.expand(config.vocab, config.hidden).clone(), length)
    noise = torch.randn(config.vocab, config.hidden) * config.sigma
    if config.noise_dtype == "bf16":
        return InitialState((base.bfloat16() + noise.bfloat16()).float(), length)
    return InitialState(base + noise, length)
