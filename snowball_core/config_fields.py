"""One field of a configuration: how it is described, how text becomes its value, what it may hold."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"[+-]?([0-9]{1,18}|[0-9]{1,3}([,_][0-9]{3}){1,5})(\.0*)?")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST_QUOTE = 80


def described(default: Any, group: str, help: str, unit: str = "", **limits: Any) -> Any:
    """A dataclass field with its description, unit and bounds.

    Parameters
    ----------
    group, help, unit : str
        Where it belongs, what it means, what it counts.
    **limits
        ``minimum``, ``above``, ``maximum``, ``below`` for a number; ``choices``, value → what follows from it; for text
        ``pattern`` and ``longest`` with the words ``form`` and ``advice``; ``names`` for a comma-separated list.
    """
    return dataclasses.field(default=default, metadata={"group": group, "help": help, "unit": unit, **limits})


def parsed(field: dataclasses.Field[Any], value: Any) -> Any:
    """``value``, possibly text, in the type of the field; the ValueError of another value is the sentence to show."""
    name, kind = field.name, str(field.type)
    if kind == "int | None" and (value is None or (isinstance(value, str) and not value.strip())):
        return None
    if kind == "bool":
        if (word := str(value).strip().lower()) not in _TRUTHS:
            raise ValueError(f'{name} must be true or false; got "{_quoted(value)}".')
        return _TRUTHS[word]
    if kind.startswith("int"):
        return _whole(field, value)
    if kind == "float":
        return _real(name, value)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text; got {_quoted(json.dumps(value, default=str))}.")
    return value.strip()


def _quoted(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"


def _whole(field: dataclasses.Field[Any], value: Any) -> int:
    if type(value) is int and abs(value) < 2**63:
        return value
    text = str(value) if isinstance(value, str | int | float) else ""
    number = None if isinstance(value, bool) else whole_number(text)
    if number is None:
        unit = f" of {field.metadata['unit']}" if field.metadata["unit"] else ""
        raise ValueError(f'{field.name} must be a whole number{unit}; got "{_quoted(value)}".')
    return number


def whole_number(text: str) -> int | None:
    """The whole number that a text means, its thousands grouped or not; None if it is none.

    Examples
    --------
    >>> whole_number("1,445"), whole_number(" 1_445 "), whole_number("1,44")
    (1445, 1445, None)
    """
    text = text.strip()
    return int(text.split(".")[0].replace(",", "").replace("_", "")) if _WHOLE.fullmatch(text) else None


def _real(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f'{name} must be a number; got "{_quoted(value)}". Write it as 0.001 or 1e-3.') from None


def field_faults(field: dataclasses.Field[Any], value: Any) -> list[str]:
    """Why the field cannot hold ``value``, one sentence each; empty if it can."""
    name, limits = field.name, field.metadata
    if value is None:
        return []
    if limits.get("choices") and value not in limits["choices"]:
        return [f'{name} must be one of {", ".join(str(c) for c in limits["choices"])}; got "{_quoted(value)}".']
    if "pattern" in limits and not (limits["pattern"].fullmatch(value) and len(value) <= limits.get("longest", len(value))):
        return [f'{name} must be {limits["form"]}; got "{_quoted(value)}". {limits["advice"]}']
    if "names" in limits:
        unknown = sorted({word.strip() for word in value.split(",")} - {*limits["names"], ""})
        known = ", ".join(limits["names"])
        return [f"{name} must name recordings among {known}; got {_quoted(', '.join(unknown))}."] if unknown else []
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    return _bound_faults(name, value, limits)


_BOUNDS = (
    ("minimum", "at least", operator.ge),
    ("above", "greater than", operator.gt),
    ("maximum", "at most", operator.le),
    ("below", "less than", operator.lt),
)


def _bound_faults(name: str, value: float, limits: Mapping[str, Any]) -> list[str]:
    if isinstance(value, float) and not math.isfinite(value):
        return [f"{name} must be a finite number; got {value}."]
    broken = [f"{words} {limits[key]:,}" for key, words, holds in _BOUNDS if key in limits and not holds(value, limits[key])]
    unit = f" {limits['unit']}" if limits["unit"] and limits["unit"] != name else ""
    return [f"{name} must be {' and '.join(broken)}{unit}; got {value:,}."] if broken else []
