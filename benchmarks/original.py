"""The published procedure as transformers' Trainer runs it: the oracle of the tests and the yardstick of the benchmark.

Needs ``accelerate``, which only ``requirements-checks.txt`` installs. Nothing else in Snowball uses it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from snowball_core.config import RunConfig
from snowball_core.store.corpus import Corpus
from snowball_core.training.model import build
from snowball_core.training.precision import PRECISIONS, resolve_device, resolve_threads


@dataclass(frozen=True)
class OriginalStep:
    """One step of the published procedure: its matrix after it, its loss, the seconds since the step before."""

    words: npt.NDArray[Any]
    loss: float
    seconds: float


class _Windows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """The notebook's data set: a window, and the window one further as its labels (which the model shifts once more)."""

    def __init__(self, ids: torch.Tensor, context: int, label_shift: int) -> None:
        self.ids, self.context, self.ahead = ids, context, label_shift - 1

    def __len__(self) -> int:
        return len(self.ids) - self.context

    def __getitem__(self, start: int) -> dict[str, torch.Tensor]:
        inputs = self.ids[start : start + self.context]
        return {"input_ids": inputs, "labels": self.ids[start + self.ahead : start + self.ahead + self.context]}


class _Watch(TrainerCallback):
    """Collects the matrix, the loss and the time of every step."""

    def __init__(self, precision: str, between: Callable[[], bool]) -> None:
        self.dtype, self.steps, self._between = PRECISIONS[precision].weights, list[OriginalStep](), between
        self._losses: list[float] = []
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any) -> None:
        matrix = model.transformer.wte.weight.detach().to(self.dtype).cpu()
        words = matrix.view(torch.int16).numpy().view(np.uint16) if self.dtype == torch.bfloat16 else matrix.numpy()
        now = time.perf_counter()
        self.steps.append(OriginalStep(words.copy(), float("nan"), now - self._began))
        if self._between():
            control.should_training_stop = True
        self._began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        if logs and "loss" in logs:
            self._losses.append(float(logs["loss"]))

    def finished(self) -> list[OriginalStep]:
        """The steps with their losses."""
        return [OriginalStep(step.words, loss, step.seconds) for step, loss in zip(self.steps, self._losses, strict=True)]


def original_steps(
    config: RunConfig, corpus: Corpus, steps: int, between: Callable[[], bool] = lambda: False
) -> list[OriginalStep]:
    """The first ``steps`` steps of the published procedure: transformers' Trainer, native bfloat16 unless precision is f32.

    It trains on the configuration's device, the first GPU if that is ``cuda``.

    Parameters
    ----------
    config : RunConfig
        Precision ``pure-bf16`` (bfloat16 weights, ``bf16=True``) or ``f32``; label shift 1 stands for labels given unshifted.
    corpus : Corpus
    steps : int
    between : callable
        Called after every step, in time that is not counted; returns whether to stop.
    """
    torch.set_num_threads(resolve_threads(config.threads))
    model: Any = build(config)[0]
    native = config.precision != "f32"
    if native:
        model.to(dtype=torch.bfloat16)
    watch = _Watch(config.precision, between)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=config.steps,
            per_device_train_batch_size=config.batch,
            learning_rate=config.learning_rate,
            lr_scheduler_type=config.schedule,
            warmup_steps=config.warmup,
            weight_decay=config.weight_decay,
            adam_beta1=config.beta1,
            adam_beta2=config.beta2,
            adam_epsilon=config.eps,
            max_grad_norm=config.clip,
            optim="adamw_torch_fused",
            bf16=native,
            use_cpu=resolve_device(config.device).type == "cpu",
            seed=config.seed,
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_num_workers=0,
            remove_unused_columns=False,
        )
        # With several GPUs the Trainer would divide each batch among them.
        arguments._n_gpu = min(1, arguments.n_gpu)
        windows = _Windows(torch.from_numpy(corpus.ids.astype(np.int64)), config.context, config.label_shift)
        trainer = Trainer(model=model, args=arguments, train_dataset=windows, callbacks=[watch, _StopAfter(steps)])
        trainer.log = lambda logs, *_: watch.on_log(None, None, None, logs)  # type: ignore[method-assign]
        trainer.train()
    return watch.finished()[:steps]


class _StopAfter(TrainerCallback):
    """Ends training after a number of steps, the schedule's horizon unchanged."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> Any:
        control.should_log = True
        control.should_training_stop |= state.global_step >= self.steps
        return control
