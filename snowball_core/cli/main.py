"""The program: its verbs by what one wants to do, its exit status, and its messages for what can be mended."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import UserDict
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from .. import __version__
from ..errors import CancelledError, SnowballError
from .parser import HELP, Verb, printing, usage_message
from .terminal import INTERRUPTED, OutputError, ReaderLeft, complain, flush, prepare_streams

CANCELLED = "\ncancelled before it finished. Run the command again."
COMPLETE = "_SNOWBALL_COMPLETE"  # set by a shell that completes a line
# By section and module.
SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Train": {"train": ("presets", "record", "fork", "resume", "stop", "corpus")},
    "Measure": {
        "measure": ("census", "events", "motion", "verdict", "laws"),
        "distances": ("distances", "axes"),
        "check": ("mobility",),
    },
    "Compare": {"compare": ("compare",), "library": ("differences",)},
    "Export": {"export": ("export", "import")},
    "Library": {"library": ("list", "annotate", "trash", "restore", "trashed", "empty-trash")},
    "Keep remarks and views": {"bookmarks": ("bookmark", "bookmarks", "views")},
    "Check": {"check": ("verify", "bench")},
}


class Verbs(UserDict[str, Any]):
    """The verbs by name, made from the module of each, which is imported when its verb is asked for."""

    def __getitem__(self, name: str) -> Verb:
        module = import_module(f"{__package__}.{self.data[name]}")
        return next(each for each in vars(module).values() if isinstance(each, Verb) and each.name == name)


class Program(click.Group):
    """The program; its help lists the verbs by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, modules in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, str(self.commands[name].help)) for verbs in modules.values() for name in verbs])


PROGRAM = Program(
    commands=Verbs({verb: module for modules in SECTIONS.values() for module, verbs in modules.items() for verb in verbs}),
    params=[printing(["--version"], "print the version", lambda ctx: f"Snowball {__version__}"), HELP],
    help="Snowball: record and measure embedding matrices.",
    no_args_is_help=True,
    add_help_option=False,
    subcommand_metavar="VERB ...",
    context_settings={"max_content_width": 110},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 130 after Ctrl-C, or 2 with one message on standard error for what can be mended.

    A reader that leaves ends the command with 0: what it wanted it has.
    """
    prepare_streams()
    try:
        return _status(list(sys.argv[1:] if arguments is None else arguments))
    except ReaderLeft:
        return 0
    except KeyboardInterrupt:
        return _refused(CANCELLED, INTERRUPTED)
    except CancelledError as error:
        return _refused(error, INTERRUPTED)
    except SnowballError as error:
        return _refused(error)
    except click.UsageError as error:
        return _refused(usage_message(error))
    except MemoryError:
        return _refused("out of memory. Measure fewer steps or tokens.")
    except (OSError, UnicodeError) as error:
        # A refusal of the machine that no command has words for.
        if isinstance(error, UnicodeError) or error.filename is None:
            return _refused(f"system error: {error}. Check names, paths and free disk space.")
        path = os.fsdecode(error.filename)
        rule = "a file must be readable or writable"
        return _refused(f'{rule}; "{path}": {error.strerror}. Check path and permissions.')


def _status(words: list[str]) -> int:
    if instruction := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(PROGRAM, {}, "snowball", COMPLETE, instruction)
    try:
        with PROGRAM.make_context("python -m snowball_core", words) as ctx:
            PROGRAM.invoke(ctx)
        status = int(ctx.meta.get("status", 0))
    except click.exceptions.Exit as done:
        # Of --help and --version.
        status = done.exit_code
    flush()
    return status


def _refused(text: object, status: int = 2) -> int:
    # What was written before, as far as that is possible.
    with contextlib.suppress(ReaderLeft, OutputError):
        flush()
    complain(text)
    return status
