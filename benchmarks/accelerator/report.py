"""The machine in words, and the rows as JSON and as a Markdown table."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from snowball_core.store.files.regular_files import replacing
from snowball_core.training.recorder import provenance

from .sitting import MEASURED, Row, Sitting

_PINS = Path(__file__).resolve().parents[2] / "requirements.txt"
_NEEDED = ("torch", "transformers", "safetensors", "numpy", "pandas", "filelock")
_HEAD = ["| part | what | result | value | target | note |", "|---|---|---|---|---|---|"]


def version_warnings(pins: Path = _PINS) -> list[str]:
    """What is installed in another version than the pinned one, in words."""
    listed = dict(re.findall(r"^([\w-]+)==([\w.]+)", pins.read_text(), re.MULTILINE)) if pins.is_file() else {}
    here = {name: _version(name) for name in _NEEDED if name in listed}
    return [f"{name} {kept}, pinned {listed[name]}" for name, kept in here.items() if kept.split("+")[0] != listed[name]]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def machine(sitting: Sitting) -> dict[str, Any]:
    """Device, card, versions of torch, CUDA and driver, and what else decides speed and bits."""
    kept = ("device", "device_name", "torch", "transformers", "numpy", "python", "platform", "threads", "cpu_features")
    facts = {name: value for name, value in provenance(sitting.training("f32")).items() if name in kept}
    if sitting.is_cuda:
        card = torch.cuda.get_device_properties(sitting.device)
        facts |= {
            "cuda": torch.version.cuda,
            "driver": _driver(),
            "capability": f"{card.major}.{card.minor}",
            "memory_bytes": card.total_memory,
            "multiprocessors": card.multi_processor_count,
        }
    return facts


def _driver() -> str:
    """The driver's version, empty where nothing tells it."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return ""
    return lines[0] if lines else ""


def headline(facts: dict[str, Any]) -> str:
    """The machine in one line."""
    threads = f"{facts['threads']} {'thread' if facts['threads'] == 1 else 'threads'}"
    name = f"{facts['device_name']} ({facts['device']}, {threads}, {' '.join(facts['cpu_features'])})"
    versions = [f"{key} {facts[key]}" for key in ("driver", "torch", "transformers", "numpy") if facts.get(key)]
    return f"{name}, {', '.join(versions)}, Python {facts['python']}"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    return "\n".join([*_HEAD, *map(line, rows)])


def line(row: Row) -> str:
    """One row of the table."""
    value = "" if row.value is None else f"{_number(row.value)} {row.unit}"
    cells = (row.part, row.what, row.state or MEASURED, value, row.target, row.note)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def write(report: dict[str, Any], rows: Sequence[Row], as_json: Path | None, as_markdown: Path | None) -> None:
    """Replace both files with what is there so far."""
    if as_json:
        content = json.dumps({**report, "rows": [asdict(row) for row in rows]}, indent=1, default=float)
        _replace(as_json, content)
    if as_markdown:
        remarks = [f"- {warning}" for warning in report["warnings"]]
        words = [headline(report["machine"]), "", report["text"], "", *remarks, *([""] if remarks else []), table(rows)]
        _replace(as_markdown, "\n".join(words))


def _replace(path: Path, content: str) -> None:
    with replacing(path) as file:
        file.write(f"{content}\n".encode())
