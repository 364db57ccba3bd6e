"""The commands of the library: list runs, say something of one, put it away, bring it back, lay configurations side by side."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import RunError
from .common import Answer, folder_of, opened, say

if TYPE_CHECKING:
    from ..tables.run_summary import Counts

_SHOWN = 24


def add_shelf_verbs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the verbs ``list``, ``annotate``, ``trash``, ``restore``, ``trashed``, ``empty-trash`` and ``differences``."""
    lister = verb("list", _list, "runs: state, label, counts at start and end, size, tags")
    lister.add_argument("--group", default="dead", help="whose U, C and P: dead, live or all (default: dead)")
    lister.add_argument("--tag", help="only runs with this tag")
    # What changes a run takes its id alone: a path could lead, over a link, to a run of somebody else's library.
    writer = verb("annotate", _annotate, "give a run a label, a note or tags; what it recorded is not touched")
    writer.add_argument("run", metavar="ID")
    writer.add_argument("--label", help="the name to show; the run's id stays. Empty: none")
    writer.add_argument("--note", help="a text of your own. Empty: none")
    writer.add_argument("--tags", help="tags, comma-separated, in place of those it has. Empty: none")
    verb("trash", _trash, "put a run away; restore brings it back").add_argument("run", metavar="ID")
    verb("restore", _restore, "bring a run back from the trash").add_argument("run", metavar="ID")
    verb("trashed", _trashed, "the runs in the trash")
    sweeper = verb("empty-trash", _empty, "delete the runs in the trash for ever")
    sweeper.add_argument("--yes", action="store_true", help="confirm it; without, the runs are only named")
    differ = verb("differences", _differences, "the fields in which the configurations of runs differ")
    differ.add_argument("run", metavar="RUN", nargs="+")


def _list(asked: argparse.Namespace) -> Answer:
    from ..store.staging import sweep
    from ..store.trash import sweep_trash
    from ..tables.library import answer_of, shelf
    from ..tables.run_summary import GROUPS

    if asked.group not in GROUPS:
        raise RunError(f'a group is one of {", ".join(GROUPS)}; got "{asked.group}".')
    folder = folder_of(asked)
    sweep(folder)
    sweep_trash(folder)
    rows = [row for row in shelf(folder) if asked.tag is None or asked.tag in row.notes.tags]
    listed = [answer_of(row, asked.group) for row in rows]
    for row in rows:
        if not row.is_run:
            say(asked, f"{row.id:50} {row.status.state:12} {row.damage}")
            continue
        ends = _ends(row.glance.counts.get(asked.group))
        title = "" if row.title in (row.id, row.glance.name) else f'  "{row.title}"'
        tags = f"  [{', '.join(row.notes.tags)}]" if row.notes.tags else ""
        done = f"{row.status.step:>8,} of {row.status.last_step:,} steps"
        say(asked, f"{row.id:50} {row.status.state:12} {done:24} {row.preset:20} {ends}{title}{tags}")
        if row.glance.forked_from:
            say(asked, f"  {row.glance.forked_from}")
        if row.glance.diverged is not None:
            say(asked, f"  diverged at step {row.glance.diverged:,}: the counts are those of the finite steps before")
        if row.damage:
            say(asked, f"  {row.damage}")
    if any(row.is_run for row in rows):
        say(asked, f"U, C and P of {asked.group} tokens, first and last recorded snapshot")
    else:
        say(asked, 'no run yet: "python -m snowball_core record" makes one')
    return {"runs": listed}


def _id(asked: argparse.Namespace) -> str:
    """The id asked for, with or without the slash that a shell completes."""
    from ..store.run_names import named_id

    return named_id(asked.run, folder_of(asked))


def _ends(counts: Counts | None) -> str:
    """U, C and P at the first and the last snapshot."""
    pairs = zip("UCP", counts.first, counts.last, strict=True) if counts else ()
    return "  ".join(f"{name} {first:,} → {last:,}" for name, first, last in pairs)


def _annotate(asked: argparse.Namespace) -> Answer:
    from ..store.notes import annotate, read_notes, tags_of
    from ..store.run_folder import run_path

    path, tags = run_path(folder_of(asked), _id(asked)), None if asked.tags is None else tags_of(asked.tags)
    nothing = asked.label is None and asked.note is None and tags is None
    notes = read_notes(path) if nothing else annotate(path, asked.label, asked.note, tags)
    for name, text in (("label", notes.label), ("tags", ", ".join(notes.tags)), ("note", notes.note)):
        say(asked, f"{name:8}{text or '(none)'}")
    return {"run": path.name, "label": notes.label, "note": notes.note, "tags": list(notes.tags)}


def _trash(asked: argparse.Namespace) -> Answer:
    from ..store.trash import trash

    run = _id(asked)
    trash(folder_of(asked), run)
    say(asked, f'{run} is in the trash: "python -m snowball_core restore {run}" brings it back')
    return {"run": run, "trashed": True}


def _restore(asked: argparse.Namespace) -> Answer:
    from ..store.trash import restore

    run = _id(asked)
    restore(folder_of(asked), run)
    say(asked, f"{run} is back")
    return {"run": run, "trashed": False}


def _trashed(asked: argparse.Namespace) -> Answer:
    from ..store.trash import sweep_trash, trashed

    sweep_trash(folder_of(asked))
    names = [path.name for path in trashed(folder_of(asked))]
    for name in names:
        say(asked, name)
    if not names:
        say(asked, "the trash is empty")
    return {"trashed": names}


def _empty(asked: argparse.Namespace) -> Answer:
    from ..store.trash import delete, sweep_trash, trashed

    sweep_trash(folder_of(asked))
    names = [path.name for path in trashed(folder_of(asked))]
    if names and not asked.yes:
        listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        raise RunError(
            f"deleting for ever must be confirmed; the trash holds {len(names):,}: {listed}. Add --yes to delete them."
        )
    delete(folder_of(asked), names)
    say(asked, f"{len(names):,} deleted")
    return {"deleted": names}


def _differences(asked: argparse.Namespace) -> Answer:
    from ..config_checks import config_differences
    from ..tables.draws import names_apart

    asked.damage = []  # one list for all of them
    runs = [opened(argparse.Namespace(**{**vars(asked), "run": word})) for word in asked.run]
    found = config_differences([run.config for run in runs])
    names = [run.id for run in runs]
    if len({run.path for run in runs}) == len(runs) > len(set(names)):
        names = names_apart([run.path for run in runs])
    width = max([len(name) for name in names], default=0) + 2
    say(asked, " " * _SHOWN + "".join(name.ljust(width) for name in names))
    for name, values in found.items():
        say(asked, name.ljust(_SHOWN) + "".join(str(value).ljust(width) for value in values))
    if not found:
        say(asked, "no field differs")
    return {"runs": names, "fields": {name: list(values) for name, values in found.items()}}
