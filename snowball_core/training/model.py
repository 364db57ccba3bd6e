"""The model at step 0 (transformers' GPT-2 with the experiment's initial states) and the windows of each step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from ..config import INITIAL_STATES, RunConfig
from ..costs import recorded_name
from ..errors import RunError

NORM_EPS = 1e-5


class Outcome(NamedTuple):
    """What one forward and backward pass gave.

    ``loss`` is a scalar; ``hidden`` ``[batch · predicted, hidden]`` are the final states at the predicted positions;
    ``probabilities`` ``[vocab]`` are their predictions' mean; ``error`` ``[batch · predicted, vocab]`` is the loss's gradient
    with respect to the logits, in float32; ``gradients`` are in the parameters' order. These two may be overwritten by the
    next pass.
    """

    loss: Tensor
    hidden: Tensor
    probabilities: Tensor
    error: Tensor
    gradients: list[Tensor]


def build(config: RunConfig, given: Tensor | None = None) -> tuple[GPT2LMHeadModel, float | None]:
    """The model at step 0 in float32, drawn in the seed's order: seed, build, base, noise; and the base vector's length.

    No dropout; begin and end ids unset, since those of GPT-2 are outside a small vocabulary. ``given`` is the matrix of the
    initial state ``snapshot``.
    """
    torch.manual_seed(config.seed)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocab,
            n_positions=config.context,
            n_embd=config.hidden,
            n_layer=config.layers,
            n_head=config.heads,
            layer_norm_epsilon=NORM_EPS,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=None,
            tie_word_embeddings=config.tied,
            use_cache=False,
        )
    )
    matrix = model.get_parameter(recorded_name(config))
    drawn, base_length = initial_state(config, matrix, given)
    with torch.no_grad():
        matrix.copy_(drawn)
    if config.norm_layer == "rmsnorm":
        _replace_norms(model, config.hidden)
    return model, base_length


def _replace_norms(model: nn.Module, hidden: int) -> None:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.LayerNorm):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, nn.RMSNorm(hidden, eps=NORM_EPS))


def initial_state(config: RunConfig, built: Tensor, given: Tensor | None = None) -> tuple[Tensor, float | None]:
    """W before training, float32 ``[vocab, hidden]``, and the base vector's length (None without a base).

    Rows are ``base + noise``, ``base ~ N(0, 1)`` (or that scaled to length 1), ``noise ~ N(0, sigma²)``; or those of the matrix
    ``built`` with the model; or those of the ``given`` snapshot. Draws from torch's global generator as building the model
    left it, first the base, then the noise. Rounding to the weights' format is the caller's.
    """
    if config.initial_state not in INITIAL_STATES:
        known = ", ".join(INITIAL_STATES)
        raise RunError(f'initial_state must be one of {known}; got "{config.initial_state}". Choose one of those.')
    rows = INITIAL_STATES[config.initial_state].rows
    if rows == "given":
        if given is None:
            raise RunError(
                "the initial state snapshot needs a recorded matrix; none was given. Fork a run: python -m snowball_core fork."
            )
        return given.float(), None
    if rows == "built":
        return built.detach().float().clone(), None
    base = torch.randn(config.hidden)
    if config.base == "unit":
        base = base / base.norm()
    if config.base_on_lattice:
        base = base.bfloat16().float()
    length = float(base.norm())
    if rows == "base":
        return base.expand(config.vocab, config.hidden).clone(), length
    noise = torch.randn(config.vocab, config.hidden) * config.sigma
    if config.noise_dtype == "bf16":
        return (base.bfloat16() + noise.bfloat16()).float(), length
    return base + noise, length


class WindowOrder:
    """The order in which windows are visited: one random permutation per epoch, in slices of the batch size.

    Epoch ``e`` is ``randperm(windows)`` seeded with ``seed + e``; its last slice is short. The windows of step ``t`` are
    a pure function of the configuration, so a resumed run needs no random state.

    Examples
    --------
    >>> order = WindowOrder(windows=5, batch=2, seed=42)
    >>> [len(order.starts(step)) for step in (1, 2, 3, 4)]
    [2, 2, 1, 2]
    """

    def __init__(self, windows: int, batch: int, seed: int) -> None:
        self.windows, self.batch, self.seed = windows, batch, seed
        self.steps_per_epoch = -(-windows // batch)
        # 32 bits where they are enough: the permutation is the same, and half as large.
        self._dtype = torch.int32 if windows < 2**31 else torch.int64
        self._epoch, self._permutation = -1, torch.empty(0, dtype=self._dtype)

    def starts(self, step: int) -> Tensor:
        """Where the windows of optimizer step ``step`` (1 is the first) start in the text; int64, shape ``(≤ batch,)``."""
        epoch, place = divmod(step - 1, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed + epoch)
            # Freed first: two permutations at once would be the largest thing in memory.
            self._permutation = torch.empty(0, dtype=self._dtype)
            self._epoch, self._permutation = epoch, torch.randperm(self.windows, generator=generator, dtype=self._dtype)
        return self._permutation[place * self.batch : (place + 1) * self.batch].long()
