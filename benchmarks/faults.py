"""Ways to damage one file of a run at random: bits, zeros, cuts, entries of JSON, lines of CSV, another file in its place."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path


def damage(file: Path, other: Path | None, rng: random.Random) -> str:
    """Damage one file in a random way; the name of the way."""
    ways: list[Callable[[], None]] = [
        lambda: _flip(file, rng),
        lambda: _flip(file, rng),
        lambda: _zero(file, rng),
        lambda: _cut(file, rng),
        lambda: _write(file, file.read_bytes() + rng.randbytes(rng.randint(1, 200))),
        file.unlink,
        lambda: _write(file, b""),
        lambda: _make_folder(file),
    ]
    names = ["bit", "bit", "zeros", "cut", "longer", "gone", "empty", "folder"]
    if other and other.is_file():
        ways.append(lambda: _write(file, other.read_bytes()))
        names.append("another run's")
    if file.suffix == ".json":
        ways += [lambda: _change_json(file, rng)] * 4
        names += ["entry"] * 4
    if file.suffix == ".csv":
        ways += [lambda: _change_line(file, rng)] * 3
        names += ["line"] * 3
    chosen = rng.randrange(len(ways))
    ways[chosen]()
    return names[chosen]


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def _zero(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    start = rng.randrange(max(1, len(content)))
    content[start : start + 64] = bytes(len(content[start : start + 64]))
    file.write_bytes(content)


def _cut(file: Path, rng: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: rng.randrange(max(1, len(content)))])


def _change_json(file: Path, rng: random.Random) -> None:
    """Replace one entry, at any depth, by a value of another kind or size; or remove it."""
    content = json.loads(file.read_text())
    place = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.4:
            break
        place = place[key]
    if rng.random() < 0.2:
        del place[key]
    else:
        place[key] = rng.choice([None, [], {}, "", "x" * 300, -1, 10**29, 1e308, True, 0, [None], {"a": 1}, "\x1b[31m", 7])
    file.write_text(json.dumps(content))


def _change_line(file: Path, rng: random.Random) -> None:
    """Remove, repeat or change one line after the header."""
    lines = file.read_text().splitlines(keepends=True)
    if len(lines) > 2:
        at = rng.randrange(1, len(lines))
        kind = rng.randrange(3)
        lines[at : at + 1] = [[], [lines[at]] * 2, [lines[at].replace(rng.choice("123456789"), rng.choice("0x"), 1)]][kind]
    file.write_text("".join(lines))
