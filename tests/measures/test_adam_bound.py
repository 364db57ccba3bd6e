"""The largest ratio of Adam's moments: against sums taken one by one, and against the optimizer of every regime."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from trained_runs import tiny, write_book

from snowball_core.config import DEFAULTS
from snowball_core.config_checks import configured
from snowball_core.measures.adam_bound import EXACT, ROUNDINGS, Part, is_bounded, largest_ratio
from snowball_core.measures.bf16 import from_values
from snowball_core.measures.mobility import half_cell, largest_update
from snowball_core.store.corpus import load_corpus
from snowball_core.store.history import History
from snowball_core.tables.verdict import law_rows
from snowball_core.training.trainer import Training

USUAL = [Part(0.9, 0.999, math.inf)]
LIMIT = 0.1 / math.sqrt(0.001 * (1 - 0.81 / 0.999))
WAIT, GROWTH = 20_000, 140


def extreme(scale: float = 1.0, steps: int = GROWTH, beta1: float = 0.9, beta2: float = 0.999) -> list[float]:
    """A gradient that grows by β2 / β1 a step, to ``scale``."""
    return [scale * (beta1 / beta2) ** (steps - 1 - step) for step in range(steps)]


def ratio(betas: list[tuple[float, float]], gradients: list[float]) -> float:
    """|m̂ / √v̂| after some steps, one by one."""
    m = v = 0.0
    for (beta1, beta2), gradient in zip(betas, gradients, strict=True):
        m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
    (beta1, beta2), steps = betas[-1], len(betas)
    return abs(m) / (1 - beta1**steps) / math.sqrt(v / (1 - beta2**steps)) if v else 0.0


def weights(betas: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """How much each gradient counts in m, and its square in v, after all steps."""
    pairs: list[tuple[float, float]] = []
    for beta1, beta2 in betas:
        pairs = [(c * beta1, d * beta2) for c, d in pairs] + [(1 - beta1, 1 - beta2)]
    return pairs


@given(
    st.lists(st.tuples(st.floats(0.0, 0.99), st.floats(0.05, 0.999), st.integers(1, 12)), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=200)
def test_no_gradient_exceeds_the_bound_and_the_extreme_one_reaches_it(parts: list[tuple[float, float, int]], seed: int) -> None:
    betas = [(beta1, beta2) for beta1, beta2, steps in parts for _ in range(steps)]
    ends = np.cumsum([steps for *_, steps in parts]).tolist()
    named = [Part(beta1, beta2, end) for (beta1, beta2, _), end in zip(parts, [*ends[:-1], math.inf], strict=True)]
    bound = largest_ratio(named, len(betas))
    assert ratio(betas, np.random.default_rng(seed).standard_cauchy(len(betas)).tolist()) <= bound * (1 + 1e-12)
    assert ratio(betas, [c / d for c, d in weights(betas)]) == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize("beta1", [0.0, 0.1, 0.5, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("beta2", [0.0, 0.25, 0.81, 0.9, 0.999, 0.99999])
def test_the_bound_is_one_at_the_first_step_and_never_falls(beta1: float, beta2: float) -> None:
    part = [Part(beta1, beta2, math.inf)]
    bounds = [largest_ratio(part, step) for step in (*range(1, 200), 1_000, 10_000_000, math.inf)]
    assert bounds[0] == 1.0
    assert all(after >= before * (1 - 1e-9) for before, after in pairwise(bounds))


def test_the_bound_by_hand() -> None:
    def limit(beta1: float, beta2: float, step: float = math.inf) -> float:
        return largest_ratio([Part(beta1, beta2, math.inf)], step)

    assert limit(0.0, 0.75) == pytest.approx(2)  # a gradient after silence: 1 / √(1 − β2)
    assert limit(0.8, 0.8) == pytest.approx(1)
    # r = 1: 0.5 / 0.75 · √(1 + 1/4) · √(1 + 1)
    assert limit(0.5, 0.25, 2) == pytest.approx(math.sqrt(10) / 3)
    assert limit(0.5, 0.25) == limit(0.9, 0.0) == limit(0.9, 0.5, 10_000_000) == math.inf
    assert limit(0.0, 0.0) == limit(0.9, 0.0, 1) == 1
    assert limit(0.9, 0.999) == pytest.approx(LIMIT) == pytest.approx(7.2703, abs=5e-5)


def test_torchs_adam_reaches_the_bound_in_float64_and_does_not_exceed_it() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=1e-3, betas=(0.9, 0.999), eps=1e-12, weight_decay=0.0)
    moves = []
    for gradient in [0.0] * 12_000 + extreme(1e3, 300):
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        before = weight.item()
        optimizer.step()
        moves.append(abs(weight.item() - before))
    assert max(moves) == moves[-1]
    assert moves[-1] / 1e-3 == pytest.approx(largest_ratio(USUAL, len(moves)), rel=1e-9)
    assert moves[-1] / 1e-3 == pytest.approx(LIMIT, rel=1e-5)


@torch.no_grad()
def pushed(folder: str, precision: str, gradients: np.ndarray, start: float, rate: float) -> tuple[Training, np.ndarray]:
    """A training whose components were given gradients, ``[steps, lanes]``, after a long silence; W before the last step."""
    config = configured(
        tiny(write_book(folder)),  # type: ignore[arg-type]
        {"precision": precision, "clip": 0.0, "weight_decay": 0.0, "schedule": "constant", "learning_rate": rate},
    )
    training = Training(config, load_corpus(config.corpus, "strict"))
    matrix = next(weight for weight in training.weights.values() if weight.shape == (config.vocab, config.hidden))
    silent = [torch.zeros_like(weight) for weight in training.weights.values()]
    training._update(silent, rate)
    for state in training._optimizer.state.values():
        state["step"].fill_(WAIT)
    before = np.empty(0)
    for row in gradients:
        matrix.fill_(start)
        before = training.matrix()
        given_ = [torch.zeros_like(weight) for weight in training.weights.values()]
        lanes = torch.from_numpy(row.astype(np.float32)).to(matrix.dtype)
        next(g for g in given_ if g.shape == matrix.shape).view(-1)[: len(row)] = lanes
        training._update(given_, rate)
    return training, before


@pytest.mark.parametrize("precision", ["pure-bf16", "bf16-weights", "mixed", "f32"])
def test_the_extreme_gradient_comes_near_the_bound_in_every_regime(tmp_path, precision: str) -> None:  # type: ignore[no-untyped-def]
    scales = np.geomspace(1e3, 4e3, 256, endpoint=False)
    training, _ = pushed(tmp_path / "book.txt", precision, np.array(extreme()).reshape(-1, 1) * scales, 0.0, 2.0**-10)
    rounding = ROUNDINGS["BF16" if precision == "pure-bf16" else "F32"]
    reached = np.abs(next(iter(training.weights.values())).detach().float().numpy().ravel()[:256]) * 2.0**10
    bound = largest_ratio(USUAL, WAIT + GROWTH, rounding)
    # What is read is the weight: half of its last digit may be the weight's own rounding.
    written = 2.0**-8 if training.regime.weights == torch.bfloat16 else 2.0**-23
    assert reached.max() <= bound * (1 + written)
    assert reached.max() >= 0.995 * LIMIT
    if precision in ("mixed", "f32"):
        assert reached.max() == pytest.approx(LIMIT, rel=1e-5)
    # Rounded moments let some gradients move a component farther than exact arithmetic allows.
    assert (largest_ratio(USUAL, math.inf, rounding) > 1.02 * LIMIT) == (precision == "pure-bf16")


def test_bfloat16_moments_exceed_the_exact_bound_and_not_theirs() -> None:
    def stored(values: np.ndarray) -> np.ndarray:
        return (from_values(values).astype(np.uint32) << 16).view(np.float32)

    scales = np.geomspace(1e3, 4e3, 512, endpoint=False)
    m, v = np.zeros(512, np.float32), np.zeros(512, np.float32)
    result = np.zeros(512)
    for row in np.array(extreme()).reshape(-1, 1) * scales:
        gradient = stored(row.astype(np.float32))
        m, v = m + np.float32(0.1) * (gradient - m), v * np.float32(0.999) + np.float32(0.001) * gradient * gradient
        result = m.astype(np.float64) / np.sqrt(v.astype(np.float64))
        m, v = stored(m), stored(v)
    bound = largest_ratio(USUAL, math.inf, ROUNDINGS["BF16"])
    assert LIMIT < result.max() < bound
    # As docs/measures.md has them.
    assert (round(LIMIT, 3), round(result.max(), 3), round(bound, 3)) == (7.27, 7.331, 7.461)


def test_bfloat16_moments_move_a_steady_gradient_by_more_than_the_rate() -> None:
    """The second moment stops rising where an increment is below half its last digit."""
    gradients = from_values(np.linspace(1, 2, 128, endpoint=False, dtype=np.float32))
    weight = torch.zeros(128, dtype=torch.bfloat16, requires_grad=True)
    weight.grad = torch.from_numpy(gradients.view(np.int16)).view(torch.bfloat16)
    optimizer = torch.optim.AdamW([weight], lr=2.0**-10, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=True)
    for _ in range(10_000):
        weight.detach().zero_()
        optimizer.step()
    moved = np.abs(weight.detach().float().numpy()) * 2.0**10
    assert (round(float(moved.min()), 1), round(float(moved.max()), 1)) == (1.7, 2.2)  # as docs/measures.md has them


@pytest.mark.parametrize("precision", ["pure-bf16", "bf16-weights", "mixed", "f32"])
def test_the_law_is_silent_where_the_extreme_gradient_moves_a_component(tmp_path, precision: str) -> None:  # type: ignore[no-untyped-def]
    start = 1.5 if precision in ("pure-bf16", "bf16-weights") else 1.5 * 2.0**20
    words = from_values([start]) if start == 1.5 else np.array([start], np.float32)
    rate = float(half_cell(words)[0]) / (0.99 * LIMIT)
    training, before = pushed(tmp_path / "book.txt", precision, np.array(extreme(1e3)).reshape(-1, 1), start, rate)
    after = training.matrix()
    assert (before != after).sum() == 1
    last = WAIT + GROWTH
    rates = {"step": np.array([float(last)]), "learning_rate": np.array([rate])}
    history = History(
        "x", np.stack([before, after]), np.array([last - 1, last]), None, None, rates, {}, training.config
    )  # fmt: skip
    laws = {row["law"]: row for row in law_rows(history)}
    assert laws["beyond-reach-is-rest"]["checked"]
    assert laws["beyond-reach-is-rest"]["violations"] == []
    slower = {**rates, "learning_rate": np.array([rate * 0.95])}
    late = History("x", history.words, history.steps, None, None, slower, {}, training.config)
    assert {row["law"]: row for row in law_rows(late)}["beyond-reach-is-rest"]["violations"]


def test_an_exact_fork_with_other_betas_is_bounded_by_all_of_its_past() -> None:
    before, after = configured(DEFAULTS, {"until": "200"}), configured(DEFAULTS, {"beta2": "0.9"})
    betas = [(0.9, 0.999)] * 200 + [(0.9, 0.9)]
    bound = largest_ratio([Part(0.9, 0.999, 200), Part(0.9, 0.9, math.inf)], 201, EXACT)
    assert ratio(betas, [c / d for c, d in weights(betas)]) == pytest.approx(bound)
    assert largest_update(after, 1.0, 201, (before,)) == pytest.approx(bound, rel=1e-5)
    assert largest_update(after, 1.0, 201) < 0.5 * bound


def test_an_eps_that_does_not_cover_an_underflow_bounds_nothing() -> None:
    assert is_bounded(0.999, 1e-8)
    assert not is_bounded(0.999, 1e-20)
    assert largest_update(configured(DEFAULTS, {"eps": "1e-20"}), 1e-3) == math.inf
    rates = {"step": np.array([1.0]), "learning_rate": np.array([1e-3])}
    config = configured(DEFAULTS, {"eps": "1e-20"})
    history = History("x", np.zeros((2, 3, 2), np.float32), np.arange(2), None, None, rates, {}, config)
    law = {row["law"]: row for row in law_rows(history)}["beyond-reach-is-rest"]
    assert (law["checked"], law["reason"]) == (False, "with this beta2 and eps nothing bounds an update")
    # What it is about: the square of such a gradient is 0 in float32, its moment is not.
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=1e-3, betas=(0.9, 0.999), eps=1e-25, weight_decay=0.0, fused=True)
    weight.grad = torch.tensor([1e-24])
    optimizer.step()
    assert abs(weight.item()) > 9e-3
