"""Snowball's core: train a tiny GPT-2, record its embedding matrix, measure it."""

from __future__ import annotations

from importlib import import_module

# Importing typing takes longer than all else that runs before the command line can answer Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"


def open_run(run: Any, **known: Any) -> Any:
    """Open a run or a foreign history for a notebook: tables as DataFrames, pictures as Altair charts.

    Parameters
    ----------
    run : str or Path
        A run's id or folder, or a safetensors file with a ``[T, V, D]`` tensor.
    **known
        ``key``, ``dead``, ``corpus`` of a foreign history.

    Returns
    -------
    snowball_core.notebook.Recorded
    """
    # By name and when called: importing the package costs nothing, and no floor comes to stand on the notebook's.
    return import_module("snowball_core.notebook").open_recorded(run, **known)
