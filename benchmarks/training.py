"""The benchmark: every speed the README claims, timed in one sitting, two things taking turns wherever a ratio is claimed."""

from __future__ import annotations

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
from snowball_core.store.corpus import Corpus, load_corpus
from snowball_core.store.run_folder import corpora_folder
from snowball_core.training.precision import resolve_threads
from snowball_core.training.recorder import Recorder
from snowball_core.training.trainer import Snapshot, Training


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
    """The step's matrix products alone, in float32, forward and backward: the floor of a training step."""
    tokens, hidden = config.batch * config.context, config.hidden
    pairs = [(hidden, 3 * hidden), (hidden, hidden), (hidden, 4 * hidden), (4 * hidden, hidden)] * config.layers
    pairs.append((hidden, config.vocab))
    made = [(torch.randn(tokens, a), torch.randn(a, b), torch.randn(tokens, b)) for a, b in pairs]
    width, several = hidden // config.heads, config.batch * config.heads
    query, score = torch.randn(several, config.context, width), torch.randn(several, config.context, config.context)

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


def _against_the_original(config: RunConfig, corpus: Corpus, steps: int, training: Training) -> Iterator[Timing]:
    try:
        from .original import original_steps
    except ImportError:
        return
    theirs = [step.seconds for step in original_steps(config, corpus, steps + 1)][1:]
    ours = interleaved({"ours": training.advance}, 5 * steps)["ours"]
    ratio = median(theirs) / median(ours)
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
    yield from memory_rows(corpus, longer)
