"""What can move: the calculator against the trainer's own arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snowball_core.cli.main import main
from snowball_core.config import RunConfig
from snowball_core.config_checks import configured, preset
from snowball_core.measures.bf16 import from_values, ordinal, values
from snowball_core.measures.mobility import expected_words, half_cell, largest_update, mobility, second_moment_falls, sentences
from snowball_core.schedules import learning_rate_at
from snowball_core.store.run_folder import read_run


@given(st.integers(0x0001, 0x7F00), st.sampled_from([-1, 1]), st.sampled_from([0.98, 1.02]))
@settings(deadline=None, max_examples=300)
def test_half_a_cell_is_where_rounding_starts_to_move_a_component(pattern: int, direction: int, factor: float) -> None:
    word = np.array([pattern], np.uint16)
    here = values(word).astype(np.float64)
    down, up = (values(np.array([pattern + d], np.uint16)).astype(np.float64) for d in (-1, 1))
    expected = min(here - down, up - here)[0] / 2
    assert half_cell(word)[0] == expected
    towards = -1 if here - down < up - here else direction
    pushed = torch.tensor(here + towards * expected * factor, dtype=torch.float64).float().bfloat16()
    assert (pushed.double().item() != here[0]) == (factor > 1)


@pytest.mark.parametrize("beta2", [0.9, 0.99, 0.996, 0.998, 0.9985, 0.999, 0.9999])
def test_a_second_moment_falls_exactly_where_some_number_rounds_down(beta2: float) -> None:
    every = torch.arange(0x3F80, 0x4080, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    falls = bool(((every.float() * beta2).bfloat16() < every).any())
    assert second_moment_falls(beta2, "BF16") == falls
    assert second_moment_falls(beta2, "F32")


def test_decay_acts_where_a_decayed_number_rounds_to_another() -> None:
    words = from_values(np.linspace(-3, 3, 401, dtype=np.float32))
    for rate, decay in ((1e-3, 0.01), (1e-2, 0.1), (0.1, 0.03), (0.1, 0.05), (0.5, 0.5)):
        config = configured(RunConfig(), {"learning_rate": rate, "weight_decay": decay})
        kept = torch.from_numpy(values(words)).double()
        decayed = (kept * (1 - rate * decay)).float().bfloat16()
        expected = (decayed.double() != kept).numpy().mean()
        assert mobility(config, words).decay_acts == pytest.approx(expected, abs=1e-12)


def test_a_gradient_after_silence_is_not_the_largest_update() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=1e-3, betas=(0.9, 0.999), eps=1e-12, weight_decay=0.0)
    moves = []
    for step in range(5_000):
        weight.grad = torch.tensor([1.0 if step == 4_999 else 0.0], dtype=torch.float64)
        before = weight.item()
        optimizer.step()
        moves.append(abs(weight.item() - before))
    assert max(moves) == pytest.approx(3.162e-3, rel=0.01)
    assert largest_update(RunConfig(), 1e-3, 5_000) == pytest.approx(2.299 * max(moves), rel=1e-3)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (2, 2), (9, 3), (300, 0), (2_500, 40)])
def test_the_largest_update_of_a_schedule_is_that_of_its_steps(schedule: str, steps: int, warmup: int) -> None:
    config = configured(preset("primordial-snowball"), {"schedule": schedule, "steps": steps, "warmup": warmup})
    rates = [learning_rate_at(config, step) for step in range(1, steps + 1)]
    bounds = [largest_update(config, rate, step) for step, rate in enumerate(rates, 1)]
    words = expected_words(config)[::40]
    mobile, half, size = mobility(config, words), half_cell(words), np.abs(values(words).astype(np.float64))
    assert mobile.largest_update == max(bounds)
    # With decay, which decides at some steps.
    moved = [int((bound + rate * 0.01 * size >= half).sum()) for bound, rate in zip(bounds, rates, strict=True)]
    for first, most in ((mobile.half_immovable_step, len(words) // 2), (mobile.all_immovable_step, 0)):
        last = max((step for step, count in enumerate(moved, 1) if count > most), default=0)
        assert first == (None if last == steps else last + 1)


@pytest.mark.parametrize(("beta2", "steps", "warmup"), [(0.9, 600, 0), (0.99, 2_000, 900), (0.9999, 500, 450), (0.9, 200, 0)])
@pytest.mark.parametrize("schedule", ["linear", "constant"])
def test_an_exact_fork_moves_what_the_moments_of_its_past_can(schedule: str, beta2: float, steps: int, warmup: int) -> None:
    config = configured(RunConfig(), {"beta2": beta2, "schedule": schedule, "steps": steps, "warmup": warmup})
    past = (configured(RunConfig(), {"until": 300}), configured(RunConfig(), {"beta1": 0.8, "until": 400}))
    rates = {step: learning_rate_at(config, step) for step in range(401, steps + 1)}
    bounds = {step: largest_update(config, rate, step, past) for step, rate in rates.items()}
    words = expected_words(config)[::40]
    mobile, half, size = mobility(config, words, past), half_cell(words), np.abs(values(words).astype(np.float64))
    assert mobile.largest_update == max(bounds.values(), default=0.0)
    moved = {step: int((bounds[step] + rate * 0.01 * size >= half).sum()) for step, rate in rates.items()}
    last = max((step for step, count in moved.items() if count > len(words) // 2), default=400)
    assert mobile.half_immovable_step == (last + 1 if last < steps else None)


def test_a_falling_rate_freezes_half_and_all_at_the_step_the_schedule_says() -> None:
    config = preset("primordial-snowball")
    words = from_values(np.array([0.6, 0.3, 0.01], np.float32))
    mobile, half = mobility(config, words), half_cell(words)
    for step, threshold in ((mobile.half_immovable_step, np.median(half)), (mobile.all_immovable_step, half.min())):
        assert step is not None
        assert largest_update(config, learning_rate_at(config, step)) < threshold
        assert largest_update(config, learning_rate_at(config, step - 1)) >= threshold
    constant = mobility(configured(config, {"schedule": "constant"}), words)
    assert constant.all_immovable_step is None


def test_shares_count_the_components_by_their_cells() -> None:
    # Half a cell is 2^-9 at 0.6, 2^-10 at 0.3 and 2^-7 at 3; the rate is 0.001, and falls: no update exceeds 0.0057.
    mobile = mobility(preset("primordial-snowball"), from_values(np.array([0.6, 0.3, 0.1, 3.0], np.float32)))
    assert mobile.usually_immovable == 0.5
    assert mobile.immovable == 0.25
    assert not mobile.second_moment_falls
    assert mobile.decay_acts == 0


def test_the_expected_components_are_in_the_weights_format_and_of_its_spread() -> None:
    for name, deviation in (("primordial-snowball", 1.0), ("singularity", 0.125)):
        drawn = values(expected_words(preset(name)))
        assert drawn.std() == pytest.approx(deviation, rel=0.01)
    assert expected_words(configured(RunConfig(), {"precision": "f32"})).dtype == np.float32
    assert int(ordinal(expected_words(RunConfig()))[2_000]) == 0


def test_the_shipped_runs_first_matrix_moves_as_readme_says() -> None:
    run = read_run(Path(__file__).resolve().parents[2] / "runs" / "2026-11-22-212124-primordial-snowball")
    mobile = mobility(run.config, run.history().words[0])
    assert (round(mobile.usually_immovable, 2), round(mobile.immovable, 2), mobile.all_immovable_step) == (0.56, 0.08, 9_991)


def test_where_nothing_bounds_an_update_the_sentence_says_so() -> None:
    for changes in ({"beta2": 0.0}, {"eps": 1e-30}):
        config = configured(RunConfig(), changes)
        lines = sentences(mobility(config, expected_words(config)), config)[0]
        assert "the largest possible one has no bound" in lines


def test_an_update_without_bound_is_null_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = [f"--{name}={value}" for name, value in (("hidden", 8), ("layers", 1), ("heads", 2), ("context", 16), ("batch", 4))]
    (tmp_path / "a.txt").write_text("the quick brown fox " * 20)
    assert (
        main(["mobility", *tiny, "--corpus", str(tmp_path / "a.txt"), "--beta2", "0", "--runs", str(tmp_path), "--json"]) == 0
    )
    answer = json.loads(capsys.readouterr().out.splitlines()[-1], parse_constant=pytest.fail)
    assert answer["largest_update"] is None
    assert "no bound with beta1 0.9, beta2 0, eps 1e-08" in answer["sentences"][0]


def test_the_sentences_name_what_cannot_move_and_stay_silent_for_sgd() -> None:
    config = preset("primordial-snowball")
    text = " ".join(sentences(mobility(config, expected_words(config)), config))
    assert "62% of the components cannot be moved by a usual update" in text
    assert "cannot move any component on its own" in text
    assert "bfloat16 with beta2 0.999 can only rise" in text
    assert "half of the components immovable from step" in text
    plain = configured(config, {"optimizer": "sgd", "extra": ""})
    assert sentences(mobility(plain, expected_words(plain)), plain) == [
        "SGD's updates scale with the gradient: what can move is not known before training."
    ]
