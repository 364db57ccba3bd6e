"""What a run will cost, counted tensor by tensor."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from snowball_core import costs
from snowball_core.config import RunConfig
from snowball_core.config_checks import preset
from snowball_core.costs import cost, disk_bytes, matrix_speed, memory_bytes, parameter_count, snapshot_bytes, step_flops

pytestmark = pytest.mark.processes


def named_tensors(config):
    """Every tensor of a GPT-2 and its size, written out."""
    h, norm = config.hidden, 2 * config.hidden if config.norm_layer == "layernorm" else config.hidden
    tensors = {"wte": config.vocab * h, "wpe": config.context * h, "ln_f": norm}
    if not config.tied:
        tensors["lm_head"] = config.vocab * h
    for layer in range(config.layers):
        tensors |= {
            f"{layer}.ln_1": norm,
            f"{layer}.attn.c_attn": h * 3 * h + 3 * h,
            f"{layer}.attn.c_proj": h * h + h,
            f"{layer}.ln_2": norm,
            f"{layer}.mlp.c_fc": h * 4 * h + 4 * h,
            f"{layer}.mlp.c_proj": 4 * h * h + h,
        }
    return tensors


def test_the_seed_has_the_published_number_of_parameters():
    assert parameter_count(preset("primordial-snowball")) == 116_480


@pytest.mark.parametrize("norm_layer", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("hidden", "layers", "vocab", "context"), [(2, 1, 4, 3), (64, 2, 128, 128), (6, 5, 7, 11)])
def test_parameters_are_those_of_every_tensor_written_out(norm_layer, tied, hidden, layers, vocab, context):
    config = RunConfig(hidden=hidden, layers=layers, vocab=vocab, context=context, norm_layer=norm_layer, tied=tied)
    assert parameter_count(config) == sum(named_tensors(config).values())


@pytest.mark.parametrize(
    ("precision", "weight", "moment"), [("pure-bf16", 2, 2), ("bf16-weights", 2, 4), ("mixed", 4, 4), ("f32", 4, 4)]
)
def test_a_snapshot_takes_the_bytes_of_its_recordings(precision, weight, moment):
    config = RunConfig(vocab=4, hidden=2, precision=precision, extra="")
    assert snapshot_bytes(config) == 8 * weight
    everything = dataclasses.replace(config, extra="moment_hash,hidden_mean,dead_probability,gradient,exp_avg,exp_avg_sq")
    assert snapshot_bytes(everything) == 8 * weight + 4 * 8 + 2 * 4 + 4 + 8 * weight + 2 * 8 * moment


def test_ten_thousand_steps_of_the_seed_take_a_hundred_and_eighty_megabytes():
    config = preset("primordial-snowball")
    assert 10_001 * 128 * 64 * 2 < disk_bytes(config) < 185e6


def test_recording_fewer_steps_takes_less_disk_and_the_same_time():
    every = cost(RunConfig(steps=1_000), 1e9)
    tenth = cost(RunConfig(steps=1_000, record="every-10"), 1e9)
    assert (every.snapshots, tenth.snapshots) == (1_001, 101)
    assert tenth.disk_bytes < every.disk_bytes
    assert tenth.seconds == every.seconds


def test_a_processor_twice_as_fast_needs_half_the_time_and_twice_the_steps_twice():
    once = cost(RunConfig(steps=100), 1e9).seconds
    assert cost(RunConfig(steps=100), 2e9).seconds == once / 2
    assert cost(RunConfig(steps=200), 1e9).seconds == 2 * once
    assert cost(RunConfig(steps=200, until=100), 1e9).seconds == once


def test_the_initial_state_alone_costs_no_training_time():
    alone = cost(RunConfig(until=0), 1e9)
    assert (alone.snapshots, alone.seconds) == (1, 0.0)


def test_a_step_costs_three_forward_passes_over_every_matrix():
    config = RunConfig(vocab=4, context=3, batch=5, hidden=2, layers=1)
    per_token = 2 * (2 * 6 + 2 * 2 + 2 * 8 + 8 * 2) + 2 * 4 * 2  # attention in and out, feed-forward in and out, unembedding
    attention = 2 * 2 * 3 * 2  # every token with the whole window, scores and sums
    assert step_flops(config) == 3 * 5 * 3 * (per_token + attention)


def test_the_speed_of_this_processor_is_a_plausible_number():
    assert 1e8 < matrix_speed(0.02) < 1e14
    assert 1e8 < matrix_speed(0.0) < 1e14, "a processor that is busy for so long has a speed, too"


@pytest.mark.skipif(sys.platform != "linux", reason="the largest memory of a process is told in other units there")
def test_the_estimate_of_memory_is_near_what_a_worker_really_takes(tmp_path: Path) -> None:
    # The largest memory so far: of the smaller batch first, and of the text of 60 MB last.
    (tmp_path / "text").write_bytes(b"No number is to be trusted unmeasured. \n" * 1_500_000)
    code = (
        "from snowball_core.cli.main import main\n"
        f"for more in (['32'], ['128'], ['128', '--corpus', {str(tmp_path / 'text')!r}]):\n"
        f"    main(['record', '--batch', *more, '--steps', '3', '--runs', {str(tmp_path)!r}, '--json'])\n"
        "    print('largest', next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    sizes = [int(line.split()[1]) * 1024 for line in done.stdout.splitlines() if line.startswith("largest")]
    assert [memory_bytes(RunConfig(batch=batch, steps=3)) for batch in (32, 128)] == pytest.approx(sizes[:2], rel=0.25)
    # As 64-bit numbers the text and the order of its windows would take 960 MB.
    assert memory_bytes(RunConfig(batch=128, steps=3), 60_000_000) == pytest.approx(sizes[2], rel=0.1)


def test_steps_trained_already_take_no_time() -> None:
    config = RunConfig(steps=1_000)
    assert cost(config, 1e9, 250).seconds == pytest.approx(0.75 * cost(config, 1e9).seconds)
    assert cost(config, 1e9, 1_000).seconds == 0


@pytest.mark.parametrize(("units", "times"), [(True, 1), (False, 10)])
def test_a_bfloat16_step_is_expected_to_be_slow_without_units_for_it(
    monkeypatch: pytest.MonkeyPatch, units: bool, times: int
) -> None:
    monkeypatch.setattr(costs, "has_bf16_units", lambda: units)
    f32, bf16 = (cost(RunConfig(compute=compute), 1e9).seconds for compute in ("f32", "bf16"))
    assert bf16 == pytest.approx(times * f32)
