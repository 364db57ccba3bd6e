"""The parts of the parser: a verb, its flags, values of flags, usage errors and what a shell completes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from ..config_fields import whole_number
from .output_files import OutputFile, require_distinct
from .terminal import write

Answer = dict[str, Any]
_HINT = '"python -m snowball_core --help" lists the commands and their options.'
# Not a negative number, and no text with a space in it.
_LOOKS_LIKE_A_FLAG = re.compile(r"-[^0-9.\s]\S*")


class Verb(click.Command):
    """A verb: its function takes the values of its flags and returns the answer, which ``--json`` prints."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; click alone would take ``--json`` for the value in ``--csv --json``, and names one unknown word of several."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        words = args[: args.index("--")] if "--" in args else args
        flags = {flag: option for option in self.params if isinstance(option, click.Option) for flag in option.opts}
        for word, following in zip(words, [*words[1:], "--"], strict=False):
            if word in flags and not flags[word].is_flag and _LOOKS_LIKE_A_FLAG.fullmatch(following):
                raise click.UsageError(f"argument {word}: expected one argument")
        unknown = [word for word in words if _LOOKS_LIKE_A_FLAG.fullmatch(word) and word.partition("=")[0] not in flags]
        super().parse_args(ctx, [word for word in args if word not in unknown])
        if unknown or ctx.args:
            raise click.UsageError(f"unrecognized arguments: {' '.join([*unknown, *ctx.args])}")
        return []

    def invoke(self, ctx: click.Context) -> None:
        """Answer in words, or with ``--json`` in one JSON object on the last line."""
        ctx.meta.update(json=ctx.params.pop("json"), runs=ctx.params.pop("runs"), damage=[])
        _open_files(ctx)
        answer = super().invoke(ctx)
        if ctx.meta["json"]:
            noted = {"damage": ctx.meta["damage"]} if ctx.meta["damage"] else {}
            # Of the control characters JSON lets one through.
            write(json.dumps({**answer, **noted}).replace("\x7f", "\\u007f") + "\n", sys.stdout)


def _open_files(ctx: click.Context) -> None:
    """Make an :class:`OutputFile` of every file to write; refuse those that must not be before anything is measured."""
    from ..store.run_folder import runs_folder
    from ..store.run_names import files_read

    flags = {param.name: param.opts[0] for param in ctx.command.params if isinstance(param, WrittenFile)}
    given = {name: flag for name, flag in flags.items() if ctx.params[name]}
    if given:
        libraries = tuple(dict.fromkeys((runs_folder(ctx.meta["runs"]), runs_folder())))
        runs, text = ctx.params["run"], ctx.params.get("corpus")
        inputs = files_read([*([runs] if isinstance(runs, str) else runs), *([text] if text else [])])
        files = {name: OutputFile(flag, ctx.params[name], libraries, inputs) for name, flag in given.items()}
        require_distinct(files.values())
        ctx.params.update(files)


def verb(name: str, *params: click.Parameter) -> Callable[[Callable[..., Answer]], Verb]:
    """A decorator that makes a verb of a function, whose docstring is the help; every verb has ``--runs`` and ``--json``."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    return lambda function: Verb(name, settings, function, [*params, RUNS, JSON, HELP], function.__doc__, add_help_option=False)


def usage_message(error: click.UsageError) -> str:
    """What is wrong with a command line, in one line."""
    text, ctx = error.message, error.ctx

    def name(param: click.Parameter) -> str:
        return param.opts[0] if isinstance(param, click.Option) else str(param.metavar)

    if isinstance(error, click.MissingParameter) and ctx:
        missing = [name(param) for param in ctx.command.params if param.required and param.name not in ctx.params]
        text = f"the following arguments are required: {', '.join(missing)}"
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        text = "the following arguments are required: VERB"
    elif isinstance(error, click.exceptions.NoSuchCommand) and ctx and isinstance(ctx.command, click.Group):
        known = ", ".join(map(repr, ctx.command.commands))
        text = f"argument VERB: invalid choice: {error.command_name!r} (choose from {known})"
    elif isinstance(error, click.NoSuchOption):
        text = f"unrecognized arguments: {error.option_name}"
    elif isinstance(error, click.BadParameter) and error.param:
        text = f"argument {name(error.param)}: {text}"
    return f"{text.rstrip('.')}. {_HINT}"


def whole(text: str) -> int:
    """The value of a flag that takes a whole number; thousands may be grouped, as in a configuration's fields."""
    if (number := whole_number(text)) is None:
        raise click.BadParameter(f'it must be a whole number such as 1445 or 1,445; got "{text[:80]}"')
    return number


def nonempty(text: str) -> str:
    """The value of a flag that must not be empty, as that of an unset variable of a shell is."""
    if not text.strip() or "\0" in text:
        raise click.BadParameter(f'it must not be empty; got "{text}". Give it a value or leave the flag out')
    return text


class WrittenFile(click.Option):
    """A flag for a file that the verb writes; its function takes it as an :class:`OutputFile`."""


def option(
    flag: str, help: str, choices: Iterable[str] = (), kind: type[click.Option] = click.Option, **more: Any
) -> click.Option:
    """A flag with a value; ``choices`` are what a shell completes."""
    completed = more.pop("completed", lambda ctx, param, start: [word for word in choices if word.startswith(start)])
    return kind([flag], help=help, shell_complete=completed, **{"metavar": flag.strip("-").upper(), **more})


def switch(flag: str, help: str) -> click.Option:
    """A flag without a value."""
    return click.Option([flag], is_flag=True, help=help)


def written(flag: str, help: str) -> click.Option:
    """A flag for a file that the verb writes."""
    return option(flag, help, kind=WrittenFile, metavar="FILE", type=nonempty, completed=paths)


def argument(metavar: str, help: str, completed: Any = None, name: str = "run", **more: Any) -> click.Argument:
    """What a verb is about."""
    return click.Argument([name], metavar=metavar, help=help, shell_complete=completed, **more)


def paths(ctx: click.Context, param: click.Parameter, start: str) -> list[Any]:
    """Paths, which the shell completes by itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(start, type="file")]


def run_ids(ctx: click.Context, param: click.Parameter, start: str) -> list[Any]:
    """Ids of the library's runs; paths where none begins like that."""
    from ..store.run_folder import runs_folder
    from ..store.run_listing import run_paths

    names = [path.name for path in run_paths(runs_folder(ctx.params.get("runs"))) if path.name.startswith(start)]
    return names or paths(ctx, param, start)


def printing(flags: list[str], help: str, text: Callable[[click.Context], str]) -> click.Option:
    """A flag that prints a text in place of the answer; click's own do not say when it cannot be written."""

    def callback(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            write(f"{text(ctx)}\n", sys.stdout)
            ctx.exit()

    return click.Option(flags, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=help)


HELP = printing(["-h", "--help"], "show this help", click.Context.get_help)
JSON = switch("--json", "print one JSON object as the last line")
RUNS = option("--runs", "the runs folder (default: SNOWBALL_RUNS or ./runs)", metavar="DIR", type=nonempty, completed=paths)
RUN = argument("RUN", "a run's id or folder", run_ids)
# What changes a run takes its id alone: a path could lead, over a link, to a run of somebody else's library.
ID = argument("ID", "a run's id", run_ids)
STEP = option("--step", "a recorded step", type=whole)
ANY_GROUP = ("all", "dead", "live")
GROUPS = option("--group", "groups, comma-separated: all, dead, live (default: all known)", ANY_GROUP)
GROUP = option("--group", "group: all, dead or live (default: dead, if known)", ANY_GROUP)
CSV = written("--csv", "write the table to FILE")
