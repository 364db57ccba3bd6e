"""What verbs share: the library, the run or file they are about, what they print, their tables and their progress."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config import FIELDS, RunConfig
from ..errors import CancelledError, ConfigError
from ..presets import DEFAULT_PRESET, PRESETS
from .output_files import OutputFile
from .parser import Answer, Verb, argument, nonempty, option, paths, run_ids, verb
from .terminal import complain, progress_bar, write
from .terminal_table import Columns, aligned, is_at_terminal

if TYPE_CHECKING:
    import pandas as pd

    from ..store.history import History
    from ..store.run_folder import Run

PRESET = option("--preset", f"one of {', '.join(PRESETS)}", PRESETS, default=DEFAULT_PRESET)


def folder() -> Path:
    """The runs folder of this command."""
    from ..store.run_folder import runs_folder

    return runs_folder(click.get_current_context().meta["runs"])


def say(text: str) -> None:
    """Print a line; nothing with ``--json``."""
    if not click.get_current_context().meta["json"]:
        write(f"{text}\n", sys.stdout)


def note_damage(run_id: str, sentences: Iterable[str]) -> None:
    """Note what is wrong with a run's files, on standard error and for the ``damage`` of the JSON answer."""
    for sentence in sentences:
        click.get_current_context().meta["damage"].append(f"{run_id}: {sentence}")
        complain(f"note: {run_id}: {sentence}")


def read_named(word: str) -> Run:
    """The run of an id, or of the path of its folder."""
    from ..store.run_folder import read_run
    from ..store.run_names import named_run

    return read_run(named_run(word, folder()))


def open_named(word: str) -> Run:
    """The run of an id, or of the path of its folder; its damage is noted."""
    from ..store.integrity.quick_check import damage

    run = read_named(word)
    note_damage(run.id, damage(run))
    return run


def reading(name: str, *params: click.Parameter) -> Callable[[Callable[..., Answer]], Verb]:
    """A decorator that makes a verb of a function of a :class:`History`, of a run or of a foreign file."""

    def decorate(function: Callable[..., Answer]) -> Verb:
        @functools.wraps(function)
        def with_history(run: str, key: str | None, dead: str | None, corpus: str | None, **values: Any) -> Answer:
            from ..store.foreign.tensor import tokens_of
            from ..store.history import find

            history = find(run, folder(), key, None if dead is None else tokens_of(dead), corpus)
            note_damage(history.id, history.damage)
            return function(history, **values)

        return verb(name, *_SUBJECT, *params)(with_history)

    return decorate


_SUBJECT = (
    argument("RUN", "a run's id or folder, or a safetensors file with a [T, V, D] tensor", run_ids),
    option("--key", "tensor name in a foreign file (default: the only matching one)", type=nonempty),
    option("--dead", "dead tokens of a foreign history, such as 0-9,11", metavar="IDS"),
    option(
        "--corpus",
        "training text of a foreign history, to find its dead tokens",
        metavar="TEXT",
        type=nonempty,
        completed=paths,
    ),
)


def groups_of(history: History, group: str | None) -> list[str]:
    """The groups that were named; all that are known where none is."""
    from ..store.history import GROUPS

    if group is None:
        if history.reason:
            say(f"note: {history.reason}")
        return list(history.groups)
    groups = words_of(group, GROUPS, "a group is one of")
    for each in groups:
        history.mask(each)
    return groups


def words_of(text: str, known: Iterable[str], rule: str) -> list[str]:
    """The words of a flag, comma-separated, each one of those known."""
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in known]:
        raise ConfigError([f'{rule} {", ".join(known)}; got "{", ".join(unknown)}".'])
    return words


def one_group(history: History, group: str | None, what: str) -> str:
    """The one group that was named; dead where none is and the dead are known."""
    groups = groups_of(history, group)
    if group is None:
        return "dead" if "dead" in groups else "all"
    if len(groups) > 1:
        raise ConfigError([f'{what} need one group; got "{group}". Run the command once per group.'])
    return groups[0]


def say_divergence(history: History, *groups: str) -> Answer | None:
    """Where a history diverged, printed and returned for the answer; None where it is finite. Of several groups: of all."""
    from ..tables.divergence import divergence

    found = divergence(history, groups[0] if len(groups) == 1 else "all")
    if found is None:
        return None
    say(f"{found.text}.")
    return found.to_json()


def show_table(
    table: pd.DataFrame | Columns, file: OutputFile | None, at_terminal: Callable[[], Columns] | None = None
) -> None:
    """Write a table as CSV to a file where one was named, else print it: aligned at a terminal, as CSV anywhere else.

    Parameters
    ----------
    table : DataFrame or mapping
        A mapping is of columns, as :func:`~snowball_core.tables.formats.csv_lines` takes them.
    at_terminal : callable, optional
        Returns the columns to show at a terminal in place of the table's own.
    """
    from ..tables.formats import csv_bytes, csv_lines

    if not file and is_at_terminal():
        say(aligned(at_terminal() if at_terminal else table if isinstance(table, Mapping) else _columns(table)))
    elif isinstance(table, Mapping):
        lines = csv_lines(table)
        file.write(f"{line}\n" for line in lines) if file else say("\n".join(lines))
    elif file:
        file.write_table(table)
    else:
        say(csv_bytes(table).decode().rstrip())


def _columns(table: pd.DataFrame) -> Columns:
    """The columns of a table, None where a cell is missing."""
    return {name: table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}


def plain(value: Any) -> Any:
    """NaN and infinities as null, since JSON has no word for them; numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON objects, missing numbers as null."""
    return [plain(row) for row in table.astype(object).where(table.notna(), None).to_dict("records")]


def of_groups(table: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """The rows of some groups, ordered by step, then by the order of the groups."""
    import pandas as pd

    return pd.concat([table[table["group"] == group] for group in dict.fromkeys(groups)]).sort_values("step", kind="stable")


@contextlib.contextmanager
def counting(what: str, is_kept: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A progress callback of snapshots done and in all; ``is_kept``: whether the same command goes on after a cancellation."""
    done = total = 0
    with progress_bar(unit=" snapshots", delay=1, leave=False) as draw:

        def progress(now: int, of: int) -> None:
            nonlocal done, total
            done, total = now, of
            draw(now, of, what)

        try:
            yield progress
        except KeyboardInterrupt:
            ended = (
                "Finished blocks are cached: run the same command to continue."
                if is_kept
                else "Nothing is cached: run the same command to start again."
            )
            raise CancelledError(f"{what} was cancelled after {done:,} of {total:,} snapshots. {ended}") from None


def field_options() -> Iterator[click.Option]:
    """A flag for every field of a configuration."""
    for name, field in FIELDS.items():
        unit = f" ({field.metadata['unit']})" if field.metadata["unit"] else ""
        choices = [str(choice) for choice in field.metadata.get("choices", ())]
        text = f"{field.metadata['help']}{unit}{': ' + ', '.join(choices) if choices else ''}"
        yield option(f"--{name.replace('_', '-')}", text, choices, metavar="VALUE")


def given_fields(fields: Mapping[str, str | None]) -> dict[str, str]:
    """The fields that were given a value, in the order of a configuration."""
    return {name: value for name in FIELDS if (value := fields[name]) is not None}


def configuration(preset: str, fields: Mapping[str, str | None]) -> RunConfig:
    """The checked configuration that the flags describe; refused with every fault of the fields and of the corpus at once."""
    from .. import config_checks
    from ..jobs.prepare import request

    return request(folder(), config_checks.preset(preset), given_fields(fields))
