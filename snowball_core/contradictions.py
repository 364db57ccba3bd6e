"""What fields of a configuration, right by themselves, get wrong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .memory import MOST_SNAPSHOTS, tables_bytes


def contradictions(values: Mapping[str, Any]) -> Iterator[tuple[set[str], str]]:
    """Each contradiction among the values of all fields: the fields it is between, and the sentence to show."""
    if values["hidden"] % max(1, values["heads"]):
        yield (
            {"hidden", "heads"},
            f"hidden must be divisible by heads; got hidden {values['hidden']} and heads {values['heads']}. "
            f"Choose heads from {', '.join(str(h) for h in _divisors(values['hidden']))}.",
        )
    if values["until"] is not None and values["until"] > values["steps"]:
        yield (
            {"until", "steps"},
            f"until must not exceed steps; got until {values['until']:,} and steps {values['steps']:,}. "
            "Raise steps or leave until empty.",
        )
    if values["warmup"] > values["steps"]:
        yield (
            {"warmup", "steps"},
            f"warmup must not exceed steps; got warmup {values['warmup']:,} and steps {values['steps']:,}. "
            "Shorten warmup or raise steps.",
        )
    if values["initial_state"] == "singularity" and values["sigma"] > 0:
        yield (
            {"initial_state", "sigma"},
            f"a singularity has no noise: sigma must be 0; got {values['sigma']:g}. "
            "Set sigma to 0 or choose the initial state snowball.",
        )
    if values["tied"] and values["matrix"] == "unembedding":
        yield (
            {"tied", "matrix"},
            "tied matrices are one matrix: matrix must be embedding; got unembedding. Untie them or record the embedding.",
        )
    if values["optimizer"] == "sgd" and {"moment_hash", "exp_avg", "exp_avg_sq"} & {
        word.strip() for word in values["extra"].split(",")
    }:
        yield (
            {"optimizer", "extra"},
            "sgd keeps no moments: extra must not name moment_hash, exp_avg or exp_avg_sq; "
            f'got "{values["extra"]}". Use hidden_mean,dead_probability.',
        )
    if (count := _recorded(values)) > MOST_SNAPSHOTS:
        yield (
            {"steps", "until", "record"},
            f"a run must record at most {MOST_SNAPSHOTS:,} snapshots; got {count:,}: their tables would take "
            f"{tables_bytes(count) / 1e9:,.0f} GB of memory. Record fewer steps, such as record "
            f"every-10, or log.",
        )


def _recorded(values: Mapping[str, Any]) -> int:
    """How many snapshots are recorded by a rule that names a stride; 0 for log, which records few."""
    stride = str(values["record"]).removeprefix("every").removeprefix("-") or "1"
    last = values["steps"] if values["until"] is None else values["until"]
    return -(-last // int(stride)) + 1 if stride.isascii() and stride.isdigit() and int(stride) else 0


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, min(number, 1_024) + 1) if number % d == 0]
