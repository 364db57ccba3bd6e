"""Configurations side by side: which preset one is, and in what several differ."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .config import FIELDS, RunConfig, preset
from .presets import PRESETS

OWN = "own"
# What makes the same experiment another run: its draw, how far it went, what was kept of it, and where it ran.
NOT_THE_EXPERIMENT = ("name", "seed", "until", "record", "extra", "device", "threads")


class Origin(NamedTuple):
    """Where a configuration comes from: the preset nearest to it, and the fields of the experiment in which it differs."""

    nearest: str
    changes: tuple[str, ...]

    @property
    def preset(self) -> str:
        """The preset it is, or "own"."""
        return OWN if self.changes else self.nearest


def origin(config: RunConfig) -> Origin:
    """The preset that a configuration is, or the one it differs from in the fewest fields.

    Its name, seed, recorded steps, further recordings and machine make it no other experiment.

    Examples
    --------
    >>> origin(preset("jiggle")).preset, origin(RunConfig(steps=300))
    ('jiggle', Origin(nearest='corrected', changes=('steps',)))
    """
    given = config.to_json()
    found = [
        Origin(name, tuple(key for key in FIELDS if key not in NOT_THE_EXPERIMENT and known[key] != given[key]))
        for name, known in _presets().items()
    ]
    return min(found, key=lambda origin: len(origin.changes))


@functools.cache
def _presets() -> dict[str, dict[str, Any]]:
    return {name: preset(name).to_json() for name in PRESETS}


def differences(configs: Sequence[RunConfig]) -> Mapping[str, tuple[Any, ...]]:
    """The fields in which configurations differ, each with its value in every one of them.

    Examples
    --------
    >>> differences([RunConfig(), RunConfig(seed=7), RunConfig(seed=8)])
    {'seed': (42, 7, 8)}
    """
    columns = {name: tuple(getattr(config, name) for config in configs) for name in FIELDS}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}
