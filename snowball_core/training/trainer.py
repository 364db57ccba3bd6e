"""Training as a generator: one snapshot of the embedding matrix after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..config import RunConfig
from ..costs import EMBEDDING, UNEMBEDDING, recorded_name
from ..errors import RunError
from ..measures.bf16 import Words, values
from ..measures.identity import fingerprints
from ..schedules import learning_rate_at
from ..store.corpus import Corpus
from ..store.origin import root, segments
from ..store.run_folder import Run, matrix_sha256
from .gradient_checks import gradient_residuals
from .gradients import LeanModel
from .model import Outcome, WindowOrder, build
from .precision import COMPUTES, PRECISIONS, resolve_device, resolve_threads

_JIGGLE_STREAM = 0x5EED


@dataclass(frozen=True)
class Snapshot:
    """The embedding matrix after ``step`` steps, with what that step reported."""

    step: int  # optimizer steps done; 0 is the initial state
    # shape (vocab, hidden); ``uint16`` bfloat16 bits or ``float32``, in weight units; empty if the step is not to be recorded
    words: npt.NDArray[Any]
    # of the step that led here (NaN at step 0); the norm is the whole gradient's before clipping, in float32
    loss: float
    learning_rate: float
    grad_norm: float
    extras: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)  # the further recordings, by name


class Training:
    """The state of one training: weights, moments and step count, advanced by :meth:`advance`.

    ``weights`` are what the regime keeps and updates, held in the optimizer's format (for bfloat16 weights with float32
    moments: float32 tensors whose values are bfloat16 numbers). ``leaves`` are the tensors of forward and backward. Where both
    are the same numbers in the same format they are the same tensors.
    The caller has checked the corpus against the configuration; ``given`` is the matrix of the initial state ``snapshot``.
    """

    def __init__(self, config: RunConfig, corpus: Corpus, given: Words | None = None) -> None:
        self.config, self.step = config, 0
        self.device = resolve_device(config.device)
        self.threads = resolve_threads(config.threads)
        torch.set_num_threads(self.threads)
        self.regime = PRECISIONS[config.precision]
        self.ids = corpus.ids
        self.order = WindowOrder(len(corpus) - config.context, config.batch, config.seed)
        self.window = np.arange(config.context + 1)
        self.dead = torch.from_numpy(corpus.is_missing(config.vocab)).to(self.device)
        model, self.base_length = build(config, None if given is None else torch.from_numpy(values(given).copy()))
        self._place(model)
        self._optimizer = self._build_optimizer()

    def _place(self, model: Any) -> None:
        regime, computed = self.regime, COMPUTES[self.config.compute]
        drawn = {n: p.detach().to(self.device, regime.weights) for n, p in model.named_parameters()}
        self.weights = {n: w.to(regime.moments).clone() for n, w in drawn.items()}
        is_shared = computed == regime.moments and regime.forward == regime.weights
        self.leaves = self.weights if is_shared else {n: torch.empty_like(w, dtype=computed) for n, w in drawn.items()}
        self._refresh_leaves()
        self._model = LeanModel(self.config, self.leaves)

    @torch.no_grad()
    def _refresh_leaves(self) -> None:
        """Make forward's weights those of the regime: equal to the weights, or their bfloat16 rounding."""
        if self.leaves is self.weights:
            return
        kept = list(self.weights.values())
        if self.regime.forward != self.regime.weights and self.config.compute == "f32":
            kept = [w.to(self.regime.forward) for w in kept]
        torch._foreach_copy_(list(self.leaves.values()), kept)

    def _build_optimizer(self) -> torch.optim.Optimizer:
        config = self.config
        self._gradients = [torch.zeros_like(weight) for weight in self.weights.values()]
        for weight, gradient in zip(self.weights.values(), self._gradients, strict=True):
            weight.grad = gradient
        decays = [w for w in self.weights.values() if w.ndim >= 2 or config.decay_on == "all"]
        rest = [w for w in self.weights.values() if w.ndim < 2 and config.decay_on != "all"]
        groups = [{"params": decays, "weight_decay": config.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        groups = [group for group in groups if group["params"]]
        if config.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=config.learning_rate)
        return torch.optim.AdamW(
            groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.eps, fused=True
        )

    def advance(self, wanted: bool = True) -> Snapshot:
        """Do one optimizer step and return the snapshot after it; without ``wanted``, one with no matrix and no extras."""
        self.step += 1
        outcome = self._model.run(*self.batch(self.step))
        norm = torch.stack(torch._foreach_norm([g.float() for g in outcome.gradients])).norm()
        rate = learning_rate_at(self.config, self.step)
        self._update(outcome.gradients, rate)
        numbers = torch.stack([outcome.loss.float(), norm]).tolist()
        if not wanted:
            return Snapshot(self.step, np.empty(0), numbers[0], rate, numbers[1])
        return Snapshot(self.step, self.matrix(), numbers[0], rate, numbers[1], self._extras(outcome))

    def batch(self, step: int) -> tuple[Tensor, Tensor, int]:
        """What step ``step`` trains on: inputs ``[batch, context]``, targets ``[batch, predicted]``, the loss's divisor."""
        config = self.config
        # Ids stay bytes until they are those of one batch: as 64-bit numbers a text would take eight times its memory.
        ids = self.ids[self.order.starts(step).numpy()[:, None] + self.window].astype(np.int64)
        windows = torch.from_numpy(ids).to(self.device, non_blocking=True)
        inputs, targets = windows[:, : config.context], windows[:, config.label_shift :]
        return inputs, targets, inputs.numel() if config.loss_over == "all" else targets.numel()

    @torch.no_grad()
    def _update(self, gradients: list[Tensor], rate: float) -> None:
        regime, kept = self.regime, list(self.weights.values())
        if regime.gradients != regime.moments:
            gradients = [g.to(regime.gradients) for g in gradients]
        torch._foreach_copy_(self._gradients, gradients)
        if self.config.clip > 0:
            torch.nn.utils.clip_grad_norm_(kept, self.config.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        if self.config.jiggle_sigma > 0:
            self._jiggle()
        if regime.weights != regime.moments:
            torch._foreach_copy_(kept, [w.to(regime.weights) for w in kept])
        self._refresh_leaves()

    def _jiggle(self) -> None:
        """Add noise to rows of W: one stream of numbers per step, so that a resumed run draws the same."""
        generator = torch.Generator().manual_seed((self.config.seed << 32) ^ (_JIGGLE_STREAM << 16) ^ self.step)
        noise = torch.randn(self.config.vocab, self.config.hidden, generator=generator) * self.config.jiggle_sigma
        matrix = self.weights[recorded_name(self.config)]
        noise = noise.to(self.device)
        if self.config.jiggle_rows == "dead":
            noise[~self.dead] = 0.0
        matrix.copy_(matrix.float() + noise)

    def matrix(self) -> npt.NDArray[Any]:
        """The recorded matrix as words: a fresh ``uint16`` (bfloat16 bits) or ``float32`` array, shape ``(vocab, hidden)``."""
        return _words(self.weights[recorded_name(self.config)], self.regime.weights)

    @torch.no_grad()
    def _extras(self, outcome: Outcome | None) -> dict[str, npt.NDArray[Any]]:
        weight, wanted = self.weights[recorded_name(self.config)], self.config.extras
        state = self._optimizer.state.get(weight, {})
        made: dict[str, npt.NDArray[Any]] = {}
        if "moment_hash" in wanted:
            made["moment_hash"] = self._moment_hash(state)
        if "hidden_mean" in wanted:
            made["hidden_mean"] = self._reported(outcome, lambda o: o.hidden.float().mean(0), (self.config.hidden,))
        if "dead_probability" in wanted:
            made["dead_probability"] = self._reported(outcome, lambda o: o.probabilities[self.dead].sum(), ())
        if "gradient_laws" in wanted:
            made["gradient_laws"] = self._reported(outcome, self._residuals, (2, 2))
        if "gradient" in wanted:
            gradient = weight.grad if self.step and weight.grad is not None else torch.full_like(weight, float("nan"))
            made["gradient"] = _words(gradient, self.regime.gradients)
        for name in ("exp_avg", "exp_avg_sq"):
            if name in wanted:
                made[name] = _words(state.get(name, torch.zeros_like(weight)), self.regime.moments)
        return made

    def _reported(
        self, outcome: Outcome | None, mean: Callable[[Outcome], Tensor], shape: tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        return np.full(shape, np.nan, np.float32) if outcome is None else np.asarray(mean(outcome).cpu(), np.float32)

    def _residuals(self, outcome: Outcome) -> Tensor:
        name = EMBEDDING if self.config.tied else UNEMBEDDING
        return gradient_residuals(outcome, outcome.gradients[list(self.leaves).index(name)], self.dead)

    def _moment_hash(self, state: Mapping[str, Any]) -> npt.NDArray[np.uint64]:
        if not state:
            state = dict.fromkeys(("exp_avg", "exp_avg_sq"), torch.zeros(self.config.vocab, self.config.hidden))
        moments = [_words(state[name], self.regime.moments) for name in ("exp_avg", "exp_avg_sq")]
        return fingerprints(np.concatenate(moments, axis=1))

    def snapshot(self) -> Snapshot:
        """The state before any step: snapshot 0."""
        nan = float("nan")
        return Snapshot(self.step, self.matrix(), nan, nan, nan, self._extras(None))

    def state(self) -> dict[str, Tensor]:
        """Everything a bit-exact continuation needs besides the step count, by name: weights and optimizer moments."""
        tensors = {f"weight/{name}": weight for name, weight in self.weights.items()}
        for name, weight in self.weights.items():
            for key, value in self._optimizer.state.get(weight, {}).items():
                tensors[f"{key}/{name}"] = value
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    @torch.no_grad()
    def restore(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Continue from what :meth:`state` returned after ``step`` steps."""
        self.step = step
        for name, weight in self.weights.items():
            weight.copy_(tensors[f"weight/{name}"])
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}/{name}" in tensors]
            if keys:
                device = {"step": "cpu" if self.device.type == "cpu" else self.device}
                self._optimizer.state[weight] = {
                    key: tensors[f"{key}/{name}"].to(device.get(key, self.device)).clone() for key in keys
                }
        self._refresh_leaves()


def _words(tensor: Tensor, dtype: torch.dtype) -> npt.NDArray[Any]:
    kept = tensor.detach().to(dtype).cpu()
    if dtype == torch.bfloat16:
        return kept.view(torch.int16).numpy().view(np.uint16).copy()
    return kept.numpy().copy()


def snapshots(training: Training, wanted: npt.NDArray[np.int64]) -> Iterator[Snapshot]:
    """Snapshot 0 (if nothing was trained yet), then one snapshot per step to the last step.

    Steps that are not ``wanted`` report their loss only.
    """
    recorded = set(wanted.tolist())
    if training.step == 0:
        yield training.snapshot()
    while training.step < training.config.last_step:
        yield training.advance(training.step + 1 in recorded)


def begin(run: Run, corpus: Corpus, config: RunConfig | None = None) -> Training:
    """A training at step 0 of the run's configuration, or of that of an earlier part of it."""
    config = run.config if config is None else config
    return Training(config, corpus, _first_matrix(run) if config.initial_state == "snapshot" else None)


def _first_matrix(run: Run) -> Words:
    """The matrix a run began with, which is its first snapshot, compared with the hash written when it was forked."""
    first, words = root(run.origin), run.history().words[:1]
    expected = first.matrix_sha256 if first else "none"
    if not len(words) or matrix_sha256(words[0]) != expected:
        raise RunError(
            f'the first snapshot of "{run.id}" must be the matrix it was forked with; its SHA-256 is not {expected[:12]}…. '
            "Put the file back, or fork the parent again."
        )
    matrix: Words = words[0]
    return matrix


def retrace(run: Run, corpus: Corpus, wanted: npt.NDArray[np.int64]) -> Iterator[Snapshot]:
    """Every snapshot of the run, trained again from its beginning, each part with the configuration it was trained with.

    ``wanted`` are the steps with a matrix to return.
    """
    before: Training | None = None
    here = run.config
    for start, config in segments(here, run.origin):
        training = begin(run, corpus, replace(config, extra=here.extra, device=here.device, threads=here.threads))
        if before is not None:
            training.restore(start, before.state())
        yield from snapshots(training, wanted)
        before = training
