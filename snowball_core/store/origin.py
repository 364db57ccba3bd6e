"""The parent of a forked run, out of its ``run.json``, and the configuration of each part of the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..config import RunConfig
from ..config_checks import from_json
from ..errors import RunError

CHECKPOINT, SNAPSHOT = "checkpoint", "snapshot"


@dataclass(frozen=True)
class Origin:
    """Where a forked run left its parent."""

    # CHECKPOINT: the parent's full state went on from there, and what it had recorded was copied.
    # SNAPSHOT: the recorded matrix became the initial state of a new training, with fresh moments.
    kind: str
    parent: str  # run id
    step: int  # the parent's step
    matrix_sha256: str  # SHA-256 of the bytes of the recorded matrix at that step, in the format in which this run records it
    history_sha256: str | None  # SHA-256 of the parent's whole history, where the parent was complete
    before: RunConfig
    earlier: Origin | None = None  # origin of the parent

    @property
    def is_exact(self) -> bool:
        """Whether the full state of the parent went on, not one matrix alone."""
        return self.kind == CHECKPOINT

    @property
    def begin(self) -> int:
        """The step of the fork at which it took over: steps up to there are the parent's."""
        return self.step if self.is_exact else 0

    def to_json(self) -> dict[str, Any]:
        """The ``fork`` entry of ``run.json``."""
        earlier = None if self.earlier is None else self.earlier.to_json()
        return {**self.__dict__, "before": self.before.to_json(), "earlier": earlier}


def origin_of(manifest: Mapping[str, Any]) -> Origin | None:
    """The origin in a ``run.json``; None for a run that is no fork."""
    if (entry := manifest.get("fork")) is None:
        return None
    try:
        earlier = origin_of({"fork": entry["earlier"]})
        origin = Origin(**{**entry, "before": from_json(entry["before"]), "earlier": earlier})
    except (TypeError, KeyError, AttributeError):
        raise RunError("the fork entry of a run.json must tell kind, parent, step, hashes and configuration") from None
    hashes = (origin.matrix_sha256, *([] if origin.history_sha256 is None else [origin.history_sha256]))
    is_sound = (
        origin.kind in (CHECKPOINT, SNAPSHOT)
        and type(origin.step) is int
        and 0 <= origin.step <= origin.before.last_step
        and isinstance(origin.parent, str)
        and all(isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes)
    )
    if not is_sound:
        raise RunError("the fork entry of a run.json must tell a checkpoint or a snapshot, its step and its hashes")
    return origin


def origin_sentence(origin: Origin, config: RunConfig) -> str:
    """What a fork took over and what it did not, in a sentence."""
    if origin.is_exact:
        changed = changes(origin.before, config)
        how = f"with {', '.join(changed)}" if changed else "with nothing changed"
        return (
            f"Forked exactly from the checkpoint of {origin.parent} at step {origin.step:,}: everything recorded up to there "
            f"is the parent's, and its parameters, optimizer moments, schedule and data order go on, {how}."
        )
    return (
        f"Forked from the snapshot of {origin.parent} at step {origin.step:,}: W is that matrix bit for bit. The other "
        f"parameters were not recorded there and are drawn fresh from seed {config.seed}; moments, step count, schedule and "
        "data order begin anew."
    )


def changes(before: RunConfig, after: RunConfig) -> list[str]:
    """The fields, the name and the text's folder aside, in which two configurations differ, as ``field old → new``."""
    old, new = ({**config.to_json(), "corpus": file_name(config.corpus)} for config in (before, after))
    return [f"{name} {_word(old[name])} → {_word(new[name])}" for name in old if name != "name" and old[name] != new[name]]


def file_name(path: str) -> str:
    r"""The last part of a path of any system.

    Examples
    --------
    >>> file_name("C:\\texts\\a.txt"), file_name("/data/a.txt"), file_name("gatsby")
    ('a.txt', 'a.txt', 'gatsby')
    """
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _word(value: Any) -> str:
    return "empty" if value is None or value == "" else f"{value:,}" if type(value) is int else str(value)


def segments(config: RunConfig, origin: Origin | None) -> list[tuple[int, RunConfig]]:
    """The parts of a run, each the step after which it begins and the configuration it was trained with.

    A run that is no exact fork has one part. The last one has the run's own configuration; the others end where the next
    begins.
    """
    parts = [(0, config)]
    while origin is not None and origin.is_exact:
        parts[0] = (origin.step, parts[0][1])
        parts.insert(0, (0, replace(origin.before, until=origin.step)))
        origin = origin.earlier
    return parts


def root(origin: Origin | None) -> Origin | None:
    """The snapshot in which a run, through exact forks, begins; None if it begins with an initial state of its own."""
    while origin is not None and origin.is_exact:
        origin = origin.earlier
    return origin
