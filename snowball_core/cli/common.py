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

from ..config import FIELDS, RunConfig
from ..config_checks import preset
from ..config_fields import whole_number
from ..errors import CancelledError, ConfigError
from ..presets import DEFAULT_PRESET, PRESETS
from .output_files import OutputFile, require_distinct
from .terminal import complain, show_progress, shows_progress, write

if TYPE_CHECKING:
    import pandas as pd

    from ..store.history import History

Answer = dict[str, Any] | list[dict[str, Any]]
Action = Callable[[argparse.Namespace], Answer]
AddVerb = Callable[[str, Action, str], argparse.ArgumentParser]


def folder_of(asked: argparse.Namespace) -> Path:
    """The runs folder asked for."""
    from ..store.run_folder import runs_folder

    return runs_folder(asked.runs)


def opened(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder; its damage is said."""
    from ..store.integrity.quick_check import damage

    run = found_run(asked)
    say_damage(asked, run.id, damage(run))
    return run


def found_run(asked: argparse.Namespace) -> Any:
    """The run asked for by its id, or by the path of its folder."""
    from ..store.run_folder import read_run
    from ..store.run_names import named_run

    return read_run(named_run(asked.run, folder_of(asked)))


def say_damage(asked: argparse.Namespace, run_id: str, sentences: Iterable[str]) -> None:
    """Note what is wrong with a run's files, on standard error and for the ``damage`` of the JSON answer."""
    noted: list[str] = vars(asked).setdefault("damage", [])
    for sentence in sentences:
        noted.append(f"{run_id}: {sentence}")
        complain(f"note: {noted[-1]}")


def with_damage(asked: argparse.Namespace, answer: Answer) -> Answer:
    """The answer, with what :func:`say_damage` noted."""
    noted = vars(asked).get("damage")
    return {**answer, "damage": noted} if noted and isinstance(answer, dict) else answer


def say(asked: argparse.Namespace, text: str) -> None:
    """Print a line for people; silent with ``--json``."""
    if not asked.json:
        write(f"{text}\n", sys.stdout)


def whole(text: str) -> int:
    """The value of a flag that takes a whole number; thousands may be grouped, as in a configuration's fields."""
    if (number := whole_number(text)) is None:
        raise argparse.ArgumentTypeError(f'it must be a whole number such as 1445 or 1,445; got "{text[:80]}"')
    return number


def nonempty(text: str) -> str:
    """The value of a flag that must not be empty, as that of an unset variable of a shell is."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f'it must not be empty; got "{text}". Give it a value or leave the flag out')
    return text


def add_file(verb: argparse.ArgumentParser, flag: str, help: str) -> None:
    """Give a command a flag for a file that it writes."""
    added = verb.add_argument(flag, metavar="FILE", type=nonempty, help=help)
    verb.set_defaults(files=(*(verb.get_default("files") or ()), added.dest))


def prepare_files(asked: argparse.Namespace) -> None:
    """Refuse files that must not be written before anything is measured; those asked for become :class:`OutputFile`."""
    from ..store.run_folder import runs_folder
    from ..store.run_names import files_read

    chosen = {name: given for name in getattr(asked, "files", ()) if (given := getattr(asked, name)) is not None}
    if not chosen:
        return
    libraries = tuple(dict.fromkeys((folder_of(asked), runs_folder())))
    words = [asked.run] if isinstance(asked.run, str) else asked.run
    inputs = files_read([*words, *([asked.corpus] if getattr(asked, "corpus", None) else [])])
    files = {name: OutputFile(f"--{name.replace('_', '-')}", given, libraries, inputs) for name, given in chosen.items()}
    require_distinct(files.values())
    vars(asked).update(files)


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
    CancelledError
        If it is cancelled by Ctrl-C; the message says what is kept.
    """
    began, shown = time.monotonic(), shows_progress() and not asked.json
    last = done = total = 0

    def progress(now: int, all_of_them: int) -> None:
        nonlocal last, done, total
        done, total, spent = now, all_of_them, time.monotonic() - began
        if shown and spent > 1 and now:
            left = spent * (total - now) / now
            show_progress(f"{what}: {now:,} of {total:,} snapshots, {left:,.0f} s left")
            last = now

    try:
        yield progress
    except KeyboardInterrupt:
        ended = (
            "Tables of every step are kept block by block: the same command goes on from there."
            if is_kept
            else "Nothing of it is kept: it takes no longer than checking what would be. The same command begins anew."
        )
        raise CancelledError(f"{what} was cancelled after {done:,} of {total:,} snapshots. {ended}") from None
    finally:
        if last:
            show_progress("")


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
    from ..jobs.prepare import request

    return request(folder_of(asked), preset(asked.preset), given_fields(asked))


def given_fields(asked: argparse.Namespace) -> dict[str, str]:
    """The fields of a configuration that flags were given for, as text."""
    return {name: value for name in FIELDS if (value := getattr(asked, f"field_{name}")) is not None}


def measuring(verb: AddVerb, name: str, action: Action, help: str) -> argparse.ArgumentParser:
    """Add a command that measures a run or a foreign history."""
    added = verb(name, action, help)
    add_run(added)
    add_file(added, "--csv", "write the table there")
    return added


def add_run(verb: argparse.ArgumentParser) -> None:
    """Give a command a run or a foreign history, and what may be told of a foreign one."""
    verb.add_argument("run", metavar="RUN", help="a run's id or folder, or a safetensors file with a [T, V, D] tensor")
    verb.add_argument("--key", type=nonempty, help="the tensor's name in a foreign file; without it, the only one that fits")
    verb.add_argument("--dead", metavar="IDS", help="dead tokens of a foreign history, such as 0-9,11")
    verb.add_argument(
        "--corpus",
        metavar="TEXT",
        type=nonempty,
        help="the text a foreign history was trained on, to tell dead tokens from live",
    )


def seen_of(asked: argparse.Namespace) -> History:
    """What the RUN asked for recorded."""
    from ..store.history import find, tokens_of

    dead = None if asked.dead is None else tokens_of(asked.dead)
    history = find(asked.run, folder_of(asked), asked.key, dead, asked.corpus)
    say_damage(asked, history.id, history.damage)
    return history


def groups_of(asked: argparse.Namespace, history: History) -> list[str]:
    """The groups asked for; all that are known where none is named."""
    from ..store.history import GROUPS

    if asked.group is None:
        if history.reason:
            say(asked, f"note: {history.reason}")
        return list(history.groups)
    groups = [word.strip() for word in asked.group.split(",")]
    if unknown := [group for group in groups if group not in GROUPS]:
        raise ConfigError([f'a group is one of {", ".join(GROUPS)}; got "{", ".join(unknown)}".'])
    for group in groups:
        history.mask(group)
    return groups


def group_of(asked: argparse.Namespace, history: History, what: str) -> str:
    """The one group asked for; dead where none is named and the dead are known."""
    groups = groups_of(asked, history)
    if asked.group is None:
        return "dead" if "dead" in groups else "all"
    if len(groups) > 1:
        raise ConfigError([f'{what} are of one group; got "{asked.group}". Ask once per group.'])
    return groups[0]


def lost_of(asked: argparse.Namespace, history: History, groups: list[str]) -> dict[str, Any] | None:
    """Where a history diverged, said first and returned for the answer; None where it is finite. Of several groups: of all."""
    from ..tables.divergence import divergence

    found = divergence(history, groups[0] if len(groups) == 1 else "all")
    if found is None:
        return None
    say(asked, f"{found.text}.")
    return found.to_json()


def write_table(file: OutputFile, table: pd.DataFrame) -> None:
    """Write a table, as CSV, where it was asked for."""
    from ..tables.formats import csv_bytes

    file.write([csv_bytes(table).decode()])


def csv_parts(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Tables of the same columns as one CSV, part by part; the header once."""
    for number, table in enumerate(tables):
        yield table.to_csv(index=False, header=number == 0, lineterminator="\n")


def told_table(asked: argparse.Namespace, table: pd.DataFrame) -> None:
    """The table in the file asked for, or for people on the screen."""
    from ..tables.formats import csv_bytes

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
