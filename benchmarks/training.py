"""The benchmark: every speed the README claims, timed in one sitting, two things taking turns wherever a ratio is claimed."""

from __future__ import annotations

import functools
import gc
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.costs import cpu_features, has_bf16_units
from snowball_core.jobs.prepare import prepare
from snowball_core.memory import keep_memory
from snowball_core.store.corpus import GATSBY_SHA256, Corpus, load_corpus
from snowball_core.store.run_folder import corpora_folder
from snowball_core.training.precision import COMPUTES, resolve_threads
from snowball_core.training.recorder import Recorder
from snowball_core.training.trainer import Snapshot, Training

# Mean losses of the published run over steps 1-100, 101-200, ...
PUBLISHED_LOSSES = (3.4507, 3.0907, 3.0831, 3.0792, 3.0805, 3.0800, 3.0731, 3.0747, 3.0763, 3.0721)


@dataclass(frozen=True)
class Timing:
    """One line of the benchmark table; ``holds`` is whether the budget is met, None where there is none."""

    what: str
    value: float
    unit: str
    budget: str = ""
    holds: bool | None = None


def machine() -> str:
    """The machine the figures are of, in one line."""
    return (
        f"{platform.machine()} ({' '.join(cpu_features())}), {resolve_threads(0)} threads, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )


def interleaved(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each action in every round, the actions taking turns so that drift of the machine affects all equally."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    gc.collect()
    for _ in range(rounds):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            taken[name].append(time.perf_counter() - began)
    return taken


def median(numbers: list[float]) -> float:
    """The median."""
    return float(np.median(numbers))


def matrix_products(config: RunConfig) -> Callable[[], None]:
    """The step's matrix products alone, in the format of its compute, forward and backward: the floor of a training step."""
    tokens, hidden, drawn = config.batch * config.context, config.hidden, functools.partial(_drawn, COMPUTES[config.compute])
    pairs = [(hidden, 3 * hidden), (hidden, hidden), (hidden, 4 * hidden), (4 * hidden, hidden)] * config.layers
    pairs.append((hidden, config.vocab))
    made = [(drawn(tokens, a), drawn(a, b), drawn(tokens, b)) for a, b in pairs]
    width, several = hidden // config.heads, config.batch * config.heads
    query, score = drawn(several, config.context, width), drawn(several, config.context, config.context)

    def products() -> None:
        for inputs, weights, outputs in made:
            inputs @ weights
            outputs @ weights.t()
            inputs.t() @ outputs
        for _ in range(2 * config.layers):
            torch.bmm(query, query.transpose(1, 2))
            torch.bmm(score, query)
            torch.bmm(score.transpose(1, 2), query)

    return products


def _drawn(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*shape).to(dtype)


def training_rows(corpus: Corpus, rounds: int) -> Iterator[Timing]:
    """Our step, the floor, the stock model's step and the recorder, taking turns; then the original procedure."""
    config = preset("primordial-snowball")
    training = Training(config, corpus)
    floor = matrix_products(config)
    quiet = Training(configured(config, {"extra": ""}), corpus)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "book.txt"
        place.write_bytes(corpus.ids.tobytes())
        run = prepare(Path(folder), configured(config, {"corpus": str(place), "steps": 4 * rounds + 100}))
        with Recorder(run) as recorder:
            recorder.write(training.snapshot(), 0.0)
            taken: dict[str, list[float]] = {"write": []}

            def recorded_step() -> None:
                snapshot: Snapshot = training.advance()
                began = time.perf_counter()
                recorder.write(snapshot, 0.0)
                taken["write"].append(time.perf_counter() - began)

            # Two at a time: a third would only empty the caches for the others.
            against = interleaved({"bare": lambda: quiet.advance(wanted=False), "floor": floor}, rounds)
            taken |= interleaved({"ours": recorded_step, "bare": lambda: quiet.advance(wanted=False)}, rounds)
    ours = median(taken["ours"])
    share = median([f / b for f, b in zip(against["floor"], against["bare"], strict=True)])
    cost = median([o / b - 1 for o, b in zip(taken["ours"], taken["bare"], strict=True)])
    yield Timing("training step, published preset, recorded", 1e3 * ours, "ms")
    yield Timing("training speed, published preset, recorded", 1 / ours, "steps/s")
    yield Timing("training step without any recording", 1e3 * median(against["bare"]), "ms")
    yield Timing("matrix products of a step alone (the floor)", 1e3 * median(against["floor"]), "ms")
    yield Timing("floor / our step without recording", 100 * share, "%", "≥ 65", share >= 0.65)
    yield Timing("recording, share of a step (files alone)", 100 * median(taken["write"]) / ours, "%")
    yield Timing("recording, share of a step (all extras and files)", 100 * cost, "%", "≤ 3", cost <= 0.03)
    yield from _against_the_original(config, corpus, max(4, rounds // 10), training)


def bf16_rows(corpus: Corpus, rounds: int) -> Iterator[Timing]:
    """The step and its floor in bfloat16, then its losses; only on a processor with bfloat16 units."""
    if not has_bf16_units():
        return
    config = configured(preset("primordial-snowball"), {"compute": "bf16", "extra": ""})
    training = Training(config, corpus)
    taken = interleaved({"bare": lambda: training.advance(wanted=False), "floor": matrix_products(config)}, rounds)
    share = median([f / b for f, b in zip(taken["floor"], taken["bare"], strict=True)])
    yield Timing("bfloat16 step without any recording", 1e3 * median(taken["bare"]), "ms")
    yield Timing("matrix products of a step alone in bfloat16 (its floor)", 1e3 * median(taken["floor"]), "ms")
    yield Timing("floor / our step, both in bfloat16", 100 * share, "%", "≥ 55", share >= 0.55)
    yield from _against_the_original(config, corpus, max(4, rounds // 10), training)
    if corpus.sha256 == GATSBY_SHA256:
        fresh = Training(config, corpus)
        losses = [fresh.advance(wanted=False).loss for _ in range(1_000)]
        off = float(np.abs(np.reshape(losses, (-1, 100)).mean(1) - PUBLISHED_LOSSES).max())
        yield Timing(
            "mean losses of 100 steps in bfloat16, to step 1,000, against the published", off, "", "≤ 0.002", off <= 0.002
        )


def _against_the_original(config: RunConfig, corpus: Corpus, steps: int, training: Training) -> Iterator[Timing]:
    try:
        from .original import original_steps
    except ImportError:
        return
    theirs = [step.seconds for step in original_steps(config, corpus, steps + 1)][1:]
    ours = interleaved({"ours": lambda: training.advance(wanted=bool(config.extras))}, 5 * steps)["ours"]
    ratio = median(theirs) / median(ours)
    if config.compute == "bf16":
        yield Timing("original step / our bfloat16 step", ratio, "×", "≥ 2.5", ratio >= 2.5)
        return
    yield Timing("original procedure's step (transformers' Trainer, bf16)", 1e3 * median(theirs), "ms")
    yield Timing("original procedure's speed", 1 / median(theirs), "steps/s")
    if has_bf16_units():
        # There the original's products are as fast as float32's; the budget is that of a processor without such units.
        yield Timing("original step / our step, on a processor with bf16 units", ratio, "×")
    else:
        yield Timing("original step / our step", ratio, "×", "≥ 6", ratio >= 6)


def resident_megabytes() -> float:
    """Memory of this process that is in use and its own, in MB (Linux; NaN elsewhere)."""
    smaps = Path("/proc/self/smaps_rollup")
    if not smaps.is_file():
        return float("nan")
    private = [int(line.split()[1]) for line in smaps.read_text().splitlines() if line.startswith("Private_")]
    return sum(private) / 1e3


def memory_rows(corpus: Corpus, longer: int) -> Iterator[Timing]:
    """Growth of the process from 1,000 to ``longer`` recorded steps of a small model."""
    shape = {"context": 16, "batch": 2, "hidden": 64, "layers": 1, "heads": 2, "steps": longer, "vocab": 128, "threads": 1}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "book.txt"
        place.write_bytes(corpus.ids.tobytes())
        config = configured(preset("primordial-snowball"), {**shape, "corpus": str(place)})
        run, training, early = prepare(Path(folder), config), Training(config, corpus), 0.0
        with Recorder(run) as recorder:
            recorder.write(training.snapshot(), 0.0)
            while training.step < longer:
                recorder.write(training.advance(), 0.0)
                if training.step == 1_000:
                    gc.collect()
                    early = resident_megabytes()
            gc.collect()
            growth = resident_megabytes() - early
    yield Timing(f"memory growth from 1,000 to {longer:,} recorded steps", growth, "MB", "≤ 20", growth <= 20)


def benchmark(folder: Path, rounds: int = 60, longer: int = 20_000) -> Iterator[Timing]:
    """All rows, one after the other, on the seed's text if it was built, else on the built-in one.

    Parameters
    ----------
    folder : Path
        The runs folder, for the text ``gatsby``.
    rounds : int
        Counted rounds of each interleaved timing.
    longer : int
        Steps of the memory row.
    """
    keep_memory(1 << 30)
    seeds = (corpora_folder(folder) / "gatsby.txt").is_file()
    corpus = load_corpus("gatsby" if seeds else "python-manual", folder=corpora_folder(folder))
    yield from training_rows(corpus, rounds)
    yield from bf16_rows(corpus, rounds)
    yield from memory_rows(corpus, longer)
