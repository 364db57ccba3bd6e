"""Where the rows of the embedding matrix start."""

from __future__ import annotations

import torch

from .config import RunConfig


def initial_matrix(config: RunConfig, built: torch.Tensor) -> torch.Tensor:
    """The embedding matrix before training, in float32; rounding to the weights' format is the caller's.

    Draws from torch's global generator, which must stand where building the model left it: first the base, then the noise.

    Parameters
    ----------
    config : RunConfig
    built : Tensor, shape (vocab, hidden)
        The matrix the model was built with, returned for the state ``normal``.

    Returns
    -------
    Tensor of float32, shape (vocab, hidden), weight units
        ``base + noise`` per row, ``base ~ N(0, 1)`` (or that scaled to length 1), ``noise ~ N(0, sigma²)``.
    """
    if config.initial_state == "normal":
        return built.detach().float().clone()
    base = torch.randn(config.hidden)
    if config.base == "unit":
        base = base / base.norm()
    if config.base_on_lattice:
        base = base.bfloat16().float()
    if config.initial_state == "singularity":
        return base.expand(config.vocab, config.hidden).clone()
    noise = torch.randn(config.vocab, config.hidden) * config.sigma
    if config.noise_dtype == "bf16":
        return (base.bfloat16() + noise.bfloat16()).float()
    return base + noise
