"""What every command shares: which run is meant, and how an answer is told."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .config import DEFAULT_PRESET, FIELDS, PRESETS, RunConfig, preset
from .errors import RunError

Answer = dict[str, Any] | list[dict[str, Any]]


def folder_of(asked: argparse.Namespace) -> Path:
    """The runs folder asked for."""
    from .runs import runs_folder

    return runs_folder(asked.runs)


def opened(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder."""
    from .runs import open_run, read_run

    given = Path(asked.run)
    if len(given.parts) > 1 and (given / "run.json").is_file():
        return read_run(given.resolve())
    return open_run(folder_of(asked), asked.run)


def say(asked: argparse.Namespace, text: str) -> None:
    """Print a line for people; silent with ``--json``."""
    if not asked.json:
        print(text)


@contextlib.contextmanager
def counting(asked: argparse.Namespace, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress to be told how many snapshots are done; on a terminal one line with an estimate, after the first second.

    Raises
    ------
    RunError
        If it is cancelled by Ctrl-C; the message says what is kept.
    """
    began, shown = time.monotonic(), sys.stderr.isatty() and not asked.json
    last = done = total = 0

    def progress(now: int, all_of_them: int) -> None:
        nonlocal last, done, total
        done, total, spent = now, all_of_them, time.monotonic() - began
        if shown and spent > 1 and now:
            left = spent * (total - now) / now
            print(f"\r\033[K{what}: {now:,} of {total:,} snapshots, {left:,.0f} s left", end="", file=sys.stderr, flush=True)
            last = now

    try:
        yield progress
    except KeyboardInterrupt:
        raise RunError(
            f"{what} was cancelled after {done:,} of {total:,} snapshots. Tables of every step are kept block by block: "
            "the same command goes on from there."
        ) from None
    finally:
        if last:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def add_fields(verb: argparse.ArgumentParser) -> None:
    """Give a command a flag for the preset and one for every field of a configuration."""
    verb.add_argument("--preset", default=DEFAULT_PRESET, help=f"one of {', '.join(PRESETS)}")
    for name, field in FIELDS.items():
        unit = f" ({field.metadata['unit']})" if field.metadata["unit"] else ""
        options = ", ".join(map(str, field.metadata.get("choices", ())))
        text = f"{field.metadata['help']}{unit}{': ' + options if options else ''}".replace("%", "%%")
        verb.add_argument(f"--{name.replace('_', '-')}", dest=f"field_{name}", metavar="VALUE", help=text)


def configuration(asked: argparse.Namespace) -> RunConfig:
    """The checked configuration that the flags describe.

    Raises
    ------
    ConfigError
        With every fault of the fields and of the corpus at once.
    """
    from .runs import request

    given = {name: value for name in FIELDS if (value := getattr(asked, f"field_{name}")) is not None}
    return request(folder_of(asked), preset(asked.preset), given)
