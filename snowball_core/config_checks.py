"""A configuration: named, asked for in words, checked, and what follows from it told."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .contradictions import contradictions
from .errors import ConfigError
from .fields import field_faults, parsed
from .presets import DEFAULT_PRESET as DEFAULT_PRESET
from .presets import PRESETS as PRESETS
from .presets import PURPOSES as PURPOSES
from .presets import SEED_FAULTS, SWITCHES
from .run_config import DEFAULTS as DEFAULTS
from .run_config import EXTRAS as EXTRAS
from .run_config import FIELDS as FIELDS
from .run_config import RunConfig as RunConfig

# The fields that say how W is drawn: they say nothing where W is given.
DRAWN = ("base", "base_on_lattice", "noise_dtype", "sigma")


def preset(name: str) -> RunConfig:
    """The configuration of a named preset.

    Raises
    ------
    ConfigError
        If there is no such preset; the message lists the known ones.
    """
    if name not in PRESETS:
        raise ConfigError([f'Unknown preset "{name}". Choose one of: {", ".join(PRESETS)}.'])
    return RunConfig(**PRESETS[name][1])


def faults_carried(config: RunConfig) -> list[str]:
    """The known faults of the published experiment that this configuration repeats, in plain words."""
    return [text for (field, value), text in SEED_FAULTS.items() if getattr(config, field) == value]


def consequences(config: RunConfig) -> dict[str, str]:
    """For every choice of the configuration, what follows from it in plain words."""
    listed = {name: field.metadata.get("choices") for name, field in FIELDS.items()}
    chosen = {name: choices[getattr(config, name)] for name, choices in listed.items() if choices}
    told = chosen | {name: sides[bool(getattr(config, name))] for name, sides in SWITCHES.items()}
    drawn = DRAWN if config.initial_state == "snapshot" else ()
    return {name: text for name, text in told.items() if name not in drawn}


def from_json(fields: Mapping[str, Any]) -> RunConfig:
    """The checked configuration that a JSON object describes; absent fields take their defaults.

    Raises
    ------
    ConfigError
        With every fault: unknown fields, wrong types, numbers out of bounds, contradictions.
    """
    return configured(DEFAULTS, fields)


def configured(start: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """``start`` with some fields replaced; values may be text, as a form or a command line gives them.

    Raises
    ------
    ConfigError
        With every fault of the result at once.

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
    """Every reason why ``config`` cannot be run, one sentence each; empty if there is none.

    Parameters
    ----------
    config : RunConfig
    skip : set of str
        Fields already reported, not to be reported twice.
    """
    per_field = {name: field_faults(field, getattr(config, name)) for name, field in FIELDS.items() if name not in skip}
    faulty = skip | {name for name, faults in per_field.items() if faults}
    between = [fault for fields, fault in contradictions(config.to_json()) if not faulty & fields]
    return [fault for faults in per_field.values() for fault in faults] + between
