"""What a user can get wrong, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Sequence


class SnowballError(Exception):
    """A mistake the user can mend: what must hold, what was given, what to do."""


class ConfigError(SnowballError):
    """A run that cannot be started, with every fault of its configuration at once.

    Parameters
    ----------
    faults : sequence of str
        One sentence group per fault, each complete in itself.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            text = self.faults[0]
        else:
            listed = "\n".join(f"  - {fault}" for fault in self.faults)
            text = f"{len(self.faults)} things must change before this run can start:\n{listed}"
        super().__init__(text)


class CorpusError(SnowballError):
    """A text that cannot be trained on."""


class HistoryError(SnowballError):
    """A file that is not a readable history of embedding matrices."""


class ChangedError(HistoryError):
    """A history that was cut or changed while it was read."""


class RunError(SnowballError):
    """A run that does not exist, is busy, or cannot do what was asked."""


class CancelledError(RunError):
    """Work that Ctrl-C ended; the message says what is kept."""
