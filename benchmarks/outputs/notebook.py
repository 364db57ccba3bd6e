"""Everything a notebook has of a run, a file each, in this folder: ``python -m benchmarks.outputs.notebook RUN EARLY LAST``.

All is listed automatically: methods are those of the opened run, names of tables and pictures those in the message on a wrong
name. A method is called with every combination of what its parameters can be: groups, units, the two steps.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import snowball_core

_REFUSED: dict[str, Any] = {"step": 999_999, "group": "undead", "unit": "miles", "name": "nothing", "token": 999}


def names_of(run: Any, method: str) -> list[str]:
    """The names that a method takes, from the message that a wrong one is answered with."""
    try:
        getattr(run, method)("?")
    except Exception as error:
        listed = re.search(r"is one of (.*); got", str(error))
        if listed:
            return listed[1].split(", ")
    raise RuntimeError(f"a wrong name of a {method} must be answered with the right ones.")


def choices(run: Any, method: str, early: int, last: int) -> dict[str, list[Any]]:
    """What each parameter of a method can be; those that are not named here keep their default."""
    known: dict[str, list[Any]] = {
        "step": [early, last],
        "steps": [(), (early,), (early, last)],
        "group": ["all"],
        "unit": ["cells", "weight"],
        "token": [0, 13],
    }
    parameters = inspect.signature(getattr(run, method)).parameters
    if "group" in parameters:
        known["group"] = list(dict.fromkeys([parameters["group"].default, *known["group"]]))
    if "basis" in parameters:
        known["basis"] = [each for each in (parameters["basis"].default, run.basis()) if each is not inspect.Parameter.empty]
    if "name" in parameters:
        known["name"] = names_of(run, method)
    lacking = [name for name, each in parameters.items() if name not in known and each.default is each.empty]
    if lacking:
        raise RuntimeError(f"{method} has parameters that nothing is known to give for: {', '.join(lacking)}.")
    return {name: known[name] for name in parameters if name in known}


def calls(run: Any, early: int, last: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every call that is recorded: the method's name and what it is given; after the right ones a wrong one a parameter."""
    for method in sorted(name for name in dir(type(run)) if not name.startswith("_")):
        if not callable(getattr(run, method)):
            yield method, {}
            continue
        offered = choices(run, method, early, last)
        for chosen in itertools.product(*offered.values()):
            yield method, dict(zip(offered, chosen, strict=True))
        right = {name: values[0] for name, values in offered.items()}
        for name in _REFUSED.keys() & offered.keys():
            yield method, {**right, name: _REFUSED[name]}


def content(value: Any) -> bytes:
    """A value as bytes in which every digit counts; of an object its fields, by name."""
    if isinstance(value, pd.DataFrame):
        kinds = ",".join(f"{name}:{kind}" for name, kind in value.dtypes.items())
        return f"{kinds}\n{value.to_csv()}".encode()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}\n".encode() + np.ascontiguousarray(value).tobytes()
    if hasattr(value, "to_dict") and hasattr(value, "to_json"):
        return json.dumps(value.to_dict(), indent=1, default=repr).encode()
    if dataclasses.is_dataclass(value):
        fields = [(each.name, getattr(value, each.name)) for each in dataclasses.fields(value)]
        return b"\n".join(f"{name}: ".encode() + content(field) for name, field in fields)
    if isinstance(value, dict):
        return b"{" + b", ".join(content(key) + b": " + content(each) for key, each in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b", ".join(content(each) for each in value) + b"]"
    return repr(value).encode()


def main(word: str, early: int, last: int) -> None:
    """Write a file for each call, named after it."""
    run = snowball_core.open_run(word)
    Path("repr.txt").write_text(repr(run))
    for method, given in calls(run, early, last):
        arguments = ", ".join(f"{name}={'the run' if name == 'basis' and value else value}" for name, value in given.items())
        try:
            attribute = getattr(run, method)
            answer = content(attribute(**given) if callable(attribute) else attribute)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}".encode()
        Path(f"{method}({arguments})").write_bytes(answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
