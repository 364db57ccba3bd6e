"""Snowball's core: train a tiny GPT-2, record its embedding matrix, measure it.

measures        arrays in, numbers out
store           the files of a run
jobs            from a configuration to a worker
training        model, trainer, recorder, replay
tables          a history in, DataFrames out
charts          DataFrames in, Vega-Lite and the scrubber's data out
export          named tables and pictures, report, bundle
cli             the command line
errors          errors a user can mend, and text made safe to print
memory          memory and threads while a long history is read
config_fields   one field of a configuration: text to value, bounds
config          every number of a run: RunConfig
config_checks   parse, validate and compare configurations
presets         the named experiments
schedules       learning rate and recorded steps
costs           disk, memory and time of a run
notebook        a run in a notebook: tables and charts
"""

from __future__ import annotations

from importlib import import_module

# Importing typing takes longer than all else that runs before the command line can answer Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from .notebook import Recorded

__version__ = "0.1.0"


def open_run(run: str | Path, key: str | None = None, dead: Sequence[int] | None = None, corpus: str | None = None) -> Recorded:
    """Open a run or a foreign history for a notebook: tables as DataFrames, pictures as Altair charts.

    Parameters
    ----------
    run : str or Path
        A run's id or folder, or a safetensors file with a ``[T, V, D]`` tensor.
    key, dead, corpus
        Of a foreign history: the tensor's name, its dead tokens, the text it was trained on.
    """
    # By name and when called: importing the package costs nothing.
    opened: Recorded = import_module("snowball_core.notebook").open_recorded(run, key, dead, corpus)
    return opened


def submodules(package: str) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose modules are imported on first use."""

    def module(name: str) -> ModuleType:
        if not name.startswith("_"):
            try:
                return import_module(f"{package}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{package}.{name}":
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        from pkgutil import iter_modules

        own = import_module(package)
        return sorted({*vars(own), *(module.name for module in iter_modules(own.__path__))})

    return module, names


if not TYPE_CHECKING:
    __getattr__, __dir__ = submodules(__name__)
