"""What every command shares: which run is meant, and how an answer is told."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import DEFAULT_PRESET, FIELDS, PRESETS, RunConfig, preset
from .errors import ConfigError, RunError

if TYPE_CHECKING:
    import pandas as pd

    from .observation import Observation

Answer = dict[str, Any] | list[dict[str, Any]]
Action = Callable[[argparse.Namespace], Answer]
AddVerb = Callable[[str, Action, str], argparse.ArgumentParser]


def folder_of(asked: argparse.Namespace) -> Path:
    """The runs folder asked for."""
    from .runs import runs_folder

    return runs_folder(asked.runs)


def opened(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder; its damage is said."""
    from .damage import damage

    run = found_run(asked)
    say_damage(asked, run.id, damage(run))
    return run


def found_run(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder."""
    from .runs import open_run, read_run

    given = Path(asked.run)
    if len(given.parts) > 1 and (given / "run.json").is_file():
        return read_run(given.resolve())
    return open_run(folder_of(asked), asked.run)


def say_damage(asked: argparse.Namespace, run_id: str, sentences: Iterable[str]) -> None:
    """Note what is wrong with a run's files, on standard error and for the ``damage`` of the JSON answer."""
    noted: list[str] = vars(asked).setdefault("damage", [])
    for sentence in sentences:
        noted.append(f"{run_id}: {sentence}")
        print(f"note: {noted[-1]}", file=sys.stderr)


def with_damage(asked: argparse.Namespace, answer: Answer) -> Answer:
    """The answer, with what :func:`say_damage` noted."""
    noted = vars(asked).get("damage")
    return {**answer, "damage": noted} if noted and isinstance(answer, dict) else answer


def say(asked: argparse.Namespace, text: str) -> None:
    """Print a line for people; silent with ``--json``."""
    if not asked.json:
        print(text)


@contextlib.contextmanager
def counting(asked: argparse.Namespace, what: str, is_kept: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A progress to be told how many snapshots are done; on a terminal one line with an estimate, after the first second.

    Parameters
    ----------
    asked : argparse.Namespace
    what : str
        What is measured, in a word.
    is_kept : bool
        Whether its blocks are kept, so that the same command goes on where it was cancelled.

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
        ended = (
            "Tables of every step are kept block by block: the same command goes on from there."
            if is_kept
            else "Nothing of it is kept: it takes no longer than checking what would be. The same command begins anew."
        )
        raise RunError(f"{what} was cancelled after {done:,} of {total:,} snapshots. {ended}") from None
    finally:
        if last:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def add_fields(verb: argparse.ArgumentParser, preset: bool = True) -> None:
    """Give a command a flag for the preset, unless it starts from a run, and one for every field of a configuration."""
    if preset:
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
    from .preparing import request

    return request(folder_of(asked), preset(asked.preset), given_fields(asked))


def given_fields(asked: argparse.Namespace) -> dict[str, str]:
    """The fields of a configuration that flags were given for, as text."""
    return {name: value for name in FIELDS if (value := getattr(asked, f"field_{name}")) is not None}


def measuring(verb: AddVerb, name: str, action: Action, help: str) -> argparse.ArgumentParser:
    """Add a command that measures a run or a foreign history."""
    added = verb(name, action, help)
    add_run(added)
    added.add_argument("--csv", metavar="FILE", help="write the table there")
    return added


def add_run(verb: argparse.ArgumentParser) -> None:
    """Give a command a run or a foreign history, and what may be told of a foreign one."""
    verb.add_argument("run", metavar="RUN", help="a run's id or folder, or a safetensors file with a [T, V, D] tensor")
    verb.add_argument("--key", help="the tensor's name in a foreign file; without it, the only one that fits")
    verb.add_argument("--dead", metavar="IDS", help="dead tokens of a foreign history, such as 0-9,11")
    verb.add_argument(
        "--corpus", metavar="TEXT", help="the text a foreign history was trained on, to tell dead tokens from live"
    )


def seen_of(asked: argparse.Namespace) -> Observation:
    """What the RUN asked for recorded."""
    from .observation import find, tokens_of

    dead = None if asked.dead is None else tokens_of(asked.dead)
    seen = find(asked.run, folder_of(asked), asked.key, dead, asked.corpus)
    say_damage(asked, seen.id, seen.damage)
    return seen


def groups_of(asked: argparse.Namespace, seen: Observation) -> list[str]:
    """The groups asked for; all that are known where none is named."""
    from .observation import GROUPS

    if asked.group is None:
        if seen.reason:
            say(asked, f"note: {seen.reason}")
        return list(seen.groups)
    groups = [word.strip() for word in asked.group.split(",")]
    if unknown := [group for group in groups if group not in GROUPS]:
        raise ConfigError([f'a group is one of {", ".join(GROUPS)}; got "{", ".join(unknown)}".'])
    for group in groups:
        seen.mask(group)
    return groups


def group_of(asked: argparse.Namespace, seen: Observation, what: str) -> str:
    """The one group asked for; dead where none is named and the dead are known."""
    groups = groups_of(asked, seen)
    if asked.group is None:
        return "dead" if "dead" in groups else "all"
    if len(groups) > 1:
        raise ConfigError([f'{what} are of one group; got "{asked.group}". Ask once per group.'])
    return groups[0]


def lost_of(asked: argparse.Namespace, seen: Observation, groups: list[str]) -> dict[str, Any] | None:
    """Where a history diverged, said first and returned for the answer; None where it is finite. Of several groups: of all."""
    from .divergence import divergence

    found = divergence(seen, groups[0] if len(groups) == 1 else "all")
    if found is None:
        return None
    say(asked, f"{found.text}.")
    return found.to_json()


def write_text(path: str, text: str) -> None:
    """Write a table where it was asked for."""
    write_parts(path, [text])


def write_parts(path: str, parts: Iterable[str]) -> None:
    """Write a table that comes in parts where it was asked for."""
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        raise RunError(f'the table must go to a writable file; "{path}": {error.strerror}.') from None


def write_table(path: str, table: pd.DataFrame) -> None:
    """Write a table, as CSV, where it was asked for."""
    from .tables import csv_bytes

    write_text(path, csv_bytes(table).decode())


def csv_parts(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Tables of the same columns as one CSV, part by part; the header once."""
    for number, table in enumerate(tables):
        yield table.to_csv(index=False, header=number == 0, lineterminator="\n")


def told_table(asked: argparse.Namespace, table: pd.DataFrame) -> None:
    """The table in the file asked for, or for people on the screen."""
    from .tables import csv_bytes

    if asked.csv:
        write_table(asked.csv, table)
    else:
        say(asked, csv_bytes(table).decode().rstrip())


def plain(answer: Any) -> Any:
    """NaN and infinities as null, since JSON has no word for them; numpy's numbers as Python's."""
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(value) for value in answer]
    if hasattr(answer, "item"):
        answer = answer.item()
    return None if isinstance(answer, float) and not math.isfinite(answer) else answer


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON objects, missing numbers as null."""
    columns = {name: [plain(value) for value in table[name].astype(object).where(table[name].notna(), None)] for name in table}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def of_groups(table: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """The rows of some groups, ordered by step, then by the order asked for."""
    chosen = table[table["group"].isin(groups)]
    rank = {group: place for place, group in enumerate(groups)}
    return chosen.assign(rank=chosen["group"].map(rank)).sort_values(["step", "rank"], kind="stable").drop(columns="rank")
