"""Configurations parsed, validated and compared: faults of single fields and between fields, the nearest preset."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .config import DEFAULTS, FIELDS, RunConfig
from .config_fields import field_faults, parsed
from .errors import ConfigError
from .memory import MOST_SNAPSHOTS, tables_bytes
from .presets import ORIGINAL_FAULTS, PRESETS, SWITCHES


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
            f"sigma must be 0 for the initial state singularity; got {values['sigma']:g}. Set sigma to 0 or choose the "
            "initial state snowball.",
        )
    if values["tied"] and values["matrix"] == "unembedding":
        yield (
            {"tied", "matrix"},
            "matrix must be embedding if tied; got unembedding. Untie them or record the embedding.",
        )
    if values["optimizer"] == "sgd" and {"moment_hash", "exp_avg", "exp_avg_sq"} & {
        word.strip() for word in values["extra"].split(",")
    }:
        yield (
            {"optimizer", "extra"},
            "extra must not name moment_hash, exp_avg or exp_avg_sq with optimizer sgd, which has no moments; got "
            f'"{values["extra"]}". Use hidden_mean,dead_probability.',
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


# The fields of how W is drawn, without effect where W is given.
DRAWN = ("base", "base_on_lattice", "noise_dtype", "sigma")


def preset(name: str) -> RunConfig:
    """The configuration of a named preset."""
    if name not in PRESETS:
        raise ConfigError([f'Unknown preset "{name}". Choose one of: {", ".join(PRESETS)}.'])
    return RunConfig(**PRESETS[name][1])


def faults_carried(config: RunConfig) -> list[str]:
    """The known faults of the published experiment that this configuration repeats, in plain words."""
    return [text for (field, value), text in ORIGINAL_FAULTS.items() if getattr(config, field) == value]


def faults_of_run(config: RunConfig, recorded: Sequence[str]) -> list[str]:
    """The known faults of a run in today's words: its own, then those of the run it was forked from, as recorded.

    Examples
    --------
    >>> faults_of_run(RunConfig(label_shift=2), ["labels shifted", "rate decays (up to step 9, in first-run)"])
    ... # doctest: +NORMALIZE_WHITESPACE
    ['labels shifted twice: the model learns to predict the token after the next',
     'rate decays (up to step 9, in first-run)']
    """
    return [*faults_carried(config), *(fault for fault in recorded if fault.endswith(")"))]


def consequences(config: RunConfig) -> dict[str, str]:
    """For every choice of the configuration, what follows from it in plain words."""
    listed = {name: field.metadata.get("choices") for name, field in FIELDS.items()}
    chosen = {name: choices[getattr(config, name)] for name, choices in listed.items() if choices}
    texts = chosen | {name: sides[bool(getattr(config, name))] for name, sides in SWITCHES.items()}
    drawn = DRAWN if config.initial_state == "snapshot" else ()
    return {name: text for name, text in texts.items() if name not in drawn}


def from_json(fields: Mapping[str, Any]) -> RunConfig:
    """The checked configuration that a JSON object describes; absent fields take their defaults."""
    return configured(DEFAULTS, fields)


def configured(start: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """``start`` with some fields replaced; values may be text, as a form or a command line gives them.

    Examples
    --------
    >>> configured(DEFAULTS, {"steps": "300", "sigma": "1e-4"}).steps
    300
    """
    if not isinstance(changes, Mapping):
        raise ConfigError([f"A configuration must be an object of fields and values; got {type(changes).__name__}."])
    faults: list[str] = []
    fresh: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in FIELDS:
            faults.append(f'Unknown field "{name}". The fields are: {", ".join(FIELDS)}.')
            continue
        try:
            fresh[name] = parsed(FIELDS[name], value)
        except ValueError as error:
            faults.append(str(error))
    config = dataclasses.replace(start, **fresh)
    faults += config_faults(config, skip=set(changes) - set(fresh))
    if faults:
        raise ConfigError(faults)
    return config


def config_faults(config: RunConfig, skip: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Every reason why ``config`` cannot be run, one sentence each; empty if there is none. Fields to ``skip`` are reported."""
    per_field = {name: field_faults(field, getattr(config, name)) for name, field in FIELDS.items() if name not in skip}
    faulty = skip | {name for name, faults in per_field.items() if faults}
    between = [fault for fields, fault in contradictions(config.to_json()) if not faulty & fields]
    return [fault for faults in per_field.values() for fault in faults] + between


OWN = "own"
# Fields in which runs of one experiment may differ: seed, length, what is recorded, and device.
NOT_THE_EXPERIMENT = ("name", "seed", "until", "record", "extra", "device", "threads")


class NearestPreset(NamedTuple):
    """Where a configuration comes from: the preset nearest to it, and the fields of the experiment in which it differs."""

    name: str
    changes: tuple[str, ...]

    @property
    def preset(self) -> str:
        """The name of the equal preset, or "own"."""
        return OWN if self.changes else self.name


def nearest_preset(config: RunConfig) -> NearestPreset:
    """The preset that a configuration is, or the one it differs from in the fewest fields.

    Its name, seed, recorded steps, further recordings and machine make it no other experiment.

    Examples
    --------
    >>> nearest_preset(preset("jiggle")).preset, nearest_preset(RunConfig(steps=300))
    ('jiggle', NearestPreset(name='corrected', changes=('steps',)))
    """
    given = config.to_json()
    candidates = [
        NearestPreset(name, tuple(key for key in FIELDS if key not in NOT_THE_EXPERIMENT and known[key] != given[key]))
        for name, known in _presets().items()
    ]
    return min(candidates, key=lambda each: len(each.changes))


@functools.cache
def _presets() -> dict[str, dict[str, Any]]:
    return {name: preset(name).to_json() for name in PRESETS}


def config_differences(configs: Sequence[RunConfig]) -> Mapping[str, tuple[Any, ...]]:
    """The fields in which configurations differ, each with its value in every one of them.

    Examples
    --------
    >>> config_differences([RunConfig(), RunConfig(seed=7), RunConfig(seed=8)])
    {'seed': (42, 7, 8)}
    """
    columns = {name: tuple(getattr(config, name) for config in configs) for name in FIELDS}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}
